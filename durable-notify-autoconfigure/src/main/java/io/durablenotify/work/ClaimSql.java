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
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

import io.durablenotify.database.Instants;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.schema.SchemaName;

/**
 * The SQL that claims items. Each claim is one call of a function: what locks and what
 * claims cannot become two transactions, whatever the driver's settings.
 */
final class ClaimSql {

	private static final String FIND = """
			SELECT queue_id FROM ${schema}.work_queues
			WHERE name = ? AND max_attempts = ? AND block_on_dead = ? AND coalesce(extract(epoch FROM retention), -1) = ?
			""";

	private static final String REGISTER = """
			INSERT INTO ${schema}.work_queues AS q (name, max_attempts, block_on_dead, retention)
			VALUES (?, ?, ?, nullif(?::bigint, -1) * interval '1 second')
			ON CONFLICT ON CONSTRAINT work_queues_name_key DO UPDATE SET max_attempts = excluded.max_attempts,
				block_on_dead = excluded.block_on_dead, retention = excluded.retention
			RETURNING queue_id
			""";

	/**
	 * By name too: after the table was emptied, the id may be that of another queue. This
	 * statement locks the queue, since the function would wait for 10 s. It does so in
	 * READ COMMITTED only: the function needs a snapshot from after the lock. The first
	 * row describes the claim, and has no item. In the rows of items, {@code next_due} is
	 * the time for which the item was due.
	 */
	private static final String CLAIM = """
			WITH q AS MATERIALIZED (SELECT queue_id, paused_at IS NOT NULL AS paused FROM ${schema}.work_queues
				WHERE queue_id = ? AND name = ? AND current_setting('transaction_isolation') = 'read committed'
					AND set_config('lock_timeout', ?, true) IS NOT NULL
				FOR NO KEY UPDATE)
			SELECT granted, limited, claim_id, frontier, next_due, more,
				item_id, token, rev, failures, lane, key, enqueued_at, headers, payload,
				CASE WHEN item_id IS NULL THEN (SELECT paused FROM q) END
			FROM ${schema}.work_claim((SELECT queue_id FROM q), ?, ?, ?, ?) AS w
			""";

	private static final String BOUNDS = """
			SELECT queue_id, CASE WHEN paused_at IS NOT NULL THEN 'PAUSED' ELSE 'LIMITED' END FROM ${schema}.work_queues
			WHERE queue_id = ANY ((SELECT ?::int[])::int[]) AND (paused_at IS NOT NULL OR max_running IS NOT NULL)
			""";

	/**
	 * One sub-query for each lane, each of which reads no more than it returns.
	 */
	private static final String LANE_ITEMS = """
			SELECT u.lane_id, x.item_id, x.failures, x.enqueued_at, x.headers, x.payload, x.waits
			FROM unnest((SELECT ?::bigint[])) AS u(lane_id)
			CROSS JOIN LATERAL (
				SELECT item_id, failures, enqueued_at, headers, payload, coalesce(not_before > clock_timestamp(), false) AS waits
				FROM ${schema}.work_lane_items WHERE lane_id = u.lane_id AND item_id > ?
				ORDER BY lane_id, item_id LIMIT ?) x
			""";

	private static final String CLAIMS = """
			SELECT claim_id, queue_id FROM ${schema}.work_claims WHERE instance_id = ? ORDER BY claim_id
			""";

	private final String find;

	private final String register;

	private final String claim;

	private final String bounds;

	private final String laneItems;

	private final String claims;

	private final ReadCommitted readCommitted = new ReadCommitted();

	ClaimSql(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.register = schema.qualify(REGISTER);
		this.claim = schema.qualify(CLAIM);
		this.bounds = schema.qualify(BOUNDS);
		this.laneItems = schema.qualify(LANE_ITEMS);
		this.claims = schema.qualify(CLAIMS);
	}

	/**
	 * Create a queue, or change its settings.
	 * @return its id
	 */
	int register(Connection connection, QueueSettings settings) throws SQLException {
		for (String sql : List.of(this.find, this.register)) {
			try (PreparedStatement statement = connection.prepareStatement(sql)) {
				Duration retention = settings.retention();
				statement.setString(1, settings.name());
				statement.setInt(2, settings.maxAttempts());
				statement.setBoolean(3, settings.blockOnDead());
				statement.setLong(4, (retention != null) ? retention.toSeconds() : -1);
				ResultSet result = statement.executeQuery();
				if (result.next()) {
					return result.getInt(1);
				}
			}
		}
		throw new IllegalStateException("Queue '%s' was not stored".formatted(settings.name()));
	}

	/**
	 * Claim what is due, in a transaction of its own. Fails with SQLSTATE 55P03 if
	 * another transaction has locked the queue for too long.
	 * @param connection the connection, in autocommit
	 * @param queueId the queue
	 * @param queue its name
	 * @param instanceId the instance, which must have a lease
	 * @param limit how many items at most; no more than 500 are claimed
	 * @param lowMicros the frontier of this instance's last claim; {@link Long#MIN_VALUE}
	 * before the first
	 * @param hintMicros the earliest due time that a wake-up has brought since, or that
	 * of {@link Claimed#nextHintMicros()}; {@link DatabaseMicros#NEVER} for none
	 * @param lockWait how long to wait for the lock of the queue
	 * @return the outcome, empty if there is no such queue
	 */
	Optional<Claimed> claim(Connection connection, int queueId, String queue, long instanceId, int limit,
			long lowMicros, long hintMicros, Duration lockWait) throws SQLException {
		return this.readCommitted.run(connection, (session, joined) -> {
			try (PreparedStatement statement = session.prepareStatement(this.claim)) {
				statement.setInt(1, queueId);
				statement.setString(2, queue);
				statement.setString(3, String.valueOf(lockWait.toMillis()));
				statement.setLong(4, instanceId);
				statement.setInt(5, limit);
				statement.setLong(6, lowMicros);
				statement.setLong(7, hintMicros);
				return readClaimed(queueId, lowMicros, statement.executeQuery());
			}
		});
	}

	private static Optional<Claimed> readClaimed(int queueId, long lowMicros, ResultSet result) throws SQLException {
		result.next();
		boolean paused = result.getBoolean(16);
		if (result.wasNull()) {
			return Optional.empty();
		}
		boolean limited = result.getBoolean(2);
		if (!result.getBoolean(1)) {
			return Optional.of(new Claimed(null, false, paused, lowMicros, -1, false, limited, List.of()));
		}
		Claim claim = new Claim(result.getLong(3), queueId);
		long frontier = result.getLong(4);
		long nextDue = result.getLong(5);
		if (result.wasNull()) {
			nextDue = -1;
		}
		boolean more = result.getBoolean(6);
		List<ClaimedItem> items = new ArrayList<>();
		while (result.next()) {
			items.add(new ClaimedItem(result.getLong(7), result.getInt(8), result.getInt(9), result.getInt(10),
					result.getBoolean(11), result.getString(12), Instants.read(result, 13), result.getString(14),
					result.getBytes(15), result.getLong(5)));
		}
		return Optional
			.of(new Claimed((items.isEmpty()) ? null : claim, true, false, frontier, nextDue, more, limited, items));
	}

	/**
	 * Return which of some queues are paused or limited.
	 */
	Map<Integer, Bound> bounds(Connection connection, Collection<Integer> queueIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.bounds)) {
			statement.setObject(1, queueIds.stream().mapToInt(Integer::intValue).toArray());
			ResultSet result = statement.executeQuery();
			Map<Integer, Bound> bounds = new HashMap<>();
			while (result.next()) {
				bounds.put(result.getInt(1), Bound.valueOf(result.getString(2)));
			}
			return bounds;
		}
	}

	/**
	 * Fetch the first items of a claimed lane.
	 * @see #laneItems(Connection, Collection, long, int)
	 */
	List<ClaimedItem> laneItems(Connection connection, long laneId, long after, int limit) throws SQLException {
		return Objects.requireNonNull(laneItems(connection, List.of(laneId), after, limit).get(laneId));
	}

	/**
	 * Fetch the first items of claimed lanes.
	 * @param after the id of an item, those after which are wanted
	 * @param limit how many of each
	 * @return by lane, the items in their order, up to the first that is not due
	 */
	Map<Long, List<ClaimedItem>> laneItems(Connection connection, Collection<Long> laneIds, long after, int limit)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.laneItems)) {
			statement.setObject(1, laneIds.stream().mapToLong(Long::longValue).toArray());
			statement.setLong(2, after);
			statement.setInt(3, limit);
			ResultSet result = statement.executeQuery();
			Map<Long, List<ClaimedItem>> items = new HashMap<>();
			laneIds.forEach((laneId) -> items.put(laneId, new ArrayList<>()));
			long waiting = 0;
			while (result.next()) {
				long laneId = result.getLong(1);
				if (result.getBoolean(7)) {
					waiting = laneId;
				}
				if (laneId != waiting) {
					Objects.requireNonNull(items.get(laneId))
						.add(new ClaimedItem(result.getLong(2), 0, 0, result.getInt(3), false, null,
								Instants.read(result, 4), result.getString(5), result.getBytes(6), -1));
				}
			}
			return items;
		}
	}

	/**
	 * Return the claims of an instance as the database knows them.
	 */
	List<Claim> claims(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.claims)) {
			statement.setLong(1, instanceId);
			ResultSet result = statement.executeQuery();
			List<Claim> claims = new ArrayList<>();
			while (result.next()) {
				claims.add(new Claim(result.getLong(1), result.getInt(2)));
			}
			return claims;
		}
	}

	/**
	 * What keeps items of a queue from being begun.
	 */
	enum Bound {

		/**
		 * The queue is paused: no item is begun.
		 */
		PAUSED,

		/**
		 * The queue has a limit of what runs.
		 */
		LIMITED

	}

}
