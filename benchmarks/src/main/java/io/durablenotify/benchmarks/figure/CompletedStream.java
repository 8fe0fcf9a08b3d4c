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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawChunks;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;

/**
 * Row 6. Both sides read the same rows.
 */
public final class CompletedStream implements Figure {

	private static final int PAGE = 1_000;

	private static final String STREAM = "completed";

	private static final Target TARGET = Target.atLeast(0.9);

	@Override
	public int row() {
		return 6;
	}

	@Override
	public String title() {
		return "reading a completed stream, beside raw keyset SELECT of 1,000 rows a page";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int chunks = run.size().pick(500_000, 100_000, 5_000);
		try (Database database = run.createDatabase();
				RawChunks raw = RawChunks.openOurs(database);
				Instance instance = Instance.start(database)) {
			long id = StoredStreams.store(database, STREAM, chunks, Payload.chunk(), true);
			StreamReader reader = instance.reader();
			return List.of(
					Rounds.alternate(run, () -> select(raw, id, chunks), () -> subscribe(reader, chunks))
						.line("`subscribe`, %,d chunks".formatted(chunks), "chunks/s", Double::doubleValue,
								Double::doubleValue, TARGET),
					Rounds.alternate(run, () -> select(raw, id, chunks), () -> page(reader, chunks))
						.line("`page` of 1,000, %,d chunks".formatted(chunks), "chunks/s", Double::doubleValue,
								Double::doubleValue, TARGET));
		}
	}

	private static double select(RawChunks raw, long id, int chunks) throws Exception {
		long start = System.nanoTime();
		long next = 0;
		for (long before = -1; next != before;) {
			before = next;
			next = raw.readPage(id, next, PAGE);
		}
		return perSecond(chunks, next, start);
	}

	private static double subscribe(StreamReader reader, int chunks) throws Exception {
		long start = System.nanoTime();
		Counter counter = new Counter();
		reader.subscribe(STREAM, StreamPosition.start(), counter);
		return perSecond(chunks, counter.end.get(2, TimeUnit.MINUTES), start);
	}

	private static double page(StreamReader reader, int chunks) {
		long start = System.nanoTime();
		long next = 0;
		StreamState state = StreamState.OPEN;
		while (state == StreamState.OPEN) {
			ChunkPage page = reader.page(STREAM, StreamPosition.at(next), PAGE);
			Check.equal("the end of a page", next + page.chunks().size(), page.nextIndex());
			next = page.nextIndex();
			state = page.state();
		}
		return perSecond(chunks, next, start);
	}

	private static double perSecond(int expected, long read, long start) {
		Check.equal("chunks read", expected, read);
		return read * 1e9 / (System.nanoTime() - start);
	}

	private static final class Counter implements ChunkHandler {

		private final CompletableFuture<Long> end = new CompletableFuture<>();

		private long next;

		@Override
		public void onChunk(Chunk chunk) {
			Check.equal("the index of a chunk", this.next, chunk.index());
			this.next++;
		}

		@Override
		public void onComplete() {
			this.end.complete(this.next);
		}

		@Override
		public void onError(Throwable error) {
			this.end.completeExceptionally(error);
		}

	}

}
