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

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Measurement;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StatementCounter;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.StreamPosition;

import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Row 9. Readers wait at the end of a stream; what they wait for is committed at once,
 * and the clock runs from the commit to the last call of the last handler.
 */
public final class ManyReadersOfOne implements Figure {

	private static final int BATCH = 256;

	/**
	 * Measurements of each side in a round.
	 */
	private static final int TIMES = 7;

	private int streams;

	@Override
	public int row() {
		return 9;
	}

	@Override
	public String title() {
		return "1,000 readers of one stream, one process, beside a bare loop over 1,000 queues";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int readers = run.size().pick(1_000, 1_000, 50);
		int batches = run.size().pick(16, 8, 2);
		StatementCounter counter = new StatementCounter();
		// What polls and probes would do is not counted here
		try (Database database = run.createDatabase();
				Instance instance = Instance.start(database, counter, "durable-notify.poll.interval=1h",
						"durable-notify.poll.degraded-interval=0")) {
			int times = run.size().pick(TIMES, TIMES, 1);
			Rounds<Double, Delivered> rounds = Rounds.alternate(run,
					() -> median(times, () -> loop(readers, batches), Comparator.naturalOrder()),
					() -> median(times, () -> deliver(instance, counter, readers, batches),
							Comparator.comparing(Delivered::perSecond)));
			List<Double> fetches = rounds.ours().stream().map((each) -> (double) each.fetches()).toList();
			return List.of(
					rounds.line("deliveries", "/s", Double::doubleValue, Delivered::perSecond, Target.atLeast(0.5)),
					Line.limited("fetches for %d batches of %d".formatted(batches, BATCH), "fetches", batches + 1,
							fetches, Target.atMost(1))
						.remark("there may be one more, which finds nothing"));
		}
	}

	/**
	 * Return the median: one garbage collection may take as long as a measurement.
	 */
	private static <T> T median(int times, Measurement<T> measurement, Comparator<T> comparator) throws Exception {
		List<T> measured = new ArrayList<>();
		for (int i = 0; i < times; i++) {
			measured.add(measurement.measure());
		}
		measured.sort(comparator);
		return measured.get(times / 2);
	}

	/**
	 * Hand over in batches, a queue after the other: the fastest way there is.
	 */
	private static double loop(int readers, int batches) {
		List<Chunk> batch = IntStream.range(0, BATCH)
			.mapToObj((i) -> new Chunk("loop", i, Payload.chunk(), Instant.EPOCH))
			.toList();
		List<Queue<Chunk>> queues = new ArrayList<>();
		for (int i = 0; i < readers; i++) {
			queues.add(new ConcurrentLinkedQueue<>());
		}
		long start = System.nanoTime();
		for (int i = 0; i < batches; i++) {
			for (Queue<Chunk> queue : queues) {
				for (Chunk chunk : batch) {
					queue.offer(chunk);
				}
			}
		}
		long took = System.nanoTime() - start;
		long delivered = queues.stream().mapToLong(Queue::size).sum();
		Check.equal("chunks in queues", (long) readers * batches * BATCH, delivered);
		return delivered * 1e9 / took;
	}

	private Delivered deliver(Instance instance, StatementCounter counter, int readers, int batches) throws Exception {
		String stream = "many-" + ++this.streams;
		int chunks = batches * BATCH;
		instance.writer().append(stream, Payload.chunk());
		CountDownLatch waiting = new CountDownLatch(readers);
		CountDownLatch done = new CountDownLatch(readers);
		List<Counter> counters = new ArrayList<>();
		List<Subscription> subscriptions = new ArrayList<>();
		for (int i = 0; i < readers; i++) {
			Counter handler = new Counter(waiting, done, chunks);
			counters.add(handler);
			subscriptions.add(instance.reader().subscribe(stream, StreamPosition.start(), handler));
		}
		Check.that(waiting.await(30, TimeUnit.SECONDS), "Not all readers are there");
		counter.awaitQuiet(200);
		long[] start = new long[2];
		new TransactionTemplate(instance.bean(PlatformTransactionManager.class)).executeWithoutResult((status) -> {
			for (int i = 0; i < chunks; i++) {
				instance.writer().append(stream, Payload.chunk());
			}
			start[0] = System.nanoTime();
			start[1] = counter.count();
		});
		boolean all = done.await(60, TimeUnit.SECONDS);
		long took = System.nanoTime() - start[0];
		Check.that(all, "readers that miss chunks: " + done.getCount());
		counter.awaitQuiet(100);
		long fetches = counter.count() - start[1];
		subscriptions.forEach(Subscription::cancel);
		Check.that(counters.stream().noneMatch((each) -> each.outOfOrder), "chunks came out of order");
		return new Delivered((long) readers * chunks * 1e9 / took, fetches);
	}

	/**
	 * What was delivered.
	 */
	private record Delivered(double perSecond, long fetches) {
	}

	private static final class Counter implements ChunkHandler {

		private final CountDownLatch waiting;

		private final CountDownLatch done;

		private final int last;

		private long next;

		private volatile boolean outOfOrder;

		private Counter(CountDownLatch waiting, CountDownLatch done, int last) {
			this.waiting = waiting;
			this.done = done;
			this.last = last;
		}

		@Override
		public void onChunk(Chunk chunk) {
			if (chunk.index() != this.next) {
				this.outOfOrder = true;
			}
			this.next++;
			if (chunk.index() == 0) {
				this.waiting.countDown();
			}
			if (chunk.index() == this.last) {
				this.done.countDown();
			}
		}

	}

}
