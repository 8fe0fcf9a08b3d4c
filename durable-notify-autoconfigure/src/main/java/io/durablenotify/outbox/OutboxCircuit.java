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
package io.durablenotify.outbox;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.work.QueueProbes;
import io.durablenotify.work.QueueProbes.Probe;
import io.durablenotify.work.RetryLaterException;
import io.durablenotify.work.WorkItem;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Circuit breaker of a sender. After so many failures in a row its events are tried one
 * at a time, over all instances, until one is sent.
 * <p>
 * The database knows whether that is so. An instance asks it before it sends an event
 * only if that may be so: its own last event has failed, or the queue is limited. What
 * was claimed after the beginning is alone; what was claimed before is given back.
 */
final class OutboxCircuit {

	private static final Log logger = LogFactory.getLog(Outbox.class);

	/**
	 * How long to wait before the database is asked again: another instance may have sent
	 * an event.
	 */
	private static final Duration LONGEST_WAIT = Duration.ofSeconds(1);

	private final QueueProbes probes;

	private final String sender;

	private final String queue;

	private final OutboxProperties.Circuit settings;

	private final AtomicInteger failures = new AtomicInteger();

	/**
	 * Whether this instance knows that attempts are made one at a time: it has begun
	 * that, or has found it.
	 */
	private volatile boolean known;

	private final Lock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	/**
	 * Guarded by the lock.
	 */
	private boolean stopping;

	OutboxCircuit(QueueProbes probes, String sender, OutboxProperties.Circuit settings) {
		this.probes = probes;
		this.sender = sender;
		this.queue = OutboxQueues.queue(sender);
		this.settings = settings;
	}

	/**
	 * Wait until an event may be sent. It may not if another instance may have taken it
	 * over, and its turn with it, such as while this process was stopped.
	 */
	Turn await(WorkItem item) throws InterruptedException {
		Turn turn = awaitTurn(item);
		return (item.leaseLost()) ? Turn.NONE : turn;
	}

	private Turn awaitTurn(WorkItem item) throws InterruptedException {
		if (this.failures.get() == 0 && !this.probes.isLimited(item)) {
			return Turn.UNKNOWN;
		}
		try {
			while (true) {
				Probe probe = this.probes.find(item);
				if (probe == null) {
					if (this.known) {
						// Another instance has sent one, perhaps
						this.known = false;
						this.failures.updateAndGet((failures) -> (failures >= this.settings.failures()) ? 0 : failures);
					}
					return Turn.NORMAL;
				}
				this.known = true;
				if (probe.giveBack()) {
					return Turn.NONE;
				}
				if (probe.delay().isZero()) {
					return Turn.PROBE;
				}
				if (item.leaseLost() || !sleep(probe.delay())) {
					return Turn.NONE;
				}
			}
		}
		catch (DataAccessException ex) {
			logger.debug("Failed to ask whether sender '%s' is tried".formatted(this.sender), ex);
			return Turn.NONE;
		}
	}

	/**
	 * Sleep for a second at most.
	 * @return false if the application stops
	 */
	private boolean sleep(Duration wait) throws InterruptedException {
		long left = Math.min(wait.toNanos(), LONGEST_WAIT.toNanos());
		this.lock.lockInterruptibly();
		try {
			while (!this.stopping && left > 0) {
				left = this.changed.awaitNanos(left);
			}
			return !this.stopping;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * The receiver has taken the event, or refused it for good. How it is now, the
	 * instance that may have taken the event over finds out.
	 */
	void answered(WorkItem item, Turn turn) {
		if (item.leaseLost()) {
			return;
		}
		int before = this.failures.getAndSet(0);
		if (turn != Turn.PROBE && before < this.settings.failures()
				&& !(turn == Turn.UNKNOWN && this.probes.isLimited(item))) {
			return;
		}
		try {
			if (this.probes.end(this.queue)) {
				logger.info("Sender '%s' sends again".formatted(this.sender));
			}
		}
		catch (DataAccessException ex) {
			// The next event that is sent ends it
			logger.debug("Failed to end the attempts of sender '%s'".formatted(this.sender), ex);
		}
	}

	/**
	 * The event was not sent.
	 * @param delay how long the receiver wants to be left alone
	 * @return the time until the event is to be tried again, {@code null} if the attempt
	 * counts: while the sender fails altogether it does not
	 */
	@Nullable Duration failed(WorkItem item, Turn turn, Throwable failure, Duration delay) {
		Duration interval = (delay.compareTo(this.settings.interval()) > 0) ? delay : this.settings.interval();
		if (item.leaseLost()) {
			// A process that was stopped finds that its requests have timed out
			return (turn == Turn.PROBE) ? interval : null;
		}
		int failures = this.failures.incrementAndGet();
		try {
			if (turn == Turn.PROBE) {
				return this.probes.failed(this.queue, this.settings.interval(), this.settings.maxInterval(), interval);
			}
			if (failures < this.settings.failures()) {
				return null;
			}
			boolean begun = this.probes.begin(this.queue, interval);
			this.known = true;
			if (begun) {
				logger.warn(("Sender '%s' has failed %d times in a row, at last with: %s. Its events are kept, and "
						+ "tried one at a time until one is sent")
					.formatted(this.sender, failures, (failure instanceof RetryLaterException) ? failure.getMessage()
							: FailureLog.describe(failure)));
			}
			return interval;
		}
		catch (DataAccessException ex) {
			logger.debug("Failed to store that sender '%s' fails".formatted(this.sender), ex);
			return (turn == Turn.PROBE) ? interval : null;
		}
	}

	void start() {
		setStopping(false);
	}

	/**
	 * Have no handler wait any more.
	 */
	void stop() {
		setStopping(true);
	}

	private void setStopping(boolean stopping) {
		this.lock.lock();
		try {
			this.stopping = stopping;
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Whether an event may be sent, and how.
	 */
	enum Turn {

		/**
		 * As nothing speaks against it.
		 */
		UNKNOWN,

		/**
		 * The database says that the sender is well.
		 */
		NORMAL,

		/**
		 * As the only one.
		 */
		PROBE,

		/**
		 * It may not.
		 */
		NONE

	}

}
