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

package io.durablenotify.tail;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

/**
 * Tests {@link MissedWakeups} in the order in which its callers may come: whoever writes
 * and wakes, and the fetching thread, which finds the log and registers its reader.
 */
class MissedWakeupsConcurrencyTests {

	@Test
	void whatIsWrittenWhileALogIsFoundIsLookedAt() {
		new ModelCheckingOptions().iterations(10)
			.threads(2)
			.actorsBefore(1)
			.actorsPerThread(2)
			.actorsAfter(0)
			.invocationsPerIteration(500)
			.check(OneLog.class);
	}

	/**
	 * One log and its reader, as {@link LiveReaders} and {@link LogFetcher} treat them.
	 */
	public static class OneLog {

		private static final long ID = 7;

		private final MissedWakeups missed = new MissedWakeups();

		private final AtomicInteger written = new AtomicInteger();

		private final AtomicBoolean registered = new AtomicBoolean();

		private final AtomicInteger fetched = new AtomicInteger();

		private final AtomicBoolean woken = new AtomicBoolean();

		@Operation
		public void write() {
			this.written.incrementAndGet();
			this.missed.heard(ID);
			if (this.registered.get()) {
				this.woken.set(true);
			}
		}

		@Operation(nonParallelGroup = "fetching thread")
		public void find() {
			if (this.registered.get()) {
				return;
			}
			this.missed.begin();
			this.fetched.set(this.written.get());
			this.registered.set(true);
			if (this.missed.end(ID)) {
				this.woken.set(true);
			}
		}

		@Validate
		public void nothingIsLeftBehind() {
			if (this.registered.get() && this.fetched.get() < this.written.get() && !this.woken.get()) {
				throw new IllegalStateException(
						"%d of %d were fetched".formatted(this.fetched.get(), this.written.get()));
			}
		}

	}

}
