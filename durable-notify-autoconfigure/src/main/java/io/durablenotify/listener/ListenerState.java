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

import java.time.Duration;
import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * The state of the LISTEN connection: one value, replaced as a whole. Health, the poll
 * and logs read it and keep no copy.
 *
 * @param status the status
 * @param since when that status began
 * @param proven whether a notification from another connection was received since the
 * connection was made, which is the only proof that it works
 * @param reconnects how often a connection was made again after it was lost; starts and
 * stops of the listener do not count
 * @param backend the process id of the server's session that listens, or {@code null}
 * while there is none
 * @param lastProbe the outcome of the last probe, or {@code null} before the first
 * @param lastProbeTook how long the last probe of this instance took to arrive, or
 * {@code null} before the first that has
 * @param lastError what went wrong last, without secrets, or {@code null}
 */
public record ListenerState(Status status, Instant since, boolean proven, long reconnects, @Nullable Integer backend,
		@Nullable ProbeOutcome lastProbe, @Nullable Duration lastProbeTook, @Nullable String lastError) {

	/**
	 * Return whether wake-ups can be relied on, so that the poll may take its time.
	 * @return whether the listener listens and is proven to receive
	 */
	public boolean isHealthy() {
		return this.status == Status.LISTENING && this.proven;
	}

	ListenerState withStatus(Status status, Instant now) {
		return (status == this.status) ? this : new ListenerState(status, now, this.proven, this.reconnects,
				this.backend, this.lastProbe, this.lastProbeTook, this.lastError);
	}

	ListenerState withConnection(@Nullable Integer backend) {
		return new ListenerState(this.status, this.since, false, this.reconnects, backend, this.lastProbe,
				this.lastProbeTook, this.lastError);
	}

	ListenerState withProven(boolean proven) {
		return new ListenerState(this.status, this.since, proven, this.reconnects, this.backend, this.lastProbe,
				this.lastProbeTook, this.lastError);
	}

	ListenerState withReconnect() {
		return new ListenerState(this.status, this.since, this.proven, this.reconnects + 1, this.backend,
				this.lastProbe, this.lastProbeTook, this.lastError);
	}

	ListenerState withLastProbe(ProbeOutcome outcome) {
		return new ListenerState(this.status, this.since, this.proven, this.reconnects, this.backend, outcome,
				this.lastProbeTook, this.lastError);
	}

	ListenerState withLastProbeTook(Duration took) {
		return new ListenerState(this.status, this.since, this.proven, this.reconnects, this.backend, this.lastProbe,
				took, this.lastError);
	}

	ListenerState withLastError(String error) {
		return new ListenerState(this.status, this.since, this.proven, this.reconnects, this.backend, this.lastProbe,
				this.lastProbeTook, error);
	}

	/**
	 * The statuses.
	 */
	public enum Status {

		/**
		 * Not started, or stopped.
		 */
		STOPPED,

		/**
		 * Connecting for the first time since the start.
		 */
		CONNECTING,

		/**
		 * Listening on all channels.
		 */
		LISTENING,

		/**
		 * The connection was lost or could not be made; it is tried again, with growing
		 * delays.
		 */
		BACKING_OFF,

		/**
		 * LISTEN succeeds, but what other connections send does not arrive; the
		 * connection is made again, with growing delays.
		 */
		DEAF,

		/**
		 * Listening, but no notification can be sent: the queue that all databases of the
		 * server share is full. It is checked every second, over the same connection.
		 */
		QUEUE_FULL,

		/**
		 * Turned off by {@code durable-notify.listener.enabled=false}.
		 */
		DISABLED

	}

	/**
	 * A change of the status.
	 *
	 * @param at when
	 * @param status the new status
	 * @param error what went wrong, without secrets, or {@code null}
	 */
	public record StatusChange(Instant at, Status status, @Nullable String error) {
	}

	/**
	 * The outcomes of a probe: a token sent from another connection.
	 */
	public enum ProbeOutcome {

		/**
		 * The token, or anything else from another connection, was received.
		 */
		HEARD,

		/**
		 * The token was sent and not received within the timeout.
		 */
		NOT_HEARD,

		/**
		 * The token could not be sent. No connection was available, which says nothing
		 * about the listener, or the server accepts no notifications.
		 */
		NOT_SENT

	}

}
