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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of streams that are being written with a {@link StreamAppender}.
 */
final class AppenderStore {

	private static final int SLICE = 500;

	/**
	 * The lock on the instance's row keeps it from being removed before this is
	 * committed. So the instance that takes over finds the stream.
	 */
	private static final String CLAIM = """
			INSERT INTO ${schema}.streams AS s (stream_id, name, writer_id) OVERRIDING SYSTEM VALUE
			SELECT ${schema}.next_stream_id(), ?, i.instance_id FROM ${schema}.instances i WHERE i.instance_id = ? AND i.gone_at IS NULL FOR KEY SHARE
			ON CONFLICT ON CONSTRAINT streams_name_key DO UPDATE SET writer_id = excluded.writer_id
				WHERE s.ended_at IS NULL
			RETURNING s.stream_id, s.xmax = 0
			""";

	private static final String CLAIM_FOR_NONE = """
			INSERT INTO ${schema}.streams AS s (stream_id, name, writer_id) OVERRIDING SYSTEM VALUE
			VALUES (${schema}.next_stream_id(), ?, NULL)
			ON CONFLICT ON CONSTRAINT streams_name_key DO UPDATE SET writer_id = NULL WHERE s.ended_at IS NULL
			RETURNING s.stream_id, s.xmax = 0
			""";

	/**
	 * In one order, so that two of these cannot wait for each other.
	 */
	private static final String FAIL = """
			UPDATE ${schema}.streams SET ended_at = clock_timestamp(), end_state = 'failed', end_reason = ?
			WHERE stream_id = ANY (ARRAY(SELECT stream_id FROM ${schema}.streams
				WHERE %s AND ended_at IS NULL ORDER BY stream_id LIMIT %d FOR NO KEY UPDATE SKIP LOCKED))
			RETURNING stream_id, ended_at
			""";

	/**
	 * With the versions of the rows, as below.
	 */
	private static final String FIND_OPEN = """
			SELECT stream_id, stream_id || ':' || xmin, writer_id FROM ${schema}.streams
			WHERE stream_id = ANY (?::bigint[]) AND ended_at IS NULL
			""";

	/**
	 * Each claim changes the row's version, also a claim by the same instance.
	 */
	private static final String FIND_HELD = """
			SELECT xmin::text FROM ${schema}.streams WHERE name = ? AND writer_id = ? AND ended_at IS NULL
			""";

	private static final String IS_HOLDER = """
			SELECT EXISTS (SELECT FROM ${schema}.streams WHERE writer_id = ? AND ended_at IS NULL)
			""";

	/**
	 * From one entry of the index to the next instance's: a stream more costs nothing.
	 */
	private static final String MISSING = """
			WITH RECURSIVE writers(writer_id) AS (
				SELECT min(writer_id) FROM ${schema}.streams WHERE writer_id IS NOT NULL AND ended_at IS NULL
				UNION ALL
				SELECT (SELECT min(s.writer_id) FROM ${schema}.streams s
					WHERE s.writer_id > w.writer_id AND s.writer_id IS NOT NULL AND s.ended_at IS NULL)
				FROM writers w WHERE w.writer_id IS NOT NULL)
			SELECT w.writer_id FROM writers w WHERE w.writer_id IS NOT NULL
				AND NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = w.writer_id)
			""";

	private final LimitedStatement claim;

	private final LimitedStatement claimForNone;

	private final String fail;

	private final String failHeld;

	private final String failOne;

	private final String findHeld;

	private final String findOpen;

	private final String isHolder;

	private final String missing;

	AppenderStore(SchemaName schema) {
		this.claim = new LimitedStatement(schema.qualify(CLAIM));
		this.claimForNone = new LimitedStatement(schema.qualify(CLAIM_FOR_NONE));
		this.fail = schema.qualify(FAIL.formatted(
				"stream_id = ANY (?::bigint[]) AND stream_id || ':' || xmin = ANY (?::text[])", Integer.MAX_VALUE));
		this.failHeld = schema.qualify(FAIL.formatted("writer_id = ?", SLICE));
		this.failOne = schema.qualify(FAIL.formatted("name = ? AND writer_id = ? AND xmin::text = ?", 1));
		this.findHeld = schema.qualify(FIND_HELD);
		this.findOpen = schema.qualify(FIND_OPEN);
		this.isHolder = schema.qualify(IS_HOLDER);
		this.missing = schema.qualify(MISSING);
	}

	/**
	 * Name the instance that writes a stream from now on, creating the stream where it is
	 * missing.
	 * @param instanceId the instance, or {@code null} for none, as with an appender
	 * without a lease
	 * @return the stream, or {@code null} if it has ended, or the instance is gone
	 */
	@Nullable Claimed claim(Connection connection, boolean joined, String stream, @Nullable Long instanceId, Duration lockTimeout)
			throws SQLException {
		LimitedStatement claim = (instanceId != null) ? this.claim : this.claimForNone;
		try (PreparedStatement statement = claim.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, stream);
			if (instanceId != null) {
				statement.setLong(3, instanceId);
			}
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? new Claimed(result.getLong(1), result.getBoolean(2)) : null;
		}
	}

	/**
	 * Fail those of some streams that have the versions of {@link #findOpen} and that no
	 * other transaction has locked.
	 * @return when those ended that were failed
	 */
	Map<Long, Instant> fail(Connection connection, Map<Long, Open> streams, String reason) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.fail)) {
			statement.setString(1, reason);
			statement.setObject(2, array(streams.keySet()));
			statement.setObject(3, streams.values().stream().map(Open::version).toArray(String[]::new));
			return readEnds(statement.executeQuery());
		}
	}

	/**
	 * Return those of some streams that are open.
	 */
	Map<Long, Open> findOpen(Connection connection, Collection<Long> streamIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findOpen)) {
			statement.setObject(1, array(streamIds));
			ResultSet result = statement.executeQuery();
			Map<Long, Open> open = new HashMap<>();
			while (result.next()) {
				open.put(result.getLong(1), new Open(result.getString(2), result.getObject(3, Long.class)));
			}
			return open;
		}
	}

	/**
	 * Fail a slice of the streams that an instance was writing and that no other
	 * transaction has locked.
	 * @return when those ended that were failed
	 */
	Map<Long, Instant> failHeld(Connection connection, long instanceId, String reason) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.failHeld)) {
			statement.setString(1, reason);
			statement.setLong(2, instanceId);
			return readEnds(statement.executeQuery());
		}
	}

	/**
	 * Fail a stream that an instance is writing. Nothing is failed if it has ended, if
	 * its version is not that of {@link #findHeld}, or if another transaction has locked
	 * it.
	 * @return when it ended, if it was failed
	 */
	Map<Long, Instant> failHeld(Connection connection, long instanceId, String stream, String version, String reason)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.failOne)) {
			statement.setString(1, reason);
			statement.setString(2, stream);
			statement.setLong(3, instanceId);
			statement.setString(4, version);
			return readEnds(statement.executeQuery());
		}
	}

	/**
	 * Return the version of a stream's row if it is open, and an instance is writing it.
	 * @return the version, empty if it is not
	 */
	Optional<String> findHeld(Connection connection, long instanceId, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findHeld)) {
			statement.setString(1, stream);
			statement.setLong(2, instanceId);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(result.getString(1)) : Optional.empty();
		}
	}

	/**
	 * Return whether an instance is writing a stream.
	 */
	boolean isHolder(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.isHolder)) {
			statement.setLong(1, instanceId);
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getBoolean(1);
		}
	}

	/**
	 * Return the instances that are writing streams, and do not exist.
	 */
	Set<Long> findMissing(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.missing)) {
			return readIds(statement.executeQuery());
		}
	}

	private static long[] array(Collection<Long> ids) {
		return ids.stream().mapToLong(Long::longValue).toArray();
	}

	private static Map<Long, Instant> readEnds(ResultSet result) throws SQLException {
		Map<Long, Instant> ends = new HashMap<>();
		while (result.next()) {
			ends.put(result.getLong(1), Instants.read(result, 2));
		}
		return ends;
	}

	private static Set<Long> readIds(ResultSet result) throws SQLException {
		Set<Long> ids = new HashSet<>();
		while (result.next()) {
			ids.add(result.getLong(1));
		}
		return ids;
	}

	/**
	 * A stream that is open.
	 *
	 * @param version the version of its row
	 * @param writerId the instance that is writing it, or {@code null} if it names none
	 */
	record Open(String version, @Nullable Long writerId) {
	}

	/**
	 * A stream that was claimed.
	 *
	 * @param created whether it was created
	 */
	record Claimed(long streamId, boolean created) {
	}

}
