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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Heap;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StatementCounter;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Threads;
import io.durablenotify.stream.StreamPosition;

/**
 * Row 8. Each reader has received a chunk before it is idle.
 */
public final class IdleReaders implements Figure {

	private static final String PREFIX = "idle-";

	private static final int BYTES_PER_READER = 2_048;

	private static final int THREADS = 10;

	private static final long POLL_MILLIS = 5_000;

	/**
	 * Threads that called handlers are kept for a while: half a minute at most.
	 */
	private static final int POOL_IDLE_MILLIS = 35_000;

	@Override
	public int row() {
		return 8;
	}

	@Override
	public String title() {
		return "10,000 idle readers on 10,000 streams";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int readers = run.size().pick(10_000, 10_000, 300);
		StatementCounter counter = new StatementCounter();
		try (Database database = run.createDatabase();
				Instance instance = Instance.start(database, counter, pollInterval(run))) {
			StoredStreams.storeMany(database, PREFIX, readers, 1, Payload.chunk());
			int threadsBefore = Threads.count();
			cancel(open(instance, readers));
			List<Double> bytes = new ArrayList<>();
			for (int i = 1; i < run.rounds(); i++) {
				bytes.add(bytesPerReader(instance, readers, new ArrayList<>()));
			}
			List<Subscription> subscriptions = new ArrayList<>();
			bytes.add(bytesPerReader(instance, readers, subscriptions));
			List<Line> lines = new ArrayList<>();
			lines.add(statements(run, counter));
			Threads.awaitAtMost(threadsBefore + THREADS, run.size().pick(POOL_IDLE_MILLIS, POOL_IDLE_MILLIS, 1));
			lines.add(Line
				.limited("threads more than without readers", "threads", THREADS,
						List.of((double) Threads.count() - threadsBefore), Target.atMost(1))
				.remark("the limit stands for \"no thread each\""));
			lines.add(Line.limited("heap per reader", "bytes", BYTES_PER_READER, bytes, Target.atMost(1)));
			cancel(subscriptions);
			return lines;
		}
	}

	private static String pollInterval(Run run) {
		return "durable-notify.poll.interval=%dms".formatted(intervalMillis(run));
	}

	private static long intervalMillis(Run run) {
		return run.size().pick((int) POLL_MILLIS, (int) POLL_MILLIS, 500);
	}

	private static List<Subscription> open(Instance instance, int readers) throws InterruptedException {
		CountDownLatch received = new CountDownLatch(readers);
		List<Subscription> subscriptions = new ArrayList<>(readers);
		for (int i = 0; i < readers; i++) {
			subscriptions
				.add(instance.reader().subscribe(PREFIX + i, StreamPosition.start(), (chunk) -> received.countDown()));
		}
		Check.that(received.await(60, TimeUnit.SECONDS), "readers without their chunk: " + received.getCount());
		return subscriptions;
	}

	private static void cancel(List<Subscription> subscriptions) {
		subscriptions.forEach(Subscription::cancel);
	}

	/**
	 * Open readers and weigh them.
	 * @param kept takes the subscriptions; which are cancelled before
	 */
	private static double bytesPerReader(Instance instance, int readers, List<Subscription> kept)
			throws InterruptedException {
		kept.forEach(Subscription::cancel);
		long before = Heap.used();
		List<Subscription> subscriptions = open(instance, readers);
		long after = Heap.used();
		kept.addAll(subscriptions);
		return (after - before) / (double) readers;
	}

	/**
	 * The interval is jittered, and a window may begin just before a poll: one more may
	 * be executed.
	 */
	private static Line statements(Run run, StatementCounter counter) throws InterruptedException {
		int intervals = run.size().pick(6, 3, 5);
		counter.awaitQuiet(intervalMillis(run) / 5);
		long before = counter.count();
		Thread.sleep(intervals * intervalMillis(run));
		double executed = counter.count() - before;
		Check.that(executed > 0, "Nothing was polled");
		return Line
			.limited("statements in %d poll intervals".formatted(intervals), "statements", intervals + 1,
					List.of(executed), Target.atMost(1))
			.remark("without probes; intervals are jittered, so there may be one more than intervals");
	}

}
