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
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawCopy;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 3: one thread writes the same rows in the same order on both sides. It is either
 * one chunk to each stream in turn, or a thousand.
 */
public final class BulkAppends implements Figure {

	private static final int BATCH = 1_000;

	/**
	 * How many chunks may be under way: enough for some batches, far from filling the
	 * append buffer.
	 */
	private static final int UNDER_WAY = 20_000;

	private static final byte[] CHUNK = Payload.chunk();

	private int trials;

	@Override
	public int row() {
		return 3;
	}

	@Override
	public String title() {
		return "`appendAsync` and `appendAll` of 1,000, beside raw COPY BINARY with a commit per 1,000";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int chunks = run.size().pick(300_000, 100_000, 4_000);
		List<Line> lines = new ArrayList<>();
		try (Database database = run.createDatabase();
				Instance instance = Instance.start(database);
				RawCopy copy = new RawCopy(database, BATCH, Payload.BYTES)) {
			for (int streams : new int[] { 1, 16 }) {
				String where = (streams == 1) ? ", 1 stream" : ", 16 streams";
				IntUnaryOperator chunkByChunk = (i) -> i % streams;
				IntUnaryOperator batchByBatch = (i) -> i / BATCH % streams;
				lines.add(Rounds
					.alternate(run, () -> copy(copy, chunks, streams, chunkByChunk),
							() -> appendAsync(instance, chunks, streams))
					.line("`appendAsync`" + where, "chunks/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast(0.8)));
				lines.add(Rounds
					.alternate(run, () -> copy(copy, chunks, streams, batchByBatch),
							() -> appendAll(instance, chunks, streams))
					.line("`appendAll`" + where, "chunks/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast((streams == 1) ? 0.9 : 0.7)));
			}
		}
		return lines;
	}

	private double copy(RawCopy copy, int chunks, int streams, IntUnaryOperator streamOf) throws Exception {
		long firstStream = (long) ++this.trials * streams * 100;
		long[] next = new long[streams];
		long stored = 0;
		long start = System.nanoTime();
		for (int i = 0; i < chunks; i += BATCH) {
			copy.begin();
			for (int j = i; j < i + BATCH; j++) {
				int stream = streamOf.applyAsInt(j);
				copy.add(firstStream + stream, next[stream]++, CHUNK);
			}
			stored += copy.commit();
		}
		return perSecond(chunks, stored, start);
	}

	private double appendAsync(Instance instance, int chunks, int streams) throws Exception {
		List<String> names = newStreams(streams);
		Semaphore permits = new Semaphore(UNDER_WAY);
		AtomicInteger wrong = new AtomicInteger();
		long start = System.nanoTime();
		for (int i = 0; i < chunks; i++) {
			permits.acquire();
			long expected = i / streams;
			instance.writer().appendAsync(names.get(i % streams), CHUNK).whenComplete((index, failure) -> {
				if (failure != null || index != expected) {
					wrong.incrementAndGet();
				}
				permits.release();
			});
		}
		Check.that(permits.tryAcquire(UNDER_WAY, 60, TimeUnit.SECONDS), "Not all futures completed");
		double perSecond = perSecond(chunks, chunks, start);
		Check.equal("failures, and indexes out of order", 0, wrong.get());
		Check.equal("chunks stored", chunks, stored(instance, names));
		return perSecond;
	}

	private double appendAll(Instance instance, int chunks, int streams) {
		List<String> names = newStreams(streams);
		List<byte[]> batch = new ArrayList<>();
		for (int i = 0; i < BATCH; i++) {
			batch.add(CHUNK);
		}
		long start = System.nanoTime();
		for (int i = 0; i < chunks / BATCH; i++) {
			Check.equal("the first index of a batch", (long) i / streams * BATCH,
					instance.writer().appendAll(names.get(i % streams), batch));
		}
		double perSecond = perSecond(chunks, chunks, start);
		Check.equal("chunks stored", chunks, stored(instance, names));
		return perSecond;
	}

	private List<String> newStreams(int streams) {
		int trial = ++this.trials;
		List<String> names = new ArrayList<>();
		for (int i = 0; i < streams; i++) {
			names.add("bulk-%d-%d".formatted(trial, i));
		}
		return names;
	}

	private static long stored(Instance instance, List<String> names) {
		return names.stream()
			.mapToLong((name) -> instance.reader().info(name).map((info) -> info.nextIndex()).orElse(0L))
			.sum();
	}

	private static double perSecond(int expected, long stored, long start) {
		double perSecond = stored * 1e9 / (System.nanoTime() - start);
		Check.equal("rows", expected, stored);
		return perSecond;
	}

}
