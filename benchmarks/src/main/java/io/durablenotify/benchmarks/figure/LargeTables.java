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
import java.util.function.IntFunction;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.StreamPosition;

/**
 * Row 11: one thread, a thousand streams in turn. On the full side they are spread over
 * all that are stored.
 */
public final class LargeTables implements Figure {

	private static final String PREFIX = "stored-";

	private static final int CHUNKS_EACH = 100;

	@Override
	public int row() {
		return 11;
	}

	@Override
	public String title() {
		return "append and tail fetch with large tables, beside the same with empty ones";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int stored = run.size().pick(100_000, 20_000, 200);
		int used = run.size().pick(1_000, 1_000, 100);
		try (Database full = run.createDatabase(); Database empty = run.createDatabase()) {
			StoredStreams.storeMany(full, PREFIX, stored, CHUNKS_EACH, Payload.chunk());
			Check.equal("chunks stored", (long) stored * CHUNKS_EACH,
					full.number("SELECT count(*) FROM durable_notify.stream_chunks"));
			try (Instance ofFull = Instance.start(full); Instance ofEmpty = Instance.start(empty)) {
				Rounds<Times, Times> rounds = Rounds.alternate(run, () -> measure(ofEmpty, used, (i) -> PREFIX + i),
						() -> measure(ofFull, used, (i) -> PREFIX + (long) i * (stored / used)));
				String with = " with %,d chunks in %,d streams".formatted((long) stored * CHUNKS_EACH, stored);
				return List.of(
						rounds.line("append" + with, "ms", Times::appendMillis, Times::appendMillis,
								Target.atMost(1.2)),
						rounds.line("tail fetch" + with, "ms", Times::fetchMillis, Times::fetchMillis,
								Target.atMost(1.2)));
			}
		}
	}

	private static Times measure(Instance instance, int streams, IntFunction<String> names) {
		byte[] chunk = Payload.chunk();
		long[] indexes = new long[streams];
		long start = System.nanoTime();
		for (int i = 0; i < streams; i++) {
			indexes[i] = instance.writer().append(names.apply(i), chunk);
		}
		long appended = System.nanoTime();
		for (int i = 0; i < streams; i++) {
			ChunkPage tail = instance.reader().page(names.apply(i), StreamPosition.last(1), 1);
			Check.equal("the last index", indexes[i], tail.chunks().get(0).index());
		}
		long fetched = System.nanoTime();
		return new Times((appended - start) / 1e6 / streams, (fetched - appended) / 1e6 / streams);
	}

	/**
	 * The means of one round.
	 */
	private record Times(double appendMillis, double fetchMillis) {
	}

}
