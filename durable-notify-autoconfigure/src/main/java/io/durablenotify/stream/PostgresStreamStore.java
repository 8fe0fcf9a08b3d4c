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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataAccessException;

/**
 * Streams on PostgreSQL.
 * <p>
 * An append is two statements in one round trip. The first locks the head; the second,
 * whose snapshot is taken when the lock is held, numbers the chunk from the end of the
 * primary key. So nobody's chunk can appear below one that is visible already.
 */
final class PostgresStreamStore implements StreamStore {

	private static final String LOCK_NOT_AVAILABLE = "55P03";

	private static final String UNIQUE_VIOLATION = "23505";

	private static final String DATA_EXCEPTION = "22";

	private static final String DATA_CORRUPTED = "XX001";

	private static final String INDEX_CORRUPTED = "XX002";

	/**
	 * How often an append looks for a stream that comes and goes.
	 */
	private static final int MAX_LOOKUPS = 20;

	private static final int MAX_IDS = 10_000;

	/**
	 * First statement of a round trip: no wait for a lock may last for ever. Local to the
	 * (implicit) transaction.
	 */
	private static final String LIMIT_WAIT = "SELECT set_config('lock_timeout', ?, true);\n";

	/**
	 * The same in a transaction of the caller's, whose own setting is put back behind.
	 */
	private static final String LIMIT_WAIT_JOINED = """
			SELECT set_config('durable_notify.lock_timeout', current_setting('lock_timeout'), true),
				set_config('lock_timeout', ?, true);
			""";

	private static final String RESTORE_WAIT = """
			;
			SELECT set_config('lock_timeout', current_setting('durable_notify.lock_timeout'), true)
			""";

	private static final String FIND = """
			SELECT stream_id FROM ${schema}.streams WHERE name = ?
			""";

	/**
	 * Waits for a foreign uncommitted create of the same name.
	 */
	private static final String CREATE = """
			INSERT INTO ${schema}.streams (name) VALUES (?) ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING
			RETURNING stream_id
			""";

	/**
	 * Locks the head, by an id that is known to be visible before: else the stream could
	 * come into being between the two statements, and be appended to without the lock.
	 * The name has to match too, since after a failover to a server that was behind an id
	 * can be another stream's.
	 */
	private static final String APPEND = """
			SELECT stream_id FROM ${schema}.streams
			WHERE stream_id = ? AND name = ? AND ended_at IS NULL FOR NO KEY UPDATE;
			INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
			SELECT s.stream_id,
				coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
					ORDER BY c.chunk_index DESC LIMIT 1), 0), ?
			FROM ${schema}.streams s WHERE s.stream_id = ? AND s.name = ? AND s.ended_at IS NULL
			RETURNING chunk_index
			""";

	/**
	 * Waits for the head's lock, like an append, so that no chunk can follow the end.
	 */
	private static final String END = """
			INSERT INTO ${schema}.streams AS s (name, ended_at, end_state, end_reason)
			VALUES (?, clock_timestamp(), ?, ?)
			ON CONFLICT ON CONSTRAINT streams_name_key DO UPDATE
				SET ended_at = clock_timestamp(), end_state = excluded.end_state, end_reason = excluded.end_reason
				WHERE s.ended_at IS NULL
			RETURNING s.stream_id
			""";

	/**
	 * One probe of the chunks' primary key, from its end.
	 */
	private static final String HEAD = """
			SELECT s.stream_id, s.name, s.created_at, s.ended_at, s.end_state, s.end_reason,
				coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
					ORDER BY c.chunk_index DESC LIMIT 1), 0) AS next_index
			FROM ${schema}.streams s
			""";

	private static final String FIND_HEAD = """
			${head} WHERE s.name = ?
			""";

	/**
	 * The running sum of sizes cuts the page without reading what lies behind the cut:
	 * octet_length() does not fetch what is stored out of line.
	 */
	private static final String PAGE = """
			WITH head AS MATERIALIZED (${head} WHERE s.name = ?),
			first AS MATERIALIZED (
				SELECT CASE WHEN ? THEN greatest(next_index - ?, 0) ELSE ? END AS index FROM head)
			SELECT head.*, first.index AS first_index, c.chunk_index, c.created_at AS chunk_created_at, c.data
			FROM head CROSS JOIN first
			LEFT JOIN LATERAL (
				SELECT chunk_index, created_at, data FROM (
					SELECT chunk_index, created_at, data,
						sum(octet_length(data)) OVER (ORDER BY chunk_index) - octet_length(data) AS bytes_before
					FROM (
						SELECT * FROM ${schema}.stream_chunks
						WHERE stream_id = head.stream_id AND chunk_index >= first.index
						ORDER BY chunk_index LIMIT ?) candidate) sized
				WHERE bytes_before < ?) c ON true
			ORDER BY c.chunk_index
			""";

	private static final String MOVED = """
			SELECT w.stream_id, NULL AS name
			FROM unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS w(stream_id, next, received)
			LEFT JOIN ${schema}.streams s ON s.stream_id = w.stream_id
			LEFT JOIN LATERAL (SELECT c.chunk_index + 1 AS next_index FROM ${schema}.stream_chunks c
				WHERE c.stream_id = w.stream_id ORDER BY c.chunk_index DESC LIMIT 1) t ON true
			WHERE s.stream_id IS NULL OR s.ended_at IS NOT NULL
				OR coalesce(t.next_index, 0) > w.next OR coalesce(t.next_index, 0) < w.received
			UNION ALL
			SELECT s.stream_id, s.name FROM ${schema}.streams s WHERE s.name = ANY(?::text[])
			""";

	/**
	 * A target that the statement's budget leaves nothing for has no row at all; one
	 * without chunks has one row.
	 */
	private static final String FETCH = """
			WITH target AS MATERIALIZED (
				SELECT * FROM unnest(?::bigint[], ?::bigint[]) WITH ORDINALITY AS t(stream_id, first_index, ord)),
			found AS (
				SELECT t.ord, c.chunk_index, c.created_at, c.data,
					sum(octet_length(c.data)) OVER (ORDER BY t.ord, c.chunk_index) - octet_length(c.data) AS bytes_before
				FROM target t CROSS JOIN LATERAL (
					SELECT chunk_index, created_at, data FROM (
						SELECT chunk_index, created_at, data,
							sum(octet_length(data)) OVER (ORDER BY chunk_index) - octet_length(data) AS bytes_before
						FROM (
							SELECT * FROM ${schema}.stream_chunks
							WHERE stream_id = t.stream_id AND chunk_index >= t.first_index
							ORDER BY chunk_index LIMIT ?) candidate) sized
					WHERE bytes_before < ?) c),
			head AS MATERIALIZED (
				SELECT t.ord, h.* FROM target t LEFT JOIN LATERAL (
					${head} WHERE s.stream_id = t.stream_id) h ON true)
			SELECT h.*, f.chunk_index, f.created_at AS chunk_created_at, f.data
			FROM head h LEFT JOIN found f ON f.ord = h.ord
			WHERE f.ord IS NULL OR f.bytes_before < ?
			ORDER BY h.ord, f.chunk_index
			""";

	/**
	 * Ids of committed streams by name. One that is stale finds no row to lock and is
	 * looked up again.
	 */
	private final Map<String, Long> ids = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {

		@Override
		protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
			return size() > MAX_IDS;
		}

	});

	private final String find;

	private final String create;

	private final String createJoined;

	private final String append;

	private final String appendJoined;

	private final String end;

	private final String endJoined;

	private final String findHead;

	private final String page;

	private final String moved;

	private final String fetch;

	PostgresStreamStore(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.create = schema.qualify(LIMIT_WAIT + CREATE);
		this.createJoined = schema.qualify(LIMIT_WAIT_JOINED + CREATE + RESTORE_WAIT);
		this.append = schema.qualify(LIMIT_WAIT + APPEND);
		this.appendJoined = schema.qualify(LIMIT_WAIT_JOINED + APPEND + RESTORE_WAIT);
		this.end = schema.qualify(LIMIT_WAIT + END);
		this.endJoined = schema.qualify(LIMIT_WAIT_JOINED + END + RESTORE_WAIT);
		this.findHead = schema.qualify(withHead(FIND_HEAD));
		this.page = schema.qualify(withHead(PAGE));
		this.moved = schema.qualify(MOVED);
		this.fetch = schema.qualify(withHead(FETCH));
	}

	private static String withHead(String sql) {
		return sql.replace("${head}", HEAD);
	}

	@Override
	public Appended append(Connection connection, boolean joined, String stream, byte[] data, Duration lockTimeout)
			throws SQLException {
		for (int lookup = 0; lookup < MAX_LOOKUPS; lookup++) {
			Long streamId = this.ids.get(stream);
			if (streamId == null) {
				streamId = find(connection, stream);
			}
			if (streamId == null) {
				streamId = create(connection, joined, stream, lockTimeout);
			}
			if (streamId == null) {
				continue;
			}
			Long index = append(connection, joined, streamId, stream, data, lockTimeout);
			if (index != null) {
				if (!joined) {
					this.ids.put(stream, streamId);
				}
				return new Appended(streamId, index);
			}
			// Ended, or gone: deleted, or created by a transaction that rolled back
			this.ids.remove(stream);
			requireOpen(connection, stream);
		}
		throw new ConcurrencyFailureException(
				"Stream '%s' was deleted and created again time after time; nothing was stored".formatted(stream));
	}

	private @Nullable Long find(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, stream);
			return singleLong(statement.executeQuery());
		}
	}

	private @Nullable Long create(Connection connection, boolean joined, String stream, Duration lockTimeout)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement((joined) ? this.createJoined : this.create)) {
			statement.setString(1, millis(lockTimeout));
			statement.setString(2, stream);
			return singleLong(executeForResult(statement, 1));
		}
	}

	private @Nullable Long append(Connection connection, boolean joined, long streamId, String stream, byte[] data,
			Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement((joined) ? this.appendJoined : this.append)) {
			statement.setString(1, millis(lockTimeout));
			statement.setLong(2, streamId);
			statement.setString(3, stream);
			statement.setBytes(4, data);
			statement.setLong(5, streamId);
			statement.setString(6, stream);
			return singleLong(executeForResult(statement, 2));
		}
	}

	private void requireOpen(Connection connection, String stream) throws SQLException {
		Head head = head(connection, stream).orElse(null);
		if (head != null && head.endedAt() != null) {
			throw new StreamEndedException(stream, head.state(), head.endedAt(), head.endReason());
		}
	}

	@Override
	public OptionalLong end(Connection connection, boolean joined, String stream, StreamState state,
			@Nullable String reason, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement((joined) ? this.endJoined : this.end)) {
			statement.setString(1, millis(lockTimeout));
			statement.setString(2, stream);
			statement.setString(3, state.name().toLowerCase(Locale.ROOT));
			statement.setString(4, reason);
			Long streamId = singleLong(executeForResult(statement, 1));
			return (streamId != null) ? OptionalLong.of(streamId) : OptionalLong.empty();
		}
	}

	private static String millis(Duration duration) {
		return duration.toMillis() + "ms";
	}

	/**
	 * Execute a round trip of several statements.
	 * @param index which of them has the result, from 0
	 */
	private static ResultSet executeForResult(PreparedStatement statement, int index) throws SQLException {
		statement.execute();
		for (int i = 0; i < index; i++) {
			statement.getMoreResults();
		}
		return statement.getResultSet();
	}

	private static @Nullable Long singleLong(ResultSet result) throws SQLException {
		return (result.next()) ? result.getLong(1) : null;
	}

	@Override
	public boolean isLockTimeout(SQLException exception) {
		return LOCK_NOT_AVAILABLE.equals(exception.getSQLState());
	}

	@Override
	public boolean isConflict(SQLException exception) {
		return UNIQUE_VIOLATION.equals(exception.getSQLState());
	}

	@Override
	public boolean isDataFailure(DataAccessException exception) {
		if (!(exception.getMostSpecificCause() instanceof SQLException cause)) {
			return false;
		}
		String state = String.valueOf(cause.getSQLState());
		return state.startsWith(DATA_EXCEPTION) || DATA_CORRUPTED.equals(state) || INDEX_CORRUPTED.equals(state);
	}

	@Override
	public Optional<Head> head(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findHead)) {
			statement.setString(1, stream);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(readHead(result)) : Optional.empty();
		}
	}

	private static Head readHead(ResultSet result) throws SQLException {
		String endState = result.getString("end_state");
		OffsetDateTime endedAt = result.getObject("ended_at", OffsetDateTime.class);
		return new Head(result.getLong("stream_id"), result.getString("name"),
				(endState != null) ? StreamState.valueOf(endState.toUpperCase(Locale.ROOT)) : StreamState.OPEN,
				result.getLong("next_index"), instant(result, "created_at"),
				(endedAt != null) ? endedAt.toInstant() : null, result.getString("end_reason"));
	}

	private static Instant instant(ResultSet result, String column) throws SQLException {
		return result.getObject(column, OffsetDateTime.class).toInstant();
	}

	private static @Nullable StoredChunk readChunk(ResultSet result) throws SQLException {
		byte[] data = result.getBytes("data");
		return (data != null)
				? new StoredChunk(result.getLong("chunk_index"), data, instant(result, "chunk_created_at")) : null;
	}

	@Override
	public ChunkPage page(Connection connection, String stream, StreamPosition from, int limit, long maxBytes)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.page)) {
			statement.setString(1, stream);
			statement.setBoolean(2, from.isFromEnd());
			statement.setLong(3, from.value());
			statement.setLong(4, from.value());
			statement.setInt(5, limit);
			statement.setLong(6, maxBytes);
			ResultSet result = statement.executeQuery();
			List<Chunk> chunks = new ArrayList<>();
			Head head = null;
			long nextIndex = from.resolve(0);
			while (result.next()) {
				if (head == null) {
					head = readHead(result);
					nextIndex = result.getLong("first_index");
				}
				StoredChunk chunk = readChunk(result);
				if (chunk != null) {
					chunks.add(new Chunk(stream, chunk.index(), chunk.data(), chunk.createdAt()));
					nextIndex = chunk.index() + 1;
				}
			}
			boolean atEnd = head != null && nextIndex >= head.nextIndex();
			return new ChunkPage(chunks, nextIndex, (head != null && atEnd) ? head.state() : StreamState.OPEN);
		}
	}

	@Override
	public Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.moved)) {
			statement.setObject(1, watched.stream().mapToLong(Watched::streamId).toArray());
			statement.setObject(2, watched.stream().mapToLong(Watched::next).toArray());
			statement.setObject(3, watched.stream().mapToLong(Watched::received).toArray());
			statement.setObject(4, names.toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			List<Long> streamIds = new ArrayList<>();
			List<Named> found = new ArrayList<>();
			while (result.next()) {
				String name = result.getString("name");
				if (name != null) {
					found.add(new Named(name, result.getLong("stream_id")));
				}
				else {
					streamIds.add(result.getLong("stream_id"));
				}
			}
			return new Moved(streamIds, found);
		}
	}

	@Override
	public List<@Nullable Found> fetch(Connection connection, List<Target> targets, Budget budget) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.fetch)) {
			statement.setObject(1, targets.stream().mapToLong(Target::streamId).toArray());
			statement.setObject(2, targets.stream().mapToLong(Target::index).toArray());
			statement.setInt(3, budget.chunksPerTarget());
			statement.setLong(4, budget.bytesPerTarget());
			statement.setLong(5, budget.bytesPerStatement());
			ResultSet result = statement.executeQuery();
			@Nullable Found[] found = new Found[targets.size()];
			while (result.next()) {
				int target = result.getInt("ord") - 1;
				Found known = found[target];
				if (known == null) {
					result.getLong("stream_id");
					known = new Found((result.wasNull()) ? null : readHead(result), new ArrayList<>());
					found[target] = known;
				}
				StoredChunk chunk = readChunk(result);
				if (chunk != null) {
					known.chunks().add(chunk);
				}
			}
			return Arrays.asList(found);
		}
	}

}
