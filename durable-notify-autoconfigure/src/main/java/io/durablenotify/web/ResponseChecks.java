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

package io.durablenotify.web;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.measure.Tally;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.Lifecycle;
import org.springframework.context.Phased;
import org.springframework.context.SmartLifecycle;

/**
 * Checks the responses that are being written, as long as there are some. Heartbeats may
 * be due, and clients may take nothing.
 */
final class ResponseChecks implements SseClients, Lifecycle, Phased, AutoCloseable {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	private static final int CHECKS_PER_INTERVAL = 3;

	private static final Duration LONGEST_CHECK_INTERVAL = Duration.ofSeconds(1);

	/**
	 * After so long without progress, a stop no longer waits for a client.
	 */
	private static final Duration TIMEOUT_AT_STOP = Duration.ofSeconds(1);

	/**
	 * What is checked.
	 */
	interface Checked {

		/**
		 * Called regularly by the thread of the checks, which it must not block.
		 * @param now the time, by {@link System#nanoTime()}
		 * @param heartbeatNanos the time without an event after which a heartbeat is due
		 * @param timeoutNanos the time after which a client that takes nothing is given
		 * up, which is short while the application stops
		 * @param stopping whether the application stops
		 */
		void check(long now, long heartbeatNanos, long timeoutNanos, boolean stopping);

		/**
		 * Return the state of the client, or {@code null} for a part of a response whose
		 * client is counted elsewhere.
		 */
		default @Nullable Client client() {
			return null;
		}

	}

	/**
	 * The states of a client.
	 */
	enum Client {

		/**
		 * It takes events.
		 */
		OPEN,

		/**
		 * It takes nothing for now.
		 */
		WAITING,

		/**
		 * It was given up.
		 */
		GIVEN_UP

	}

	private final SseMeasures measures;

	private final Set<Checked> all = ConcurrentHashMap.newKeySet();

	/**
	 * Whether there is, or will be, a check that schedules the next one.
	 */
	private final AtomicBoolean checking = new AtomicBoolean();

	private volatile boolean stopping;

	private final Duration heartbeatInterval;

	private final Duration writeTimeout;

	private final Duration checkInterval;

	private final BackgroundLoop checks = new BackgroundLoop("durable-notify-sse",
			new FailureLog(logger, "Failed to check the responses of server-sent events", "They are checked again"),
			this::check);

	ResponseChecks(SseProperties properties, SseMeasures measures) {
		this.measures = measures;
		this.heartbeatInterval = properties.heartbeatInterval();
		this.writeTimeout = properties.writeTimeout();
		Duration shortest = (this.heartbeatInterval.compareTo(this.writeTimeout) < 0) ? this.heartbeatInterval
				: this.writeTimeout;
		Duration interval = shortest.dividedBy(CHECKS_PER_INTERVAL);
		this.checkInterval = (interval.compareTo(LONGEST_CHECK_INTERVAL) < 0) ? interval : LONGEST_CHECK_INTERVAL;
		measures.clients().add(this);
	}

	void add(Checked response) {
		this.all.add(response);
		if (!this.checking.getAndSet(true)) {
			this.checks.signalAfter(this.checkInterval);
		}
	}

	void remove(Checked response) {
		this.all.remove(response);
	}

	/**
	 * Check all of them.
	 * @return when to check again
	 */
	Next check() {
		long now = System.nanoTime();
		boolean stopping = this.stopping;
		Duration timeout = (stopping && this.writeTimeout.compareTo(TIMEOUT_AT_STOP) > 0) ? TIMEOUT_AT_STOP
				: this.writeTimeout;
		for (Checked response : this.all) {
			try {
				response.check(now, this.heartbeatInterval.toNanos(), timeout.toNanos(), stopping);
			}
			catch (RuntimeException ex) {
				logger.error("Failed to check a response of server-sent events. The others are checked", ex);
			}
		}
		if (this.all.isEmpty()) {
			this.checking.set(false);
			if (this.all.isEmpty() || this.checking.getAndSet(true)) {
				return Next.IDLE;
			}
		}
		return Next.after(this.checkInterval);
	}

	@Override
	public void start() {
		this.stopping = false;
	}

	/**
	 * The web server waits for all responses when it stops, which comes after this.
	 */
	@Override
	public void stop() {
		this.stopping = true;
	}

	@Override
	public boolean isRunning() {
		return !this.stopping;
	}

	@Override
	public int getPhase() {
		return SmartLifecycle.DEFAULT_PHASE;
	}

	@Override
	public SseState state() {
		return new SseState(count(Client.OPEN), count(Client.WAITING), count(Client.GIVEN_UP));
	}

	private int count(Client client) {
		return count((response) -> response.client() == client);
	}

	Tally givenUp() {
		return this.measures.givenUp();
	}

	/**
	 * Return how many are checked.
	 */
	int count() {
		return this.all.size();
	}

	/**
	 * Return how many are checked for which a condition is true.
	 */
	int count(Predicate<Checked> condition) {
		return (int) this.all.stream().filter(condition).count();
	}

	@Override
	public void close() {
		this.measures.clients().remove(this);
		this.checks.close();
	}

}
