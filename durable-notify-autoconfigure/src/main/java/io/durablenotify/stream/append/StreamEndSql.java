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

package io.durablenotify.stream.append;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.Spelling;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that ends streams and reads whether they have ended.
 */
public final class StreamEndSql {

	/**
	 * Waits for the lock of the stream's row, like an append, so that no chunk can follow
	 * the end.
	 */
	private static final String END = """
			INSERT INTO ${schema}.streams AS s (stream_id, name, ended_at, end_state, end_reason, cancelled)
			OVERRIDING SYSTEM VALUE VALUES (${schema}.next_stream_id(), ?, clock_timestamp(), ?, ?, ?)
			ON CONFLICT ON CONSTRAINT streams_name_key DO UPDATE
				SET ended_at = clock_timestamp(), end_state = excluded.end_state, end_reason = excluded.end_reason,
					cancelled = excluded.cancelled
				WHERE s.ended_at IS NULL
			RETURNING s.stream_id
			""";

	private static final String END_ONE = """
			UPDATE ${schema}.streams SET ended_at = clock_timestamp(), end_state = ?, end_reason = ?, cancelled = ?
			WHERE stream_id = ? AND name = ? AND ended_at IS NULL
			RETURNING stream_id
			""";

	private static final String STATUS = """
			SELECT stream_id, name, ended_at, CASE WHEN cancelled THEN 'cancelled' ELSE end_state END AS end_state, end_reason
			FROM ${schema}.streams WHERE name = ANY ((SELECT ?::text[])::text[])
			""";

	private final LimitedStatement end;

	private final LimitedStatement endOne;

	private final String status;

	/**
	 * Create a new instance.
	 * @param schema the schema of the tables
	 */
	public StreamEndSql(SchemaName schema) {
		this.end = new LimitedStatement(schema.qualify(END));
		this.endOne = new LimitedStatement(schema.qualify(END_ONE));
		this.status = schema.qualify(STATUS);
	}

	/**
	 * End a stream, creating it where it is missing.
	 * @param connection the connection
	 * @param joined whether it is in the caller's transaction, whose settings must stay
	 * @param stream the stream's full name
	 * @param end how it ends
	 * @param reason why, or {@code null}
	 * @param lockTimeout how long to wait for another transaction
	 * @return the id of what was ended, empty if it had ended already
	 * @throws SQLException if the database fails
	 */
	public OptionalLong end(Connection connection, boolean joined, String stream, StreamEnd end,
			@Nullable String reason, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.end.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, stream);
			setEnd(statement, 3, end, Spelling.approximate(connection, reason));
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? OptionalLong.of(result.getLong(1)) : OptionalLong.empty();
		}
	}

	/**
	 * End the stream of an id.
	 * @param connection the connection
	 * @param joined whether it is in the caller's transaction, whose settings must stay
	 * @param streamId the stream's id
	 * @param stream the stream's full name
	 * @param end how it ends
	 * @param reason why, or {@code null}
	 * @param lockTimeout how long to wait for another transaction
	 * @return whether this was done: the stream was there, and open
	 * @throws SQLException if the database fails
	 */
	public boolean end(Connection connection, boolean joined, long streamId, String stream, StreamEnd end,
			@Nullable String reason, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.endOne.prepare(connection, joined, lockTimeout)) {
			setEnd(statement, 2, end, Spelling.approximate(connection, reason));
			statement.setLong(5, streamId);
			statement.setString(6, stream);
			return LimitedStatement.executeForResult(statement, 0).next();
		}
	}

	private static void setEnd(PreparedStatement statement, int first, StreamEnd end, @Nullable String reason)
			throws SQLException {
		statement.setString(first, (end == StreamEnd.COMPLETED) ? "completed" : "failed");
		statement.setString(first + 1, reason);
		statement.setBoolean(first + 2, end == StreamEnd.CANCELLED);
	}

	/**
	 * Read the status of streams.
	 * @param connection the connection
	 * @param streams the streams' full names
	 * @return by name, the status of those that exist
	 * @throws SQLException if the database fails
	 */
	public Map<String, StreamStatus> status(Connection connection, Collection<String> streams) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.status)) {
			statement.setObject(1, streams.toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			Map<String, StreamStatus> found = new HashMap<>();
			while (result.next()) {
				found.put(result.getString("name"), status(result));
			}
			return found;
		}
	}

	private static StreamStatus status(ResultSet result) throws SQLException {
		long streamId = result.getLong("stream_id");
		Instant endedAt = Instants.readNullable(result, "ended_at");
		return (endedAt != null)
				? new StreamStatus(streamId, StreamEnd.valueOf(result.getString("end_state").toUpperCase(Locale.ROOT)),
						endedAt, result.getString("end_reason"))
				: new StreamStatus(streamId, null, null, null);
	}

}
