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

import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGNotification;

/**
 * The life of one LISTEN connection, on the listener's thread: listen, prove that it
 * receives, read, hand over.
 */
final class ListenerSession {

	/**
	 * How long a wait on the socket lasts at most before other duties are checked. These
	 * are a new channel, and a due probe.
	 */
	private static final Duration WAIT = Duration.ofMillis(250);

	private final ListenerConnection connection;

	private final NotificationChannels channels;

	/**
	 * Asked here. What changes it goes through {@link #changes}.
	 */
	private final ListenerStateHolder state;

	/**
	 * Runs changes of the state, unless the run was stopped: the state may be another
	 * run's.
	 */
	private final Executor changes;

	private final ListenerMeasures measures;

	private final Duration probeTimeout;

	private final ProbeSender probeSender;

	private final HearingProbe probe;

	private final Set<String> listened = new HashSet<>();

	private volatile long stepBegan = System.nanoTime();

	ListenerSession(ListenerConnection connection, NotificationChannels channels, ProbeSender probeSender,
			ListenerStateHolder state, Executor changes, ListenerMeasures measures, ListenerProperties.Probe probe) {
		this.connection = connection;
		this.channels = channels;
		this.state = state;
		this.changes = changes;
		this.measures = measures;
		this.probeTimeout = probe.timeout();
		this.probeSender = probeSender;
		this.probe = new HearingProbe(probe, probeSender::send, System.nanoTime());
	}

	/**
	 * LISTEN first, prove hearing, and only then resync all handlers: in any other order
	 * what falls between would be lost.
	 */
	void establish(BooleanSupplier stopped) throws SQLException {
		this.connection.requirePrimary();
		int backend = this.connection.backend();
		this.changes.execute(() -> this.state.connected(backend));
		ProbeOutcome outcome = null;
		while (!stopped.getAsBoolean() && !this.state.get().proven() && outcome != ProbeOutcome.NOT_SENT) {
			outcome = step();
		}
		// Not the channels that were asked for in between: LISTEN on those comes later
		this.listened.forEach(this.channels::resync);
	}

	/**
	 * Return whether the current step takes longer than it can. It has its limits
	 * everywhere but in the middle of a message. May be called by any thread.
	 */
	boolean isHangingFor(Duration limit) {
		return System.nanoTime() - this.stepBegan > limit.toNanos();
	}

	/**
	 * Do what is due and wait for notifications, for a moment.
	 */
	@Nullable ProbeOutcome step() throws SQLException {
		this.stepBegan = System.nanoTime();
		followChannels();
		if (this.probeSender.takeRequest()) {
			this.probe.hurry(System.nanoTime());
		}
		boolean probeDue = this.probe.isDue(System.nanoTime());
		if (probeDue) {
			this.connection.requireAnswer(this.probeTimeout);
			if (this.probe.isQueueFull()) {
				this.connection.freeQueue();
			}
		}
		// They prove nothing: a pooler in transaction mode may have lent us the hearing
		// connection for just that statement
		handOver(this.connection.takeHeardInStatements());
		if (probeDue) {
			// Not before: the token must not be among those
			this.probe.send();
		}
		List<PGNotification> notifications = this.connection.await(untilNextDuty());
		handOver(notifications);
		if (notifications.stream().anyMatch((notification) -> !this.connection.isOwn(notification))) {
			if (this.probe.heard(System.nanoTime())) {
				this.measures.probes().of(ProbeOutcome.HEARD).increment();
			}
			this.changes.execute(this.state::proven);
		}
		ProbeOutcome outcome = this.probe.outcome(System.nanoTime());
		if (outcome != null) {
			this.changes.execute(() -> this.state.probed(outcome));
			this.measures.probes().of(outcome).increment();
			if (this.probe.isDeaf()) {
				throw this.connection.deaf(this.probeTimeout);
			}
			if (this.probe.isQueueFull() && this.state.expectsQueueFull()) {
				String cause = this.connection.oldestTransaction();
				this.changes.execute(() -> this.state.queueFull(this.connection.queueFull(), cause));
			}
		}
		return outcome;
	}

	/**
	 * Not in steps. Instances that all received the same would otherwise check at the
	 * same time whether a probe is due, and all send one.
	 */
	private Duration untilNextDuty() {
		Duration untilProbe = this.probe.untilDue(System.nanoTime());
		return (untilProbe.compareTo(WAIT) < 0) ? untilProbe : WAIT;
	}

	private void followChannels() throws SQLException {
		Set<String> wanted = this.channels.names();
		for (String channel : wanted) {
			if (this.listened.contains(channel) || listen(channel)) {
				this.channels.resyncOnce(channel);
			}
		}
		for (String channel : Set.copyOf(this.listened)) {
			if (!wanted.contains(channel)) {
				this.connection.unlisten(channel);
				this.listened.remove(channel);
			}
		}
	}

	/**
	 * Return whether the channel is listened to; a name that the database cannot spell
	 * must not end the others.
	 */
	private boolean listen(String channel) throws SQLException {
		try {
			this.connection.listen(channel);
		}
		catch (SQLException ex) {
			if (!SqlErrors.isUntranslatable(ex)) {
				throw ex;
			}
			this.channels.refuse(channel, ex);
			return false;
		}
		this.listened.add(channel);
		return true;
	}

	private void handOver(List<PGNotification> notifications) {
		for (PGNotification notification : notifications) {
			this.measures.received(notification.getName());
			this.channels.dispatch(notification.getName(), notification.getParameter());
		}
	}

}
