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

package io.durablenotify.wakeup;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.ListenerState.Status;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * Polls slowly while the listener is proven to hear, or is meant to be off, and fast
 * while it is not. Its thread exists only while something is registered, and for up to a
 * second after that: readers often come and go one after the other, and a thread costs as
 * much time as several reads.
 */
final class AdaptivePoll implements Poll, SmartLifecycle {

	private static final Log logger = LogFactory.getLog(Poll.class);

	/**
	 * How often the interval is compared with the time gone by, relative to the shorter
	 * interval, so that a change of the listener's state is noticed soon.
	 */
	private static final int TICKS_PER_INTERVAL = 5;

	/**
	 * How often it is checked, at least, whether anything is registered any more.
	 */
	private static final Duration MAX_TICK = Duration.ofSeconds(1);

	/**
	 * Instances that started together must not poll in step for ever.
	 */
	private static final double JITTER = 0.1;

	private final PollProperties settings;

	private final Supplier<ListenerState> listener;

	private final Set<Registration> registrations = new CopyOnWriteArraySet<>();

	/**
	 * Guards {@link #running} and {@link #ticker}.
	 */
	private final Object lifecycle = new Object();

	private boolean running = true;

	private @Nullable Ticker ticker;

	AdaptivePoll(PollProperties settings, Supplier<ListenerState> listener) {
		this.settings = settings;
		this.listener = listener;
	}

	@Override
	public Duration intervalInForce() {
		ListenerState state = this.listener.get();
		boolean slow = state.isHealthy() || state.status() == Status.DISABLED
				|| this.settings.degradedInterval().isZero();
		return (slow) ? this.settings.interval() : min(this.settings.interval(), this.settings.degradedInterval());
	}

	private static Duration min(Duration first, Duration second) {
		return (first.compareTo(second) <= 0) ? first : second;
	}

	@Override
	public Subscription register(Runnable check) {
		Registration registration = new Registration(check);
		this.registrations.add(registration);
		followRegistrations();
		return registration;
	}

	/**
	 * Begin the thread if it is needed and not there; one that is not needed any more
	 * ends by itself.
	 */
	private void followRegistrations() {
		synchronized (this.lifecycle) {
			boolean needed = this.running && !this.registrations.isEmpty() && !this.settings.interval().isZero();
			if (needed && this.ticker == null) {
				this.ticker = new Ticker();
			}
			else if (!this.running && this.ticker != null) {
				this.ticker.close();
				this.ticker = null;
			}
		}
	}

	/**
	 * Called by the ticker's thread.
	 */
	private void closeIfIdle(Ticker idle) {
		synchronized (this.lifecycle) {
			if (this.registrations.isEmpty() && this.ticker == idle) {
				idle.close();
				this.ticker = null;
			}
		}
	}

	private void poll() {
		for (Registration registration : this.registrations) {
			try {
				registration.check.run();
			}
			catch (Throwable ex) {
				logger.error("A poll failed", ex);
			}
		}
	}

	@Override
	public void start() {
		synchronized (this.lifecycle) {
			this.running = true;
		}
		followRegistrations();
	}

	@Override
	public void stop() {
		synchronized (this.lifecycle) {
			this.running = false;
		}
		followRegistrations();
	}

	@Override
	public boolean isRunning() {
		synchronized (this.lifecycle) {
			return this.running;
		}
	}

	private final class Registration implements Subscription {

		private final Runnable check;

		private Registration(Runnable check) {
			this.check = check;
		}

		@Override
		public void cancel() {
			AdaptivePoll.this.registrations.remove(this);
		}

		@Override
		public boolean isActive() {
			return AdaptivePoll.this.registrations.contains(this);
		}

	}

	/**
	 * The thread, and the time of the last poll, which that thread owns.
	 */
	private final class Ticker implements AutoCloseable {

		private final ScheduledThreadPoolExecutor executor;

		private final ScheduledFuture<?> schedule;

		private final Duration tick;

		private long polledAt = System.nanoTime();

		private double jitter = nextJitter();

		private Ticker() {
			this.executor = new ScheduledThreadPoolExecutor(1, new DaemonThreadFactory("durable-notify-poll"));
			PollProperties settings = AdaptivePoll.this.settings;
			Duration shortest = (settings.degradedInterval().isZero()) ? settings.interval()
					: min(settings.interval(), settings.degradedInterval());
			this.tick = min(MAX_TICK, Duration.ofMillis(Math.max(1, shortest.toMillis() / TICKS_PER_INTERVAL)));
			long tick = this.tick.toMillis();
			this.schedule = this.executor.scheduleWithFixedDelay(this::tick, tick, tick, TimeUnit.MILLISECONDS);
		}

		private void tick() {
			if (AdaptivePoll.this.registrations.isEmpty()) {
				closeIfIdle(this);
				return;
			}
			try {
				pollWhenDue();
			}
			catch (Throwable ex) {
				// The executor would not tick again
				logger.error("A poll failed", ex);
			}
		}

		private void pollWhenDue() {
			if (System.nanoTime() - this.polledAt >= intervalInForce().minus(this.tick).toNanos() * this.jitter) {
				this.polledAt = System.nanoTime();
				this.jitter = nextJitter();
				poll();
			}
		}

		/**
		 * Only ever shorter: the interval is what users were promised.
		 */
		private double nextJitter() {
			return 1 - ThreadLocalRandom.current().nextDouble(JITTER);
		}

		@Override
		public void close() {
			this.schedule.cancel(false);
			this.executor.shutdown();
		}

	}

}
