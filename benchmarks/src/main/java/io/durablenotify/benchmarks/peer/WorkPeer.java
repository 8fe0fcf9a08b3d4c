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
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.benchmarks.harness.Check;

/**
 * What stores work and has it done.
 */
interface WorkPeer extends AutoCloseable {

	/**
	 * Store items, and then have handlers do nothing with them.
	 * @return how many a second are done, from the first one to the last one
	 */
	double handle(int items) throws Exception;

	/**
	 * Store items that are due, one commit each, by one thread.
	 * @return how many a second
	 */
	double enqueue(int items) throws Exception;

	@Override
	void close();

	/**
	 * Waits for so many items. When the first one is handled depends on when a peer
	 * polls.
	 */
	final class Count {

		private static final long TIMEOUT_SECONDS = 120;

		private final int expected;

		private final AtomicInteger count = new AtomicInteger();

		private final CountDownLatch all = new CountDownLatch(1);

		private volatile long first;

		private volatile long last;

		Count(int expected) {
			this.expected = expected;
		}

		void handled() {
			int number = this.count.incrementAndGet();
			if (number == 1) {
				this.first = System.nanoTime();
			}
			if (number == this.expected) {
				this.last = System.nanoTime();
				this.all.countDown();
			}
		}

		double awaitPerSecond() throws InterruptedException {
			Check.that(this.all.await(TIMEOUT_SECONDS, TimeUnit.SECONDS),
					"missing items: %d of %d".formatted(this.expected - this.count.get(), this.expected));
			Check.equal("items handled", this.expected, this.count.get());
			return (this.expected - 1) * 1e9 / (this.last - this.first);
		}

	}

}
