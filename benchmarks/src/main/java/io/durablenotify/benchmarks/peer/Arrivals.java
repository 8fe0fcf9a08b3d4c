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

package io.durablenotify.benchmarks.peer;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Latency;

/**
 * Records how old messages are when they come. One call after the other, in the order in
 * which they were sent.
 */
final class Arrivals {

	private final Latency latency = new Latency();

	private final CountDownLatch missing;

	private long last = Long.MIN_VALUE;

	private volatile boolean outOfOrder;

	Arrivals(int count) {
		this.missing = new CountDownLatch(count);
	}

	void received(long sentAt) {
		this.latency.record(System.nanoTime() - sentAt);
		this.outOfOrder |= sentAt <= this.last;
		this.last = sentAt;
		this.missing.countDown();
	}

	Latency await() throws InterruptedException {
		Check.that(this.missing.await(60, TimeUnit.SECONDS), "missing: " + this.missing.getCount());
		Check.that(!this.outOfOrder, "received out of order");
		return this.latency;
	}

}
