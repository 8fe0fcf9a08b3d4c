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

package io.durablenotify.stream.append;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.ToLongFunction;

import io.durablenotify.stream.append.AppendMeasures.Result;
import org.jspecify.annotations.Nullable;

/**
 * One append from its caller to its outcome: adjacent chunks of a stream, of which all or
 * none are stored.
 */
public final class Append {

	/**
	 * What a chunk counts in a buffer apart from its data, so that empty ones are bounded
	 * too.
	 */
	private static final int OVERHEAD_BYTES = 128;

	private final String stream;

	private final AppendConditions conditions;

	private final List<byte[]> chunks;

	private final long bufferedBytes;

	/**
	 * What is left of its time while its stream is not found locked. Set before the
	 * append is queued, whose lock publishes it, like what follows.
	 */
	private Duration timeout = Duration.ZERO;

	/**
	 * By {@link System#nanoTime()}; {@code null} while its stream is not found locked.
	 */
	private @Nullable Long deadline;

	private @Nullable CompletableFuture<Long> future;

	private @Nullable AppendMeasures measures;

	private long start;

	private final CountDownLatch completed = new CountDownLatch(1);

	/**
	 * Written before {@link #completed}.
	 */
	private @Nullable AppendOutcome outcome;

	/**
	 * Create a new instance.
	 * @param stream the stream's full name
	 * @param conditions what must hold
	 * @param chunks the chunks, at least one
	 */
	public Append(String stream, AppendConditions conditions, List<byte[]> chunks) {
		this.stream = stream;
		this.conditions = conditions;
		this.chunks = chunks;
		long bytes = 0;
		for (byte[] chunk : chunks) {
			bytes += OVERHEAD_BYTES + chunk.length;
		}
		this.bufferedBytes = bytes;
	}

	/**
	 * Return the stream's full name.
	 * @return the name
	 */
	public String stream() {
		return this.stream;
	}

	/**
	 * Return what must hold for it to be stored.
	 * @return the conditions
	 */
	public AppendConditions conditions() {
		return this.conditions;
	}

	List<byte[]> chunks() {
		return this.chunks;
	}

	/**
	 * Return what the append takes of a buffer.
	 * @return the size in bytes
	 */
	public long bufferedBytes() {
		return this.bufferedBytes;
	}

	/**
	 * Let it wait no longer than a timeout for a stream that another transaction holds.
	 */
	Append within(Duration timeout) {
		this.timeout = timeout;
		return this;
	}

	/**
	 * Its stream was found locked, perhaps again.
	 */
	void locked() {
		if (this.deadline == null) {
			this.deadline = System.nanoTime() + this.timeout.toNanos();
		}
	}

	/**
	 * The stream is not found locked any more, before the append could enter.
	 */
	void unlocked() {
		if (this.deadline != null) {
			this.timeout = Duration.ofNanos(this.deadline - System.nanoTime());
			this.deadline = null;
		}
	}

	/**
	 * Return how long it may wait for the stream, which is locked.
	 */
	long nanosLeft() {
		return (this.deadline != null) ? this.deadline - System.nanoTime() : Long.MAX_VALUE;
	}

	/**
	 * Have it timed from now on, until it has an outcome.
	 */
	Append timedBy(AppendMeasures measures) {
		this.measures = measures;
		this.start = measures.start();
		return this;
	}

	boolean isExpired() {
		return nanosLeft() <= 0;
	}

	/**
	 * Have {@link #completeFuture} complete a future, since the caller does not wait.
	 */
	Append completing(CompletableFuture<Long> future) {
		this.future = future;
		return this;
	}

	boolean isAsync() {
		return this.future != null;
	}

	void complete(AppendOutcome outcome) {
		this.outcome = outcome;
		try {
			if (this.measures != null) {
				this.measures.end(this.start, Result.of(outcome));
			}
		}
		finally {
			// Its caller waits for that
			this.completed.countDown();
		}
	}

	boolean isCompleted() {
		return this.completed.getCount() == 0;
	}

	/**
	 * Wait for the outcome, also if that is interrupted: it may be stored already.
	 */
	void awaitCompletion() {
		boolean interrupted = false;
		while (true) {
			try {
				this.completed.await();
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
	 * Return the outcome.
	 * @return the outcome
	 * @throws IllegalStateException if there is none yet
	 */
	public AppendOutcome outcome() {
		AppendOutcome outcome = this.outcome;
		if (outcome == null) {
			throw new IllegalStateException("Append to stream '%s' has no outcome yet".formatted(this.stream));
		}
		return outcome;
	}

	/**
	 * Return whether code of the caller's would run with {@link #completeFuture}.
	 */
	boolean hasDependents() {
		return this.future != null && this.future.getNumberOfDependents() > 0;
	}

	/**
	 * Complete the future, if there is one.
	 * @param result returns the index, or throws what the caller gets
	 */
	void completeFuture(ToLongFunction<Append> result) {
		if (this.future == null) {
			return;
		}
		long index;
		try {
			index = result.applyAsLong(this);
		}
		catch (Throwable ex) {
			this.future.completeExceptionally(ex);
			return;
		}
		this.future.complete(index);
	}

}
