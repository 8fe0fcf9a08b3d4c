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

package io.durablenotify.work;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;

import io.durablenotify.database.Headers;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of recurring work, whose items are those of any other.
 */
final class RecurringSql {

	private static final String DUE_AT = "timestamptz 'epoch' + ?::bigint * interval '1 microsecond'";

	/**
	 * One row if the queue exists.
	 */
	private static final String FIND = """
			SELECT ${schema}.work_micros(clock_timestamp()), q.queue_id, i.item_id, i.headers
			FROM ${schema}.work_queues q LEFT JOIN ${schema}.work_items i
				ON i.queue_id = q.queue_id AND i.key = ? AND NOT i.lane
			WHERE q.name = ?
			""";

	/**
	 * The first of several instances wins, also if its item was handled since.
	 */
	private static final String INSERT = """
			INSERT INTO ${schema}.work_items (queue_id, key, due_at, headers, payload)
			VALUES (?, ?, %s, ?, ''::bytea)
			ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO NOTHING
			""".formatted(DUE_AT);

	/**
	 * An item that is due runs, and one that failed is retried, all the same. One that is
	 * running gets no new revision: it would run once more. It is moved later.
	 */
	private static final String MOVE = """
			UPDATE ${schema}.work_items SET headers = CASE WHEN ${waits} THEN m.headers ELSE m.headers_to_move END,
				rev = CASE WHEN ${waits} THEN rev + 1 ELSE rev END, due_at = CASE WHEN ${waits} THEN m.due_at ELSE work_items.due_at END
			FROM (SELECT ?::text AS headers, ?::text AS headers_to_move, %s AS due_at) m
			WHERE item_id = ? AND (${waits} OR work_items.headers IS DISTINCT FROM m.headers_to_move)
			"""
		.formatted(DUE_AT)
		.replace("${waits}", "(work_items.due_at > statement_timestamp() AND failures = 0)");

	private final String find;

	private final String insert;

	private final String move;

	RecurringSql(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.insert = schema.qualify(INSERT);
		this.move = schema.qualify(MOVE);
	}

	/**
	 * Store the item of recurring work if there is none.
	 * @param connection a connection in autocommit
	 * @param recurrence the recurring work
	 * @param move whether an item with another schedule is moved, and not only one that
	 * ran when it got this one
	 * @return whether something was written
	 */
	Written<Boolean> store(Connection connection, Recurrence recurrence, boolean move) throws SQLException {
		Stored stored = find(connection, recurrence);
		if (stored == null || stored.itemId != 0 && !stored.isToMove(recurrence, move)) {
			return Written.of(false, null);
		}
		Instant next = recurrence.schedule().next(Instant.EPOCH.plus(stored.nowMicros, ChronoUnit.MICROS));
		if (next == null) {
			return Written.of(false, null);
		}
		long dueMicros = DatabaseMicros.of(next);
		boolean written = (stored.itemId == 0) ? insert(connection, recurrence, stored.queueId, dueMicros)
				: move(connection, recurrence, stored.itemId, dueMicros);
		return Written.of(written, (written) ? WorkTopics.due(stored.queueId, dueMicros) : null);
	}

	private @Nullable Stored find(Connection connection, Recurrence recurrence) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, recurrence.key());
			statement.setString(2, recurrence.queue());
			ResultSet result = statement.executeQuery();
			return (result.next())
					? new Stored(result.getLong(1), result.getInt(2), result.getLong(3), result.getString(4)) : null;
		}
	}

	private boolean insert(Connection connection, Recurrence recurrence, int queueId, long dueMicros)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			statement.setInt(1, queueId);
			statement.setString(2, recurrence.key());
			statement.setLong(3, dueMicros);
			statement.setString(4, Headers.write(recurrence.headers()));
			return statement.executeUpdate() == 1;
		}
	}

	private boolean move(Connection connection, Recurrence recurrence, long itemId, long dueMicros)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.move)) {
			statement.setString(1, Headers.write(recurrence.headers()));
			statement.setString(2, Headers.write(recurrence.headersToMove()));
			statement.setLong(3, dueMicros);
			statement.setLong(4, itemId);
			return statement.executeUpdate() == 1;
		}
	}

	/**
	 * What is stored.
	 *
	 * @param nowMicros the time by the database's clock
	 * @param itemId the item, 0 if there is none
	 */
	private record Stored(long nowMicros, int queueId, long itemId, @Nullable String headers) {

		private boolean isToMove(Recurrence recurrence, boolean move) {
			Map<String, String> headers = Headers.parse(this.headers);
			return (recurrence.schedule().toString().equals(headers.get(Recurrence.HEADER)))
					? headers.containsKey(Recurrence.MOVE_HEADER) : move;
		}

	}

}
