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
import java.time.Instant;

import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.util.StringUtils;

/**
 * The owner of the listener's state. Logs one line per change of status, not per attempt.
 */
final class ListenerStateHolder {

	private static final Log logger = LogFactory.getLog(NotificationListener.class);

	private final Clock clock;

	/**
	 * Replaced under {@code this}.
	 */
	private volatile ListenerState state;

	/**
	 * Whether a connection has listened since the start. Guarded by {@code this}.
	 */
	private boolean listened;

	ListenerStateHolder(Clock clock, Status status) {
		this.clock = clock;
		this.state = new ListenerState(status, clock.instant(), false, 0, null, null);
	}

	ListenerState get() {
		return this.state;
	}

	synchronized void started() {
		this.listened = false;
		this.state = new ListenerState(Status.CONNECTING, now(), false, this.state.reconnects(), null, null);
	}

	synchronized void stopped() {
		this.state = this.state.withStatus(Status.STOPPED, now()).withProven(false);
	}

	synchronized void connected() {
		this.state = this.state.withProven(false);
	}

	synchronized void proven() {
		if (!this.state.proven() || this.state.lastProbe() != ProbeOutcome.HEARD) {
			this.state = this.state.withProven(true).withLastProbe(ProbeOutcome.HEARD);
		}
		if (this.state.status() == Status.QUEUE_FULL) {
			this.state = this.state.withStatus(Status.LISTENING, now());
			logger.info("The server accepts notifications again");
		}
	}

	/**
	 * Nothing can be sent for now, as a probe has found.
	 */
	synchronized void queueFull(String error) {
		if (this.state.status() == Status.LISTENING) {
			this.state = this.state.withStatus(Status.QUEUE_FULL, now()).withProven(false).withLastError(error);
			logger.warn(error + ". Falling back to polling until then");
		}
	}

	synchronized void probed(ProbeOutcome outcome) {
		this.state = this.state.withLastProbe(outcome);
	}

	synchronized void listening(String address) {
		this.state = this.state.withStatus(Status.LISTENING, now());
		if (this.listened) {
			this.state = this.state.withReconnect();
			logger.info("Listening on %s again".formatted(address));
		}
		else {
			this.listened = true;
			logger.info("Listening on " + address);
		}
	}

	synchronized void failed(Status status, String error) {
		Status previous = this.state.status();
		this.state = this.state.withStatus(status, now()).withProven(false).withLastError(error);
		if (previous != status) {
			logger.warn("LISTEN connection failed: %s. Reconnecting; falling back to polling"
				.formatted(StringUtils.trimTrailingCharacter(error, '.')));
		}
	}

	private Instant now() {
		return this.clock.instant();
	}

}
