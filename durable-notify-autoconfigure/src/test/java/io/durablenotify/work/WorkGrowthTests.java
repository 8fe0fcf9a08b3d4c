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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import io.durablenotify.database.SessionWork;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.EntriesRead;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkAdminSql.AdminItem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what the statements of work read. They are planned once for a connection,
 * while their tables are empty, and executed when these have grown.
 */
class WorkGrowthTests {

	private static final int ITEMS = 100_000;

	private static final int CLAIMS = 500;

	/**
	 * More often than a function needs to keep its plans.
	 */
	private static final int TIMES = 12;

	private static final int BATCH = 20;

	@Fixture
	private TestDatabase database;

	@Fixture
	private Instance instance;

	private WorkTables work;

	private int queue;

	@BeforeEach
	void open() {
		this.work = WorkTables.open(this.database, "options=-c%20plan_cache_mode=force_generic_plan");
		this.queue = this.work.queue("growth");
		for (String table : List.of("work_items", "work_lane_items", "work_claims", "work_dead")) {
			this.work.jdbc().execute("ALTER TABLE durable_notify.%s SET (autovacuum_enabled = off)".formatted(table));
		}
	}

	@AfterEach
	void close() {
		this.work.close();
	}

	@Test
	void whatWasPlannedForEmptyTablesReadsNoMoreWhenTheyHaveGrown() {
		use();
		grow();
		// The first search from the first item on meets those that are claimed
		this.work.claim(this.queue, 1);
		this.work.searchAll(false);
		assertFewAreRead();
	}

	@Test
	void whatIsPlannedWithoutStatisticsOfManyRowsReadsNoMore() {
		grow();
		this.work.claim(this.queue, 1);
		this.work.searchAll(false);
		use();
		assertFewAreRead();
	}

	private void assertFewAreRead() {
		Map<String, Long> before = EntriesRead.byTable(this.work.jdbc());
		use();
		Map<String, Long> after = EntriesRead.byTable(this.work.jdbc());
		assertThat(after.get("work_items") - before.get("work_items")).as("items").isLessThan(ITEMS / 10);
		assertThat(after.get("work_lane_items") - before.get("work_lane_items")).as("lane items")
			.isLessThan(ITEMS / 10);
		// Items with a revision have all claims read, once by each claim of items
		assertThat(after.get("work_claims") - before.get("work_claims")).as("claims")
			.isLessThan(TIMES * 3L * (CLAIMS + 200));
	}

	private void use() {
		for (int i = 0; i < TIMES; i++) {
			String[] payloads = new String[BATCH];
			java.util.Arrays.fill(payloads, "a");
			this.work.insert("growth", payloads);
			this.work.put(WorkTables.keyed("growth", "key", "b"));
			this.work.put(WorkTables.keyed("growth", "key", "c"));
			List<AdminItem> found = this.work
				.run((connection, joined) -> this.work.admin().items(connection, "growth", "key", null, 10));
			assertThat(found).hasSize(1);
			this.work.put(WorkTables.ordered("growth", "lane", "d"));
			this.work.put(WorkTables.ordered("growth", "lane", "e"));
			Claimed claimed = this.work.awaitClaim(this.queue, BATCH + 2);
			List<Done> items = new ArrayList<>();
			for (ClaimedItem item : claimed.items()) {
				if (!item.lane()) {
					items.add(WorkTables.done(claimed, item));
					continue;
				}
				for (ClaimedItem ofLane : this.work.laneItems(item)) {
					this.work.complete(List.of(WorkTables.done(claimed, item, ofLane)), List.of());
				}
				this.work.releaseLane(claimed, item);
			}
			this.work.fail(items.remove(0), Duration.ofHours(1), false);
			this.work.run((connection, joined) -> this.work.settle()
				.release(connection, claimed.claim(), List.of(items.remove(0))));
			this.work
				.run((connection, joined) -> this.work.settle().completeInTransaction(connection, items.remove(0)));
			this.work.run((connection, joined) -> this.work.settle()
				.complete(connection, items, List.of(claimed.claim()), items.size() % 2 == 0));
			this.work.run((connection, joined) -> this.work.enqueue().cancel(connection, "growth", "key"));
		}
	}

	/**
	 * Claimed, due later, and of other queues.
	 */
	private void grow() {
		this.work.jdbc()
			.update("""
					INSERT INTO durable_notify.work_items (queue_id, due_at, payload)
					SELECT ?, clock_timestamp() - interval '1 hour' + i * interval '1 microsecond', 'x' FROM generate_series(1, ?) AS i
					""",
					this.queue, CLAIMS * 20);
		this.work.jdbc().update("""
				INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
				SELECT n, ?, ?, max(due_at), array_agg(item_id) FROM (
					SELECT item_id, due_at, ntile(?) OVER (ORDER BY due_at) AS n FROM durable_notify.work_items
					WHERE queue_id = ? AND due_at < clock_timestamp() - interval '30 min') i
				GROUP BY n
				""", this.queue, this.work.instanceId(), CLAIMS, this.queue);
		this.work.jdbc()
			.update("""
					INSERT INTO durable_notify.work_items (queue_id, due_at, payload)
					SELECT ? + i % 3, clock_timestamp() + interval '1 hour' + i * interval '1 second', 'x' FROM generate_series(1, ?) AS i
					""",
					this.queue, ITEMS);
		this.work.jdbc()
			.update("""
					INSERT INTO durable_notify.work_lane_items (lane_id, payload) SELECT 1000000 + i, 'x' FROM generate_series(1, ?) AS i
					""",
					ITEMS);
	}

	/**
	 * A volatile function is evaluated for each entry, and bounds no search.
	 */
	@Test
	void whatIsNotLateOrOverIsNotReadByWhatLooksForThat() {
		// Which reads some of the tables too
		this.instance.close();
		int rows = 20_000;
		this.work.jdbc()
			.update("UPDATE durable_notify.work_queues SET retention = interval '1 hour' WHERE queue_id = ?",
					this.queue);
		this.work.jdbc()
			.update("INSERT INTO durable_notify.work_items (queue_id, due_at, payload) "
					+ "SELECT ?, clock_timestamp() + interval '1 day', 'x' FROM generate_series(1, ?)", this.queue,
					rows);
		this.work.jdbc()
			.update("INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures) "
					+ "SELECT i, false, ?, clock_timestamp(), 0 FROM generate_series(1, ?) AS i", this.queue, rows);
		this.work.jdbc()
			.update("INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, failures, token, payload) "
					+ "SELECT i, false, ?, clock_timestamp(), 1, 1, 'x' FROM generate_series(1, ?) AS i", this.queue,
					rows);
		this.work.jdbc()
			.update("UPDATE durable_notify.work_finished SET finished_at = clock_timestamp() - interval '2 hours' "
					+ "WHERE item_id % 100 = 0");
		WorkAdminSql admin = this.work.admin();
		assertThat(read("work_finished",
				(connection, joined) -> assertThat(admin.expire(connection, 1_000)).isEqualTo(rows / 100)))
			.as("expire")
			.isLessThan(1_000);
		assertThat(read("work_dead", (connection, joined) -> admin.queuesWithOldDead(connection, Duration.ofHours(1))))
			.as("queues with old dead items")
			.isLessThan(1_000);
		String name = this.work.name(this.queue);
		assertThat(read("work_dead", (connection, joined) -> admin.dead(connection, name, "key", null, 10)))
			.as("dead items of a key")
			.isLessThan(1_000);
		assertThat(read("work_items", (connection, joined) -> admin.unhandledQueues(connection, Duration.ofMinutes(1))))
			.as("unhandled")
			.isLessThan(1_000);
		// These count the items, and the second one looks at the age of each
		assertThat(read("work_items", (connection, joined) -> admin.queues(connection))).as("queues")
			.isLessThan(rows + 1_000);
		WorkBacklogSql backlog = new WorkBacklogSql(new SchemaName("durable_notify"));
		assertThat(read("work_items", (connection, joined) -> backlog.read(connection))).as("backlog")
			.isLessThan(2 * rows + 1_000);
	}

	private long read(String table, SessionWork<?> statement) {
		return EntriesRead.of(this.work.jdbc(), table, () -> this.work.run(statement));
	}

}
