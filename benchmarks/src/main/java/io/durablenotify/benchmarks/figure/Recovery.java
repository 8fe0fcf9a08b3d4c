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

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamPosition;
import org.jspecify.annotations.Nullable;

/**
 * Row 13. One instance reads, another writes; the reader's LISTEN backend is terminated
 * and a chunk is written at once.
 */
public final class Recovery implements Figure {

	private static final String STREAM = "recovery";

	private static final String LISTENER = "recovering-listener";

	/**
	 * A connection that lasted this long resets the backoff: 10 s as it comes.
	 */
	private static final long PROBE_MILLIS = 500;

	private static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(30);

	@Override
	public int row() {
		return 13;
	}

	@Override
	public String title() {
		return "LISTEN backend terminated";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int times = run.size().pick(50, 20, 2);
		Latency listening = new Latency();
		Latency delivered = new Latency();
		try (Database database = run.createDatabase();
				Instance writing = Instance.start(database);
				Instance reading = Instance.start(database, "logging.level.io.durablenotify=error",
						"durable-notify.listener.application-name=" + LISTENER,
						"durable-notify.listener.probe.interval=%dms".formatted(PROBE_MILLIS))) {
			Received received = new Received();
			reading.reader().subscribe(STREAM, StreamPosition.start(), received::add);
			for (int i = 0; i < times; i++) {
				awaitHealthyPeriod(reading);
				terminate(database, writing, reading, received, listening, delivered);
			}
			Check.equal("chunks delivered", times, received.next);
		}
		return List.of(reported("until it listens again, p50", listening.p50()),
				reported("until it listens again, max of " + times, listening.max()),
				reported("until a chunk written in that time is delivered, p50", delivered.p50()),
				reported("until a chunk written in that time is delivered, max of " + times, delivered.max()));
	}

	private static void awaitHealthyPeriod(Instance reading) throws InterruptedException {
		long start = System.nanoTime();
		do {
			Check.that(System.nanoTime() - start < TIMEOUT_NANOS, "It does not listen: " + reading.listener().state());
			Thread.sleep(PROBE_MILLIS + 100);
		}
		while (reading.listener().state().status() != ListenerState.Status.LISTENING);
	}

	private static Line reported(String what, double millis) {
		return Line.reported(what, "ms", millis, "");
	}

	private static void terminate(Database database, Instance writing, Instance reading, Received received,
			Latency listening, Latency delivered) throws Exception {
		long reconnects = reading.listener().state().reconnects();
		Check.equal("backends terminated", 1,
				database.number(
						"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '%s'"
							.formatted(LISTENER)));
		long start = System.nanoTime();
		writing.writer().append(STREAM, Payload.chunk());
		Long deliveredAt = null;
		Long listeningAt = null;
		while (deliveredAt == null || listeningAt == null) {
			Check.that(System.nanoTime() - start < TIMEOUT_NANOS, "It does not recover: " + reading.listener().state());
			Long arrival = received.times.poll(1, TimeUnit.MILLISECONDS);
			deliveredAt = (arrival != null) ? arrival : deliveredAt;
			listeningAt = (listeningAt != null) ? listeningAt : listeningSince(reading, reconnects);
		}
		listening.record(listeningAt - start);
		delivered.record(deliveredAt - start);
	}

	private static @Nullable Long listeningSince(Instance reading, long reconnects) {
		ListenerState state = reading.listener().state();
		return (state.reconnects() > reconnects && state.status() == ListenerState.Status.LISTENING) ? System.nanoTime()
				: null;
	}

	private static final class Received {

		private final BlockingQueue<Long> times = new LinkedBlockingQueue<>();

		private volatile long next;

		private void add(Chunk chunk) {
			Check.equal("the index of a chunk", this.next, chunk.index());
			this.next = chunk.index() + 1;
			this.times.add(System.nanoTime());
		}

	}

}
