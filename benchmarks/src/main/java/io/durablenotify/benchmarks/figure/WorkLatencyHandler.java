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

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkOutcome;

/**
 * Records how old items are when they come, in any order, and that each comes once.
 */
final class WorkLatencyHandler implements WorkHandler, LatencySource {

	private static final long TIMEOUT_SECONDS = 30;

	private final Latency latency = new Latency();

	private final BitSet received = new BitSet();

	private final CountDownLatch missing;

	private boolean doubled;

	WorkLatencyHandler(int count) {
		this.missing = new CountDownLatch(count);
	}

	@Override
	public WorkOutcome handle(WorkItem item) {
		long now = System.nanoTime();
		ByteBuffer payload = ByteBuffer.wrap(item.payload());
		received(now - payload.getLong(), payload.getInt());
		return WorkOutcome.done();
	}

	private synchronized void received(long nanos, int number) {
		this.doubled |= this.received.get(number);
		this.received.set(number);
		this.latency.record(nanos);
		this.missing.countDown();
	}

	@Override
	public Latency await() throws InterruptedException {
		Check.that(this.missing.await(TIMEOUT_SECONDS, TimeUnit.SECONDS), "missing items: " + this.missing.getCount());
		synchronized (this) {
			Check.that(!this.doubled, "an item was handled twice");
		}
		return this.latency;
	}

}
