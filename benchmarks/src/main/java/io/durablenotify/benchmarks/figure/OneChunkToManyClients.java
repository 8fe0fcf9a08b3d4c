/*
 * Copyright 2026-present the durable-notify authors.
 *
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at
 *
 *      https://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */
package io.durablenotify.benchmarks.figure;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Size;
import io.durablenotify.benchmarks.harness.Target;

import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Row 20. The clock of a chunk runs from its commit until the last client has it, and
 * only then comes the next one.
 */
public final class OneChunkToManyClients implements Figure {

	private static final String STREAM = "popular";

	private static final int WARM_UPS = 3;

	/**
	 * How many events each client has received.
	 */
	private int written;

	private int writtenRaw;

	@Override
	public int row() {
		return 20;
	}

	@Override
	public String title() {
		return "one chunk to 2,000 clients of one stream over HTTP, beside a bare loop of socket writes";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int clients = run.size().pick(2_000, 2_000, 30);
		int chunks = run.size().pick(50, 25, 3);
		try (Database database = run.createDatabase();
				Instance instance = Instance.startWeb(database, null, List.of(StreamController.class));
				RawResponses raw = RawResponses.start(clients);
				ChildProcess child = ChildProcess.start(run, SseClientProcess.class)) {
			LatencyBetweenProcesses.requireCommonClock(child);
			instance.writer().append(STREAM, Payload.text(0, Payload.BYTES));
			child.ask("open ours %d /streams/%s %d".formatted(instance.port(), STREAM, clients));
			child.ask("events ours %d".formatted(++this.written));
			child.ask("open raw %d / %d".formatted(raw.port(), clients));
			String identity = Objects.requireNonNull(instance.reader().info(STREAM).orElseThrow().identity());
			for (int i = 0; i < WARM_UPS && run.size() != Size.SMOKE; i++) {
				loop(child, raw, identity, clients, chunks);
				deliver(child, instance, clients, chunks);
			}
			Rounds<Delivered, Delivered> rounds = Rounds.alternateCold(run,
					() -> loop(child, raw, identity, clients, chunks), () -> deliver(child, instance, clients, chunks));
			return List.of(
					rounds.line("deliveries", "/s", Delivered::perSecond, Delivered::perSecond, Target.atLeast(0.5)),
					rounds.line("until the last client has it, p50", "ms", Delivered::millis, Delivered::millis, null));
		}
	}

	/**
	 * Write what the instance writes.
	 */
	private Delivered loop(ChildProcess child, RawResponses raw, String identity, int clients, int chunks)
			throws Exception {
		Latency latency = new Latency();
		for (int i = 0; i < chunks; i++) {
			String event = "id:%d@%s\ndata: %s\n\n".formatted(this.writtenRaw, identity,
					new String(text(), StandardCharsets.US_ASCII));
			long start = System.nanoTime();
			raw.write(event);
			latency.record(Long.parseLong(child.ask("events raw %d".formatted(++this.writtenRaw))) - start);
		}
		return Delivered.of(clients, latency);
	}

	private Delivered deliver(ChildProcess child, Instance instance, int clients, int chunks) throws Exception {
		Latency latency = new Latency();
		TransactionTemplate transaction = new TransactionTemplate(instance.bean(PlatformTransactionManager.class));
		for (int i = 0; i < chunks; i++) {
			Long start = transaction.execute((status) -> {
				instance.writer().append(STREAM, text());
				return System.nanoTime();
			});
			latency.record(Long.parseLong(child.ask("events ours %d".formatted(++this.written))) - start);
		}
		return Delivered.of(clients, latency);
	}

	private static byte[] text() {
		return Payload.text(System.nanoTime(), Payload.BYTES);
	}

	/**
	 * What was delivered.
	 */
	private record Delivered(double perSecond, double millis) {

		static Delivered of(int clients, Latency latency) {
			return new Delivered(clients * 1e3 / latency.mean(), latency.p50());
		}

	}

}
