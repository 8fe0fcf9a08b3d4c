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

package io.durablenotify.channel;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of channels, beside that of work.
 */
final class ChannelSql {

	/**
	 * How long a channel that another transaction creates is waited for.
	 */
	private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(10);

	private static final String FIND = """
			SELECT kind FROM ${schema}.work_queues WHERE name = ?
			""";

	/**
	 * The unique name decides which of two modes a channel has. A queue of that name
	 * without a kind is a user's, or was created by an item after the tables were
	 * emptied.
	 */
	private static final String CREATE = """
			INSERT INTO ${schema}.work_queues AS q (name, kind) VALUES (?, ?)
			ON CONFLICT ON CONSTRAINT work_queues_name_key DO UPDATE SET kind = excluded.kind WHERE q.kind IS NULL
			""";

	private static final String RECEIVE = """
			SELECT item_id, enqueued_at, payload FROM ${schema}.channel_receive(?, ?, ?)
			""";

	private static final String PUT_BACK = """
			SELECT ${schema}.channel_put_back(?, ?, ?, ?, ?)
			""";

	/**
	 * Each address is looked up by the index of keys.
	 */
	private static final String WAITING = """
			SELECT u.place FROM unnest(?::text[], ?::text[]) WITH ORDINALITY AS u(queue, key, place)
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i
				WHERE i.queue_id = (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = u.queue)
					AND i.key = u.key AND i.lane AND i.due_at < 'infinity'
					AND EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = i.item_id)
				OFFSET 0) i
			""";

	private static final String SWEEP = """
			SELECT ${schema}.channel_sweep(?, nullif(?::bigint, -1) * interval '1 millisecond')
			""";

	private static final String BROADCASTS = """
			SELECT name FROM ${schema}.work_queues WHERE kind = 'channel-broadcast' ORDER BY queue_id
			""";

	private static final String TRIM = """
			SELECT ${schema}.trim_stream(?, ?::bigint * interval '1 millisecond')
			""";

	private final String find;

	private final LimitedStatement create;

	private final String receive;

	private final String putBack;

	private final String waiting;

	private final String sweep;

	private final String broadcasts;

	private final String trim;

	ChannelSql(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.create = new LimitedStatement(schema.qualify(CREATE));
		this.receive = schema.qualify(RECEIVE);
		this.putBack = schema.qualify(PUT_BACK);
		this.waiting = schema.qualify(WAITING);
		this.sweep = schema.qualify(SWEEP);
		this.broadcasts = schema.qualify(BROADCASTS);
		this.trim = schema.qualify(TRIM);
	}

	/**
	 * A message of a direct channel that was removed.
	 *
	 * @param itemId its id
	 * @param enqueuedAt when it was sent
	 * @param payload the stored message
	 */
	record Received(long itemId, Instant enqueuedAt, byte[] payload) {
	}

	/**
	 * Return the kind of a queue.
	 * @return the kind, {@code null} if there is no such queue, or none with a kind
	 */
	@Nullable String find(Connection connection, String queue) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, queue);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? result.getString(1) : null;
		}
	}

	/**
	 * Create a queue with a kind, unless it has one. Waits for an uncommitted create of
	 * the same name.
	 */
	void create(Connection connection, String queue, String kind) throws SQLException {
		try (PreparedStatement statement = this.create.prepare(connection, !connection.getAutoCommit(), LOCK_TIMEOUT)) {
			statement.setString(2, queue);
			statement.setString(3, kind);
			OneTransaction.execute(statement);
		}
	}

	/**
	 * Remove the first message of an address and return it.
	 * @param joined whether the connection is in the caller's transaction, which has to
	 * be READ COMMITTED
	 * @return the message, empty if there is none, or another has it
	 */
	Optional<Received> receive(Connection connection, DirectAddress address, boolean joined) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.receive)) {
			statement.setString(1, address.queue());
			statement.setString(2, address.key());
			statement.setBoolean(3, joined);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(new Received(result.getLong(1),
					result.getObject(2, OffsetDateTime.class).toInstant(), result.getBytes(3))) : Optional.empty();
		}
	}

	/**
	 * Store a message again that was removed, in its old place.
	 */
	void putBack(Connection connection, DirectAddress address, Received received) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.putBack)) {
			statement.setString(1, address.queue());
			statement.setString(2, address.key());
			statement.setLong(3, received.itemId());
			statement.setObject(4, OffsetDateTime.ofInstant(received.enqueuedAt(), ZoneOffset.UTC));
			statement.setBytes(5, received.payload());
			statement.executeQuery();
		}
	}

	/**
	 * Return those of some addresses that have messages.
	 */
	List<DirectAddress> waiting(Connection connection, List<DirectAddress> addresses) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.waiting)) {
			statement.setObject(1, texts(addresses, DirectAddress::queue));
			statement.setObject(2, texts(addresses, DirectAddress::key));
			ResultSet result = statement.executeQuery();
			List<DirectAddress> waiting = new ArrayList<>();
			while (result.next()) {
				waiting.add(addresses.get(result.getInt(1) - 1));
			}
			return waiting;
		}
	}

	private static String[] texts(List<DirectAddress> addresses, Function<DirectAddress, String> text) {
		return addresses.stream().map(text).toArray(String[]::new);
	}

	/**
	 * Remove messages of direct channels that were not received, and the rows of
	 * addresses that have no messages.
	 * @param connection the connection, in a READ COMMITTED transaction
	 * @param retention how long messages are kept, {@code null} to keep them
	 * @param limit how many of both at most
	 * @return how many
	 */
	int sweep(Connection connection, @Nullable Duration retention, int limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.sweep)) {
			statement.setInt(1, limit);
			statement.setLong(2, (retention != null) ? retention.toMillis() : -1);
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getInt(1);
		}
	}

	/**
	 * Return the streams of broadcast channels.
	 */
	List<String> broadcasts(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.broadcasts)) {
			ResultSet result = statement.executeQuery();
			List<String> streams = new ArrayList<>();
			while (result.next()) {
				streams.add(result.getString(1));
			}
			return streams;
		}
	}

	/**
	 * Remove a slice of the chunks that all living consumers of a stream have had.
	 * @param connection the connection, in a READ COMMITTED transaction
	 * @param limit how long a consumer lives without an owner
	 * @return how many; there may be more unless it is 0
	 */
	long trim(Connection connection, String stream, Duration limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.trim)) {
			statement.setString(1, stream);
			statement.setLong(2, limit.toMillis());
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getLong(1);
		}
	}

}
