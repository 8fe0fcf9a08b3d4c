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

package io.durablenotify.work;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.observation.Observed;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.DataAccessException;

/**
 * An item that is to be stored by another thread than its caller's.
 */
final class PendingEnqueue {

	private static final Duration FIRST_RETRY = Duration.ofMillis(20);

	/**
	 * The server logs each attempt that fails.
	 */
	private static final Duration LONGEST_RETRY = Duration.ofMillis(500);

	private final NewItem item;

	private final long offeredAt = System.nanoTime();

	/**
	 * What the caller is given if it does not wait.
	 */
	private final @Nullable CompletableFuture<Enqueued> future;

	/**
	 * What was stored, {@code null} if the queue is missing. Completed by the thread that
	 * writes for all.
	 */
	private final CompletableFuture<@Nullable StoredItem> outcome = new CompletableFuture<>();

	/**
	 * Whether it is stored, has failed, or is left to another that stores it. Owned by
	 * the thread that writes, like what follows.
	 */
	private boolean written;

	private Duration retryDelay = FIRST_RETRY;

	/**
	 * When to try again, by {@link System#nanoTime()}; {@code null} at once.
	 */
	private @Nullable Long retryAt;

	PendingEnqueue(NewItem item, @Nullable CompletableFuture<Enqueued> future) {
		this.item = item;
		this.future = future;
	}

	NewItem item() {
		return this.item;
	}

	boolean isWritten() {
		return this.written;
	}

	/**
	 * It must not be written again.
	 */
	void written() {
		this.written = true;
	}

	/**
	 * End an observation with the outcome.
	 */
	void observe(Observed observed) {
		if (observed != Observed.NONE) {
			this.outcome.whenComplete((stored, failure) -> {
				if (stored != null) {
					stored.observe(observed);
				}
				else if (failure != null) {
					observed.failed(failure);
				}
				observed.stop();
			});
		}
	}

	/**
	 * Return for how long it has waited, in nanoseconds.
	 */
	long waited() {
		return System.nanoTime() - this.offeredAt;
	}

	/**
	 * Its key is locked: try again later, and later each time.
	 */
	void retryLater() {
		this.retryAt = System.nanoTime() + this.retryDelay.toNanos();
		Duration next = this.retryDelay.multipliedBy(2);
		this.retryDelay = (next.compareTo(LONGEST_RETRY) < 0) ? next : LONGEST_RETRY;
	}

	/**
	 * Return how long to wait before the next attempt.
	 */
	Duration untilRetry() {
		return (this.retryAt != null) ? Duration.ofNanos(Math.max(0, this.retryAt - System.nanoTime())) : Duration.ZERO;
	}

	boolean isAsync() {
		return this.future != null;
	}

	CompletableFuture<@Nullable StoredItem> outcome() {
		return this.outcome;
	}

	/**
	 * Have it fail, since nothing was stored before the application context has closed.
	 */
	void closed() {
		this.outcome.completeExceptionally(new TaskRejectedException(
				"Work was not enqueued, nothing was stored: the application context has closed"));
	}

	/**
	 * Have it fail, since it was being stored when the application context has closed.
	 */
	void unknown() {
		this.outcome.completeExceptionally(new EnqueueOutcomeUnknownException(what()));
	}

	/**
	 * Have it fail, since it was being stored when the connection was lost.
	 */
	void unknown(DataAccessException failure) {
		this.outcome.completeExceptionally(new EnqueueOutcomeUnknownException(what(), failure));
	}

	private String what() {
		return "work was enqueued to queue '%s'".formatted(this.item.queue());
	}

	/**
	 * Return whether code of the caller's would run with {@link #completeFuture}.
	 */
	boolean hasDependents() {
		return this.future != null && this.future.getNumberOfDependents() > 0;
	}

	/**
	 * Return whether the caller does not wait, and there is an outcome for it.
	 */
	boolean isCompletedAsync() {
		return isAsync() && this.outcome.isDone();
	}

	/**
	 * Complete the future of a caller that does not wait, as the outcome is.
	 */
	void completeFuture() {
		CompletableFuture<Enqueued> future = this.future;
		if (future != null) {
			this.outcome.whenComplete((stored, failure) -> {
				if (stored != null) {
					future.complete(stored.enqueued());
				}
				else {
					future.completeExceptionally(failure);
				}
			});
		}
	}

}
