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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Stores items with keys whose callers do not wait. Each has a statement of its own, and
 * those of a key keep their order. A key that another transaction has locked is tried
 * again and again, and holds up no other.
 */
final class SeparateEnqueues implements AutoCloseable {

	/**
	 * How long the others wait for a key that is locked.
	 */
	private static final Duration LOCK_WAIT = Duration.ofMillis(10);

	private final WorkWrites writes;

	private final int capacity;

	private final Duration timeout;

	private final Consumer<List<PendingEnqueue>> completions;

	private final BackgroundLoop loop;

	/**
	 * Guards what follows.
	 */
	private final Lock lock = new ReentrantLock();

	private final Map<Row, Deque<PendingEnqueue>> waiting = new LinkedHashMap<>();

	private int size;

	/**
	 * The one that a statement may be storing.
	 */
	private @Nullable PendingEnqueue writing;

	private boolean closed;

	SeparateEnqueues(WorkWrites writes, int capacity, Duration timeout, Consumer<List<PendingEnqueue>> completions) {
		this(writes, capacity, timeout, completions, (step) -> new BackgroundLoop("durable-notify-enqueue-keys",
				new FailureLog(LogFactory.getLog(WorkQueue.class), "Failed to enqueue work", "Work is enqueued again"),
				step));
	}

	SeparateEnqueues(WorkWrites writes, int capacity, Duration timeout, Consumer<List<PendingEnqueue>> completions,
			Function<Step, BackgroundLoop> loop) {
		this.writes = writes.inBackground(LOCK_WAIT);
		this.capacity = capacity;
		this.timeout = timeout;
		this.completions = completions;
		this.loop = loop.apply(this::write);
	}

	/**
	 * Have an item stored.
	 * @return whether there was room
	 */
	boolean offer(PendingEnqueue pending) {
		return add(pending, this.capacity);
	}

	/**
	 * Have an item stored that was given room before.
	 */
	void take(PendingEnqueue pending) {
		try {
			if (add(pending, Integer.MAX_VALUE)) {
				return;
			}
			pending.closed();
		}
		catch (Throwable ex) {
			// Those before it are stored
			pending.outcome().completeExceptionally(ex);
		}
		this.completions.accept(List.of(pending));
	}

	private boolean add(PendingEnqueue pending, int capacity) {
		this.lock.lock();
		try {
			if (this.closed || this.size >= capacity) {
				return false;
			}
			this.waiting.computeIfAbsent(Row.of(pending.item()), (row) -> new ArrayDeque<>()).add(pending);
			this.size++;
			signal(pending);
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * What is said to have failed, for want of a thread, must not be stored later.
	 */
	private void signal(PendingEnqueue pending) {
		try {
			this.loop.signal();
		}
		catch (Throwable ex) {
			remove(pending);
			throw ex;
		}
	}

	/**
	 * Wait until what was offered before for a key is stored, or has failed.
	 */
	void awaitEarlier(String queue, @Nullable String key, boolean ordering) {
		PendingEnqueue last;
		this.lock.lock();
		try {
			Deque<PendingEnqueue> earlier = this.waiting.get(new Row(queue, key, ordering));
			last = (earlier != null) ? earlier.getLast() : null;
		}
		finally {
			this.lock.unlock();
		}
		if (last != null) {
			last.outcome().handle((stored, failure) -> last).join();
		}
	}

	/**
	 * Store all that can be stored, also where the context closes.
	 */
	private Next write() {
		boolean stored;
		@Nullable Duration retry;
		do {
			stored = false;
			retry = null;
			for (PendingEnqueue pending : heads()) {
				if (pending.untilRetry().isZero() && write(pending)) {
					remove(pending);
					this.completions.accept(List.of(pending));
					stored = true;
				}
				else {
					Duration wait = pending.untilRetry();
					retry = (retry == null || wait.compareTo(retry) < 0) ? wait : retry;
				}
			}
		}
		while (stored);
		return (retry != null) ? Next.after(retry) : Next.IDLE;
	}

	private List<PendingEnqueue> heads() {
		this.lock.lock();
		try {
			return this.waiting.values().stream().map(Deque::getFirst).toList();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return whether the item is stored, or has failed.
	 */
	private boolean write(PendingEnqueue pending) {
		if (!begin(pending)) {
			return false;
		}
		try {
			pending.outcome().complete(this.writes.store(pending.item()));
		}
		catch (WorkLockedException ex) {
			if (pending.waited() < this.timeout.toNanos()) {
				pending.retryLater();
				return false;
			}
			pending.outcome()
				.completeExceptionally(new WorkLockedException(pending.item().queue(), pending.item().lockedKey(),
						this.timeout, ex.getCause()));
		}
		catch (Throwable ex) {
			pending.outcome().completeExceptionally(ex);
		}
		finally {
			end();
		}
		return true;
	}

	/**
	 * Return whether it still waits: the end may have failed it, which does not wait for
	 * the one before it for ever.
	 */
	private boolean begin(PendingEnqueue pending) {
		this.lock.lock();
		try {
			Deque<PendingEnqueue> entries = this.waiting.get(Row.of(pending.item()));
			boolean waits = entries != null && entries.getFirst() == pending;
			this.writing = (waits) ? pending : null;
			return waits;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void end() {
		this.lock.lock();
		try {
			this.writing = null;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void remove(PendingEnqueue pending) {
		this.lock.lock();
		try {
			Row row = Row.of(pending.item());
			Deque<PendingEnqueue> entries = this.waiting.get(row);
			if (entries != null && entries.remove(pending)) {
				this.size--;
				if (entries.isEmpty()) {
					this.waiting.remove(row);
				}
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Store what waits and is not locked, and stop.
	 */
	@Override
	public void close() {
		this.lock.lock();
		try {
			this.closed = true;
		}
		finally {
			this.lock.unlock();
		}
		this.loop.finish(this.timeout);
		List<PendingEnqueue> left = new ArrayList<>();
		PendingEnqueue written;
		this.lock.lock();
		try {
			this.waiting.values().forEach(left::addAll);
			this.waiting.clear();
			written = this.writing;
		}
		finally {
			this.lock.unlock();
		}
		left.forEach((pending) -> {
			if (pending == written) {
				pending.unknown();
			}
			else {
				pending.closed();
			}
		});
		this.completions.accept(left);
	}

	/**
	 * What another transaction may have locked.
	 *
	 * @param key the key, {@code null} if the queue is missing
	 * @param ordering whether it is an ordering key
	 */
	private record Row(String queue, @Nullable String key, boolean ordering) {

		private static Row of(NewItem item) {
			return new Row(item.queue(), item.lockedKey(), item.orderingKey() != null);
		}

	}

}
