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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.RawChunks;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import org.jspecify.annotations.Nullable;

/**
 * Row 7.
 */
public final class FirstChunk implements Figure {

	private static final int PAGE = 1_000;

	/**
	 * As many rows as one fetch of ours brings: the least that the floor could read.
	 */
	private static final int SMALL_PAGE = 64;

	private static final int NEAR_END = 10;

	@Override
	public int row() {
		return 7;
	}

	@Override
	public String title() {
		return "first chunk of a stream of 43,000 chunks and 350 MB, beside raw SELECT of one page";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database database = run.createDatabase();
				RawChunks raw = RawChunks.openOurs(database);
				Instance instance = Instance.start(database)) {
			LargeStream large = LargeStream.store(run, database);
			long nearEnd = large.chunks() - NEAR_END;
			List<Line> lines = new ArrayList<>();
			lines.add(line(run, "from the start", raw, large, 0, PAGE, instance.reader(), Target.atMost(2)));
			lines.add(line(run, "from near its end", raw, large, nearEnd, PAGE, instance.reader(), Target.atMost(2)));
			lines.add(line(run, "from the start, beside a page of 64", raw, large, 0, SMALL_PAGE, instance.reader(),
					null));
			return lines;
		}
	}

	private static Line line(Run run, String what, RawChunks raw, LargeStream large, long from, int page,
			StreamReader reader, @Nullable Target target) throws Exception {
		int times = run.size().pick(100, 40, 3);
		return Rounds
			.alternate(run, () -> select(times, raw, large.id(), from, page), () -> subscribe(times, reader, from))
			.line(what, "ms", Latency::p50, Latency::p50, target);
	}

	private static Latency select(int times, RawChunks raw, long id, long from, int page) throws Exception {
		Latency latency = new Latency();
		for (int i = 0; i < times; i++) {
			long start = System.nanoTime();
			long next = raw.readPage(id, from, page);
			latency.record(System.nanoTime() - start);
			Check.that(next > from, "Nothing was read");
		}
		return latency;
	}

	private static Latency subscribe(int times, StreamReader reader, long from) throws Exception {
		Latency latency = new Latency();
		for (int i = 0; i < times; i++) {
			FirstIndex first = new FirstIndex();
			long start = System.nanoTime();
			Subscription subscription = reader.subscribe(LargeStream.NAME, StreamPosition.at(from), first);
			long index = first.index.get(30, TimeUnit.SECONDS);
			latency.record(System.nanoTime() - start);
			subscription.cancel();
			Check.equal("the first index", from, index);
		}
		return latency;
	}

	private static final class FirstIndex implements ChunkHandler {

		private final CompletableFuture<Long> index = new CompletableFuture<>();

		@Override
		public void onChunk(Chunk chunk) {
			this.index.complete(chunk.index());
		}

		@Override
		public void onError(Throwable error) {
			this.index.completeExceptionally(error);
		}

	}

}
