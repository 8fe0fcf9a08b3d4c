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

package io.durablenotify.listener;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.LongSupplier;

import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.ListenerState.StatusChange;
import io.durablenotify.loop.OutageLog;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.StringUtils;

/**
 * The owner of the listener's state and of its history. Logs one line per change of
 * status, not per attempt, and few of those that follow each other closely.
 */
final class ListenerStateHolder {

	/**
	 * How many changes are remembered.
	 */
	static final int HISTORY = 20;

	private static final Log logger = LogFactory.getLog(NotificationListener.class);

	private final Clock clock;

	/**
	 * Replaced under {@code this}, which also guards what follows.
	 */
	private volatile ListenerState state;

	private final Deque<StatusChange> history = new ArrayDeque<>();

	/**
	 * Whether a connection has listened since the start.
	 */
	private boolean listened;

	/**
	 * How many attempts have failed since the connection was lost, or the start.
	 */
	private int failures;

	private Instant failingSince = Instant.EPOCH;

	private final OutageLog outages;

	private final OutageLog fullQueues;

	ListenerStateHolder(Clock clock, Status status) {
		this(clock, status, System::nanoTime);
	}

	ListenerStateHolder(Clock clock, Status status, LongSupplier nanoTime) {
		this.clock = clock;
		this.state = new ListenerState(status, clock.instant(), false, 0, null, null, null, null);
		this.outages = new OutageLog(logger, nanoTime);
		this.fullQueues = new OutageLog(logger, nanoTime);
	}

	ListenerState get() {
		return this.state;
	}

	/**
	 * Return the last changes of the status, the latest first.
	 */
	synchronized List<StatusChange> history() {
		return List.copyOf(this.history);
	}

	synchronized void started() {
		this.listened = false;
		this.failures = 0;
		this.state = new ListenerState(Status.CONNECTING, now(), false, this.state.reconnects(), null, null, null,
				null);
		remember(null);
	}

	synchronized void stopped() {
		change(Status.STOPPED, null);
		this.state = this.state.withConnection(null);
		this.outages.forget();
		this.fullQueues.forget();
	}

	/**
	 * There is a new connection.
	 * @param backend the process id of its session in the server
	 */
	synchronized void connected(int backend) {
		this.state = this.state.withConnection(backend);
	}

	synchronized void proven() {
		if (!this.state.proven() || this.state.lastProbe() != ProbeOutcome.HEARD) {
			this.state = this.state.withProven(true).withLastProbe(ProbeOutcome.HEARD);
		}
		if (this.state.status() == Status.QUEUE_FULL) {
			change(Status.LISTENING, null);
			this.fullQueues.over("The server accepts notifications again");
		}
	}

	/**
	 * Return whether it is of use to find out why nothing can be sent.
	 */
	synchronized boolean expectsQueueFull() {
		return this.state.status() == Status.LISTENING
				|| (this.state.status() == Status.QUEUE_FULL && this.fullQueues.awaitsLine());
	}

	/**
	 * Nothing can be sent for now, as a probe has found.
	 * @param cause the likely cause, for the log only: it names a session of another
	 * application
	 */
	synchronized void queueFull(String error, String cause) {
		if (expectsQueueFull()) {
			change(Status.QUEUE_FULL, error);
			this.state = this.state.withProven(false);
			this.fullQueues.failed(Status.QUEUE_FULL,
					"%s. %s. Falling back to polling until then".formatted(error, cause));
		}
	}

	synchronized void probed(ProbeOutcome outcome) {
		this.state = this.state.withLastProbe(outcome);
	}

	synchronized void probeTook(Duration took) {
		this.state = this.state.withLastProbeTook(took);
	}

	synchronized void listening(String address) {
		int attempts = this.failures + 1;
		Duration away = Duration.between(this.failingSince, now());
		this.failures = 0;
		change(Status.LISTENING, null);
		if (this.listened) {
			this.state = this.state.withReconnect();
			this.outages.over("Listening on %s again after %s, %s. Handlers look for what they may have missed"
				.formatted(address, Durations.inTenths(away), (attempts == 1) ? "1 attempt" : attempts + " attempts"));
		}
		else {
			this.listened = true;
			this.outages.forget();
			logger.info("Listening on " + address);
		}
	}

	synchronized void failed(Status status, String error) {
		if (this.failures == 0) {
			this.failingSince = now();
		}
		this.failures++;
		change(status, error);
		this.state = this.state.withConnection(null);
		this.fullQueues.forget();
		String advice = (status == Status.DEAF) ? "Set durable-notify.listener.url to reach PostgreSQL directly, or "
				+ "durable-notify.listener.enabled=false to run on polling alone. " : "";
		this.outages.failed(status, "LISTEN connection failed: %s. %sReconnecting; falling back to polling"
			.formatted(StringUtils.trimTrailingCharacter(error, '.'), advice));
	}

	private void change(Status status, @Nullable String error) {
		boolean changed = this.state.status() != status;
		this.state = this.state.withStatus(status, now());
		if (error != null) {
			this.state = this.state.withLastError(error);
		}
		if (changed) {
			remember(error);
		}
	}

	private void remember(@Nullable String error) {
		this.history.addFirst(new StatusChange(this.state.since(), this.state.status(), error));
		if (this.history.size() > HISTORY) {
			this.history.removeLast();
		}
	}

	private Instant now() {
		return this.clock.instant();
	}

}
