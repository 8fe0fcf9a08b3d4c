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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkOutcome;

/**
 * Does nothing but count, so that it is known when all items were handled, and each once.
 */
public class CountingHandler implements WorkHandler {

	private static final long TIMEOUT_SECONDS = 120;

	private final int expected;

	private final AtomicInteger count = new AtomicInteger();

	private final LongAdder ids = new LongAdder();

	private final CountDownLatch all = new CountDownLatch(1);

	/**
	 * Create a handler.
	 * @param expected how many items to expect
	 */
	public CountingHandler(int expected) {
		this.expected = expected;
	}

	@Override
	public WorkOutcome handle(WorkItem item) throws Exception {
		count(item.id());
		return WorkOutcome.done();
	}

	/**
	 * Count one.
	 * @param id its id
	 */
	void count(long id) {
		this.ids.add(id);
		if (this.count.incrementAndGet() == this.expected) {
			this.all.countDown();
		}
	}

	int count() {
		return this.count.get();
	}

	int expected() {
		return this.expected;
	}

	/**
	 * Return the sum of the ids of what was handled.
	 */
	long ids() {
		return this.ids.sum();
	}

	/**
	 * Wait until all were handled.
	 */
	void await() throws InterruptedException {
		Check.that(this.all.await(TIMEOUT_SECONDS, TimeUnit.SECONDS),
				"missing items: %d of %d".formatted(this.expected - this.count.get(), this.expected));
	}

	/**
	 * Check that none was handled twice.
	 */
	void check(long expectedIds) {
		Check.equal("items handled", this.expected, this.count.get());
		Check.equal("the sum of their ids", expectedIds, ids());
	}

}
