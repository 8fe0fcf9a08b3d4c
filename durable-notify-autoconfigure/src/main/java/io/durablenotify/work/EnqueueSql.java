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
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that enqueues items, and changes those that have a key.
 * <p>
 * No item is due before it is enqueued: claims search nothing below a bound that the
 * clock has passed. Works in any transaction; in REPEATABLE READ and SERIALIZABLE an item
 * with a key or an ordering key may fail with a serialization failure.
 * <p>
 * Where a key, or a queue that is being created, is locked by another transaction, a
 * statement waits no longer than a lock timeout.
 */
final class EnqueueSql {

	private static final String DUE = """
			greatest(clock_timestamp(), 'epoch'::timestamptz + ?::bigint * interval '1 microsecond')
				+ ?::bigint * interval '1 microsecond'""";

	private static final String INSERT = """
			INSERT INTO ${schema}.work_items (queue_id, due_at, headers, payload)
			SELECT q.queue_id, ${due}, ?::text, ?::bytea FROM ${schema}.work_queues q WHERE q.name = ?
			RETURNING queue_id, item_id, ${schema}.work_micros(due_at)
			""";

	/**
	 * The queues are looked up one by one, in the order of the list. Ids and due times
	 * are in that order too. Empty in place of null, which with {@code array_nulls=off}
	 * would be the text NULL. Names the queues itself if there are several: a later
	 * statement would also see those that were created meanwhile.
	 */
	private static final String INSERT_ALL = """
			INSERT INTO ${schema}.work_items (queue_id, due_at, headers, payload)
			SELECT q.queue_id, greatest(clock_timestamp(), 'epoch'::timestamptz + u.due_at * interval '1 microsecond')
				+ u.due_in * interval '1 microsecond', nullif(u.headers, ''), u.payload
			FROM unnest((SELECT ?::text[]), (SELECT ?::bigint[]), (SELECT ?::bigint[]), (SELECT ?::text[]), (SELECT ?::bytea[]))
				AS u(queue, due_at, due_in, headers, payload)
			CROSS JOIN LATERAL (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = u.queue OFFSET 0) q
			RETURNING queue_id, item_id, ${schema}.work_micros(due_at),
				CASE WHEN ? THEN (SELECT q.name FROM ${schema}.work_queues q WHERE q.queue_id = work_items.queue_id) END
			""";

	/**
	 * Locks the item until the transaction ends, also where nothing but its revision
	 * changes. Else its handler could run before the caller's commit, and be the last.
	 * What was due before this statement began, others were woken for.
	 */
	private static final String COALESCE = """
			INSERT INTO ${schema}.work_items AS i (queue_id, due_at, key, headers, payload)
			SELECT q.queue_id, ${due}, ?::text, ?::text, ?::bytea FROM ${schema}.work_queues q WHERE q.name = ?
			ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO UPDATE SET rev = i.rev + 1, ${changes}
			RETURNING i.queue_id, i.item_id,
				CASE WHEN i.due_at < statement_timestamp() THEN 9223372036854775807 ELSE ${schema}.work_micros(i.due_at) END,
				i.rev > 0, ${held}
			""";

	/**
	 * The backoff of an item that has failed holds for requests too, also where its
	 * attempts are counted from 0 since a request came in the last one.
	 */
	private static final String EARLIER = """
			due_at = CASE WHEN i.failures = 0 AND i.last_error IS NULL THEN least(i.due_at, excluded.due_at) ELSE i.due_at END""";

	private static final String REPLACE = """
			due_at = excluded.due_at, headers = excluded.headers, payload = excluded.payload, failures = 0, last_error = NULL""";

	/**
	 * Whether an instance may have claimed the item before it was set to a later time.
	 */
	private static final String HELD = """
			CASE WHEN i.due_at > clock_timestamp() THEN EXISTS (SELECT FROM ${schema}.work_claims c
				WHERE c.queue_id = i.queue_id AND i.item_id = ANY (c.item_ids)) ELSE false END""";

	private static final String APPEND = """
			SELECT queue_id, item_id, due FROM ${schema}.work_append(?, ?, ?, ?, ?, ?)
			""";

	private static final String CREATE_QUEUES = """
			INSERT INTO ${schema}.work_queues (name) SELECT name FROM unnest(?::text[]) AS u(name)
			WHERE NOT EXISTS (SELECT FROM ${schema}.work_queues q WHERE q.name = u.name) ORDER BY name
			ON CONFLICT ON CONSTRAINT work_queues_name_key DO NOTHING
			""";

	/**
	 * A claim that is being made at this moment may have the item too. Its completion is
	 * refused as any other.
	 */
	private static final String CANCEL = """
			DELETE FROM ${schema}.work_items i USING ${schema}.work_queues q
			WHERE q.name = ? AND i.queue_id = q.queue_id AND i.key = ? AND NOT i.lane
			RETURNING i.item_id, EXISTS (SELECT FROM ${schema}.work_claims c
				WHERE c.queue_id = i.queue_id AND i.item_id = ANY (c.item_ids))
			""";

	/**
	 * With a new revision, since it may be running: then all claims count for it.
	 */
	private static final String RESCHEDULE = """
			UPDATE ${schema}.work_items i SET rev = i.rev + 1, due_at = ${due} FROM ${schema}.work_queues q
			WHERE q.name = ? AND i.queue_id = q.queue_id AND i.key = ? AND NOT i.lane
			RETURNING i.queue_id, i.item_id, ${schema}.work_micros(i.due_at), ${held}
			""";

	private final Duration lockTimeout;

	private final EnqueueAllSql all;

	private final String insert;

	private final String insertAll;

	private final LimitedStatement coalesce;

	private final LimitedStatement replace;

	private final LimitedStatement append;

	private final LimitedStatement createQueues;

	private final LimitedStatement cancel;

	private final LimitedStatement reschedule;

	/**
	 * Create a new instance.
	 * @param lockTimeout how long a statement waits for a key, or for a queue that is
	 * being created
	 */
	EnqueueSql(SchemaName schema, Duration lockTimeout) {
		this.lockTimeout = lockTimeout;
		this.all = new EnqueueAllSql(schema);
		this.insert = schema.qualify(INSERT.replace("${due}", DUE));
		this.insertAll = schema.qualify(INSERT_ALL);
		this.coalesce = new LimitedStatement(schema.qualify(coalesce(COALESCE, false).replace("${due}", DUE)));
		this.replace = new LimitedStatement(schema.qualify(coalesce(COALESCE, true).replace("${due}", DUE)));
		this.append = new LimitedStatement(schema.qualify(APPEND));
		this.createQueues = new LimitedStatement(schema.qualify(CREATE_QUEUES));
		this.cancel = new LimitedStatement(schema.qualify(CANCEL));
		this.reschedule = new LimitedStatement(
				schema.qualify(RESCHEDULE.replace("${due}", DUE).replace("${held}", HELD)));
	}

	static String coalesce(String sql, boolean replacing) {
		return sql.replace("${changes}", (replacing) ? REPLACE : EARLIER)
			.replace("${held}", (replacing) ? "i.rev > 0 AND " + HELD : "false");
	}

	private EnqueueSql(EnqueueSql other, Duration lockTimeout) {
		this.lockTimeout = lockTimeout;
		this.all = other.all;
		this.insert = other.insert;
		this.insertAll = other.insertAll;
		this.coalesce = other.coalesce;
		this.replace = other.replace;
		this.append = other.append;
		this.createQueues = other.createQueues;
		this.cancel = other.cancel;
		this.reschedule = other.reschedule;
	}

	/**
	 * Return the same, with another time to wait for locks.
	 */
	EnqueueSql waiting(Duration lockTimeout) {
		return new EnqueueSql(this, lockTimeout);
	}

	private PreparedStatement prepare(Connection connection, LimitedStatement statement) throws SQLException {
		return statement.prepare(connection, !connection.getAutoCommit(), this.lockTimeout);
	}

	/**
	 * Insert items that have neither a key nor an ordering key.
	 * @return what was stored, in the order of the items; {@code null} where the queue
	 * does not exist
	 */
	List<@Nullable StoredItem> insert(Connection connection, List<NewItem> items) throws SQLException {
		if (items.size() == 1) {
			return Collections.singletonList(insertOne(connection, items.get(0)));
		}
		String queue = items.get(0).queue();
		boolean oneQueue = items.stream().allMatch((item) -> item.queue().equals(queue));
		return (oneQueue && items.stream().allMatch((item) -> item.isDueNow() && item.headers() == null))
				? orMissing(items, this.all.insert(connection, items)) : insertAll(connection, items, oneQueue);
	}

	private @Nullable StoredItem insertOne(Connection connection, NewItem item) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			statement.setLong(1, item.dueAtMicros());
			statement.setLong(2, item.dueInMicros());
			statement.setString(3, item.headers());
			statement.setBytes(4, item.payload());
			statement.setString(5, item.queue());
			ResultSet result = statement.executeQuery();
			return (result.next()) ? inserted(result) : null;
		}
	}

	private List<@Nullable StoredItem> insertAll(Connection connection, List<NewItem> items, boolean oneQueue)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insertAll)) {
			EnqueueAllSql.transferInBinary(statement);
			statement.setObject(1, EnqueueAllSql.texts(items, NewItem::queue));
			statement.setObject(2, EnqueueAllSql.longs(items, NewItem::dueAtMicros));
			statement.setObject(3, EnqueueAllSql.longs(items, NewItem::dueInMicros));
			statement.setObject(4, EnqueueAllSql.texts(items, NewItem::headers));
			statement.setObject(5, EnqueueAllSql.payloads(items));
			statement.setBoolean(6, !oneQueue);
			ResultSet result = statement.executeQuery();
			List<@Nullable StoredItem> stored = new ArrayList<>(items.size());
			boolean more = result.next();
			for (NewItem item : items) {
				boolean found = more && (oneQueue || item.queue().equals(result.getString(4)));
				stored.add((found) ? inserted(result) : null);
				more = (found) ? result.next() : more;
			}
			return stored;
		}
	}

	private static StoredItem inserted(ResultSet result) throws SQLException {
		return new StoredItem(result.getInt(1), result.getLong(2), false, result.getLong(3));
	}

	/**
	 * Insert an item with a key, or coalesce it into the one that is there.
	 * @return what was stored, {@code null} if the queue does not exist
	 */
	@Nullable StoredItem coalesce(Connection connection, NewItem item) throws SQLException {
		LimitedStatement limited = (item.replacing()) ? this.replace : this.coalesce;
		try (PreparedStatement statement = prepare(connection, limited)) {
			statement.setLong(2, item.dueAtMicros());
			statement.setLong(3, item.dueInMicros());
			statement.setString(4, item.key());
			statement.setString(5, item.headers());
			statement.setBytes(6, item.payload());
			statement.setString(7, item.queue());
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? new StoredItem(result.getInt(1), result.getLong(2), result.getBoolean(4),
					result.getLong(3), result.getBoolean(5)) : null;
		}
	}

	/**
	 * {@linkplain #coalesce(Connection, NewItem) Coalesce} items of a queue with
	 * different keys; all or none of them are replacing.
	 * @return what was stored, {@code null} for each if the queue does not exist
	 */
	List<@Nullable StoredItem> coalesce(Connection connection, List<NewItem> items) throws SQLException {
		return (items.size() == 1) ? Collections.singletonList(coalesce(connection, items.get(0)))
				: orMissing(items, this.all.coalesce(connection, items, this.lockTimeout));
	}

	private static List<@Nullable StoredItem> orMissing(List<NewItem> items, List<@Nullable StoredItem> stored) {
		return (!stored.isEmpty()) ? stored : Collections.nCopies(items.size(), null);
	}

	/**
	 * Append an item to its ordering key, which is locked until the transaction ends.
	 * @return what was stored, {@code null} if the queue does not exist
	 */
	@Nullable StoredItem append(Connection connection, NewItem item) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.append)) {
			statement.setString(2, item.queue());
			statement.setString(3, item.orderingKey());
			statement.setLong(4, item.dueAtMicros());
			statement.setLong(5, item.dueInMicros());
			statement.setString(6, item.headers());
			statement.setBytes(7, item.payload());
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			result.next();
			int queueId = result.getInt(1);
			return (result.wasNull()) ? null : new StoredItem(queueId, result.getLong(2), false, result.getLong(3));
		}
	}

	/**
	 * {@linkplain #append(Connection, NewItem) Append} items of a queue.
	 * @return what was stored, {@code null} for each if the queue does not exist
	 */
	List<@Nullable StoredItem> append(Connection connection, List<NewItem> items) throws SQLException {
		return (items.size() == 1) ? Collections.singletonList(append(connection, items.get(0)))
				: orMissing(items, this.all.append(connection, items, this.lockTimeout));
	}

	/**
	 * Create the queues that are missing. Waits for an uncommitted create of the same
	 * name.
	 */
	void createQueues(Connection connection, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.createQueues)) {
			statement.setObject(2, names.stream().distinct().toArray(String[]::new));
			OneTransaction.execute(statement);
		}
	}

	/**
	 * Remove the item with a key.
	 * @return what was cancelled, {@code null} if there is no such item
	 */
	@Nullable Cancelled cancel(Connection connection, String queue, String key) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.cancel)) {
			statement.setString(2, queue);
			statement.setString(3, key);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? new Cancelled(result.getLong(1), result.getBoolean(2)) : null;
		}
	}

	/**
	 * Change when the item with a key is due.
	 * @return the item, {@code null} if there is none
	 */
	@Nullable StoredItem reschedule(Connection connection, String queue, String key, Instant dueAt) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.reschedule)) {
			statement.setLong(2, DatabaseMicros.of(dueAt));
			statement.setLong(3, 0);
			statement.setString(4, queue);
			statement.setString(5, key);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next())
					? new StoredItem(result.getInt(1), result.getLong(2), true, result.getLong(3), result.getBoolean(4))
					: null;
		}
	}

}
