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
import io.durablenotify.log.HandlerCall;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.log.HandlerMeasures.Result;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.loop.SlowHandler;
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

	/**
	 * The largest number of changes that are taken under one lock.
	 */
	private static final int TAKEN_AT_ONCE = 32;

	private final String topic;

	private final ChangeHandler handler;

	private final int capacity;

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
	 * How often what waits was dropped. Read without the lock, too.
	 */
	private volatile int drops;

	/**
	 * The drops before what was taken last. Written by the task only.
	 */
	private int dropsBeforeTaken;

	/**
	 * The gap to deliver before the changes.
	 */
	private ChangeGap.@Nullable Reason gap;

	private ChangeGap.@Nullable Reason lastGap;

	private long lastGapAt;

	private boolean cancelled;

	private final SlowHandler slowHandler = new SlowHandler();

	private final long openedAt = System.nanoTime();

	/**
	 * Whether it is not known to have all that there was in the last round of reads. So
	 * it begins: what it reads first may have been announced before it was there. Owned
	 * by the reading thread.
	 */
	private boolean behind = true;

	/**
	 * Whether only the poll has found that there is something to read. Owned by the
	 * reading thread.
	 */
	private boolean found;

	/**
	 * What was taken from the changes, and is dropped with them. Owned by the task.
	 */
	private final Deque<Change> taken = new ArrayDeque<>(TAKEN_AT_ONCE);

	/**
	 * How many they are, for others.
	 */
	private volatile int takenCount;

	private final HandlerCall handlerCall;

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
		this.handlerCall = new HandlerCall(measures);
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
			return waiting() < this.capacity;
		}
	}

	/**
	 * A round of reads begins. What only the poll has found stays that, however many
	 * rounds it takes to read it. What waited for room is not known to be that.
	 * @param polled whether only the poll has asked for the round
	 * @param announced whether a wake-up has come since the last one
	 * @return whether there is room, so that it is to be read
	 */
	boolean beginRound(boolean polled, boolean announced) {
		boolean room = hasRoom();
		this.found = !announced && ((this.behind) ? this.found : polled && room);
		this.behind = true;
		return room;
	}

	/**
	 * Return whether only the poll has found what is read in this round.
	 */
	boolean isFound() {
		return this.found;
	}

	/**
	 * All that there was is read.
	 */
	void caughtUp() {
		this.behind = false;
	}

	private int waiting() {
		return this.changes.size() + ((this.dropsBeforeTaken == this.drops) ? this.takenCount : 0);
	}

	/**
	 * Return what to log if there has been no room for long, at most every ten minutes.
	 */
	Optional<String> warning(Duration positionAge, long now) {
		synchronized (this.lock) {
			if (waiting() < this.capacity || !this.slowHandler.isToBeLogged(positionAge, now)) {
				return Optional.empty();
			}
			return Optional.of(("Handler of topic '%s' (%s) is %ds behind, and %d changes wait for it: "
					+ "it gets a gap when it is behind for durable-notify.changes.retention")
				.formatted(this.topic, this.handler.getClass().getName(), positionAge.toSeconds(), waiting()));
		}
	}

	/**
	 * Add changes, to be followed by {@link #signal}. The caller must ask for
	 * {@linkplain #hasRoom() room} first: the changes are added in any case.
	 */
	void add(Collection<Change> changes) {
		synchronized (this.lock) {
			if (!this.cancelled) {
				this.changes.addAll(changes);
			}
		}
	}

	/**
	 * Replace the waiting changes by a gap, to be followed by {@link #signal}.
	 */
	void addGap(ChangeGap.Reason reason) {
		this.found = false;
		synchronized (this.lock) {
			if (!this.cancelled) {
				drop();
				this.gap = reason;
				this.lastGap = reason;
				this.lastGapAt = System.nanoTime();
			}
		}
	}

	private void drop() {
		this.changes.clear();
		this.drops++;
	}

	/**
	 * Return whether something waits for the handler.
	 */
	boolean isWaiting() {
		synchronized (this.lock) {
			return this.gap != null || waiting() > 0;
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
			Change change = nextTaken();
			if (change != null) {
				call(change);
				continue;
			}
			ChangeGap.Reason gap;
			boolean room;
			synchronized (this.lock) {
				gap = this.gap;
				this.gap = null;
				room = gap == null && take();
			}
			if (gap != null) {
				call(gap);
			}
			else if (this.taken.isEmpty()) {
				return;
			}
			if (room) {
				this.onRoom.accept(this);
			}
		}
		this.task.signal();
	}

	private @Nullable Change nextTaken() {
		if (this.dropsBeforeTaken != this.drops) {
			this.taken.clear();
		}
		Change next = this.taken.poll();
		this.takenCount = this.taken.size();
		return next;
	}

	/**
	 * Take changes while none are taken.
	 * @return whether there is room again
	 */
	private boolean take() {
		boolean tight = this.changes.size() > this.capacity / 2;
		while (this.taken.size() < TAKEN_AT_ONCE && !this.changes.isEmpty()) {
			this.taken.add(this.changes.remove());
		}
		this.takenCount = this.taken.size();
		this.dropsBeforeTaken = this.drops;
		return tight && this.changes.size() <= this.capacity / 2;
	}

	private void call(Change change) {
		boolean declared = this.handler instanceof ChangeListenerMethod;
		if (declared && !((ChangeListenerMethod) this.handler).takes(change)) {
			return;
		}
		Observed observed = this.observations.change(this.topic, change.key(), declared).open();
		this.handlerCall.begin();
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
			this.handlerCall.end(result);
			observed.stop();
		}
	}

	private void call(ChangeGap.Reason gap) {
		this.handlerCall.begin();
		try {
			this.handler.onGap(new ChangeGap(this.topic, gap));
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error,
					"Handler of topic '%s' failed with a gap; the next change is delivered".formatted(this.topic), ex);
		}
		finally {
			this.handlerCall.end(null);
		}
	}

	@Override
	public void cancel() {
		synchronized (this.lock) {
			if (this.cancelled) {
				return;
			}
			this.cancelled = true;
			drop();
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
			int waiting = waiting();
			return new ChangeSubscriptionState(this.topic, waiting >= this.capacity, waiting, positionAge, this.lastGap,
					(this.lastGap != null) ? since(this.lastGapAt) : null, since(this.openedAt),
					this.handler.getClass().getName(), this.handlerCall.running());
		}
	}

	private static Duration since(long nanoTime) {
		return Duration.ofNanos(System.nanoTime() - nanoTime);
	}

	@Override
	public String toString() {
		synchronized (this.lock) {
			return "feed of topic '%s', %d waiting, %s".formatted(this.topic, waiting(),
					(this.cancelled) ? "cancelled" : "active");
		}
	}

}
