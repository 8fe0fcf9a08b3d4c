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

import org.jspecify.annotations.Nullable;

/**
 * What a listener knows of one of its queues: when to claim, and from where on to search.
 * Its clock is the database's, known from the last claim.
 */
final class QueueProgress {

	/**
	 * The id of a queue that is not registered yet.
	 */
	static final int UNREGISTERED = 0;

	private static final long NANOS_PER_MICRO = 1_000;

	private static final long LONGEST_WAIT_MICROS = 86_400_000_000L;

	/**
	 * For how long a reading of the database's clock counts that is more exact than later
	 * ones, since clocks drift apart.
	 */
	private static final long LONGEST_READING_NANOS = 10_000_000_000L;

	private final String name;

	private volatile int id;

	private final long pollNanos;

	private final boolean keepingFinished;

	/**
	 * All that was visible and due before is claimed, in microseconds of the database's
	 * clock.
	 */
	private long low = Long.MIN_VALUE;

	/**
	 * The earliest due time of which a wake-up came since the last claim.
	 */
	private long hint = Long.MAX_VALUE;

	/**
	 * Whether something is due, as far as is known.
	 */
	private boolean due = true;

	/**
	 * Whether only the poll has led to the claim that was begun last.
	 */
	private boolean polled;

	/**
	 * When the next item is due, by {@link System#nanoTime()}.
	 */
	private @Nullable Long nextDue;

	/**
	 * When the queue is claimed without a wake-up, by {@link System#nanoTime()}.
	 */
	private long nextPoll;

	/**
	 * The database's clock, and when it was read, by {@link System#nanoTime()}.
	 */
	private @Nullable Clock clock;

	/**
	 * Until when it is not claimed again after a failure, by {@link System#nanoTime()}.
	 */
	private volatile @Nullable Long pausedUntil;

	private volatile boolean limited;

	private volatile boolean paused;

	QueueProgress(String name, int id, Duration pollInterval, boolean keepingFinished) {
		this.name = name;
		this.id = id;
		this.pollNanos = pollInterval.toNanos();
		this.keepingFinished = keepingFinished;
	}

	String name() {
		return this.name;
	}

	int id() {
		return this.id;
	}

	boolean isRegistered() {
		return this.id != UNREGISTERED;
	}

	/**
	 * Return whether finished items are kept for the queue's retention.
	 */
	boolean isKeepingFinished() {
		return this.keepingFinished;
	}

	/**
	 * A wake-up has come.
	 * @param dueMicros when the item is due
	 * @param now the time, by {@link System#nanoTime()}
	 */
	synchronized void wake(long dueMicros, long now) {
		this.hint = Math.min(this.hint, dueMicros);
		long wait = nanosUntil(dueMicros, now);
		if (wait <= 0) {
			this.due = true;
		}
		else if (this.nextDue == null || now + wait - this.nextDue < 0) {
			this.nextDue = now + wait;
		}
	}

	/**
	 * Return the time until a moment of the database's clock, at least what is certain.
	 * It is 0 while that clock is unknown.
	 */
	private long nanosUntil(long micros, long now) {
		Clock clock = this.clock;
		if (clock == null || micros == Long.MIN_VALUE) {
			return 0;
		}
		return nanos(micros - clock.micros()) - (now - clock.readAt());
	}

	/**
	 * No more than a day, by when it is claimed anyway.
	 */
	private static long nanos(long micros) {
		return Math.min(micros, LONGEST_WAIT_MICROS) * NANOS_PER_MICRO;
	}

	/**
	 * Return whether an item with a due time can be claimed now.
	 */
	synchronized boolean isNow(long dueMicros, long now) {
		return this.clock != null && nanosUntil(dueMicros, now) <= 0;
	}

	/**
	 * Set the id of a queue that was created, for the first time or again.
	 */
	synchronized void created(int id) {
		this.id = id;
		this.low = Long.MIN_VALUE;
		resync();
	}

	/**
	 * Wake-ups may have been missed.
	 */
	synchronized void resync() {
		this.hint = Long.MIN_VALUE;
		this.due = true;
	}

	/**
	 * Something may be due: a limit may not be reached any more.
	 */
	synchronized void check() {
		this.due = true;
	}

	synchronized boolean isDue(long now) {
		return nanosUntilDue(now) <= 0;
	}

	synchronized long nanosUntilDue(long now) {
		Long pausedUntil = this.pausedUntil;
		if (pausedUntil != null) {
			return pausedUntil - now;
		}
		if (this.due) {
			return 0;
		}
		long wait = this.nextPoll - now;
		return (this.nextDue != null) ? Math.min(wait, this.nextDue - now) : wait;
	}

	/**
	 * Begin a claim.
	 * @param now the time, by {@link System#nanoTime()}
	 * @return from where on to search
	 */
	synchronized Range begin(long now) {
		this.polled = !this.due && this.hint == Long.MAX_VALUE && (this.nextDue == null || this.nextDue - now > 0);
		Range range = new Range(this.low, this.hint);
		this.hint = Long.MAX_VALUE;
		this.due = false;
		return range;
	}

	/**
	 * Return whether no wake-up and no due time that was known has led to the claim.
	 */
	synchronized boolean isPolled() {
		return this.polled;
	}

	/**
	 * The claim has failed, or may have.
	 * @param until when to claim again, by {@link System#nanoTime()}
	 */
	synchronized void failed(Range range, long until) {
		this.hint = Math.min(this.hint, range.hint());
		this.due = true;
		this.pausedUntil = until;
	}

	/**
	 * Return whether the last claim has failed.
	 */
	boolean hasFailed() {
		return this.pausedUntil != null;
	}

	/**
	 * The claim has succeeded.
	 * @param claimed the answer
	 * @param now when it came, by {@link System#nanoTime()}
	 * @param jitter from 0.5 to 1: when to poll next
	 */
	synchronized void claimed(Claimed claimed, Range range, long now, double jitter) {
		this.pausedUntil = null;
		this.nextPoll = now + (long) (this.pollNanos * jitter);
		this.limited = claimed.limited();
		this.paused = claimed.paused();
		if (!claimed.granted()) {
			this.hint = Math.min(this.hint, range.hint());
			this.nextDue = null;
			return;
		}
		this.low = claimed.frontierMicros();
		if (claimed.more()) {
			this.due = true;
			this.nextDue = null;
			// Late items may lie below the bound of all instances
			this.hint = Math.min(this.hint, claimed.nextHintMicros());
			return;
		}
		read(claimed.clockMicros(), now);
		this.nextDue = (claimed.nextDueMicros() >= 0) ? now + nanos(claimed.nextDueMicros()) : null;
		if (this.hint != Long.MAX_VALUE) {
			// Received while the claim was under way
			wake(this.hint, now);
		}
	}

	/**
	 * Keep the clock that is the furthest: of a claim that was slow to answer it is late,
	 * and what is due already seems not to be.
	 */
	private void read(long micros, long now) {
		Clock clock = this.clock;
		if (clock == null || now - clock.readAt() > LONGEST_READING_NANOS || nanosUntil(micros, now) >= 0) {
			this.clock = new Clock(micros, now);
		}
	}

	/**
	 * Return whether the queue's running items are limited over all instances.
	 */
	boolean isLimited() {
		return this.limited;
	}

	/**
	 * The queue is limited, until a claim finds that it is not.
	 */
	void limit() {
		this.limited = true;
	}

	/**
	 * Return whether no item is to be begun, as far as this instance knows.
	 */
	boolean isPaused() {
		return this.paused;
	}

	/**
	 * The queue is paused, until a claim finds that it is not.
	 */
	void pause() {
		this.paused = true;
	}

	@Override
	public String toString() {
		return this.name;
	}

	/**
	 * From where on a claim searches.
	 *
	 * @param low all that was visible and due before is claimed
	 * @param hint the earliest due time of a wake-up
	 */
	record Range(long low, long hint) {
	}

	/**
	 * The database's clock.
	 */
	private record Clock(long micros, long readAt) {
	}

}
