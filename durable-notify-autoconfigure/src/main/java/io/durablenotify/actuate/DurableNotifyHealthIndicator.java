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

package io.durablenotify.actuate;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.change.ChangeDeliveryState;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerState;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.work.WorkHealth;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.dao.DataAccessException;

/**
 * {@link HealthIndicator} for the delivery of what other instances write. {@code UP}
 * while the listener listens or is meant to be off, {@code DEGRADED} while it does not
 * and the poll delivers, {@code DOWN} while nothing does or the database cannot be
 * reached.
 */
final class DurableNotifyHealthIndicator extends AbstractHealthIndicator {

	private static final Status DEGRADED = new Status("DEGRADED");

	/**
	 * How long the server may take to answer, once the pool has lent a connection. A link
	 * that a firewall has dropped would never end.
	 */
	private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(5);

	private final NotificationListener listener;

	private final Poll poll;

	private final ApplicationDatabase database;

	private final List<LogSubscriptions<?>> readers;

	private final ChangeDelivery changes;

	private final WorkHealth work;

	private final Supplier<ServerState> server;

	DurableNotifyHealthIndicator(NotificationListener listener, Poll poll, ApplicationDatabase database,
			List<LogSubscriptions<?>> readers, ChangeDelivery changes, WorkHealth work, Supplier<ServerState> server) {
		super("durable-notify health check failed");
		this.listener = listener;
		this.poll = poll;
		this.database = database;
		this.readers = readers;
		this.changes = changes;
		this.work = work;
		this.server = server;
	}

	@Override
	protected void doHealthCheck(Health.Builder builder) {
		ListenerState state = this.listener.state();
		builder.withDetail("listener", state.status())
			.withDetail("since", state.since())
			.withDetail("reconnects", state.reconnects())
			.withDetail("pollInterval", this.poll.intervalInForce());
		if (state.lastProbe() != null) {
			builder.withDetail("lastProbe", state.lastProbe());
		}
		if (state.lastError() != null) {
			builder.withDetail("lastError", state.lastError());
		}
		this.readers
			.forEach((readers) -> builder.withDetail(readers.topic(), Map.of("readers", readers.states().size())));
		builder.withDetail("changes", details(this.changes.state()));
		builder.withDetail("work",
				Map.of("unhandledQueues", this.work.unhandledQueues(), "slowSearches", this.work.slowSearches()));
		addTo(builder, this.server.get());
		switch (state.status()) {
			case LISTENING, DISABLED -> builder.up();
			default -> builder.status((this.poll.intervalInForce().isZero()) ? Status.DOWN : DEGRADED);
		}
		if (!isDatabaseReachable()) {
			builder.down().withDetail("database", "cannot be reached");
		}
	}

	private static void addTo(Health.Builder builder, ServerState server) {
		if (server.notificationQueue() != null) {
			builder.withDetail("notificationQueue", server.notificationQueue());
		}
		if (server.clockDifference() != null) {
			builder.withDetail("clockDifference", server.clockDifference());
		}
	}

	private static Map<String, Object> details(ChangeDeliveryState state) {
		Map<String, Object> details = new LinkedHashMap<>();
		details.put("subscriptions", state.subscriptions());
		details.put("behind", state.behind());
		if (state.lastGap() != null && state.lastGapAt() != null) {
			details.put("lastGap", state.lastGap());
			details.put("lastGapAt", state.lastGapAt());
		}
		return details;
	}

	private boolean isDatabaseReachable() {
		try {
			return this.database.executeReading("check the database",
					(connection, joined) -> connection.isValid((int) ANSWER_TIMEOUT.toSeconds()));
		}
		catch (DataAccessException ex) {
			return false;
		}
	}

}
