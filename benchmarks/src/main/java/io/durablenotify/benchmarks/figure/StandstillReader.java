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
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;

/**
 * Row 12.
 */
public final class StandstillReader implements Figure {

	/**
	 * {@code durable-notify.streams.buffer-bytes}, as it comes.
	 */
	private static final int BUFFER_KIB = 1024;

	@Override
	public int row() {
		return 12;
	}

	@Override
	public String title() {
		return "heap growth by a reader that stands still in a 350 MB stream, beside its buffer limit";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			LargeStream.store(run, database);
			List<Double> growths = new ArrayList<>();
			growth(instance.reader());
			for (int i = 0; i < run.rounds(); i++) {
				growths.add(growth(instance.reader()));
			}
			return List.of(Line.limited("one reader", "KiB", BUFFER_KIB, growths, Target.atMost(2)));
		}
	}

	private static double growth(StreamReader reader) throws InterruptedException {
		long before = Heap.used();
		Blocking handler = new Blocking();
		Subscription subscription = reader.subscribe(LargeStream.NAME, StreamPosition.start(), handler);
		Check.that(handler.entered.await(30, TimeUnit.SECONDS), "No chunk came");
		// Its buffer fills in this time
		Thread.sleep(500);
		long after = Heap.used();
		subscription.cancel();
		handler.mayGoOn.countDown();
		return (after - before) / 1024d;
	}

	private static final class Blocking implements ChunkHandler {

		private final CountDownLatch entered = new CountDownLatch(1);

		private final CountDownLatch mayGoOn = new CountDownLatch(1);

		@Override
		public void onChunk(Chunk chunk) throws InterruptedException {
			this.entered.countDown();
			this.mayGoOn.await();
		}

	}

}
