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

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.SettleSql.Lane;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The tables of work in a database that an instance has migrated, and what settles and
 * claims in it. Each has one connection of its own, in autocommit.
 */
final class WorkTables implements AutoCloseable {

	/**
	 * How long claims wait for the lock of their queue.
	 */
	static final Duration LOCK_WAIT = Duration.ofMillis(200);

	private static final SchemaName SCHEMA = new SchemaName("durable_notify");

	/**
	 * How long a statement takes to store some items, at most.
	 */
	private static final long STATEMENT_MICROS = 10_000;

	private final EnqueueSql enqueue = new EnqueueSql(SCHEMA, Eventually.TIMEOUT);

	private final ClaimSql claims = new ClaimSql(SCHEMA);

	private final SettleSql settle = new SettleSql(SCHEMA);

	private final TakeOverSql takeOver = new TakeOverSql(SCHEMA);

	private final WorkAdminSql admin = new WorkAdminSql(SCHEMA, Eventually.TIMEOUT);

	private final Connection connection;

	private final JdbcTemplate jdbc;

	private final long instanceId;

	/**
	 * What the holder passes to its next claim.
	 */
	private long frontier = Long.MIN_VALUE;

	private WorkTables(Connection connection) {
		this.connection = connection;
		this.jdbc = new JdbcTemplate(new SingleConnectionDataSource(connection, true));
		this.instanceId = this.jdbc.queryForObject("""
				INSERT INTO durable_notify.instances (instance_id, lease_until) OVERRIDING SYSTEM VALUE
				VALUES (durable_notify.next_instance_id(), clock_timestamp() + interval '1 hour') RETURNING instance_id
				""", Long.class);
	}

	/**
	 * Connect as another holder, with a lease.
	 */
	static WorkTables open(TestDatabase database) {
		return open(database, "");
	}

	static WorkTables open(TestDatabase database, String settings) {
		try {
			return new WorkTables(DriverManager.getConnection(database.url() + "&" + settings));
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	JdbcTemplate jdbc() {
		return this.jdbc;
	}

	Connection connection() {
		return this.connection;
	}

	EnqueueSql enqueue() {
		return this.enqueue;
	}

	ClaimSql claims() {
		return this.claims;
	}

	SettleSql settle() {
		return this.settle;
	}

	TakeOverSql takeOver() {
		return this.takeOver;
	}

	WorkAdminSql admin() {
		return this.admin;
	}

	long instanceId() {
		return this.instanceId;
	}

	/**
	 * Run in a transaction, which stays open if the caller sets it up so.
	 */
	<T extends @Nullable Object> T run(SessionWork<T> work) {
		try {
			return work.run(this.connection, !this.connection.getAutoCommit());
		}
		catch (SQLException ex) {
			throw new SqlFailure(ex);
		}
	}

	void begin() {
		run((connection, joined) -> {
			connection.setAutoCommit(false);
			return null;
		});
	}

	void commit() {
		run((connection, joined) -> {
			connection.commit();
			connection.setAutoCommit(true);
			return null;
		});
	}

	void rollback() {
		run((connection, joined) -> {
			connection.rollback();
			connection.setAutoCommit(true);
			return null;
		});
	}

	/**
	 * Create a queue.
	 */
	int queue(String name) {
		return queue(new QueueSettings(name, 3, false, null));
	}

	int queue(QueueSettings settings) {
		return run((connection, joined) -> this.claims.register(connection, settings));
	}

	static NewItem item(String queue, String payload) {
		return new NewItem(queue, null, false, null, null, null, null, bytes(payload));
	}

	static NewItem keyed(String queue, String key, String payload) {
		return new NewItem(queue, key, false, null, null, null, null, bytes(payload));
	}

	static NewItem replacing(String queue, String key, String payload, @Nullable Duration dueIn) {
		return new NewItem(queue, key, true, null, null, dueIn, null, bytes(payload));
	}

	static NewItem ordered(String queue, String orderingKey, String payload) {
		return new NewItem(queue, null, false, orderingKey, null, null, null, bytes(payload));
	}

	static byte[] bytes(String payload) {
		return payload.getBytes(StandardCharsets.UTF_8);
	}

	static String text(ClaimedItem item) {
		return new String(item.payload(), StandardCharsets.UTF_8);
	}

	static List<String> texts(Claimed claimed) {
		return claimed.items().stream().map(WorkTables::text).toList();
	}

	/**
	 * Enqueue items without keys in one statement.
	 */
	List<@Nullable StoredItem> insert(String queue, String... payloads) {
		List<NewItem> items = new ArrayList<>();
		for (String payload : payloads) {
			items.add(item(queue, payload));
		}
		return run((connection, joined) -> this.enqueue.insert(connection, items));
	}

	StoredItem put(NewItem item) {
		return run((connection, joined) -> {
			if (item.orderingKey() != null) {
				return this.enqueue.append(connection, item);
			}
			return (item.key() != null) ? this.enqueue.coalesce(connection, item)
					: this.enqueue.insert(connection, List.of(item)).get(0);
		});
	}

	Claimed claim(int queueId, int limit) {
		return claim(queueId, limit, DatabaseMicros.NEVER);
	}

	/**
	 * Claim, going on from the last claim.
	 */
	Claimed claim(int queueId, int limit, long hint) {
		Claimed[] claimed = new Claimed[1];
		// Another claimer may hold the queue for long on a busy machine
		Eventually.await(() -> {
			claimed[0] = tryClaim(queueId, limit, hint);
			return claimed[0] != null;
		}, this::dump);
		return claimed[0];
	}

	/**
	 * Claim, unless another transaction has locked the queue for too long.
	 */
	@Nullable Claimed tryClaim(int queueId, int limit, long hint) {
		String name = name(queueId);
		try {
			Claimed claimed = run((connection, joined) -> this.claims
				.claim(connection, queueId, name, this.instanceId, limit, this.frontier, hint, LOCK_WAIT)
				.orElseThrow());
			this.frontier = claimed.frontierMicros();
			return claimed;
		}
		catch (SqlFailure ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				return null;
			}
			throw ex;
		}
	}

	String name(int queueId) {
		return jdbc().queryForObject("SELECT name FROM durable_notify.work_queues WHERE queue_id = ?", String.class,
				queueId);
	}

	/**
	 * Claim until something is claimed.
	 */
	Claimed awaitClaim(int queueId, int limit) {
		Claimed[] claimed = new Claimed[1];
		Eventually.await(() -> {
			claimed[0] = claim(queueId, limit);
			return claimed[0].claim() != null;
		}, this::dump);
		return claimed[0];
	}

	static Done done(Claimed claimed, ClaimedItem item) {
		return new Done(claimed.claim(), 0, item.itemId(), item.token(), item.rev());
	}

	static Done done(Claimed claimed, ClaimedItem lane, ClaimedItem item) {
		return new Done(claimed.claim(), lane.itemId(), item.itemId(), lane.token(), lane.rev());
	}

	static List<Done> done(Claimed claimed) {
		return claimed.items().stream().map((item) -> done(claimed, item)).toList();
	}

	/**
	 * Complete all items of a claim and remove it.
	 */
	Collection<Done> complete(Claimed claimed) {
		return run((connection, joined) -> this.settle.complete(connection, done(claimed), List.of(claimed.claim()),
				false));
	}

	/**
	 * Let another holder's lease run out, and take over from it.
	 */
	List<TakeOverSql.TakenOver> takeOverFrom(WorkTables lost) {
		this.jdbc.update("UPDATE durable_notify.instances SET lease_until = clock_timestamp() - interval '1 s', "
				+ "gone_at = clock_timestamp() WHERE instance_id = ?", lost.instanceId);
		return run((connection, joined) -> this.takeOver.takeOver(connection, lost.instanceId));
	}

	/**
	 * Have no claim begin at the first item from now on, or the next one.
	 */
	void searchAll(boolean all) {
		this.jdbc.update("UPDATE durable_notify.work_queues SET looked_at = ?::timestamptz, look_took = ?::interval",
				(all) ? "-infinity" : "now", (all) ? "0" : "1 day");
	}

	/**
	 * Claim until the bound is past a due time, and past those of all items that were
	 * stored by the same statement.
	 */
	void passBy(int queueId, long dueMicros) {
		Eventually.await(() -> {
			assertThat(claim(queueId, 10).claim()).isNull();
			return this.frontier > dueMicros + STATEMENT_MICROS;
		}, this::dump);
	}

	Returned again(Done item) {
		return run((connection, joined) -> this.settle.again(connection, item));
	}

	Returned fail(Done item, Duration delay, boolean dead) {
		return run((connection, joined) -> this.settle.fail(connection, item, "reason", delay, dead));
	}

	Collection<Done> complete(List<Done> items, List<Claim> finished) {
		return run((connection, joined) -> this.settle.complete(connection, items, finished, false));
	}

	Collection<Done> completeUnlocked(List<Done> items) {
		return run((connection, joined) -> this.settle.complete(connection, items, List.of(), true));
	}

	boolean completeInTransaction(Done item) {
		return run((connection, joined) -> this.settle.completeInTransaction(connection, item));
	}

	/**
	 * Give back lanes of a claim.
	 * @return by lane, what became of those that were given back
	 */
	Map<Long, Returned.Kind> releaseLanes(Claimed claimed, List<ClaimedItem> lanes) {
		Map<Long, Returned.Kind> kinds = new HashMap<>();
		run((connection, joined) -> this.settle.releaseLanes(connection,
				lanes.stream().map((lane) -> new Lane(claimed.claim(), lane.itemId(), lane.token())).toList()))
			.forEach((lane, returned) -> kinds.put(lane.laneId(), returned.kind()));
		return kinds;
	}

	int requeue(String queue, int limit) {
		return run((connection, joined) -> this.admin.requeue(connection, queue, null, null, limit));
	}

	int purge(String queue, int limit) {
		return run((connection, joined) -> this.admin.purge(connection, queue, null, null, limit));
	}

	Returned releaseLane(Claimed claimed, ClaimedItem lane) {
		return run((connection, joined) -> this.settle.releaseLane(connection, claimed.claim(), lane.itemId(),
				lane.token()));
	}

	List<ClaimedItem> laneItems(ClaimedItem lane) {
		return run((connection, joined) -> this.claims.laneItems(connection, lane.itemId(), 0, 50));
	}

	Map<String, Object> row(long itemId) {
		return this.jdbc.queryForMap("SELECT due_at, token, rev, failures, suspect, last_error, payload FROM "
				+ "durable_notify.work_items WHERE item_id = ?", itemId);
	}

	/**
	 * Return whether an item is in no claim, and due after all that has been searched.
	 */
	boolean isReturned(long itemId) {
		return this.jdbc.queryForObject("""
				SELECT count(*) FROM durable_notify.work_items i JOIN durable_notify.work_queues q USING (queue_id)
				WHERE i.item_id = ? AND i.due_at > q.frontier
					AND NOT EXISTS (SELECT FROM durable_notify.work_claims c WHERE i.item_id = ANY (c.item_ids))
				""", Integer.class, itemId) == 1;
	}

	/**
	 * Return what a claim has.
	 */
	List<Long> claimedIds(Claimed claimed) {
		return this.jdbc.queryForList(
				"SELECT unnest(item_ids) FROM durable_notify.work_claims WHERE claim_id = ? AND queue_id = ?",
				Long.class, claimed.claim().claimId(), claimed.claim().queueId());
	}

	long count(String table) {
		return this.jdbc.queryForObject("SELECT count(*) FROM durable_notify." + table, Long.class);
	}

	String dump() {
		return "items %s, lane items %s, claims %s, dead %s, queues %s".formatted(
				this.jdbc.queryForList("SELECT item_id, queue_id, due_at, token, rev, failures, suspect, lane, key "
						+ "FROM durable_notify.work_items ORDER BY due_at LIMIT 50"),
				this.jdbc
					.queryForList("SELECT lane_id, item_id, not_before, failures FROM durable_notify.work_lane_items "
							+ "ORDER BY lane_id, item_id LIMIT 50"),
				this.jdbc.queryForList("SELECT claim_id, queue_id, instance_id, to_due, item_ids::text "
						+ "FROM durable_notify.work_claims LIMIT 50"),
				this.jdbc.queryForList(
						"SELECT item_id, lane, queue_id, key, blocks, failures FROM durable_notify.work_dead LIMIT 50"),
				this.jdbc.queryForList("SELECT queue_id, name, paused_at, max_running, frontier, looked_at, look_took, "
						+ "clock_timestamp() AS now FROM durable_notify.work_queues"));
	}

	@Override
	public void close() {
		try {
			this.connection.close();
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	static Instant now(JdbcTemplate jdbc) {
		return jdbc.queryForObject("SELECT clock_timestamp()", java.time.OffsetDateTime.class).toInstant();
	}

	/**
	 * A failure of a statement, for lambdas.
	 */
	static final class SqlFailure extends RuntimeException {

		private static final long serialVersionUID = 1L;

		SqlFailure(SQLException cause) {
			super(cause.getMessage() + " (" + cause.getSQLState() + ")", cause);
		}

	}

}
