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

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.ZoneOffset;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.Spelling;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.work.WorkItem;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Keeps the events that were sent for the retention, if there is one. Not in
 * work_finished, which has neither the ids of events nor what was sent.
 */
final class SentEvents {

	/**
	 * Also one that was sent twice is kept once.
	 */
	private static final String INSERT = """
			INSERT INTO ${schema}.outbox_sent (event_id, sender, type, ordering_key, published_at, payload, keep_until)
			VALUES (?, ?, ?, ?, ?, ?, clock_timestamp() + ?::bigint * interval '1 millisecond')
			ON CONFLICT (event_id, sender) DO NOTHING
			""";

	/**
	 * In READ COMMITTED, so that what another instance has deleted is passed over. By
	 * their places, which no plan can turn into reading the whole table. If the planner
	 * knew the limit, it would read all of a table that it takes for small.
	 */
	private static final String DELETE = """
			DELETE FROM ${schema}.outbox_sent WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM ${schema}.outbox_sent
				WHERE keep_until < statement_timestamp() ORDER BY keep_until LIMIT (SELECT ?::int) FOR UPDATE SKIP LOCKED))
			""";

	private final ApplicationDatabase database;

	private final String insert;

	private final String delete;

	private final @Nullable Duration retention;

	private final FailureLog failures = new FailureLog(LogFactory.getLog(Outbox.class),
			"Failed to keep a sent event in outbox_sent", "Sent events are kept again");

	SentEvents(ApplicationDatabase database, SchemaName schema, @Nullable Duration retention) {
		this.database = database;
		this.insert = schema.qualify(INSERT);
		this.delete = schema.qualify(DELETE);
		this.retention = retention;
	}

	/**
	 * Keep an event that was sent, before its item is completed. One that cannot be kept
	 * was sent all the same.
	 */
	void add(String sender, WorkItem item, OutboxMessage message) {
		Duration retention = this.retention;
		if (retention == null) {
			return;
		}
		try {
			this.database.executeSeparately("keep a sent event", ApplicationDatabase.SOCKET_TIMEOUT,
					(connection, joined) -> insert(connection, sender, item, message, retention));
			synchronized (this.failures) {
				this.failures.succeeded();
			}
		}
		catch (DataAccessException ex) {
			synchronized (this.failures) {
				this.failures.failed(ex);
			}
		}
	}

	private int insert(Connection connection, String sender, WorkItem item, OutboxMessage message, Duration retention)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			statement.setString(1, Spelling.approximate(connection, message.id()));
			statement.setString(2, sender);
			statement.setString(3, Spelling.approximate(connection, message.type()));
			statement.setString(4, message.orderingKey());
			statement.setObject(5, item.enqueuedAt().atOffset(ZoneOffset.UTC));
			statement.setBytes(6, item.payload());
			statement.setLong(7, retention.toMillis());
			return statement.executeUpdate();
		}
	}

	/**
	 * Delete a slice of what was kept for the retention that the sending instance had.
	 * @return how many
	 */
	int expire(int limit) {
		return this.database.executeSeparately("delete sent events", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> ReadCommitted.runInTransaction(connection, (session, inside) -> {
					try (PreparedStatement statement = session.prepareStatement(this.delete)) {
						statement.setInt(1, limit);
						return statement.executeUpdate();
					}
				}));
	}

}
