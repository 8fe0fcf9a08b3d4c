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

package io.durablenotify.change;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.log.HandlerMeasures.Result;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.measure.Timing;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A subscription with the changes that wait for its handler.
 */
final class ChangeFeed implements Subscription {

	private static final Log logger = LogFactory.getLog(ChangeNotifier.class);

	/**
	 * The largest number of calls in one run, after which others get the thread.
	 */
	private static final int CALLS_PER_RUN = 256;

	private static final Duration LONG = Duration.ofMinutes(1);

	private static final Duration REPEAT = Duration.ofMinutes(10);

	private final String topic;

	private final ChangeHandler handler;

	private final int capacity;

	private final HandlerMeasures measures;

	private final Consumer<ChangeFeed> onRoom;

	private final Consumer<ChangeFeed> onCancel;

	private final SerialTask task;

	private final Observations observations;

	/**
	 * Guards the fields below.
	 */
	private final Object lock = new Object();

	private final Deque<Change> changes = new ArrayDeque<>();

	/**
	 * The gap to deliver before the changes.
	 */
	private ChangeGap.@Nullable Reason gap;

	private ChangeGap.@Nullable Reason lastGap;

	private long lastGapAt;

	private boolean cancelled;

	private @Nullable Long warnedAt;

	private final long openedAt = System.nanoTime();

	/**
	 * When the handler was called that has not returned.
	 */
	private volatile long callBegan = Timing.UNMEASURED;

	/**
	 * Create a new instance.
	 * @param capacity the number of changes from which on there is no room
	 * @param measures what is timed of handlers
	 * @param onRoom called when there is room again
	 * @param onCancel called when the subscription was cancelled
	 */
	ChangeFeed(String topic, ChangeHandler handler, int capacity, Executor executor, Delays delays,
			HandlerMeasures measures, Observations observations, Consumer<ChangeFeed> onRoom,
			Consumer<ChangeFeed> onCancel) {
		this.observations = observations;
		this.topic = topic;
		this.handler = handler;
		this.capacity = capacity;
		this.measures = measures;
		this.onRoom = onRoom;
		this.onCancel = onCancel;
		this.task = new SerialTask(executor, this::deliver, this::isActive, delays);
	}

	String topic() {
		return this.topic;
	}

	/**
	 * Return whether there are fewer changes than the capacity.
	 */
	boolean hasRoom() {
		synchronized (this.lock) {
			return this.changes.size() < this.capacity;
		}
	}

	/**
	 * Return what to log if there has been no room for long, at most every ten minutes.
	 */
	Optional<String> warning(Duration positionAge, long now) {
		synchronized (this.lock) {
			if (this.changes.size() < this.capacity || positionAge.compareTo(LONG) < 0
					|| (this.warnedAt != null && now - this.warnedAt < REPEAT.toNanos())) {
				return Optional.empty();
			}
			this.warnedAt = now;
			return Optional.of(("Handler of topic '%s' (%s) is %ds behind, and %d changes wait for it: "
					+ "it gets a gap when it is behind for durable-notify.changes.retention")
				.formatted(this.topic, this.handler.getClass().getName(), positionAge.toSeconds(),
						this.changes.size()));
		}
	}

	/**
	 * Add a change, to be followed by {@link #signal}. The caller must ask for
	 * {@linkplain #hasRoom() room} first: the change is added in any case.
	 */
	void add(Change change) {
		synchronized (this.lock) {
			if (!this.cancelled) {
				this.changes.add(change);
			}
		}
	}

	/**
	 * Replace the waiting changes by a gap, to be followed by {@link #signal}.
	 */
	void addGap(ChangeGap.Reason reason) {
		synchronized (this.lock) {
			if (!this.cancelled) {
				this.changes.clear();
				this.gap = reason;
				this.lastGap = reason;
				this.lastGapAt = System.nanoTime();
			}
		}
	}

	/**
	 * Return whether something waits for the handler.
	 */
	boolean isWaiting() {
		synchronized (this.lock) {
			return this.gap != null || !this.changes.isEmpty();
		}
	}

	/**
	 * Deliver the added changes to the handler, on the executor. Where the system has
	 * neither a thread nor a timer for one feed, the others are signalled all the same.
	 */
	static void signal(Collection<ChangeFeed> feeds) {
		for (ChangeFeed feed : feeds) {
			try {
				feed.task.signal();
			}
			catch (Throwable ex) {
				FailureLog.log(logger::error,
						"No thread for the handler of topic '%s'; its changes wait for the next signal"
							.formatted(feed.topic),
						ex);
			}
		}
	}

	private void deliver() {
		for (int i = 0; i < CALLS_PER_RUN; i++) {
			ChangeGap.Reason gap;
			Change change;
			boolean room;
			synchronized (this.lock) {
				gap = this.gap;
				this.gap = null;
				change = (gap == null) ? this.changes.poll() : null;
				room = change != null && this.changes.size() == this.capacity / 2;
			}
			try {
				if (room) {
					this.onRoom.accept(this);
				}
			}
			finally {
				// Also if the signal that there is room has failed
				if (gap != null) {
					call(gap);
				}
				else if (change != null) {
					call(change);
				}
			}
			if (gap == null && change == null) {
				return;
			}
		}
		this.task.signal();
	}

	private void call(Change change) {
		boolean declared = this.handler instanceof ChangeListenerMethod;
		if (declared && !((ChangeListenerMethod) this.handler).takes(change)) {
			return;
		}
		Observed observed = this.observations.change(this.topic, change.key(), declared).open();
		long start = this.measures.start();
		this.callBegan = start;
		Result result = Result.FAILED;
		try {
			this.handler.onChange(change);
			result = Result.HANDLED;
		}
		catch (Throwable ex) {
			observed.failed(ex);
			FailureLog.log(logger::error, "Handler failed with change %d of topic '%s'; the next change is delivered"
				.formatted(change.id(), this.topic), ex);
		}
		finally {
			this.callBegan = Timing.UNMEASURED;
			this.measures.end(start, result);
			observed.stop();
		}
	}

	private void call(ChangeGap.Reason gap) {
		this.callBegan = this.measures.start();
		try {
			this.handler.onGap(new ChangeGap(this.topic, gap));
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error,
					"Handler of topic '%s' failed with a gap; the next change is delivered".formatted(this.topic), ex);
		}
		finally {
			this.callBegan = Timing.UNMEASURED;
		}
	}

	@Override
	public void cancel() {
		synchronized (this.lock) {
			if (this.cancelled) {
				return;
			}
			this.cancelled = true;
			this.changes.clear();
			this.gap = null;
		}
		this.onCancel.accept(this);
	}

	@Override
	public boolean isActive() {
		synchronized (this.lock) {
			return !this.cancelled;
		}
	}

	ChangeSubscriptionState state(Duration positionAge) {
		synchronized (this.lock) {
			return new ChangeSubscriptionState(this.topic, this.changes.size() >= this.capacity, this.changes.size(),
					positionAge, this.lastGap, (this.lastGap != null) ? since(this.lastGapAt) : null,
					since(this.openedAt), this.handler.getClass().getName(), Timing.since(this.callBegan));
		}
	}

	private static Duration since(long nanoTime) {
		return Duration.ofNanos(System.nanoTime() - nanoTime);
	}

	@Override
	public String toString() {
		synchronized (this.lock) {
			return "feed of topic '%s', %d waiting, %s".formatted(this.topic, this.changes.size(),
					(this.cancelled) ? "cancelled" : "active");
		}
	}

}
