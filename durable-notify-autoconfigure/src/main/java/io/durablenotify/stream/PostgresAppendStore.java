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
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.Spelling;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/**
 * Appends on PostgreSQL.
 * <p>
 * An append is two statements in {@link OneTransaction one transaction}. The first locks
 * the heads; the second, whose snapshot is taken when the locks are held, numbers the
 * chunks from the end of the primary key. So nobody's chunk can appear below one that is
 * visible already.
 */
final class PostgresAppendStore implements AppendStore {

	private static final Set<String> CONSTRAINTS = Set.of("stream_chunks_pkey");

	private static final String FIND = """
			SELECT name, stream_id FROM ${schema}.streams WHERE name = ANY(?::text[])
			""";

	/**
	 * In the order of the names, so that two of these cannot wait for each other.
	 */
	private static final String CREATE = """
			WITH given AS MATERIALIZED (SELECT name, ord FROM unnest(?::text[]) WITH ORDINALITY AS g(name, ord)),
			created AS (
				INSERT INTO ${schema}.streams (stream_id, name) OVERRIDING SYSTEM VALUE
				SELECT ${schema}.next_stream_id(), name FROM given ORDER BY name
				ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING
				RETURNING name, stream_id)
			SELECT given.ord, created.stream_id FROM created JOIN given ON given.name = created.name
			""";

	/**
	 * One statement may number and lock with one snapshot, where the chunk before is
	 * there and the primary key keeps away whoever came between. No result set: that
	 * alone costs a seventh of an append. Skips a locked head; only a row at that index
	 * by somebody who does not lock the head can make it wait. The limit for that is set
	 * with the head's look-up: a statement of its own would cost a twelfth.
	 */
	private static final String APPEND_NEXT = """
			INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
			SELECT c.stream_id, c.chunk_index + 1, ?::bytea
			FROM (SELECT s.stream_id FROM ${schema}.streams s
				WHERE s.stream_id = ? AND s.name = ? AND s.ended_at IS NULL
					AND set_config('lock_timeout', ?, true) IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED) head
			JOIN ${schema}.stream_chunks c ON c.stream_id = ? AND c.chunk_index = ?
			ON CONFLICT (stream_id, chunk_index) DO NOTHING
			""";

	private static final String APPEND_NEXT_AND_TELL = APPEND_NEXT + """
			RETURNING created_at, (SELECT ${schema}.server_run())
			""";

	/**
	 * By ids that are known to be visible before: else a stream could come into being
	 * between two statements, and be appended to without the lock. In one order, so that
	 * two of these cannot wait for each other.
	 */
	private static final String LOCK = """
			SELECT stream_id FROM ${schema}.streams WHERE stream_id = ANY(?::bigint[]) AND ended_at IS NULL
			ORDER BY stream_id FOR NO KEY UPDATE
			""";

	private static final String LOCK_UNLOCKED = LOCK + "SKIP LOCKED";

	/**
	 * The name has to match too, since after a failover to a server that was behind an id
	 * can be another stream's. The hint spares the index scan all but the last entries of
	 * a leaf page, which it reads before it returns the first. OFFSET 0 keeps the heads
	 * from being joined by a whole index, which seems cheap as long as they are few.
	 */
	private static final String APPEND = """
			WITH base AS MATERIALIZED (
				SELECT u.stream_id, u.expected, coalesce(tail.chunk_index + 1, 0) AS next_index
				FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) AS u(stream_id, name, hint, expected)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.streams s
					WHERE s.stream_id = u.stream_id AND s.name = u.name AND s.ended_at IS NULL OFFSET 0) s
				LEFT JOIN LATERAL (SELECT c.chunk_index FROM ${schema}.stream_chunks c
					WHERE c.stream_id = u.stream_id AND c.chunk_index >= u.hint - 1
					ORDER BY c.chunk_index DESC LIMIT 1) tail ON true
				WHERE tail.chunk_index IS NOT NULL OR u.hint = 0),
			stored AS (
				INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
				SELECT b.stream_id, b.next_index + i.ord, i.data
				FROM unnest(?::bigint[], ?::int[], ?::bytea[]) AS i(stream_id, ord, data)
				JOIN base b ON b.stream_id = i.stream_id AND (b.expected < 0 OR b.expected = b.next_index))
			SELECT stream_id, next_index FROM base
			""";

	/**
	 * The same for one stream, whose chunks need no more than their order: a quarter less
	 * time for a thousand of them.
	 */
	private static final String APPEND_TO_ONE = """
			WITH base AS MATERIALIZED (
				SELECT s.stream_id, coalesce(tail.chunk_index + 1, 0) AS next_index
				FROM ${schema}.streams s
				LEFT JOIN LATERAL (SELECT c.chunk_index FROM ${schema}.stream_chunks c
					WHERE c.stream_id = s.stream_id AND c.chunk_index >= ? - 1
					ORDER BY c.chunk_index DESC LIMIT 1) tail ON true
				WHERE s.stream_id = ? AND s.name = ? AND s.ended_at IS NULL
					AND (tail.chunk_index IS NOT NULL OR ? = 0)),
			stored AS (
				INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
				SELECT b.stream_id, b.next_index + i.ord - 1, i.data
				FROM base b CROSS JOIN unnest(?::bytea[]) WITH ORDINALITY AS i(data, ord)
				WHERE ? < 0 OR b.next_index = ?)
			SELECT stream_id, next_index FROM base
			""";

	private static final String STANDING = """
			SELECT stream_id, name, ended_at, CASE WHEN cancelled THEN 'cancelled' ELSE end_state END AS end_state, end_reason
			FROM ${schema}.streams WHERE name = ANY(?::text[])
			""";

	/**
	 * Waits for the head's lock, like an append, so that no chunk can follow the end. A
	 * stream that is cancelled is stored as failed, with a mark.
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

	private final String find;

	private final LimitedStatement create;

	private final LimitedStatement appendNextJoined;

	private final String appendNext;

	private final String appendNextAndTell;

	private final LimitedStatement append;

	private final LimitedStatement appendToOne;

	private final String lockUnlocked;

	private final String standing;

	private final LimitedStatement end;

	private final LimitedStatement endOne;

	PostgresAppendStore(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.create = new LimitedStatement(schema.qualify(CREATE));
		this.appendNextJoined = new LimitedStatement(schema.qualify(APPEND_NEXT));
		this.appendNext = schema.qualify(APPEND_NEXT);
		this.appendNextAndTell = schema.qualify(APPEND_NEXT_AND_TELL);
		this.append = new LimitedStatement(schema.qualify(LOCK + ";\n" + APPEND));
		this.appendToOne = new LimitedStatement(schema.qualify(LOCK + ";\n" + APPEND_TO_ONE));
		this.lockUnlocked = schema.qualify(LOCK_UNLOCKED);
		this.standing = schema.qualify(STANDING);
		this.end = new LimitedStatement(schema.qualify(END));
		this.endOne = new LimitedStatement(schema.qualify(END_ONE));
	}

	@Override
	public Map<String, Long> find(Connection connection, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setObject(1, names.toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			Map<String, Long> ids = new HashMap<>();
			while (result.next()) {
				ids.put(result.getString(1), result.getLong(2));
			}
			return ids;
		}
	}

	@Override
	public Map<String, Long> create(Connection connection, boolean joined, Collection<String> names,
			Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.create.prepare(connection, joined, lockTimeout)) {
			String[] given = names.toArray(String[]::new);
			statement.setObject(2, given);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			Map<String, Long> ids = new HashMap<>();
			while (result.next()) {
				ids.put(given[result.getInt(1) - 1], result.getLong(2));
			}
			return ids;
		}
	}

	@Override
	public boolean appendNext(Connection connection, boolean joined, Duration lockTimeout, long streamId, String stream,
			long index, byte[] data) throws SQLException {
		if (!joined) {
			try (PreparedStatement statement = connection.prepareStatement(this.appendNext)) {
				setNext(statement, 1, lockTimeout, streamId, stream, index, data);
				return statement.executeUpdate() == 1;
			}
		}
		try (PreparedStatement statement = this.appendNextJoined.prepare(connection, true, lockTimeout)) {
			setNext(statement, 2, lockTimeout, streamId, stream, index, data);
			OneTransaction.execute(statement);
			statement.getMoreResults();
			return statement.getUpdateCount() == 1;
		}
	}

	@Override
	public @Nullable StoredNext appendNextAndTell(Connection connection, Duration lockTimeout, long streamId,
			String stream, long index, byte[] data) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.appendNextAndTell)) {
			setNext(statement, 1, lockTimeout, streamId, stream, index, data);
			ResultSet result = statement.executeQuery();
			return (result.next())
					? new StoredNext(result.getObject(1, OffsetDateTime.class).toInstant(), result.getString(2)) : null;
		}
	}

	private static void setNext(PreparedStatement statement, int first, Duration lockTimeout, long streamId,
			String stream, long index, byte[] data) throws SQLException {
		statement.setBytes(first, data);
		statement.setLong(first + 1, streamId);
		statement.setString(first + 2, stream);
		statement.setString(first + 3, lockTimeout.toMillis() + "ms");
		statement.setLong(first + 4, streamId);
		statement.setLong(first + 5, index - 1);
	}

	@Override
	public Map<Long, Long> append(Connection connection, boolean joined, List<Located> additions, Duration lockTimeout)
			throws SQLException {
		return (additions.size() == 1) ? appendToOne(connection, joined, additions.get(0), lockTimeout)
				: appendToMany(connection, joined, AppendArrays.of(additions), lockTimeout);
	}

	private Map<Long, Long> appendToOne(Connection connection, boolean joined, Located located, Duration lockTimeout)
			throws SQLException {
		Addition addition = located.addition();
		try (PreparedStatement statement = this.appendToOne.prepare(connection, joined, lockTimeout)) {
			transferInBinary(statement);
			statement.setObject(2, new long[] { located.streamId() });
			statement.setLong(3, located.hint());
			statement.setLong(4, located.streamId());
			statement.setString(5, addition.stream());
			statement.setLong(6, located.hint());
			statement.setObject(7, addition.chunks().toArray(byte[][]::new));
			statement.setLong(8, addition.expectedIndex());
			statement.setLong(9, addition.expectedIndex());
			return readNextIndexes(LimitedStatement.executeForResult(statement, 1));
		}
	}

	private Map<Long, Long> appendToMany(Connection connection, boolean joined, AppendArrays arrays,
			Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.append.prepare(connection, joined, lockTimeout)) {
			transferInBinary(statement);
			statement.setObject(2, arrays.streamIds());
			statement.setObject(3, arrays.streamIds());
			statement.setObject(4, arrays.names());
			statement.setObject(5, arrays.hints());
			statement.setObject(6, arrays.expected());
			statement.setObject(7, arrays.chunkStreamIds());
			statement.setObject(8, arrays.chunkOrdinals());
			statement.setObject(9, arrays.chunks());
			return readNextIndexes(LimitedStatement.executeForResult(statement, 1));
		}
	}

	private static Map<Long, Long> readNextIndexes(ResultSet result) throws SQLException {
		Map<Long, Long> nextIndexes = new HashMap<>();
		while (result.next()) {
			nextIndexes.put(result.getLong(1), result.getLong(2));
		}
		return nextIndexes;
	}

	/**
	 * Arrays go as text, twice as long, until a statement is prepared on the server,
	 * which is from its fifth execution on. Not where the user has turned that off.
	 */
	private static void transferInBinary(PreparedStatement statement) throws SQLException {
		if (statement.isWrapperFor(PGStatement.class)) {
			PGStatement driverStatement = statement.unwrap(PGStatement.class);
			if (driverStatement.getPrepareThreshold() > 1) {
				driverStatement.setPrepareThreshold(1);
			}
		}
	}

	@Override
	public Set<Long> lockUnlocked(Connection connection, Collection<Long> streamIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.lockUnlocked)) {
			statement.setObject(1, streamIds.stream().mapToLong(Long::longValue).toArray());
			ResultSet result = statement.executeQuery();
			Set<Long> locked = new HashSet<>();
			while (result.next()) {
				locked.add(result.getLong(1));
			}
			return locked;
		}
	}

	@Override
	public Map<String, Standing> standing(Connection connection, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.standing)) {
			statement.setObject(1, names.toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			Map<String, Standing> standing = new HashMap<>();
			while (result.next()) {
				OffsetDateTime endedAt = result.getObject("ended_at", OffsetDateTime.class);
				StreamState state = (endedAt != null)
						? StreamState.valueOf(result.getString("end_state").toUpperCase(Locale.ROOT))
						: StreamState.OPEN;
				standing.put(result.getString("name"), new Standing(result.getLong("stream_id"), state,
						(endedAt != null) ? endedAt.toInstant() : null, result.getString("end_reason")));
			}
			return standing;
		}
	}

	@Override
	public OptionalLong end(Connection connection, boolean joined, String stream, StreamState state,
			@Nullable String reason, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.end.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, stream);
			setEnd(statement, 3, state, Spelling.approximate(connection, reason));
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? OptionalLong.of(result.getLong(1)) : OptionalLong.empty();
		}
	}

	@Override
	public boolean end(Connection connection, boolean joined, long streamId, String stream, StreamState state,
			@Nullable String reason, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.endOne.prepare(connection, joined, lockTimeout)) {
			setEnd(statement, 2, state, Spelling.approximate(connection, reason));
			statement.setLong(5, streamId);
			statement.setString(6, stream);
			return LimitedStatement.executeForResult(statement, 0).next();
		}
	}

	private static void setEnd(PreparedStatement statement, int first, StreamState state, @Nullable String reason)
			throws SQLException {
		statement.setString(first, (state == StreamState.COMPLETED) ? "completed" : "failed");
		statement.setString(first + 1, reason);
		statement.setBoolean(first + 2, state == StreamState.CANCELLED);
	}

	@Override
	public boolean isConflict(SQLException exception) {
		return SqlErrors.isUniqueViolation(exception, CONSTRAINTS) || SqlErrors.isSerializationFailure(exception);
	}

}
