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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.Spelling;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of channels, beside that of work.
 */
final class ChannelSql {

	/**
	 * How long a channel that another transaction creates is waited for.
	 */
	static final Duration LOCK_TIMEOUT = Duration.ofSeconds(10);

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
			SELECT item_id, enqueued_at, payload, more FROM ${schema}.channel_receive(?, ?, ?)
			""";

	private static final String BURY = """
			SELECT ${schema}.channel_bury(?, ?, ?, ?)
			""";

	/**
	 * As an item of an ordering key, for which no other waits. It is not finished, as
	 * what is removed seems to be.
	 */
	private static final String BURY_REMOVED = """
			WITH f AS (DELETE FROM ${schema}.work_finished WHERE item_id = ? AND lane)
			INSERT INTO ${schema}.work_dead (item_id, lane, queue_id, key, enqueued_at, failures, token, last_error, payload)
			SELECT ?, true, q.queue_id, ?, ?::timestamptz, 1, 1, ?, ? FROM ${schema}.work_queues q WHERE q.name = ?
			""";

	/**
	 * Each address is looked up by the index of keys.
	 */
	private static final String WAITING = """
			SELECT u.place FROM unnest((SELECT ?::text[]), (SELECT ?::text[])) WITH ORDINALITY AS u(queue, key, place)
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i
				WHERE i.queue_id = (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = u.queue)
					AND i.key = u.key AND i.lane AND i.due_at < 'infinity'
					AND EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = i.item_id)
				OFFSET 0) i
			""";

	private static final String SWEEP = """
			SELECT examined, removed, last_due, last_item
			FROM ${schema}.channel_sweep(?, ?, ?, ?, nullif(?::bigint, -1) * interval '1 millisecond')
			""";

	private static final String CHANNELS = """
			SELECT queue_id, name, kind FROM ${schema}.work_queues WHERE kind LIKE 'channel-%' ORDER BY queue_id
			""";

	/**
	 * There is more if the slice has as many chunks or as many bytes as trim_stream
	 * removes at once. The snapshot of the statement still has the removed chunks, the
	 * first ones.
	 */
	private static final String TRIM = """
			SELECT t.removed, CASE WHEN t.removed >= ? THEN true ELSE (
				SELECT coalesce(sum(octet_length(c.data)), 0) >= 67108864 FROM (
					SELECT x.data FROM ${schema}.stream_chunks x
					WHERE x.stream_id = (SELECT s.stream_id FROM ${schema}.streams s WHERE s.name = ?)
					ORDER BY x.chunk_index LIMIT t.removed) c) END AS more
			FROM ${schema}.trim_stream(?, ?::bigint * interval '1 millisecond', ?) AS t(removed)
			""";

	private final String find;

	private final LimitedStatement create;

	private final String receive;

	private final String bury;

	private final String buryRemoved;

	private final String waiting;

	private final String sweep;

	private final String channels;

	private final String trim;

	ChannelSql(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.create = new LimitedStatement(schema.qualify(CREATE));
		this.receive = schema.qualify(RECEIVE);
		this.bury = schema.qualify(BURY);
		this.buryRemoved = schema.qualify(BURY_REMOVED);
		this.waiting = schema.qualify(WAITING);
		this.sweep = schema.qualify(SWEEP);
		this.channels = schema.qualify(CHANNELS);
		this.trim = schema.qualify(TRIM);
	}

	/**
	 * A message of a direct channel that was removed.
	 *
	 * @param itemId its id
	 * @param enqueuedAt when it was sent
	 * @param payload the stored message
	 * @param more whether the address has another one
	 */
	record Received(long itemId, Instant enqueuedAt, byte[] payload, boolean more) {
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
	 * @param connection the connection, in a READ COMMITTED transaction or in autocommit
	 * with that default
	 * @param joined whether it is in the caller's transaction, so that others wait until
	 * that is over
	 * @return the message, empty if there is none, or another has it
	 */
	Optional<Received> receive(Connection connection, DirectAddress address, boolean joined) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.receive)) {
			statement.setString(1, address.queue());
			statement.setString(2, address.key());
			statement.setBoolean(3, joined);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional
				.of(new Received(result.getLong(1), Instants.read(result, 2), result.getBytes(3), result.getBoolean(4)))
					: Optional.empty();
		}
	}

	/**
	 * Make the first message of an address dead.
	 * @return whether it was there, and free
	 */
	boolean bury(Connection connection, DirectAddress address, Received received, String error) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.bury)) {
			statement.setString(1, address.queue());
			statement.setString(2, address.key());
			statement.setLong(3, received.itemId());
			statement.setString(4, Spelling.error(connection, error));
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getBoolean(1);
		}
	}

	/**
	 * Make a message dead that was removed.
	 */
	void buryRemoved(Connection connection, DirectAddress address, Received received, String error)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.buryRemoved)) {
			statement.setLong(1, received.itemId());
			statement.setLong(2, received.itemId());
			statement.setString(3, address.key());
			statement.setString(4, received.enqueuedAt().toString());
			statement.setString(5, Spelling.error(connection, error));
			statement.setBytes(6, received.payload());
			statement.setString(7, address.queue());
			statement.executeUpdate();
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
	 * How far the addresses of a channel were examined.
	 *
	 * @param due when the last one was due, in microseconds
	 * @param item the last one
	 */
	record Cursor(long due, long item) {

		static final Cursor START = new Cursor(0, 0);

	}

	/**
	 * What was done to some addresses of a channel.
	 *
	 * @param examined how many were examined
	 * @param removed how many messages and addresses were removed
	 * @param last the last one that was examined
	 */
	record Swept(int examined, int removed, Cursor last) {
	}

	/**
	 * A channel as it is stored.
	 *
	 * @param queueId the id of its queue
	 * @param name the name of its queue or its stream
	 * @param kind its mode, which another version may have added
	 */
	record Channel(int queueId, String name, String kind) {

		boolean isOf(ChannelMode mode) {
			return this.kind.equals(mode.kind());
		}

	}

	/**
	 * Return all channels.
	 */
	List<Channel> channels(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.channels)) {
			ResultSet result = statement.executeQuery();
			List<Channel> channels = new ArrayList<>();
			while (result.next()) {
				channels.add(new Channel(result.getInt(1), result.getString(2), result.getString(3)));
			}
			return channels;
		}
	}

	/**
	 * Remove messages of a direct channel that were not received, and the rows of
	 * addresses that have no messages.
	 * @param connection the connection, in a READ COMMITTED transaction or in autocommit
	 * with that default
	 * @param after the last address that was examined before
	 * @param retention how long messages are kept, {@code null} to keep them
	 * @param limit how many addresses are examined
	 */
	Swept sweep(Connection connection, int queueId, Cursor after, @Nullable Duration retention, int limit)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.sweep)) {
			statement.setInt(1, queueId);
			statement.setLong(2, after.due());
			statement.setLong(3, after.item());
			statement.setInt(4, limit);
			statement.setLong(5, (retention != null) ? retention.toMillis() : -1);
			ResultSet result = statement.executeQuery();
			result.next();
			return new Swept(result.getInt(1), result.getInt(2), new Cursor(result.getLong(3), result.getLong(4)));
		}
	}

	/**
	 * What was removed of a stream.
	 *
	 * @param removed how many chunks
	 * @param more whether there may be more to remove
	 */
	record Trimmed(long removed, boolean more) {
	}

	/**
	 * Remove a slice of the chunks that all living consumers of a stream have had.
	 * @param connection the connection, in a READ COMMITTED transaction or in autocommit
	 * with that default
	 * @param limit how long a consumer lives without an owner
	 * @param slice how many chunks at most
	 */
	Trimmed trim(Connection connection, String stream, Duration limit, int slice) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.trim)) {
			statement.setInt(1, slice);
			statement.setString(2, stream);
			statement.setString(3, stream);
			statement.setLong(4, limit.toMillis());
			statement.setInt(5, slice);
			ResultSet result = statement.executeQuery();
			result.next();
			return new Trimmed(result.getLong(1), result.getBoolean(2));
		}
	}

}
