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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;

/**
 * Records how old chunks are when they come, and that none is missing.
 */
public final class LatencyHandler implements ChunkHandler, LatencySource {

	private static final long TIMEOUT_SECONDS = 30;

	private final Latency latency = new Latency();

	private final CountDownLatch missing;

	private volatile long next;

	private volatile boolean outOfOrder;

	/**
	 * Create a handler.
	 * @param count how many chunks to expect
	 */
	public LatencyHandler(int count) {
		this.missing = new CountDownLatch(count);
	}

	@Override
	public void onChunk(Chunk chunk) {
		received(chunk.index(), Payload.stamp(chunk.data()));
	}

	/**
	 * Record what was sent at a time. One call after the other.
	 */
	public void received(long index, long sentAt) {
		this.latency.record(System.nanoTime() - sentAt);
		this.outOfOrder |= index != this.next;
		this.next = index + 1;
		this.missing.countDown();
	}

	/**
	 * Wait for the last chunk.
	 */
	@Override
	public Latency await() throws InterruptedException {
		Check.that(this.missing.await(TIMEOUT_SECONDS, TimeUnit.SECONDS), "missing chunks: " + this.missing.getCount());
		Check.that(!this.outOfOrder, "chunks came out of order");
		return this.latency;
	}

}
