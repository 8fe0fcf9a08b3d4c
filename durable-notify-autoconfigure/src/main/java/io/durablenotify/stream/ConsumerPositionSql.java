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
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import io.durablenotify.database.Instants;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.ConsumerSql.Held;

/**
 * The SQL of the positions of consumers. What writes is fenced: it locks the consumer's
 * row with the owner's token, so that no other instance becomes the owner before the
 * commit.
 */
final class ConsumerPositionSql {

	static final int STREAMS_AT_ONCE = 1_000;

	private static final int CLEAN_SLICE = 10_000;

	/**
	 * Those of streams that the consumer has not had to the end. Those of streams that
	 * are gone come first, so that a stream that has taken a name comes after the one
	 * that had it.
	 */
	private static final String LOAD = """
			SELECT p.consumer_id, p.stream_id, p.stream_created_at, p.stream, p.next_index, s.stream_id IS NULL AS gone
			FROM ${schema}.stream_consumer_positions p
			LEFT JOIN LATERAL (SELECT x.stream_id FROM ${schema}.streams x
				WHERE x.stream_id = p.stream_id AND x.created_at = p.stream_created_at OFFSET 0) s ON true
			WHERE p.consumer_id = ANY ((SELECT ?::bigint[])::bigint[]) AND NOT p.ended
			ORDER BY gone DESC, p.stream_id
			""";

	/**
	 * Waits for no lock, as {@link #MOVE_ALL}.
	 */
	private static final String CLEAN = """
			DELETE FROM ${schema}.stream_consumer_positions WHERE ctid = ANY (ARRAY(
				SELECT p.ctid FROM ${schema}.stream_consumer_positions p
				WHERE p.consumer_id = ANY ((SELECT ?::bigint[])::bigint[]) AND p.ended AND NOT EXISTS (SELECT FROM ${schema}.streams x
					WHERE x.stream_id = p.stream_id AND x.created_at = p.stream_created_at OFFSET 0)
				LIMIT ${slice} FOR UPDATE OF p SKIP LOCKED))
			""";

	private static final String FIND_NEW = """
			SELECT c.consumer_id, s.name
			FROM unnest((SELECT ?::bigint[])) AS w(consumer_id)
			CROSS JOIN LATERAL (SELECT x.consumer_id, x.selection, x.is_prefix FROM ${schema}.stream_consumers x
				WHERE x.consumer_id = w.consumer_id OFFSET 0) c
			CROSS JOIN LATERAL (SELECT x.name FROM ${schema}.streams x
				WHERE x.name >= c.selection AND x.name <= ${schema}.consumer_last_name(c.selection, c.is_prefix)
					AND NOT EXISTS (SELECT FROM ${schema}.stream_consumer_positions p
						WHERE p.consumer_id = c.consumer_id AND p.stream_id = x.stream_id
							AND p.stream_created_at = x.created_at OFFSET 0)
				LIMIT ${streams}) s
			""";

	private static final String HELD = """
			WITH held AS MATERIALIZED (SELECT c.consumer_id FROM ${schema}.stream_consumers c
				WHERE c.consumer_id = ? AND c.token = ? AND c.instance_id IS NOT NULL FOR SHARE)
			""";

	/**
	 * For what one thread does for all consumers of this instance: a consumer that a
	 * transaction has locked, as by its removal, counts as not held.
	 */
	private static final String HELD_NOW = HELD.replace("FOR SHARE", "FOR SHARE SKIP LOCKED");

	/**
	 * A row without a stream says that the consumer is held.
	 */
	private static final String ADD = HELD_NOW
			+ """
					, added AS (
						INSERT INTO ${schema}.stream_consumer_positions (consumer_id, stream_id, stream_created_at, stream, next_index)
						SELECT held.consumer_id, s.stream_id, s.created_at, s.name, 0
						FROM held CROSS JOIN unnest((SELECT ?::text[])) AS w(name)
						CROSS JOIN LATERAL (SELECT x.stream_id, x.created_at, x.name FROM ${schema}.streams x
							WHERE x.name = w.name OFFSET 0) s
						ON CONFLICT (consumer_id, stream_id) DO NOTHING
						RETURNING stream_id, stream_created_at, stream, next_index)
					SELECT held.consumer_id, a.stream_id, a.stream_created_at, a.stream, a.next_index, false AS gone
					FROM held LEFT JOIN added a ON true
					""";

	private static final String OF_STREAM = "WHERE consumer_id = (SELECT consumer_id FROM held) AND stream_id = ?";

	/**
	 * Only from between what was known to be stored and what is handled now. It is beyond
	 * that if a transaction that was thought to have failed has committed, and below if
	 * the server has lost commits, and effects with them.
	 */
	private static final String MOVE = HELD + """
			UPDATE ${schema}.stream_consumer_positions SET next_index = ?
			""" + OF_STREAM + " AND next_index BETWEEN ? AND ?";

	private static final String PASS = HELD + """
			UPDATE ${schema}.stream_consumer_positions SET next_index = ?
			""" + OF_STREAM;

	private static final String SET_ENDED = """
			UPDATE ${schema}.stream_consumer_positions SET next_index = ?, ended = true
			""" + OF_STREAM;

	private static final String END = HELD + SET_ENDED;

	private static final String PASS_OVER = HELD_NOW + SET_ENDED;

	private static final String FORGET = HELD + """
			DELETE FROM ${schema}.stream_consumer_positions
			""" + OF_STREAM;

	/**
	 * The positions of many streams. Waits for no lock, since all consumers of this
	 * instance would wait with it: what a transaction of a handler, or of a removal, has
	 * locked is left for later. Nor does it store what follows commits that the server
	 * has lost.
	 */
	private static final String MOVE_ALL = """
			WITH w AS MATERIALIZED (
				SELECT * FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[]), (SELECT ?::bigint[]), (SELECT ?::bigint[]),
						(SELECT ?::bigint[]))
					AS w(consumer_id, token, stream_id, stored_index, next_index)),
			held AS MATERIALIZED (
				SELECT d.consumer_id, d.token FROM (SELECT DISTINCT consumer_id, token FROM w) d
				CROSS JOIN LATERAL (SELECT FROM ${schema}.stream_consumers c
					WHERE c.consumer_id = d.consumer_id AND c.token = d.token AND c.instance_id IS NOT NULL
					FOR SHARE SKIP LOCKED) c),
			free AS MATERIALIZED (
				SELECT w.consumer_id, w.stream_id, w.next_index FROM w JOIN held USING (consumer_id, token)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.stream_consumer_positions p
					WHERE p.consumer_id = w.consumer_id AND p.stream_id = w.stream_id
						AND p.next_index >= w.stored_index
					FOR NO KEY UPDATE SKIP LOCKED) p),
			moved AS (
				UPDATE ${schema}.stream_consumer_positions p SET next_index = greatest(p.next_index, free.next_index)
				FROM free WHERE p.consumer_id = free.consumer_id AND p.stream_id = free.stream_id
				RETURNING p.consumer_id, p.stream_id)
			SELECT w.consumer_id, w.token, w.stream_id, moved.stream_id IS NOT NULL AS moved,
				EXISTS (SELECT FROM ${schema}.stream_consumers c
					WHERE c.consumer_id = w.consumer_id AND c.token = w.token AND c.instance_id IS NOT NULL OFFSET 0) AS held,
				EXISTS (SELECT FROM ${schema}.stream_consumer_positions p WHERE p.consumer_id = w.consumer_id
					AND p.stream_id = w.stream_id AND p.next_index < w.stored_index OFFSET 0) AS behind
			FROM w LEFT JOIN moved ON moved.consumer_id = w.consumer_id AND moved.stream_id = w.stream_id
			""";

	/**
	 * Where a consumer is, and what its stream has from there on.
	 */
	private static final String EXAMINE = """
			SELECT p.next_index, s.stream_id IS NULL AS gone, first.chunk_index AS first_index,
				coalesce(last.chunk_index + 1, 0) AS end_index
			FROM (SELECT c.consumer_id FROM ${schema}.stream_consumers c
				WHERE c.consumer_id = ? AND c.token = ? AND c.instance_id IS NOT NULL) held
			CROSS JOIN LATERAL (SELECT x.stream_id, x.stream_created_at, x.next_index
				FROM ${schema}.stream_consumer_positions x
				WHERE x.consumer_id = held.consumer_id AND x.stream_id = ? OFFSET 0) p
			LEFT JOIN LATERAL (SELECT x.stream_id FROM ${schema}.streams x
				WHERE x.stream_id = p.stream_id AND x.created_at = p.stream_created_at OFFSET 0) s ON true
			LEFT JOIN LATERAL (SELECT c.chunk_index FROM ${schema}.stream_chunks c
				WHERE c.stream_id = s.stream_id AND c.chunk_index >= p.next_index
				ORDER BY c.chunk_index LIMIT 1) first ON true
			LEFT JOIN LATERAL (SELECT c.chunk_index FROM ${schema}.stream_chunks c
				WHERE c.stream_id = s.stream_id ORDER BY c.chunk_index DESC LIMIT 1) last ON true
			""";

	private final String load;

	private final String clean;

	private final String findNew;

	private final String add;

	private final String move;

	private final String pass;

	private final String end;

	private final String passOver;

	private final String forget;

	private final String moveAll;

	private final String examine;

	ConsumerPositionSql(SchemaName schema) {
		this.load = schema.qualify(LOAD);
		this.clean = schema.qualify(CLEAN.replace("${slice}", String.valueOf(CLEAN_SLICE)));
		this.findNew = schema.qualify(FIND_NEW.replace("${streams}", String.valueOf(STREAMS_AT_ONCE)));
		this.add = schema.qualify(ADD);
		this.move = schema.qualify(MOVE);
		this.pass = schema.qualify(PASS);
		this.end = schema.qualify(END);
		this.passOver = schema.qualify(PASS_OVER);
		this.forget = schema.qualify(FORGET);
		this.moveAll = schema.qualify(MOVE_ALL);
		this.examine = schema.qualify(EXAMINE);
	}

	/**
	 * Return the positions of consumers in the streams that they have not had to the end.
	 */
	Map<Long, List<Stored>> load(Connection connection, Collection<Long> consumerIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.load)) {
			statement.setObject(1, array(consumerIds));
			return readStored(statement.executeQuery());
		}
	}

	/**
	 * Remove the positions of consumers in streams that they have had to the end, and
	 * that are gone.
	 * @return how many
	 */
	int clean(Connection connection, Collection<Long> consumerIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.clean)) {
			statement.setObject(1, array(consumerIds));
			return statement.executeUpdate();
		}
	}

	private static long[] array(Collection<Long> ids) {
		return ids.stream().mapToLong(Long::longValue).toArray();
	}

	/**
	 * Return streams of consumers that have no position, at most {@link #STREAMS_AT_ONCE}
	 * of each.
	 * @return the streams' names, by consumer
	 */
	Map<Long, List<String>> findNew(Connection connection, Collection<Long> consumerIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findNew)) {
			statement.setObject(1, array(consumerIds));
			ResultSet result = statement.executeQuery();
			Map<Long, List<String>> found = new HashMap<>();
			while (result.next()) {
				found.computeIfAbsent(result.getLong(1), (id) -> new ArrayList<>()).add(result.getString(2));
			}
			return found;
		}
	}

	/**
	 * Add positions at the start of streams.
	 * @return those that were added, empty if another instance owns the consumer, or a
	 * transaction has locked it
	 */
	Optional<List<Stored>> add(Connection connection, Held held, List<String> streams) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.add, held)) {
			statement.setObject(3, streams.toArray(String[]::new));
			return Optional.ofNullable(readStored(statement.executeQuery()).get(held.consumerId()));
		}
	}

	private static Map<Long, List<Stored>> readStored(ResultSet result) throws SQLException {
		Map<Long, List<Stored>> positions = new HashMap<>();
		while (result.next()) {
			List<Stored> ofConsumer = positions.computeIfAbsent(result.getLong("consumer_id"),
					(id) -> new ArrayList<>());
			String stream = result.getString("stream");
			if (stream != null) {
				ofConsumer.add(new Stored(result.getLong("stream_id"), Instants.read(result, "stream_created_at"),
						stream, result.getLong("next_index"), result.getBoolean("gone")));
			}
		}
		return positions;
	}

	private static PreparedStatement prepare(Connection connection, String sql, Held held) throws SQLException {
		PreparedStatement statement = connection.prepareStatement(sql);
		statement.setLong(1, held.consumerId());
		statement.setLong(2, held.token());
		return statement;
	}

	/**
	 * Store a position after chunks that were handled.
	 * @param stored up to where the position was stored before
	 * @param from the index of the first of the chunks
	 * @return false if another instance owns the consumer, or the position is not between
	 * these
	 */
	boolean move(Connection connection, Held held, long streamId, long stored, long from, long next)
			throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.move, held)) {
			statement.setLong(3, next);
			statement.setLong(4, streamId);
			statement.setLong(5, stored);
			statement.setLong(6, from);
			return statement.executeUpdate() > 0;
		}
	}

	/**
	 * Store the position after a gap, which may lie before it.
	 * @return false if another instance owns the consumer
	 */
	boolean pass(Connection connection, Held held, long streamId, long next) throws SQLException {
		return write(connection, this.pass, held, streamId, next);
	}

	/**
	 * Store that the consumer has had all of a stream.
	 * @return false if another instance owns the consumer
	 */
	boolean end(Connection connection, Held held, long streamId, long next) throws SQLException {
		return write(connection, this.end, held, streamId, next);
	}

	/**
	 * Store that the consumer is to have nothing of a stream.
	 * @return false if another instance owns the consumer, or a transaction has locked it
	 */
	boolean passOver(Connection connection, Held held, long streamId, long next) throws SQLException {
		return write(connection, this.passOver, held, streamId, next);
	}

	private static boolean write(Connection connection, String sql, Held held, long streamId, long next)
			throws SQLException {
		try (PreparedStatement statement = prepare(connection, sql, held)) {
			statement.setLong(3, next);
			statement.setLong(4, streamId);
			return statement.executeUpdate() > 0;
		}
	}

	/**
	 * Remove the position in a stream that is gone.
	 * @return false if another instance owns the consumer
	 */
	boolean forget(Connection connection, Held held, long streamId) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.forget, held)) {
			statement.setLong(3, streamId);
			return statement.executeUpdate() > 0;
		}
	}

	/**
	 * Store many positions.
	 * @return what became of each
	 */
	List<Outcome> moveAll(Connection connection, List<Position> positions) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.moveAll)) {
			statement.setObject(1, positions.stream().mapToLong((position) -> position.held().consumerId()).toArray());
			statement.setObject(2, positions.stream().mapToLong((position) -> position.held().token()).toArray());
			statement.setObject(3, positions.stream().mapToLong(Position::streamId).toArray());
			statement.setObject(4, positions.stream().mapToLong(Position::stored).toArray());
			statement.setObject(5, positions.stream().mapToLong(Position::next).toArray());
			ResultSet result = statement.executeQuery();
			List<Outcome> outcomes = new ArrayList<>();
			while (result.next()) {
				outcomes.add(new Outcome(new Held(result.getLong(1), result.getLong(2)), result.getLong(3),
						result.getBoolean(4), result.getBoolean(5), result.getBoolean(6)));
			}
			return outcomes;
		}
	}

	/**
	 * Find out where a consumer is in a stream.
	 * @return the place, empty if another instance owns the consumer
	 */
	Optional<Place> examine(Connection connection, Held held, long streamId) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.examine, held)) {
			statement.setLong(3, streamId);
			ResultSet result = statement.executeQuery();
			if (!result.next()) {
				return Optional.empty();
			}
			long end = result.getLong("end_index");
			Long first = result.getObject("first_index", Long.class);
			return Optional.of(new Place(result.getLong("next_index"), result.getBoolean("gone"),
					(first != null) ? first : end, end));
		}
	}

	/**
	 * A position as it is stored.
	 *
	 * @param createdAt with the id, the identity of the stream
	 * @param stream the stream's full name
	 * @param next the index of the chunk that is next
	 * @param gone whether the stream is gone
	 */
	record Stored(long streamId, Instant createdAt, String stream, long next, boolean gone) {

		/**
		 * Return whether a position is one in the same stream, not in one that took its
		 * name.
		 */
		boolean isSame(Stored other) {
			return this.streamId == other.streamId && this.createdAt.equals(other.createdAt);
		}

	}

	/**
	 * A position to be stored.
	 *
	 * @param stored up to where it was stored before
	 */
	record Position(Held held, long streamId, long stored, long next) {
	}

	/**
	 * What became of a position.
	 *
	 * @param moved whether it was stored
	 * @param owned whether the consumer has the owner that stores it; then, if it was not
	 * stored, a transaction has locked it, or it is behind
	 * @param behind whether the server has lost what was stored before
	 */
	record Outcome(Held held, long streamId, boolean moved, boolean owned, boolean behind) {

		boolean isLocked() {
			return this.owned && !this.moved && !this.behind;
		}

	}

	/**
	 * A place in a stream.
	 *
	 * @param next the index of the chunk that is next
	 * @param gone whether the stream is gone
	 * @param first the index of the first chunk from there on, or {@code end}
	 * @param end the index after the stream's last chunk
	 */
	record Place(long next, boolean gone, long first, long end) {
	}

}
