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
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of those who watch queues and set them right. What changes something waits for
 * each lock no longer than a lock timeout.
 */
final class WorkAdminSql {

	/**
	 * How far anything is counted: to count more would be a load.
	 */
	static final int COUNTED = 100_000;

	/**
	 * A claim has its items until all are done, and those that are done have no rows any
	 * more.
	 */
	private static final String QUEUES = """
			SELECT q.queue_id, q.name, q.paused_at IS NOT NULL,
				CASE WHEN p.queue_id IS NULL THEN q.max_running ELSE p.max_running END,
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_items i WHERE i.queue_id = q.queue_id LIMIT ${counted}) i),
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_claims c CROSS JOIN unnest(c.item_ids) AS u(item)
					CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item OFFSET 0) i
					WHERE c.queue_id = q.queue_id LIMIT ${counted}) r),
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_dead d WHERE d.queue_id = q.queue_id LIMIT ${counted}) d),
				(SELECT ${schema}.work_micros(statement_timestamp()) - ${schema}.work_micros(i.due_at) FROM ${schema}.work_items i
					WHERE i.queue_id = q.queue_id AND i.due_at <= statement_timestamp() AND i.item_id NOT IN (
						SELECT unnest(c.item_ids) FROM ${schema}.work_claims c WHERE c.queue_id = q.queue_id)
					ORDER BY i.due_at, i.item_id LIMIT 1)
			FROM ${schema}.work_queues q LEFT JOIN ${schema}.work_probes p ON p.queue_id = q.queue_id ORDER BY q.name
			""";

	/**
	 * A claim of any instance notes that it has begun at the first item. One whose
	 * handlers are all busy claims nothing. The messages of a direct channel need no
	 * handler: they are received.
	 */
	private static final String UNHANDLED = """
			SELECT q.name FROM ${schema}.work_queues q
			WHERE q.paused_at IS NULL AND q.kind IS DISTINCT FROM 'channel-direct'
				AND q.looked_at < statement_timestamp() - ?::bigint * interval '1 millisecond'
				AND EXISTS (SELECT FROM ${schema}.work_items i WHERE i.queue_id = q.queue_id
					AND i.due_at < statement_timestamp() - ?::bigint * interval '1 millisecond')
				AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = q.queue_id)
			ORDER BY q.name LIMIT 100
			""";

	private static final String PROBED = """
			SELECT q.name FROM ${schema}.work_probes p JOIN ${schema}.work_queues q ON q.queue_id = p.queue_id
			ORDER BY q.name LIMIT 100
			""";

	/**
	 * A claim whose search has begun at the first item notes how long that took, and the
	 * next such search comes after twenty times as long. During one of more than 30
	 * seconds the server was suspended.
	 */
	private static final String SEARCHES = """
			SELECT q.name, (extract(epoch FROM q.look_took) * 1000)::bigint FROM ${schema}.work_queues q
			WHERE q.look_took BETWEEN ?::bigint * interval '1 millisecond' AND interval '30 s'
				AND q.looked_at > statement_timestamp() - interval '10 minutes' - 20 * q.look_took
			ORDER BY q.name LIMIT 100
			""";

	/**
	 * An ordering key has an error only while it is a suspect.
	 */
	private static final String ITEMS = """
			SELECT i.item_id, i.lane, i.key, i.enqueued_at, i.due_at, i.failures,
				CASE WHEN i.suspect OR NOT i.lane THEN i.last_error END,
				EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = i.queue_id AND i.item_id = ANY (c.item_ids))
			FROM ${schema}.work_queues q
			CROSS JOIN LATERAL (
				SELECT i.item_id, i.queue_id, i.lane, i.key, i.enqueued_at, i.due_at, i.failures, i.suspect, i.last_error
				FROM ${schema}.work_items i
				WHERE i.queue_id = q.queue_id AND (i.due_at, i.item_id) > (?::timestamptz, ?)
				ORDER BY i.due_at, i.item_id LIMIT ?) i
			WHERE q.name = ?
			""";

	/**
	 * As above, found by the index of keys, and sorted: two at most, one of them an
	 * ordering key.
	 */
	private static final String ITEMS_OF_KEY = """
			SELECT i.item_id, i.lane, i.key, i.enqueued_at, i.due_at, i.failures,
				CASE WHEN i.suspect OR NOT i.lane THEN i.last_error END,
				EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = i.queue_id AND i.item_id = ANY (c.item_ids))
			FROM ${schema}.work_queues q
			CROSS JOIN LATERAL (
				SELECT i.item_id, i.queue_id, i.lane, i.key, i.enqueued_at, i.due_at, i.failures, i.suspect, i.last_error
				FROM (SELECT i.item_id, i.queue_id, i.lane, i.key, i.enqueued_at, i.due_at, i.failures, i.suspect, i.last_error
					FROM ${schema}.work_items i WHERE i.queue_id = q.queue_id AND i.key = ? OFFSET 0) i
				WHERE (i.due_at, i.item_id) > (?::timestamptz, ?)
				ORDER BY i.due_at, i.item_id LIMIT ?) i
			WHERE q.name = ?
			""";

	private static final String DEAD = """
			SELECT d.item_id, d.lane, d.key, d.enqueued_at, d.died_at, d.failures, d.last_error, d.blocks
			FROM ${schema}.work_queues q
			CROSS JOIN LATERAL (
				SELECT d.item_id, d.lane, d.key, d.enqueued_at, d.died_at, d.failures, d.last_error, d.blocks
				FROM ${schema}.work_dead d
				WHERE d.queue_id = q.queue_id AND (d.died_at, d.item_id) > (?::timestamptz, ?)
				ORDER BY d.died_at, d.item_id LIMIT ?) d
			WHERE q.name = ?
			""";

	private static final String DEAD_OF_KEY = """
			SELECT d.item_id, d.lane, d.key, d.enqueued_at, d.died_at, d.failures, d.last_error, d.blocks
			FROM ${schema}.work_queues q
			CROSS JOIN LATERAL (
				SELECT d.item_id, d.lane, d.key, d.enqueued_at, d.died_at, d.failures, d.last_error, d.blocks
				FROM ${schema}.work_dead d
				WHERE d.queue_id = q.queue_id AND d.key = ? AND (d.died_at, d.item_id) > (?::timestamptz, ?)
				ORDER BY d.died_at, d.item_id LIMIT ?) d
			WHERE q.name = ?
			""";

	private static final String PAUSE = """
			UPDATE ${schema}.work_queues SET paused_at = CASE WHEN ? THEN coalesce(paused_at, clock_timestamp()) END
			WHERE name = ? RETURNING queue_id
			""";

	private static final String LIMIT = """
			SELECT ${schema}.work_limit(?, ?)
			""";

	private static final String IDS = "?::bigint[]";

	private static final String REQUEUE = """
			SELECT ${schema}.work_requeue(q.queue_id, ?::bigint[], ?) FROM ${schema}.work_queues q WHERE q.name = ?
			""";

	private static final String PURGE = """
			SELECT ${schema}.work_purge(q.queue_id, ?::bigint[], ?) FROM ${schema}.work_queues q WHERE q.name = ?
			""";

	/**
	 * Of those that died some time ago, which are locked until the end: one that is
	 * requeued, and dies again, is another.
	 */
	private static final String OLD_IDS = """
			ARRAY(SELECT CASE WHEN d.lane THEN -d.item_id ELSE d.item_id END FROM ${schema}.work_dead d
				WHERE d.queue_id = q.queue_id AND d.died_at < statement_timestamp() - ?::bigint * interval '1 millisecond'
					AND CASE WHEN d.lane THEN -d.item_id ELSE d.item_id END
						= coalesce(?::bigint, CASE WHEN d.lane THEN -d.item_id ELSE d.item_id END)
				ORDER BY d.died_at LIMIT ? FOR UPDATE SKIP LOCKED)""";

	private static final String FIND = """
			SELECT queue_id, ${schema}.work_micros(clock_timestamp()) FROM ${schema}.work_queues WHERE name = ?
			""";

	private static final String QUEUES_WITH_OLD = """
			SELECT q.name FROM ${schema}.work_queues q CROSS JOIN LATERAL (SELECT FROM ${schema}.work_dead d
				WHERE d.queue_id = q.queue_id AND d.died_at < statement_timestamp() - ?::bigint * interval '1 millisecond'
				ORDER BY d.died_at LIMIT 1) d
			""";

	/**
	 * In READ COMMITTED, so that what another instance has deleted is passed over. By
	 * their places, which no plan can turn into reading the whole table.
	 */
	private static final String EXPIRE = """
			DELETE FROM ${schema}.work_finished WHERE ctid = ANY (ARRAY(
				SELECT e.place FROM ${schema}.work_queues q
				CROSS JOIN LATERAL (SELECT f.ctid AS place FROM ${schema}.work_finished f
					WHERE f.queue_id = q.queue_id AND f.finished_at < statement_timestamp() - coalesce(q.retention, interval '0')
					ORDER BY f.finished_at LIMIT ? FOR UPDATE SKIP LOCKED) e))
			""";

	private final Duration lockTimeout;

	private final String queues;

	private final String unhandled;

	private final String probed;

	private final String searches;

	private final String items;

	private final String itemsOfKey;

	private final String dead;

	private final String deadOfKey;

	private final LimitedStatement pause;

	private final LimitedStatement limit;

	private final LimitedStatement requeue;

	private final LimitedStatement purge;

	private final LimitedStatement requeueOld;

	private final LimitedStatement purgeOld;

	private final String find;

	private final String queuesWithOld;

	private final String expire;

	/**
	 * Create a new instance.
	 * @param lockTimeout how long a statement waits for each lock of another transaction
	 */
	WorkAdminSql(SchemaName schema, Duration lockTimeout) {
		this.lockTimeout = lockTimeout;
		this.queues = schema.qualify(QUEUES.replace("${counted}", Integer.toString(COUNTED)));
		this.unhandled = schema.qualify(UNHANDLED);
		this.probed = schema.qualify(PROBED);
		this.searches = schema.qualify(SEARCHES);
		this.items = schema.qualify(ITEMS);
		this.itemsOfKey = schema.qualify(ITEMS_OF_KEY);
		this.dead = schema.qualify(DEAD);
		this.deadOfKey = schema.qualify(DEAD_OF_KEY);
		this.pause = new LimitedStatement(schema.qualify(PAUSE));
		this.limit = new LimitedStatement(schema.qualify(LIMIT));
		this.requeue = new LimitedStatement(schema.qualify(REQUEUE));
		this.purge = new LimitedStatement(schema.qualify(PURGE));
		this.requeueOld = new LimitedStatement(schema.qualify(REQUEUE.replace(IDS, OLD_IDS)));
		this.purgeOld = new LimitedStatement(schema.qualify(PURGE.replace(IDS, OLD_IDS)));
		this.find = schema.qualify(FIND);
		this.queuesWithOld = schema.qualify(QUEUES_WITH_OLD);
		this.expire = schema.qualify(EXPIRE);
	}

	/**
	 * Return how long statements wait for each lock of another transaction.
	 */
	Duration lockTimeout() {
		return this.lockTimeout;
	}

	private PreparedStatement prepare(Connection connection, LimitedStatement statement) throws SQLException {
		return statement.prepare(connection, !connection.getAutoCommit(), this.lockTimeout);
	}

	/**
	 * A queue.
	 *
	 * @param paused whether it is paused
	 * @param maxRunning how many items run at most over all instances, {@code null} for
	 * no limit
	 * @param stored how many items and ordering keys are stored, {@value #COUNTED} for
	 * more
	 * @param running how many of them are claimed, {@value #COUNTED} for more
	 * @param dead how many items are dead, {@value #COUNTED} for more
	 * @param oldestDueMicros for how long the first that is due and not claimed has been
	 * due, -1 if there is none
	 */
	record QueueState(int queueId, String name, boolean paused, @Nullable Integer maxRunning, long stored, long running,
			long dead, long oldestDueMicros) {
	}

	/**
	 * A queue and the time.
	 *
	 * @param nowMicros the time by the database's clock
	 */
	record FoundQueue(int queueId, long nowMicros) {
	}

	/**
	 * An item that is stored, or dead.
	 *
	 * @param lane whether it is an ordering key, or a dead item of one
	 * @param at when it is due, or was dead; {@link Instant#MAX} for an ordering key that
	 * waits for a dead item
	 * @param flagged whether it is claimed, or its ordering key waits for it
	 */
	record AdminItem(long itemId, boolean lane, @Nullable String key, Instant enqueuedAt, Instant at, int failures,
			@Nullable String lastError, boolean flagged) {
	}

	/**
	 * Return all queues.
	 */
	List<QueueState> queues(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.queues)) {
			ResultSet result = statement.executeQuery();
			List<QueueState> queues = new ArrayList<>();
			while (result.next()) {
				long oldestDue = result.getLong(8);
				boolean due = !result.wasNull();
				int maxRunning = result.getInt(4);
				queues.add(new QueueState(result.getInt(1), result.getString(2), result.getBoolean(3),
						(maxRunning > 0) ? maxRunning : null, result.getLong(5), result.getLong(6), result.getLong(7),
						(due) ? oldestDue : -1));
			}
			return queues;
		}
	}

	/**
	 * Return the queues that no instance has claimed from for a time, with items due for
	 * that time.
	 */
	List<String> unhandledQueues(Connection connection, Duration time) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.unhandled)) {
			statement.setLong(1, time.toMillis());
			statement.setLong(2, time.toMillis());
			return names(statement.executeQuery());
		}
	}

	/**
	 * Return the queues of which one item at a time is tried.
	 */
	List<String> probedQueues(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.probed)) {
			return names(statement.executeQuery());
		}
	}

	private static List<String> names(ResultSet result) throws SQLException {
		List<String> names = new ArrayList<>();
		while (result.next()) {
			names.add(result.getString(1));
		}
		return names;
	}

	/**
	 * Return how long claims of queues have searched last.
	 * @param least the queues where it took less are left out
	 */
	Map<String, Duration> searches(Connection connection, Duration least) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.searches)) {
			statement.setLong(1, least.toMillis());
			ResultSet result = statement.executeQuery();
			Map<String, Duration> took = new LinkedHashMap<>();
			while (result.next()) {
				took.put(result.getString(1), Duration.ofMillis(result.getLong(2)));
			}
			return took;
		}
	}

	/**
	 * Return stored items in the order of their due times.
	 * @param key their key or ordering key, {@code null} for all
	 * @param after the last item of the page before, {@code null} for the first page
	 */
	List<AdminItem> items(Connection connection, String queue, @Nullable String key, @Nullable AdminItem after,
			int limit) throws SQLException {
		return page(connection, (key != null) ? this.itemsOfKey : this.items, queue, key, after, limit);
	}

	/**
	 * Return dead items, first those that died first.
	 * @param key their key or ordering key, {@code null} for all
	 * @param after the last item of the page before, {@code null} for the first page
	 */
	List<AdminItem> dead(Connection connection, String queue, @Nullable String key, @Nullable AdminItem after,
			int limit) throws SQLException {
		return page(connection, (key != null) ? this.deadOfKey : this.dead, queue, key, after, limit);
	}

	private static List<AdminItem> page(Connection connection, String sql, String queue, @Nullable String key,
			@Nullable AdminItem after, int limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(sql)) {
			OffsetDateTime from = (after == null) ? OffsetDateTime.MIN
					: (after.at().equals(Instant.MAX)) ? OffsetDateTime.MAX : after.at().atOffset(ZoneOffset.UTC);
			int index = 0;
			if (key != null) {
				statement.setString(++index, key);
			}
			statement.setObject(++index, from);
			statement.setLong(++index, (after != null) ? after.itemId() : 0);
			statement.setInt(++index, limit);
			statement.setString(++index, queue);
			ResultSet result = statement.executeQuery();
			List<AdminItem> items = new ArrayList<>();
			while (result.next()) {
				OffsetDateTime at = result.getObject(5, OffsetDateTime.class);
				items.add(new AdminItem(result.getLong(1), result.getBoolean(2), result.getString(3),
						Instants.read(result, 4), (at.equals(OffsetDateTime.MAX)) ? Instant.MAX : at.toInstant(),
						result.getInt(6), result.getString(7), result.getBoolean(8)));
			}
			return items;
		}
	}

	/**
	 * Pause a queue, or resume it. When this is committed, nothing is claimed of a paused
	 * queue any more. Waits for a claim that is being made.
	 * @return the queue's id, {@code null} if there is no such queue
	 */
	@Nullable Integer pause(Connection connection, String queue, boolean paused) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.pause)) {
			statement.setBoolean(2, paused);
			statement.setString(3, queue);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? result.getInt(1) : null;
		}
	}

	/**
	 * Limit how many items of a queue run over all instances. Those that run go on.
	 * @param maxRunning how many, {@code null} for no limit
	 * @return the queue's id, {@code null} if there is no such queue
	 */
	@Nullable Integer limit(Connection connection, String queue, @Nullable Integer maxRunning) throws SQLException {
		try (PreparedStatement statement = prepare(connection, this.limit)) {
			statement.setString(2, queue);
			statement.setObject(3, maxRunning, Types.INTEGER);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next() && result.getInt(1) > 0) ? result.getInt(1) : null;
		}
	}

	/**
	 * Have dead items handled again, with attempts counted from 0.
	 * @param itemId the only item, negative for one of an ordering key; {@code null} for
	 * all
	 * @param olderThan how long ago an item died at least
	 * @param limit how many at most
	 * @return how many
	 */
	int requeue(Connection connection, String queue, @Nullable Long itemId, @Nullable Duration olderThan, int limit)
			throws SQLException {
		return changeDead(connection, (olderThan != null) ? this.requeueOld : this.requeue, queue, itemId, olderThan,
				limit);
	}

	/**
	 * Remove dead items. An ordering key that waits for one goes on.
	 * @param itemId the only item, negative for one of an ordering key; {@code null} for
	 * all
	 * @param olderThan how long ago an item died at least
	 * @param limit how many at most
	 * @return how many
	 */
	int purge(Connection connection, String queue, @Nullable Long itemId, @Nullable Duration olderThan, int limit)
			throws SQLException {
		return changeDead(connection, (olderThan != null) ? this.purgeOld : this.purge, queue, itemId, olderThan,
				limit);
	}

	/**
	 * Return the queues of which items died some time ago.
	 */
	List<String> queuesWithOldDead(Connection connection, Duration time) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.queuesWithOld)) {
			statement.setLong(1, time.toMillis());
			return names(statement.executeQuery());
		}
	}

	/**
	 * Find a queue.
	 */
	@Nullable FoundQueue find(Connection connection, String queue) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, queue);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? new FoundQueue(result.getInt(1), result.getLong(2)) : null;
		}
	}

	private int changeDead(Connection connection, LimitedStatement limited, String queue, @Nullable Long itemId,
			@Nullable Duration olderThan, int limit) throws SQLException {
		try (PreparedStatement statement = prepare(connection, limited)) {
			int index = 1;
			if (olderThan != null) {
				statement.setLong(++index, olderThan.toMillis());
				statement.setObject(++index, itemId, Types.BIGINT);
				statement.setInt(++index, limit);
			}
			else {
				statement.setObject(++index, (itemId != null) ? new long[] { itemId } : null, Types.ARRAY);
			}
			statement.setInt(++index, limit);
			statement.setString(++index, queue);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			return (result.next()) ? result.getInt(1) : 0;
		}
	}

	/**
	 * Delete a slice of the completed items that have been listed for the retention.
	 * @param limit how many of each queue
	 * @return how many
	 */
	int expire(Connection connection, int limit) throws SQLException {
		return ReadCommitted.runInTransaction(connection, (session, joined) -> {
			try (PreparedStatement statement = session.prepareStatement(this.expire)) {
				statement.setInt(1, limit);
				return statement.executeUpdate();
			}
		});
	}

}
