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
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import io.durablenotify.log.EntryConsumer;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscription.End;
import org.jspecify.annotations.Nullable;

/**
 * The {@link StreamCursor}: takes a reader's chunks on its callers' threads, without an
 * executor in between.
 */
final class DefaultStreamCursor implements StreamCursor, EntryConsumer {

	private static final long WITHOUT_LIMIT = Long.MAX_VALUE;

	private final LogSubscription<Chunk> reader;

	/**
	 * Guards the taking, so that no signal falls between a check and a wait.
	 */
	private final ReentrantLock lock = new ReentrantLock();

	private final Condition moved = this.lock.newCondition();

	private @Nullable End end;

	DefaultStreamCursor(LogSubscription<Chunk> reader) {
		this.reader = reader;
	}

	@Override
	public void signal() {
		this.lock.lock();
		try {
			this.moved.signalAll();
		}
		finally {
			this.lock.unlock();
		}
		// A stop does not wait for a caller that may never come again
		this.reader.completionDelivered();
	}

	@Override
	public Iterator<Chunk> iterator() {
		return new Iterator<>() {

			@Override
			public boolean hasNext() {
				return await(WITHOUT_LIMIT, false) != null;
			}

			@Override
			public Chunk next() {
				Chunk chunk = await(WITHOUT_LIMIT, true);
				if (chunk == null) {
					throw new NoSuchElementException("Stream '%s' was completed".formatted(stream()));
				}
				return chunk;
			}

		};
	}

	@Override
	public @Nullable Chunk poll(Duration timeout) {
		return await(TimeUnit.NANOSECONDS.convert(timeout), true);
	}

	/**
	 * Wait for the next chunk.
	 * @param take whether to take it too
	 * @return the chunk, or {@code null} if there is none (in time)
	 */
	private @Nullable Chunk await(long nanos, boolean take) {
		this.lock.lock();
		try {
			long remaining = nanos;
			while (true) {
				List<Chunk> next = this.reader.peek(1);
				if (!next.isEmpty()) {
					if (take) {
						this.reader.taken(1);
					}
					return next.get(0);
				}
				if (isComplete() || remaining <= 0) {
					return null;
				}
				remaining = this.moved.awaitNanos(remaining);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw (CancellationException) new CancellationException(
					"Interrupted while it waited for stream '%s'".formatted(stream()))
				.initCause(ex);
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public boolean isEnded() {
		this.lock.lock();
		try {
			End end = findEnd();
			return end != null && end.error() == null;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return whether nothing is to be waited for, since the stream was completed.
	 */
	private boolean isComplete() {
		End end = findEnd();
		if (end != null) {
			if (end.error() != null) {
				throw asUnchecked(end.error());
			}
			return true;
		}
		if (!this.reader.isActive()) {
			throw new CancellationException("The cursor of stream '%s' was closed".formatted(stream()));
		}
		return false;
	}

	private @Nullable End findEnd() {
		if (this.end == null) {
			this.end = this.reader.takeEnd();
		}
		return this.end;
	}

	private RuntimeException asUnchecked(Throwable error) {
		if (error instanceof StreamException exception) {
			// It is this reader's own: its stack is the caller's, not the fetching
			// thread's
			exception.fillInStackTrace();
		}
		if (error instanceof RuntimeException exception) {
			return exception;
		}
		return new IllegalStateException("Stream '%s' is no longer read".formatted(stream()), error);
	}

	@Override
	public void close() {
		this.reader.cancel();
		signal();
	}

	private String stream() {
		return this.reader.name();
	}

	@Override
	public String toString() {
		return "cursor of " + this.reader;
	}

}
