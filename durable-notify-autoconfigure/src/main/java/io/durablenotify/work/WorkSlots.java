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
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;

import io.durablenotify.work.WorkInvoker.FirstItems;
import org.jspecify.annotations.Nullable;

/**
 * What a listener has claimed and not handled yet, and how many threads handle it.
 */
final class WorkSlots {

	/**
	 * How long all handlers run before nothing is claimed ahead of them. More than an
	 * ordering key is held while others wait.
	 */
	static final Duration LONG = Duration.ofSeconds(2);

	private final int concurrency;

	/**
	 * Guards what follows. Not a monitor, in which a virtual thread would wait pinned.
	 */
	private final Lock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private final ClaimAhead ahead;

	private final LongSupplier nanoTime;

	private final Deque<Unit> waiting = new ArrayDeque<>();

	/**
	 * How many items are claimed and not handled yet. An ordering key counts with the
	 * items that were fetched with it while it waits, and as one when it is handled.
	 */
	private int held;

	private int runners;

	/**
	 * How many of the threads have a unit.
	 */
	private int handling;

	/**
	 * When a thread has taken the last one.
	 */
	private long takenAt;

	/**
	 * Whether another thread may find something to handle. Written under the lock.
	 */
	private volatile boolean startable;

	/**
	 * Written under the lock.
	 */
	private volatile boolean stopping;

	/**
	 * Create a new instance.
	 * @param concurrency how many handlers run at once
	 * @param ahead how many items are claimed beyond those
	 * @param nanoTime {@link System#nanoTime()}
	 */
	WorkSlots(int concurrency, ClaimAhead ahead, LongSupplier nanoTime) {
		this.concurrency = concurrency;
		this.ahead = ahead;
		this.nanoTime = nanoTime;
	}

	private int capacity() {
		return this.concurrency + ((isLong()) ? 0 : this.ahead.items());
	}

	/**
	 * Return whether all handlers run for much longer than those before them, so that
	 * what waits is better off in another instance.
	 */
	private boolean isLong() {
		return this.handling == this.concurrency && !this.ahead.isFixed()
				&& this.nanoTime.getAsLong() - this.takenAt > LONG.toNanos();
	}

	/**
	 * Return whether a claim is worth its statement, also where something else is left to
	 * do.
	 */
	private boolean isRefill(int room) {
		return room >= Math.max(1, capacity() / 2);
	}

	/**
	 * Return whether a thread is free for another item.
	 */
	boolean hasFreeRunner() {
		return locked(() -> !this.stopping && this.held < this.concurrency);
	}

	/**
	 * Return whether there is so much room that a claim is worth its statement.
	 */
	boolean hasRefill() {
		return locked(() -> {
			int room = capacity() - this.held;
			return !this.stopping && room > 0 && (isRefill(room) || this.waiting.isEmpty());
		});
	}

	int room() {
		return locked(() -> (this.stopping) ? 0 : Math.max(0, capacity() - this.held));
	}

	boolean isStopping() {
		return this.stopping;
	}

	boolean isWaitedFor() {
		return locked(() -> this.stopping || !this.waiting.isEmpty());
	}

	void add(Collection<Unit> units) {
		locked(() -> {
			this.waiting.addAll(units);
			this.held += fetched(units);
			updateStartable();
			return null;
		});
	}

	private void updateStartable() {
		this.startable = !this.stopping && !this.waiting.isEmpty() && this.runners < this.concurrency;
	}

	/**
	 * Begin to run, if there is something to handle and there may be another thread.
	 * @return whether the caller is to start one
	 */
	boolean tryRun() {
		return this.startable && locked(() -> {
			boolean run = this.startable;
			if (run) {
				this.runners++;
				updateStartable();
			}
			return run;
		});
	}

	/**
	 * Take the first unit.
	 * @return the unit, or {@code null} if the thread is to end
	 */
	@Nullable Unit next() {
		return this.<@Nullable Unit>locked(this::takeNext);
	}

	private @Nullable Unit takeNext() {
		Unit unit = (this.stopping) ? null : this.waiting.poll();
		if (unit == null) {
			endRun();
		}
		else {
			this.held -= unit.fetched() - unit.items().size();
			this.handling++;
			this.takenAt = this.nanoTime.getAsLong();
		}
		updateStartable();
		return unit;
	}

	/**
	 * A unit has been handled: take the next one.
	 * @param nanos how long that took
	 */
	Turn next(Unit done, long nanos) {
		return locked(() -> {
			this.held -= done.items().size();
			this.handling--;
			this.ahead.handled(nanos);
			Unit next = takeNext();
			return new Turn(next, isRefill(capacity() - this.held), this.stopping || !this.waiting.isEmpty());
		});
	}

	/**
	 * A thread could not be started.
	 */
	void notRun() {
		locked(() -> {
			endRun();
			updateStartable();
			return null;
		});
	}

	private void endRun() {
		this.runners--;
		this.changed.signalAll();
	}

	/**
	 * Hand out nothing more.
	 */
	void stop() {
		locked(() -> {
			this.stopping = true;
			updateStartable();
			return null;
		});
	}

	/**
	 * Return what no thread has begun, and forget it.
	 */
	List<Unit> drain() {
		return drain((unit) -> true);
	}

	/**
	 * Return what no thread has begun of a queue, and forget it.
	 */
	List<Unit> drain(QueueProgress queue) {
		return drain((unit) -> unit.claim().queue() == queue);
	}

	/**
	 * Return what waits for handlers that all run for long, and forget it.
	 */
	List<Unit> drainAfterSlow() {
		return locked(() -> (isLong()) ? drain() : List.of());
	}

	private List<Unit> drain(Predicate<Unit> which) {
		return locked(() -> {
			List<Unit> units = this.waiting.stream().filter(which).toList();
			this.waiting.removeIf(which);
			this.held -= fetched(units);
			updateStartable();
			return units;
		});
	}

	private static int fetched(Collection<Unit> units) {
		return units.stream().mapToInt(Unit::fetched).sum();
	}

	/**
	 * Wait until no thread runs.
	 * @return whether that is so
	 */
	boolean awaitIdle(Duration timeout) {
		long left = timeout.toNanos();
		this.lock.lock();
		try {
			while (this.runners > 0 && left > 0) {
				left = this.changed.awaitNanos(left);
			}
			return this.runners == 0;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
		finally {
			this.lock.unlock();
		}
	}

	private <T extends @Nullable Object> T locked(Supplier<T> action) {
		this.lock.lock();
		try {
			return action.get();
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public String toString() {
		return locked(() -> "%d of %d held, %d handlers".formatted(this.held, capacity(), this.runners));
	}

	/**
	 * What a thread finds when it has handled a unit.
	 *
	 * @param next the next unit, or {@code null} if the thread is to end
	 * @param refill whether a claim is worth its statement
	 * @param waiting whether other units wait
	 */
	record Turn(@Nullable Unit next, boolean refill, boolean waiting) {
	}

	/**
	 * What one thread works off: an item, an ordering key, or a batch.
	 *
	 * @param claim the claim
	 * @param items the items, of which an ordering key is one
	 * @param first the first items of an ordering key
	 */
	record Unit(HeldClaim claim, List<ClaimedItem> items, FirstItems first) {

		Unit(HeldClaim claim, List<ClaimedItem> items) {
			this(claim, items, FirstItems.NONE);
		}

		/**
		 * Return how many items are in memory.
		 */
		int fetched() {
			return Math.max(this.items.size(), this.first.items().size());
		}

	}

}
