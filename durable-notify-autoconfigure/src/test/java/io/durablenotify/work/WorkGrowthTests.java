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

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkAdminSql.AdminItem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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

	/**
	 * Rows of tables, and entries of indexes.
	 */
	private static final String READ = """
			SELECT t.relname, t.seq_tup_read + sum(i.idx_tup_read) AS entries
			FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
			WHERE t.relname LIKE 'work\\_%' GROUP BY t.relname, t.seq_tup_read
			""";

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
		int version = this.work.jdbc()
			.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
		assumeTrue(version >= 150_000, "pg_stat_force_next_flush() came with PostgreSQL 15");
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
		Map<String, Long> before = entriesRead();
		use();
		Map<String, Long> after = entriesRead();
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
			this.work.fail(items.remove(0), java.time.Duration.ofHours(1), false);
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

	private Map<String, Long> entriesRead() {
		this.work.jdbc().execute("SELECT pg_stat_force_next_flush()");
		return this.work.jdbc()
			.queryForList(READ)
			.stream()
			.collect(Collectors.toMap((row) -> (String) row.get("relname"),
					(row) -> ((Number) row.get("entries")).longValue()));
	}

}
