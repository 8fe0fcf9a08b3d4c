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

import java.sql.Connection;
import java.time.Duration;
import java.util.List;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Sql;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.StreamPosition;

/**
 * Row 14: one thread appends and fetches the tail in turn. What a snapshot costs grows
 * with the time it is held, so the last sixth of that time is what counts.
 */
public final class HeldSnapshot implements Figure {

	private int streams;

	@Override
	public int row() {
		return 14;
	}

	@Override
	public String title() {
		return "append and tail fetch on one stream while another session holds a snapshot, beside the same without";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		Duration measured = run.size().time(8_000);
		Duration held = Duration.ofMillis(run.size().pick(52_000, 10_000, 200));
		Duration warmUp = run.size().time(2_000);
		Target target = Target.atLeast(0.7);
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			Rounds<Rates, Rates> rounds = Rounds.alternateCold(run, () -> work(instance, warmUp, measured), () -> {
				try (Connection connection = database.connect()) {
					connection.setAutoCommit(false);
					connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
					Sql.number(connection, "SELECT count(*) FROM durable_notify.streams");
					return work(instance, held, measured);
				}
			});
			String when = ", at the end of %d s".formatted(held.plus(measured).toSeconds());
			return List.of(rounds.line("append" + when, "/s", Rates::appends, Rates::appends, target),
					rounds.line("tail fetch" + when, "/s", Rates::fetches, Rates::fetches, target));
		}
	}

	private Rates work(Instance instance, Duration before, Duration measured) {
		String stream = "held-" + ++this.streams;
		loop(instance, stream, before, 0);
		long first = instance.reader().info(stream).orElseThrow().nextIndex();
		return loop(instance, stream, measured, first);
	}

	private static Rates loop(Instance instance, String stream, Duration time, long first) {
		byte[] chunk = Payload.chunk();
		long end = System.nanoTime() + time.toNanos();
		long appending = 0;
		long fetching = 0;
		long index = first;
		while (System.nanoTime() - end < 0 || index == first) {
			long start = System.nanoTime();
			Check.equal("the index of an append", index, instance.writer().append(stream, chunk));
			long appended = System.nanoTime();
			ChunkPage tail = instance.reader().page(stream, StreamPosition.last(1), 1);
			fetching += System.nanoTime() - appended;
			appending += appended - start;
			Check.equal("the index of the tail", index, tail.chunks().get(0).index());
			index++;
		}
		return new Rates((index - first) * 1e9 / appending, (index - first) * 1e9 / fetching);
	}

	/**
	 * How many there would be in a second of each alone.
	 */
	private record Rates(double appends, double fetches) {
	}

}
