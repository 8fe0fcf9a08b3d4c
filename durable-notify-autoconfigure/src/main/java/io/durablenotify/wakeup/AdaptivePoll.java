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
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.ListenerState.Status;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * Polls slowly while the listener is proven to receive or is meant to be off, else fast.
 * Its thread exists only while something is registered, and for some seconds after that:
 * readers often come and go one after the other, and a thread costs as much time as
 * several reads.
 */
final class AdaptivePoll implements Poll, SmartLifecycle {

	private static final Log logger = LogFactory.getLog(Poll.class);

	/**
	 * How often the interval is compared with the time gone by, relative to the shorter
	 * interval. A change of the listener's state is noticed soon.
	 */
	private static final int TICKS_PER_INTERVAL = 5;

	/**
	 * How often it is checked, at least, whether anything is registered any more.
	 */
	private static final Duration MAX_TICK = Duration.ofSeconds(1);

	/**
	 * Instances that started together must not poll in step forever.
	 */
	private static final double JITTER = 0.1;

	private final PollProperties properties;

	private final Supplier<ListenerState> listener;

	private final Duration tick;

	private final Set<Registration> registrations = new CopyOnWriteArraySet<>();

	private final MissedWakeups missed = new MissedWakeups(logger, System::nanoTime);

	private final Object lifecycle = new Object();

	/**
	 * There while this is running. Replaced under {@link #lifecycle}.
	 */
	private volatile @Nullable Ticker ticker = new Ticker();

	AdaptivePoll(PollProperties properties, Supplier<ListenerState> listener) {
		this.properties = properties;
		this.listener = listener;
		Duration shortest = (properties.degradedInterval().isZero()) ? properties.interval()
				: min(properties.interval(), properties.degradedInterval());
		this.tick = min(MAX_TICK, Duration.ofMillis(Math.max(1, shortest.toMillis() / TICKS_PER_INTERVAL)));
	}

	@Override
	public Duration intervalInForce() {
		ListenerState state = this.listener.get();
		boolean slow = state.isHealthy() || state.status() == Status.DISABLED
				|| this.properties.degradedInterval().isZero();
		return (slow) ? this.properties.interval()
				: min(this.properties.interval(), this.properties.degradedInterval());
	}

	private static Duration min(Duration first, Duration second) {
		return (first.compareTo(second) <= 0) ? first : second;
	}

	@Override
	public Subscription register(Runnable check) {
		Registration registration = new Registration(check);
		this.registrations.add(registration);
		try {
			signal();
		}
		catch (Throwable ex) {
			// The caller could not cancel it
			registration.cancel();
			throw ex;
		}
		return registration;
	}

	@Override
	public Subscription register(Runnable check, PollFindings findings) {
		this.missed.watch(findings);
		return register(check);
	}

	private void signal() {
		Ticker ticker = this.ticker;
		if (ticker != null && !this.properties.interval().isZero()) {
			ticker.signalIfIdle();
		}
	}

	private void poll() {
		for (Registration registration : this.registrations) {
			try {
				registration.check.run();
			}
			catch (Throwable ex) {
				logger.error("Failed to poll; the next poll follows after its interval", ex);
			}
		}
		this.missed.check(this.listener.get().isHealthy());
	}

	@Override
	public void start() {
		synchronized (this.lifecycle) {
			if (this.ticker == null) {
				this.ticker = new Ticker();
			}
		}
		if (!this.registrations.isEmpty()) {
			signal();
		}
	}

	@Override
	public void stop() {
		synchronized (this.lifecycle) {
			if (this.ticker != null) {
				this.ticker.close();
				this.ticker = null;
			}
		}
	}

	@Override
	public boolean isRunning() {
		return this.ticker != null;
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
	 * A loop, and what its thread owns.
	 */
	private final class Ticker implements AutoCloseable {

		private final BackgroundLoop loop = new BackgroundLoop("durable-notify-poll",
				new FailureLog(logger, "Failed to poll", "Polling again"), this::tick);

		/**
		 * Whether the loop waits for a signal.
		 */
		private volatile boolean idle = true;

		private @Nullable Long polledAt;

		private double jitter = nextJitter();

		private void signalIfIdle() {
			if (this.idle) {
				this.loop.signal();
			}
		}

		private Next tick() {
			this.idle = AdaptivePoll.this.registrations.isEmpty();
			// Checked again: what was registered before the loop was idle sent no signal
			if (this.idle && AdaptivePoll.this.registrations.isEmpty()) {
				this.polledAt = null;
				return Next.IDLE;
			}
			this.idle = false;
			pollWhenDue(System.nanoTime());
			return Next.after(AdaptivePoll.this.tick);
		}

		private void pollWhenDue(long now) {
			if (this.polledAt == null) {
				this.polledAt = now;
			}
			else if (now - this.polledAt >= intervalInForce().minus(AdaptivePoll.this.tick).toNanos() * this.jitter) {
				this.polledAt = now;
				this.jitter = nextJitter();
				poll();
			}
		}

		/**
		 * Only ever shorter: the interval is what users were promised.
		 */
		private static double nextJitter() {
			return 1 - ThreadLocalRandom.current().nextDouble(JITTER);
		}

		@Override
		public void close() {
			this.loop.close();
		}

	}

}
