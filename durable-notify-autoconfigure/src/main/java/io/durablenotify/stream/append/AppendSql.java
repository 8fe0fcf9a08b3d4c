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
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.append.CommittedChunks.Committed;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/**
 * The SQL that appends to streams, and what protects it.
 * <p>
 * An append is two statements in {@link OneTransaction one transaction}. The first locks
 * the streams' rows. The second, whose snapshot is taken when the locks are held, numbers
 * the chunks from the end of the primary key. So no transaction's chunk can appear below
 * one that is visible already.
 * <p>
 * Arrays are given as {@code (SELECT ?::bigint[])}: the planner could estimate by their
 * lengths otherwise, and would plan a short batch each time, which took twice as long as
 * the statement.
 * <p>
 * Connections are in autocommit, or in a transaction: the caller's ({@code joined}),
 * whose settings must stay, or our own.
 */
final class AppendSql {

	private static final String FIND = """
			SELECT name, stream_id FROM ${schema}.streams WHERE name = ANY ((SELECT ?::text[])::text[])
			""";

	/**
	 * In the order of the names, so that two of these cannot wait for each other.
	 */
	private static final String CREATE = """
			WITH given AS MATERIALIZED (SELECT name, ord FROM unnest((SELECT ?::text[])) WITH ORDINALITY AS g(name, ord)),
			created AS (
				INSERT INTO ${schema}.streams (stream_id, name) OVERRIDING SYSTEM VALUE
				SELECT ${schema}.next_stream_id(), name FROM given ORDER BY name
				ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING
				RETURNING name, stream_id)
			SELECT given.ord, created.stream_id FROM created JOIN given ON given.name = created.name
			""";

	/**
	 * One statement may number and lock with one snapshot where the chunk before is
	 * there. The primary key rejects a chunk that came between. No result set: that alone
	 * costs a seventh of an append. Skips a locked stream; it waits only for a row at
	 * that index by a transaction that does not lock the stream. The limit for that is
	 * set where the stream is looked up: a separate statement would cost a twelfth. It is
	 * none for the locks of tables, which are taken before that.
	 */
	static final String APPEND_NEXT = """
			INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
			SELECT c.stream_id, c.chunk_index + 1, ?::bytea
			FROM (SELECT s.stream_id FROM ${schema}.streams s
				WHERE s.stream_id = ? AND s.name = ? AND s.ended_at IS NULL
					AND set_config('lock_timeout', ?, true) IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED) head
			JOIN ${schema}.stream_chunks c ON c.stream_id = ? AND c.chunk_index = ?
			ON CONFLICT (stream_id, chunk_index) DO NOTHING
			""";

	private static final String APPEND_NEXT_RETURNING = APPEND_NEXT + """
			RETURNING created_at, (SELECT ${schema}.server_run())
			""";

	/**
	 * By ids that are known to be visible before. Else a stream could come into being
	 * between two statements, and be appended to without the lock. In one order, so that
	 * two of these cannot wait for each other.
	 */
	static final String LOCK = """
			SELECT stream_id FROM ${schema}.streams WHERE stream_id = ANY ((SELECT ?::bigint[])::bigint[]) AND ended_at IS NULL
			ORDER BY stream_id FOR NO KEY UPDATE
			""";

	static final String LOCK_UNLOCKED = LOCK + "SKIP LOCKED";

	/**
	 * The name must match too, since after a failover to a server that lagged an id can
	 * be another stream's. The hint spares the index scan all but the last entries of a
	 * leaf page, which it reads before it returns the first. OFFSET 0 keeps the streams
	 * from being joined by a whole index, which seems cheap to the planner as long as
	 * they are few.
	 */
	static final String APPEND = """
			WITH base AS MATERIALIZED (
				SELECT u.stream_id, u.expected, coalesce(tail.chunk_index + 1, 0) AS next_index
				FROM unnest((SELECT ?::bigint[]), (SELECT ?::text[]), (SELECT ?::bigint[]), (SELECT ?::bigint[]))
					AS u(stream_id, name, hint, expected)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.streams s
					WHERE s.stream_id = u.stream_id AND s.name = u.name AND s.ended_at IS NULL OFFSET 0) s
				LEFT JOIN LATERAL (SELECT c.chunk_index FROM ${schema}.stream_chunks c
					WHERE c.stream_id = u.stream_id AND c.chunk_index >= u.hint - 1
					ORDER BY c.chunk_index DESC LIMIT 1) tail ON true
				WHERE tail.chunk_index IS NOT NULL OR u.hint = 0),
			stored AS (
				INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
				SELECT b.stream_id, b.next_index + i.ord, i.data
				FROM unnest((SELECT ?::bigint[]), (SELECT ?::int[]), (SELECT ?::bytea[])) AS i(stream_id, ord, data)
				JOIN base b ON b.stream_id = i.stream_id AND (b.expected < 0 OR b.expected = b.next_index))
			SELECT stream_id, next_index FROM base
			""";

	/**
	 * The same for one stream, whose chunks need no more than their order. It takes a
	 * quarter less time for a thousand of them.
	 */
	static final String APPEND_TO_ONE = """
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
				FROM base b CROSS JOIN unnest((SELECT ?::bytea[])) WITH ORDINALITY AS i(data, ord)
				WHERE ? < 0 OR b.next_index = ?)
			SELECT stream_id, next_index FROM base
			""";

	private final String find;

	private final LimitedStatement create;

	private final String appendNext;

	private final String appendNextReturning;

	private final LimitedStatement append;

	private final LimitedStatement appendToOne;

	private final LimitedStatement lockUnlocked;

	AppendSql(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.create = new LimitedStatement(schema.qualify(CREATE));
		this.appendNext = schema.qualify(APPEND_NEXT);
		this.appendNextReturning = schema.qualify(APPEND_NEXT_RETURNING);
		this.append = new LimitedStatement(schema.qualify(LOCK + ";\n" + APPEND));
		this.appendToOne = new LimitedStatement(schema.qualify(LOCK + ";\n" + APPEND_TO_ONE));
		this.lockUnlocked = new LimitedStatement(schema.qualify(LOCK_UNLOCKED));
	}

	/**
	 * Find streams by their names.
	 */
	Map<String, Long> find(Connection connection, Collection<String> names) throws SQLException {
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

	/**
	 * Create streams, in the order of their names. Waits for an uncommitted create of the
	 * same name.
	 * @return those that did not exist
	 */
	Map<String, Long> create(Connection connection, boolean joined, Collection<String> names, Duration lockTimeout)
			throws SQLException {
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

	/**
	 * Append one chunk to a stream whose next index is known, unless that is wrong or the
	 * stream is locked.
	 * @param lockTimeout how long to wait for a transaction that writes to that index
	 * without the lock
	 * @return whether it was appended
	 */
	boolean appendNext(Connection connection, Duration lockTimeout, long streamId, String stream, long index,
			byte[] data) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.appendNext)) {
			setNext(statement, lockTimeout, streamId, stream, index, data);
			return statement.executeUpdate() == 1;
		}
	}

	/**
	 * Do the same, and return when and where the chunk was stored.
	 * @return when and where, or {@code null} if it was not appended
	 */
	@Nullable Committed appendNextReturning(Connection connection, Duration lockTimeout, long streamId, String stream, long index,
			byte[] data) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.appendNextReturning)) {
			setNext(statement, lockTimeout, streamId, stream, index, data);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? new Committed(Instants.read(result, 1), result.getString(2)) : null;
		}
	}

	private static void setNext(PreparedStatement statement, Duration lockTimeout, long streamId, String stream,
			long index, byte[] data) throws SQLException {
		statement.setBytes(1, data);
		statement.setLong(2, streamId);
		statement.setString(3, stream);
		statement.setString(4, lockTimeout.toMillis() + "ms");
		statement.setLong(5, streamId);
		statement.setLong(6, index - 1);
	}

	/**
	 * Append to streams at their ends. The streams are locked until the transaction ends.
	 * @param groups appends whose streams were found, in the order of their ids
	 * @return by stream, the index that the next chunk had before; what is missing has
	 * ended or is gone
	 */
	Map<Long, Long> append(Connection connection, boolean joined, List<AppendGroup> groups, Duration lockTimeout)
			throws SQLException {
		return (groups.size() == 1) ? appendToOne(connection, joined, groups.get(0), lockTimeout)
				: appendToMany(connection, joined, groups, lockTimeout);
	}

	private Map<Long, Long> appendToOne(Connection connection, boolean joined, AppendGroup group, Duration lockTimeout)
			throws SQLException {
		try (PreparedStatement statement = this.appendToOne.prepare(connection, joined, lockTimeout)) {
			transferInBinary(statement);
			statement.setObject(2, new long[] { group.streamId() });
			statement.setLong(3, group.reached());
			statement.setLong(4, group.streamId());
			statement.setString(5, group.stream());
			statement.setLong(6, group.reached());
			statement.setObject(7, group.chunks().toArray(byte[][]::new));
			statement.setLong(8, group.conditions().index());
			statement.setLong(9, group.conditions().index());
			return readNextIndexes(LimitedStatement.executeForResult(statement, 1));
		}
	}

	/**
	 * Fills the columns of two unnests. One has a row per stream, the other a row per
	 * chunk, with its stream and its place among those of its stream.
	 */
	private Map<Long, Long> appendToMany(Connection connection, boolean joined, List<AppendGroup> groups,
			Duration lockTimeout) throws SQLException {
		int rows = groups.stream().mapToInt(AppendGroup::size).sum();
		long[] chunkStreamIds = new long[rows];
		int[] chunkOrdinals = new int[rows];
		byte[][] chunks = new byte[rows][];
		int row = 0;
		for (AppendGroup group : groups) {
			int ordinal = 0;
			for (byte[] chunk : group.chunks()) {
				chunkStreamIds[row] = group.streamId();
				chunkOrdinals[row] = ordinal++;
				chunks[row++] = chunk;
			}
		}
		try (PreparedStatement statement = this.append.prepare(connection, joined, lockTimeout)) {
			transferInBinary(statement);
			long[] streamIds = longs(groups, AppendGroup::streamId);
			statement.setObject(2, streamIds);
			statement.setObject(3, streamIds);
			statement.setObject(4, groups.stream().map(AppendGroup::stream).toArray(String[]::new));
			statement.setObject(5, longs(groups, AppendGroup::reached));
			statement.setObject(6, longs(groups, (group) -> group.conditions().index()));
			statement.setObject(7, chunkStreamIds);
			statement.setObject(8, chunkOrdinals);
			statement.setObject(9, chunks);
			return readNextIndexes(LimitedStatement.executeForResult(statement, 1));
		}
	}

	private static <T> long[] longs(Collection<T> values, ToLongFunction<T> value) {
		return values.stream().mapToLong(value).toArray();
	}

	private static Map<Long, Long> readNextIndexes(ResultSet result) throws SQLException {
		Map<Long, Long> nextIndexes = new HashMap<>();
		while (result.next()) {
			nextIndexes.put(result.getLong(1), result.getLong(2));
		}
		return nextIndexes;
	}

	/**
	 * Arrays go as text, twice as long, until a statement is prepared on the server. That
	 * is from its fifth execution on. Not where the user has turned that off.
	 */
	private static void transferInBinary(PreparedStatement statement) throws SQLException {
		if (statement.isWrapperFor(PGStatement.class)) {
			PGStatement driverStatement = statement.unwrap(PGStatement.class);
			if (driverStatement.getPrepareThreshold() > 1) {
				driverStatement.setPrepareThreshold(1);
			}
		}
	}

	/**
	 * Lock those streams that no other transaction has locked, in a transaction of ours.
	 */
	Set<Long> lockUnlocked(Connection connection, Collection<Long> streamIds, Duration lockTimeout)
			throws SQLException {
		try (PreparedStatement statement = this.lockUnlocked.prepare(connection, false, lockTimeout)) {
			statement.setObject(2, longs(streamIds, Long::longValue));
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			Set<Long> locked = new HashSet<>();
			while (result.next()) {
				locked.add(result.getLong(1));
			}
			return locked;
		}
	}

}
