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

package io.durablenotify.stream;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

/**
 * One caller's addition on its way through group commit, and how it went.
 */
final class PendingAppend {

	/**
	 * What an addition costs apart from its data, so that empty ones are bounded too.
	 */
	static final int OVERHEAD_BYTES = 128;

	private final Addition addition;

	private final long bytes;

	private final long deadline;

	/**
	 * The caller's, if it does not wait.
	 */
	private final @Nullable CompletableFuture<Long> future;

	private final CountDownLatch settled = new CountDownLatch(1);

	/**
	 * Both written before {@link #settled}.
	 */
	private long index;

	private @Nullable Supplier<? extends RuntimeException> failure;

	PendingAppend(Addition addition, Duration timeout, @Nullable CompletableFuture<Long> future) {
		this.addition = addition;
		this.bytes = addition.bytes() + (long) OVERHEAD_BYTES * addition.chunks().size();
		this.deadline = System.nanoTime() + timeout.toNanos();
		this.future = future;
	}

	Addition addition() {
		return this.addition;
	}

	String stream() {
		return this.addition.stream();
	}

	long bytes() {
		return this.bytes;
	}

	boolean isExpired() {
		return System.nanoTime() - this.deadline >= 0;
	}

	boolean isAsync() {
		return this.future != null;
	}

	void stored(long index) {
		this.index = index;
		this.settled.countDown();
	}

	/**
	 * It failed.
	 * @param failure makes the exception, on the caller's thread if that waits
	 */
	void failed(Supplier<? extends RuntimeException> failure) {
		this.failure = failure;
		this.settled.countDown();
	}

	boolean isSettled() {
		return this.settled.getCount() == 0;
	}

	/**
	 * Wait until it is settled, whatever interrupts that: it may be stored already.
	 */
	void awaitSettled() {
		boolean interrupted = false;
		while (true) {
			try {
				this.settled.await();
				break;
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Return the index of what was stored.
	 * @throws RuntimeException why it was not
	 */
	long result() {
		if (this.failure != null) {
			throw this.failure.get();
		}
		return this.index;
	}

	/**
	 * Return whether somebody's code would run with {@link #completeFuture()}.
	 */
	boolean hasDependents() {
		return this.future != null && this.future.getNumberOfDependents() > 0;
	}

	void completeFuture() {
		if (this.future == null) {
			return;
		}
		if (this.failure != null) {
			this.future.completeExceptionally(this.failure.get());
		}
		else {
			this.future.complete(this.index);
		}
	}

}
