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
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;

import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.Spelling;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that settles what was claimed. A holder settles an item by its token, which a
 * holder from whom the item was taken does not have any more.
 * <p>
 * What is settled outside a transaction of the caller's waits for a lock for
 * {@value #LOCK_WAIT} ms at most, and fails with SQLSTATE 55P03 then: an open transaction
 * has coalesced a request into the item, or enqueues in the lane. The earlier items of a
 * lane must have been completed before one of its items is returned, and before it is
 * released.
 */
final class SettleSql {

	static final int LOCK_WAIT = 50;

	/**
	 * Sets nothing in the handler's transaction, whose settings are its own. Does not
	 * lock the claim, which the item must {@link #leave} after the commit.
	 */
	private static final int IN_TRANSACTION = -1;

	private static final String COMPLETE = """
			SELECT m FROM ${schema}.work_complete(?, ?, ?, ?, ?, ?, ?, ?, ?) AS m
			""";

	/**
	 * What is finished for the second time, as what was requeued, is kept once.
	 */
	private static final String KEPT_ONCE = """
			ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id, enqueued_at = excluded.enqueued_at,
				finished_at = excluded.finished_at, failures = excluded.failures""";

	private static final String COMPLETE_ITEM = """
			WITH d AS (DELETE FROM ${schema}.work_items
				WHERE item_id = ? AND token = ? AND rev = ? AND NOT lane
					AND enqueued_at <= to_timestamp(?)
				RETURNING item_id, queue_id, enqueued_at, failures),
			f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
				SELECT item_id, false, queue_id, enqueued_at, failures
				FROM d WHERE EXISTS (SELECT FROM ${schema}.work_queues q WHERE q.queue_id = d.queue_id AND q.retention IS NOT NULL)
				${kept_once})
			SELECT count(*) FROM d
			""";

	/**
	 * Where nothing is kept of what is finished.
	 */
	private static final String REMOVE_ITEM = """
			DELETE FROM ${schema}.work_items WHERE item_id = ? AND token = ? AND rev = ? AND NOT lane
				AND enqueued_at <= to_timestamp(?)
			""";

	/**
	 * A takeover locks the lane FOR UPDATE. Who enqueues at the same time does not.
	 */
	private static final String COMPLETE_LANE_ITEM = """
			WITH l AS (SELECT item_id, queue_id FROM ${schema}.work_items
				WHERE item_id = ? AND token = ? AND lane
					AND enqueued_at <= to_timestamp(?) FOR KEY SHARE),
			d AS (DELETE FROM ${schema}.work_lane_items x USING l WHERE x.lane_id = l.item_id AND x.item_id = ?
				RETURNING x.item_id, l.queue_id, x.enqueued_at, x.failures),
			f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
				SELECT item_id, true, queue_id, enqueued_at, failures
				FROM d WHERE EXISTS (SELECT FROM ${schema}.work_queues q WHERE q.queue_id = d.queue_id AND q.retention IS NOT NULL)
				${kept_once})
			SELECT count(*) FROM d
			""";

	private static final String RETURN = """
			SELECT kind, due FROM ${schema}.work_return(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			""";

	/**
	 * Whether a transaction of the handler has returned the item, which was due before it
	 * was claimed. Waits for that transaction, which the server may not have ended yet. A
	 * request for its key that has moved its due time meanwhile is taken for that: the
	 * failure is not counted then.
	 */
	private static final String IS_RETURNED = """
			SELECT due_at > 'epoch'::timestamptz + ?::bigint * interval '1 microsecond' FROM ${schema}.work_items
			WHERE item_id = ? AND token = ? AND NOT lane AND set_config('lock_timeout', ?, true) IS NOT NULL FOR UPDATE
			""";

	private static final String LEAVE = """
			SELECT ${schema}.work_leave(?, ?, ARRAY[?::bigint]) WHERE set_config('lock_timeout', ?, true) IS NOT NULL
			""";

	private static final String RELEASE = """
			SELECT ${schema}.work_release(?, ?, ?, ?)
			""";

	private static final String RELEASE_ALL = """
			SELECT ${schema}.work_release(?, ?, NULL, NULL)
			""";

	private static final String RELEASE_LANES = """
			SELECT place, kind, due FROM ${schema}.work_release_lanes(?, ?, ?, ?)
			""";

	private static final String RELEASE_LANE = """
			SELECT kind, due FROM ${schema}.work_release_lane(?, ?, ?, ?, ?)
			""";

	private final String complete;

	private final String completeItem;

	private final String removeItem;

	private final String completeLaneItem;

	private final String returnItem;

	private final String isReturned;

	private final String leave;

	private final String release;

	private final String releaseAll;

	private final String releaseLane;

	private final String releaseLanes;

	private final ReadCommitted readCommitted = new ReadCommitted();

	private final SchemaName schema;

	private final int lockWait;

	SettleSql(SchemaName schema) {
		this(schema, LOCK_WAIT);
	}

	private SettleSql(SchemaName schema, int lockWait) {
		this.schema = schema;
		this.lockWait = lockWait;
		this.complete = schema.qualify(COMPLETE);
		this.completeItem = schema.qualify(COMPLETE_ITEM.replace("${kept_once}", KEPT_ONCE));
		this.removeItem = schema.qualify(REMOVE_ITEM);
		this.completeLaneItem = schema.qualify(COMPLETE_LANE_ITEM.replace("${kept_once}", KEPT_ONCE));
		this.returnItem = schema.qualify(RETURN);
		this.isReturned = schema.qualify(IS_RETURNED);
		this.leave = schema.qualify(LEAVE);
		this.release = schema.qualify(RELEASE);
		this.releaseAll = schema.qualify(RELEASE_ALL);
		this.releaseLane = schema.qualify(RELEASE_LANE);
		this.releaseLanes = schema.qualify(RELEASE_LANES);
	}

	/**
	 * Return the same with another wait for a lock, in milliseconds. An item is returned
	 * with it, taken out of its claim, and its lane released.
	 */
	SettleSql waiting(int lockWait) {
		return new SettleSql(this.schema, lockWait);
	}

	/**
	 * Complete items, and remove claims that are finished.
	 * @param items the items; those of a lane in any order
	 * @param finished the claims that have no item left but these; one with an item that
	 * is not completed here stays
	 * @param skipLocked whether to leave out what another transaction has locked. If not,
	 * and if it is locked for longer than {@value #LOCK_WAIT} ms, nothing is completed,
	 * and the call fails with SQLSTATE 55P03
	 * @return those that were completed. The others are locked, lost or to be handled
	 * {@link #again}
	 */
	Collection<Done> complete(Connection connection, List<Done> items, Collection<Claim> finished, boolean skipLocked)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.complete)) {
			statement.setObject(1, longs(items, (item) -> item.claim().claimId()));
			statement.setObject(2, ints(items, (item) -> item.claim().queueId()));
			statement.setObject(3, longs(items, Done::laneId));
			statement.setObject(4, longs(items, Done::itemId));
			statement.setObject(5, ints(items, Done::token));
			statement.setObject(6, ints(items, Done::rev));
			statement.setObject(7, longs(finished, Claim::claimId));
			statement.setObject(8, ints(finished, Claim::queueId));
			statement.setBoolean(9, skipLocked);
			ResultSet result = statement.executeQuery();
			if (!result.next()) {
				return items;
			}
			Set<Done> completed = new HashSet<>(items);
			do {
				completed.remove(items.get(result.getInt(1) - 1));
			}
			while (result.next());
			return completed;
		}
	}

	private static <T> long[] longs(Collection<T> values, ToLongFunction<T> value) {
		return values.stream().mapToLong(value).toArray();
	}

	private static <T> int[] ints(Collection<T> values, ToIntFunction<T> value) {
		return values.stream().mapToInt(value).toArray();
	}

	/**
	 * {@linkplain #completeInTransaction(Connection, Done) Complete} an item.
	 * @param keeping whether the queue may keep what is finished
	 */
	boolean completeInTransaction(Connection connection, Done item, boolean keeping) throws SQLException {
		if (keeping || item.laneId() != 0) {
			return completeInTransaction(connection, item);
		}
		try (PreparedStatement statement = connection.prepareStatement(this.removeItem)) {
			statement.setLong(1, item.itemId());
			statement.setInt(2, item.token());
			statement.setInt(3, item.rev());
			statement.setDouble(4, seconds(item.claim()));
			return statement.executeUpdate() == 1;
		}
	}

	/**
	 * Complete an item in the handler's transaction. The claim stays.
	 * @return whether it was completed; otherwise it is lost or to be handled
	 * {@link #again}
	 */
	boolean completeInTransaction(Connection connection, Done item) throws SQLException {
		boolean ofLane = item.laneId() != 0;
		try (PreparedStatement statement = connection
			.prepareStatement((ofLane) ? this.completeLaneItem : this.completeItem)) {
			statement.setLong(1, (ofLane) ? item.laneId() : item.itemId());
			statement.setInt(2, item.token());
			if (ofLane) {
				statement.setDouble(3, seconds(item.claim()));
				statement.setLong(4, item.itemId());
			}
			else {
				statement.setInt(3, item.rev());
				statement.setDouble(4, seconds(item.claim()));
			}
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getLong(1) == 1;
		}
	}

	/**
	 * Return when a claim was made, exact to the microsecond until after 2100.
	 */
	private static double seconds(Claim claim) {
		return claim.claimId() / 1e6;
	}

	/**
	 * Settle an item whose completion was refused.
	 * @return AGAIN if a request came while it ran, LOST, or DONE if it could be
	 * completed after all
	 */
	Returned again(Connection connection, Done item) throws SQLException {
		return giveBack(connection, item, "AGAIN", 0, 0, null);
	}

	/**
	 * Settle an item whose attempt has failed.
	 * @param error what is stored with it
	 * @param delay the time until the next attempt
	 * @param dead whether there is none
	 * @return AGAIN, DEAD or LOST. AGAIN also where a request came while the last attempt
	 * ran: its attempts are counted from 0 then
	 */
	Returned fail(Connection connection, Done item, String error, Duration delay, boolean dead) throws SQLException {
		return giveBack(connection, item, (dead) ? "DEAD" : "FAIL", 0, DatabaseMicros.of(delay),
				Spelling.error(connection, error));
	}

	/**
	 * Have an item handled again later.
	 * @return AGAIN or LOST
	 */
	Returned postpone(Connection connection, Done item, Duration delay) throws SQLException {
		return giveBack(connection, item, "POSTPONE", 0, DatabaseMicros.of(delay), null);
	}

	/**
	 * Have an item that is done for now handled again at a time.
	 * @return AGAIN or LOST
	 */
	Returned rearm(Connection connection, Done item, Instant dueAt) throws SQLException {
		return giveBack(connection, item, "REARM", DatabaseMicros.of(dueAt), 0, null);
	}

	/**
	 * Take an item from a handler that still runs: its completion will be refused. Does
	 * not count as a failure.
	 */
	Returned takeBack(Connection connection, Done item) throws SQLException {
		return giveBack(connection, item, "TAKE_BACK", 0, 0, null);
	}

	private Returned giveBack(Connection connection, Done item, String outcome, long dueAt, long dueIn,
			@Nullable String error) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.returnItem)) {
			statement.setLong(1, item.claim().claimId());
			statement.setInt(2, item.claim().queueId());
			statement.setLong(3, item.laneId());
			statement.setLong(4, item.itemId());
			statement.setInt(5, item.token());
			statement.setInt(6, item.rev());
			statement.setString(7, outcome);
			statement.setLong(8, dueAt);
			statement.setLong(9, dueIn);
			statement.setString(10, error);
			statement.setInt(11, lockWait(connection));
			return readReturned(item.claim(), statement);
		}
	}

	private int lockWait(Connection connection) throws SQLException {
		return (connection.getAutoCommit()) ? this.lockWait : IN_TRANSACTION;
	}

	/**
	 * Return whether a transaction of the handler has returned an item without an
	 * ordering key, so that it must only {@link #leave} its claim.
	 */
	boolean isReturned(Connection connection, Done item) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.isReturned)) {
			statement.setLong(1, item.claim().claimId());
			statement.setLong(2, item.itemId());
			statement.setInt(3, item.token());
			statement.setString(4, this.lockWait + "ms");
			ResultSet result = statement.executeQuery();
			return result.next() && result.getBoolean(1);
		}
	}

	/**
	 * Take an item that the handler's transaction has returned out of its claim, after
	 * that transaction.
	 */
	void leave(Connection connection, Done item) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.leave)) {
			statement.setLong(1, item.claim().claimId());
			statement.setInt(2, item.claim().queueId());
			statement.setLong(3, (item.laneId() != 0) ? item.laneId() : item.itemId());
			statement.setString(4, this.lockWait + "ms");
			statement.executeQuery();
		}
	}

	private static Returned readReturned(Claim claim, PreparedStatement statement) throws SQLException {
		ResultSet result = statement.executeQuery();
		result.next();
		return new Returned(Returned.Kind.valueOf(result.getString(1)), claim.queueId(), result.getLong(2));
	}

	/**
	 * Give back items that no handler has begun, without counting an attempt.
	 * @param claim the claim, which is removed with its last item
	 * @param notBegun the items; lanes by their own ids, as they were claimed
	 * @return when they are due
	 */
	long release(Connection connection, Claim claim, List<Done> notBegun) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.release)) {
			statement.setLong(1, claim.claimId());
			statement.setInt(2, claim.queueId());
			statement.setObject(3, longs(notBegun, Done::itemId));
			statement.setObject(4, ints(notBegun, Done::token));
			return readDue(statement);
		}
	}

	/**
	 * Give back a claim that this instance does not know: its answer was lost.
	 */
	Released release(Connection connection, Claim claim) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.releaseAll)) {
			statement.setLong(1, claim.claimId());
			statement.setInt(2, claim.queueId());
			return new Released(readDue(statement), RefusedItems.of(statement));
		}
	}

	private static long readDue(PreparedStatement statement) throws SQLException {
		ResultSet result = statement.executeQuery();
		result.next();
		return result.getLong(1);
	}

	/**
	 * Give back lanes whose fetched items are completed. What another transaction has
	 * locked is left out.
	 * @param connection the connection, in autocommit
	 * @return by lane, as below
	 */
	Map<Lane, Returned> releaseLanes(Connection connection, List<Lane> lanes) throws SQLException {
		return this.readCommitted.run(connection, (session, joined) -> {
			try (PreparedStatement statement = session.prepareStatement(this.releaseLanes)) {
				statement.setObject(1, longs(lanes, (lane) -> lane.claim().claimId()));
				statement.setObject(2, ints(lanes, (lane) -> lane.claim().queueId()));
				statement.setObject(3, longs(lanes, Lane::laneId));
				statement.setObject(4, ints(lanes, Lane::token));
				ResultSet result = statement.executeQuery();
				Map<Lane, Returned> returned = new HashMap<>();
				while (result.next()) {
					Lane lane = lanes.get(result.getInt(1) - 1);
					if (!"LOCKED".equals(result.getString(2))) {
						returned.put(lane, new Returned(Returned.Kind.valueOf(result.getString(2)),
								lane.claim().queueId(), result.getLong(3)));
					}
				}
				return returned;
			}
		});
	}

	/**
	 * Give back a lane whose fetched items are completed.
	 * @param connection the connection, in autocommit
	 * @return DONE if it has no more items, AGAIN if it has, or LOST
	 */
	Returned releaseLane(Connection connection, Claim claim, long laneId, int token) throws SQLException {
		return this.readCommitted.run(connection, (session, joined) -> {
			try (PreparedStatement statement = session.prepareStatement(this.releaseLane)) {
				statement.setLong(1, claim.claimId());
				statement.setInt(2, claim.queueId());
				statement.setLong(3, laneId);
				statement.setInt(4, token);
				statement.setInt(5, this.lockWait);
				return readReturned(claim, statement);
			}
		});
	}

	/**
	 * Settle what does not exist. Fails where the tables or functions are missing, and
	 * not for a trigger.
	 * @param connection the connection, in autocommit
	 */
	void probe(Connection connection) throws SQLException {
		Claim claim = new Claim(0, 0);
		Done item = new Done(claim, 0, 0, 0, 0);
		complete(connection, List.of(item, new Done(claim, Long.MAX_VALUE, 0, 0, 0)), List.of(), false);
		again(connection, item);
		leave(connection, item);
		release(connection, claim, List.of(item));
		releaseLanes(connection, List.of(new Lane(claim, 0, 0)));
		releaseLane(connection, claim, 0, 0);
	}

	/**
	 * What has become of a claim.
	 *
	 * @param dueMicros when its items are due
	 * @param refused why some of them are still in the claim, {@code null} if none is
	 */
	record Released(long dueMicros, @Nullable SQLException refused) {
	}

	/**
	 * A claimed lane.
	 */
	record Lane(Claim claim, long laneId, int token) {
	}

}
