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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of consumers and their owners. All times are the database's.
 */
final class ConsumerSql {

	private static final int SLICE = 500;

	private static final String CREATE = """
			SELECT consumer_id, selection, is_prefix FROM ${schema}.create_stream_consumer(?, ?, ?, ?)
			""";

	/**
	 * Of consumers without an owner, with one that is gone for good, or with this
	 * instance, by an earlier subscription. By name too: where the consumers were removed
	 * and their ids begin again, the id is another one's. The lock on the instance's row
	 * excludes that it is removed before this is committed.
	 */
	private static final String CLAIM = """
			WITH living AS MATERIALIZED (
				SELECT instance_id FROM ${schema}.instances WHERE instance_id = ? AND gone_at IS NULL FOR KEY SHARE),
			free AS MATERIALIZED (
				SELECT c.consumer_id FROM ${schema}.stream_consumers c
				WHERE c.consumer_id = ANY ((SELECT ?::bigint[])::bigint[])
					AND (c.consumer_id, c.name) IN (SELECT w.consumer_id, w.name
						FROM unnest((SELECT ?::bigint[]), (SELECT ?::text[])) AS w(consumer_id, name))
					AND (c.instance_id IS NULL OR c.instance_id = ?
						OR NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = c.instance_id))
				ORDER BY c.consumer_id FOR NO KEY UPDATE OF c SKIP LOCKED),
			claimed AS (
				UPDATE ${schema}.stream_consumers c SET instance_id = living.instance_id,
					token = greatest(c.token + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
					last_active_at = clock_timestamp()
				FROM living WHERE c.consumer_id = ANY (ARRAY(SELECT consumer_id FROM free))
				RETURNING c.consumer_id, c.token)
			SELECT w.consumer_id, coalesce(claimed.token, 0),
				EXISTS (SELECT FROM ${schema}.stream_consumers c WHERE c.consumer_id = w.consumer_id AND c.name = w.name)
			FROM unnest((SELECT ?::bigint[]), (SELECT ?::text[])) AS w(consumer_id, name) LEFT JOIN claimed USING (consumer_id)
			""";

	private static final String FIND_LOST = """
			SELECT w.consumer_id, w.token FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[])) AS w(consumer_id, token)
			WHERE NOT EXISTS (SELECT FROM ${schema}.stream_consumers c
				WHERE c.consumer_id = w.consumer_id AND c.token = w.token AND c.instance_id IS NOT NULL OFFSET 0)
			""";

	private static final String RELEASE = """
			UPDATE ${schema}.stream_consumers SET instance_id = NULL, last_active_at = clock_timestamp()
			WHERE consumer_id = ? AND token = ? AND instance_id IS NOT NULL
			RETURNING consumer_id
			""";

	/**
	 * What a transaction that stores a position has locked stays, and is taken over after
	 * that.
	 */
	private static final String TAKE_OVER = """
			UPDATE ${schema}.stream_consumers SET instance_id = NULL, last_active_at = clock_timestamp()
			WHERE consumer_id = ANY (ARRAY(SELECT consumer_id FROM ${schema}.stream_consumers
				WHERE instance_id = ? ORDER BY consumer_id LIMIT ${slice} FOR NO KEY UPDATE SKIP LOCKED))
			RETURNING consumer_id
			""";

	private static final String IS_HOLDER = """
			SELECT EXISTS (SELECT FROM ${schema}.stream_consumers WHERE instance_id = ?)
			""";

	private static final String REMOVE = """
			DELETE FROM ${schema}.stream_consumers WHERE name = ? RETURNING consumer_id
			""";

	/**
	 * A separate statement: the owner may have stored positions while the removal waited.
	 */
	private static final String REMOVE_POSITIONS = """
			DELETE FROM ${schema}.stream_consumer_positions WHERE consumer_id = ?
			""";

	private static final String LIST = """
			SELECT c.name, c.selection, c.is_prefix, c.created_at,
				coalesce(i.name, 'instance') || ' (' || i.instance_id || ')' AS owner,
				CASE WHEN i.instance_id IS NULL THEN c.last_active_at ELSE clock_timestamp() END AS last_active_at,
				l.next_index, l.lag
			FROM ${schema}.stream_consumers c
			LEFT JOIN ${schema}.instances i ON i.instance_id = c.instance_id
			CROSS JOIN LATERAL (
				SELECT coalesce(sum(p.next_index), 0)::bigint AS next_index,
					coalesce(sum(greatest(t.next_index - coalesce(p.next_index, 0), 0)), 0)::bigint AS lag
				FROM ${schema}.streams s
				LEFT JOIN LATERAL (SELECT x.next_index FROM ${schema}.stream_consumer_positions x
					WHERE x.consumer_id = c.consumer_id AND x.stream_id = s.stream_id
						AND x.stream_created_at = s.created_at OFFSET 0) p ON true
				LEFT JOIN LATERAL (SELECT h.chunk_index + 1 AS next_index FROM ${schema}.stream_chunks h
					WHERE h.stream_id = s.stream_id ORDER BY h.chunk_index DESC LIMIT 1) t ON true
				WHERE s.name >= c.selection AND s.name <= ${schema}.consumer_last_name(c.selection, c.is_prefix)) l
			${where}
			ORDER BY c.name
			""";

	private final String create;

	private final String claim;

	private final String findLost;

	private final LimitedStatement release;

	private final String takeOver;

	private final String isHolder;

	private final String remove;

	private final String removePositions;

	private final String list;

	private final String listOfStream;

	private final String find;

	ConsumerSql(SchemaName schema) {
		this.create = schema.qualify(CREATE);
		this.claim = schema.qualify(CLAIM);
		this.findLost = schema.qualify(FIND_LOST);
		this.release = new LimitedStatement(schema.qualify(RELEASE));
		this.takeOver = schema.qualify(TAKE_OVER.replace("${slice}", String.valueOf(SLICE)));
		this.isHolder = schema.qualify(IS_HOLDER);
		this.remove = schema.qualify(REMOVE);
		this.removePositions = schema.qualify(REMOVE_POSITIONS);
		this.list = schema.qualify(LIST.replace("${where}", ""));
		this.listOfStream = schema.qualify(LIST.replace("${where}", "WHERE c.selection = ? AND NOT c.is_prefix"));
		this.find = schema.qualify(LIST.replace("${where}", "WHERE c.name = ?"));
	}

	/**
	 * Create a consumer unless there is one of the name.
	 * @return the one that there is
	 */
	Created create(Connection connection, ConsumerSpec spec) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.create)) {
			statement.setString(1, spec.name());
			statement.setString(2, spec.selection());
			statement.setBoolean(3, spec.prefix());
			statement.setBoolean(4, spec.fromEnd());
			ResultSet result = statement.executeQuery();
			result.next();
			return new Created(result.getLong(1), result.getString(2), result.getBoolean(3));
		}
	}

	/**
	 * Claim those consumers that have no owner.
	 * @param consumers their names by their ids
	 * @return one for each
	 */
	List<Claimed> claim(Connection connection, long instanceId, Map<Long, String> consumers) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.claim)) {
			long[] ids = consumers.keySet().stream().mapToLong(Long::longValue).toArray();
			String[] names = consumers.values().toArray(String[]::new);
			statement.setLong(1, instanceId);
			statement.setObject(2, ids);
			statement.setObject(3, ids);
			statement.setObject(4, names);
			statement.setLong(5, instanceId);
			statement.setObject(6, ids);
			statement.setObject(7, names);
			ResultSet result = statement.executeQuery();
			List<Claimed> claimed = new ArrayList<>();
			while (result.next()) {
				claimed.add(new Claimed(result.getLong(1), result.getLong(2), result.getBoolean(3)));
			}
			return claimed;
		}
	}

	/**
	 * Return those of some consumers that have another owner than that of the token, or
	 * none.
	 */
	List<Held> findLost(Connection connection, List<Held> held) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findLost)) {
			statement.setObject(1, held.stream().mapToLong(Held::consumerId).toArray());
			statement.setObject(2, held.stream().mapToLong(Held::token).toArray());
			ResultSet result = statement.executeQuery();
			List<Held> lost = new ArrayList<>();
			while (result.next()) {
				lost.add(new Held(result.getLong(1), result.getLong(2)));
			}
			return lost;
		}
	}

	/**
	 * Give a consumer up.
	 * @param lockTimeout how long to wait for a transaction that stores a position
	 * @return whether it was held
	 */
	boolean release(Connection connection, Held held, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.release.prepare(connection, false, lockTimeout)) {
			statement.setLong(2, held.consumerId());
			statement.setLong(3, held.token());
			return LimitedStatement.executeForLong(statement) != null;
		}
	}

	/**
	 * Take over a slice of the consumers that an instance owned.
	 */
	Set<Long> takeOver(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.takeOver)) {
			statement.setLong(1, instanceId);
			return readIds(statement.executeQuery());
		}
	}

	/**
	 * Return whether an instance owns a consumer.
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
	 * Remove a consumer, in a transaction.
	 * @return the consumer's id, or {@code null} if there was none
	 */
	@Nullable Long remove(Connection connection, String name) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.remove);
				PreparedStatement positions = connection.prepareStatement(this.removePositions)) {
			statement.setString(1, name);
			ResultSet result = statement.executeQuery();
			if (!result.next()) {
				return null;
			}
			long consumerId = result.getLong(1);
			positions.setLong(1, consumerId);
			positions.executeUpdate();
			return consumerId;
		}
	}

	/**
	 * Describe all consumers.
	 */
	List<ConsumerInfo> list(Connection connection) throws SQLException {
		return list(connection, this.list, null);
	}

	/**
	 * Describe the consumers of a stream.
	 */
	List<ConsumerInfo> listOfStream(Connection connection, String stream) throws SQLException {
		return list(connection, this.listOfStream, stream);
	}

	/**
	 * Describe the consumer of a name.
	 */
	List<ConsumerInfo> find(Connection connection, String name) throws SQLException {
		return list(connection, this.find, name);
	}

	private static List<ConsumerInfo> list(Connection connection, String sql, @Nullable String parameter)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(sql)) {
			if (parameter != null) {
				statement.setString(1, parameter);
			}
			ResultSet result = statement.executeQuery();
			List<ConsumerInfo> consumers = new ArrayList<>();
			while (result.next()) {
				boolean prefix = result.getBoolean("is_prefix");
				consumers.add(new ConsumerInfo(result.getString("name"), result.getString("selection"), prefix,
						(prefix) ? OptionalLong.empty() : OptionalLong.of(result.getLong("next_index")),
						result.getLong("lag"), result.getString("owner"), Instants.read(result, "created_at"),
						Instants.read(result, "last_active_at")));
			}
			return consumers;
		}
	}

	private static Set<Long> readIds(ResultSet result) throws SQLException {
		Set<Long> ids = new HashSet<>();
		while (result.next()) {
			ids.add(result.getLong(1));
		}
		return ids;
	}

	/**
	 * The consumer of a name.
	 *
	 * @param selection what it was created for
	 * @param prefix whether that is a prefix
	 */
	record Created(long consumerId, String selection, boolean prefix) {
	}

	/**
	 * What became of a claim.
	 *
	 * @param token the token of the new owner, 0 if the consumer was not claimed
	 * @param exists whether there is such a consumer
	 */
	record Claimed(long consumerId, long token, boolean exists) {
	}

	/**
	 * A consumer that this instance owns, or did.
	 *
	 * @param token the owner's token
	 */
	record Held(long consumerId, long token) {
	}

}
