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

package io.durablenotify.schema;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.core.io.ClassPathResource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests for tables that grow: what was planned while they were small is executed until
 * they are analyzed, which autovacuum does a minute later or more. No statement may read
 * a table from end to end then, by an index neither.
 */
class TableGrowthTests {

	private static final int ROWS = 50_000;

	/**
	 * More often than the driver needs to prepare a statement on the server.
	 */
	private static final int TIMES = 12;

	private static final List<String> TABLES = List.of("streams", "stream_chunks", "workflow_runs", "workflow_events",
			"changes");

	/**
	 * What is read of it, ConsumerGrowthTests count.
	 */
	private static final String POSITIONS = "stream_consumer_positions";

	/**
	 * What is read of these, WorkGrowthTests count, and of the last one only its index.
	 */
	private static final List<String> WORK_TABLES = List.of("work_items", "work_lane_items", "work_claims", "work_dead",
			"outbox_sent");

	/**
	 * Rows of tables, and entries of indexes.
	 */
	private static final String READ = """
			SELECT t.relname, t.seq_tup_read + sum(i.idx_tup_read) AS entries
			FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
			WHERE t.schemaname = 'durable_notify' GROUP BY t.relname, t.seq_tup_read
			""";

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	private final AtomicLong chunks = new AtomicLong();

	private final AtomicLong events = new AtomicLong();

	private final AtomicLong changes = new AtomicLong();

	private Instance instance;

	@BeforeEach
	void start() {
		// One connection, so that all statements are prepared on it, and always for any
		// values: PostgreSQL does so where it finds it cheaper
		this.instance = Instance.start(this.database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-init-sql=SET plan_cache_mode = force_generic_plan",
				"durable-notify.poll.interval=100ms", "durable-notify.poll.degraded-interval=100ms");
		for (String table : TABLES) {
			this.database.jdbc()
				.execute("ALTER TABLE durable_notify.%s SET (autovacuum_enabled = off)".formatted(table));
		}
	}

	@AfterEach
	void stop() {
		this.instance.close();
	}

	/**
	 * Else autovacuum would soon find that all pages are empty, and the planner expect
	 * the same of those that come.
	 */
	@Test
	void rowsAreExpectedInTheFirstPagesUntilThereAreSome() {
		for (String table : Stream.of(TABLES, WORK_TABLES, List.of(POSITIONS)).flatMap(List::stream).toList()) {
			assertThat(
					this.database.jdbc()
						.queryForMap("SELECT relpages, reltuples, pg_relation_size(oid) / 8192 AS pages FROM pg_class "
								+ "WHERE oid = ('durable_notify.' || ?)::regclass", table))
				.as(table)
				.satisfies((size) -> {
					double removed = ((Number) size.get("reltuples")).doubleValue();
					assertThat(((Number) size.get("pages")).intValue()).isGreaterThan(30);
					assertThat(removed).isGreaterThan(((Number) size.get("relpages")).doubleValue())
						// That many inserts bring autovacuum (by default)
						.isLessThan(1_000)
						.isLessThan(option(table, "autovacuum_vacuum_threshold"))
						// Inserts and deletes
						.isLessThan(option(table, "autovacuum_analyze_threshold") / 2);
				});
		}
	}

	/**
	 * Else it would run without end while a snapshot keeps it from removing anything.
	 */
	@Test
	void autovacuumSeldomRunsOnTablesWhoseRowsComeAndGo() {
		for (String table : List.of("work_items", "work_lane_items", "work_claims")) {
			assertThat(option(table, "autovacuum_vacuum_threshold")).as(table).isGreaterThanOrEqualTo(50_000);
			assertThat(option(table, "autovacuum_analyze_threshold")).as(table).isGreaterThanOrEqualTo(50_000);
			assertThat(option(table, "autovacuum_vacuum_insert_threshold")).as(table).isEqualTo(-1);
		}
	}

	/**
	 * Inserts bring autovacuum too, of tables that are larger than few rows need.
	 */
	@Test
	void migrationsInsertTooLittleForAutovacuum() {
		assumeEntriesAreCounted();
		// The connection that has migrated reports what it did when it ends
		Eventually.await(() -> this.database.jdbc()
			.queryForObject(
					"SELECT sum(n_ins_since_vacuum) FROM pg_stat_user_tables WHERE schemaname = 'durable_notify'",
					Long.class) > 3_000,
				() -> "not reported");
		assertThat(this.database.jdbc().queryForList("""
				SELECT s.relname, s.n_ins_since_vacuum FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid,
					coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions)
						WHERE option_name = 'autovacuum_vacuum_insert_threshold'), 1000) AS threshold
				WHERE s.schemaname = 'durable_notify' AND threshold >= 0 AND s.n_ins_since_vacuum >= threshold
				""")).isEmpty();
	}

	/**
	 * As autovacuum has left it where an earlier version has migrated.
	 */
	@Test
	void runsAreExpectedAgainWhereAutovacuumHasFoundNone() throws IOException {
		this.database.jdbc().execute("VACUUM durable_notify.workflow_runs");
		assertThat(estimate()).isZero();
		String migration = new ClassPathResource("io/durablenotify/schema/migration/V16__run_estimates.sql")
			.getContentAsString(StandardCharsets.UTF_8)
			.replace("${schema}", "durable_notify");
		this.database.jdbc().execute(migration);
		assertThat(estimate()).isEqualTo(950);
		assertThat(this.database.jdbc().queryForObject("SELECT count(*) FROM durable_notify.workflow_runs", Long.class))
			.isZero();
	}

	private double estimate() {
		return this.database.jdbc()
			.queryForObject("SELECT reltuples FROM pg_class WHERE oid = 'durable_notify.workflow_runs'::regclass",
					Double.class);
	}

	private double option(String table, String name) {
		return this.database.jdbc()
			.queryForObject(
					"SELECT option_value::float8 FROM pg_class, pg_options_to_table(reloptions) "
							+ "WHERE oid = ('durable_notify.' || ?)::regclass AND option_name = ?",
					Double.class, table, name);
	}

	@Test
	void whatWasPlannedForFewOpenStreamsDoesNotReadAllThatAreOpen() {
		assumeEntriesAreCounted();
		growEndedStreams();
		this.instance.writer().append("stream", "first");
		this.database.jdbc().execute("VACUUM ANALYZE durable_notify.streams");
		append();
		growStreams();
		long before = entriesRead().get("streams");
		append();
		assertThat(entriesRead().get("streams") - before).isLessThan(ROWS);
	}

	private void append() {
		for (int i = 0; i < TIMES; i++) {
			this.instance.writer().appendAll("stream", List.of("next".getBytes(), "next".getBytes()));
		}
	}

	private void assumeEntriesAreCounted() {
		int version = this.database.jdbc()
			.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
		assumeTrue(version >= 150_000, "pg_stat_force_next_flush() came with PostgreSQL 15");
	}

	@Test
	void whatWasPlannedForFewRowsReadsNoTableFromEndToEnd() {
		assumeEntriesAreCounted();
		// As autovacuum does: rows go to the first pages, and the last ones are empty
		this.database.jdbc().execute("VACUUM ANALYZE");
		this.instance.writer().append("stream", "first");
		this.instance.events().append(NewEvent.of("run", "step_completed"));
		this.instance.bean(ChangeNotifier.class).publish("topic", "first");
		this.database.jdbc().execute("VACUUM ANALYZE");
		subscribe();
		use(0);
		awaitPolls();
		grow();
		// A reader of changes passes by those that have come since, once
		use(1);
		assertNoTableIsReadFromEndToEnd(2);
	}

	/**
	 * New connections plan again.
	 */
	@Test
	void whatIsPlannedWithoutStatisticsOfManyRowsReadsNoTableFromEndToEnd() {
		assumeEntriesAreCounted();
		grow();
		this.instance.writer().append("stream", "first");
		this.instance.events().append(NewEvent.of("run", "step_completed"));
		subscribe();
		use(0);
		awaitPolls();
		assertNoTableIsReadFromEndToEnd(1);
	}

	private void subscribe() {
		this.instance.reader().subscribe("stream", StreamPosition.at(1), (chunk) -> this.chunks.incrementAndGet());
		this.instance.events().follow("run", 1, (event) -> this.events.incrementAndGet());
		this.instance.bean(ChangeNotifier.class).subscribe("topic", (change) -> this.changes.incrementAndGet());
	}

	private void assertNoTableIsReadFromEndToEnd(int usedBefore) {
		Map<String, Long> before = entriesRead();
		use(usedBefore);
		Map<String, Long> after = entriesRead();
		assertThat(TABLES)
			.allSatisfy((table) -> assertThat(after.get(table) - before.get(table)).as(table).isLessThan(ROWS));
	}

	private void use(int usedBefore) {
		ChangeNotifier notifier = this.instance.bean(ChangeNotifier.class);
		for (int i = usedBefore * TIMES; i < (usedBefore + 1) * TIMES; i++) {
			int count = i + 1;
			String other = "stream-" + i;
			StreamWriter writer = this.instance.writer();
			writer.append("stream", "next");
			writer.appendAll("stream", List.of("next".getBytes(), "next".getBytes()));
			this.instance.transaction().executeWithoutResult((status) -> {
				writer.append("stream", "in a transaction");
				this.instance.events().append(NewEvent.of("run", "step_completed"));
				notifier.publish("topic", "in a transaction");
			});
			writer.append(other, "another stream");
			this.instance.transaction().executeWithoutResult((status) -> {
				writer.appendOnCommit("stream", "at the commit".getBytes());
				writer.appendOnCommit(other, "at the commit".getBytes());
			});
			this.instance.reader().page("stream", StreamPosition.last(2), 10);
			this.instance.reader().info(other);
			StreamQuery query = StreamQuery.all().limit(1);
			this.instance.reader().list(query);
			this.instance.reader().list(query.descending());
			for (StreamQuery open : List.of(query.open().prefix("stream"),
					query.open().prefix("stream").owner("alice"))) {
				this.instance.reader().list(open);
				this.instance.reader().list(open.descending());
			}
			CountDownLatch late = new CountDownLatch(1);
			Subscription subscription = this.instance.reader()
				.subscribe("stream", StreamPosition.last(1), (chunk) -> late.countDown());
			this.instance.events()
				.append(NewEvent.of("run", "step_created").correlationId("step-" + i).idempotencyKey("key-" + i));
			this.instance.events().appendAll("run", List.of(NewEvent.of("run", "step_started")));
			this.instance.events().findByCorrelation("run", "step-" + i);
			this.instance.events().read("run", 0, 1);
			notifier.publish("topic", "next");
			Eventually.await(() -> late.getCount() == 0 && this.chunks.get() == 5 * count
					&& this.events.get() == 3 * count && this.changes.get() == 2 * count, this::state);
			subscription.cancel();
			writer.complete(other);
			writer.delete(other);
		}
	}

	/**
	 * Wait until the polls of both kinds of logs are prepared, too.
	 */
	private void awaitPolls() {
		Eventually.await(() -> this.instance.jdbc()
			.queryForObject("SELECT count(*) FROM pg_prepared_statements "
					+ "WHERE statement LIKE '% AS w(%' AND generic_plans > 0", Long.class) == 2,
				this::state);
	}

	private void growStreams() {
		this.database.jdbc()
			.update("INSERT INTO durable_notify.streams (name) SELECT 'grown-' || i FROM generate_series(1, ?) AS i",
					ROWS);
	}

	private void growEndedStreams() {
		this.database.jdbc()
			.update("INSERT INTO durable_notify.streams (name, owner, ended_at, end_state) "
					+ "SELECT 'stream/' || i, 'alice', now(), 'completed' FROM generate_series(1, ?) AS i", ROWS);
	}

	private void grow() {
		growStreams();
		growEndedStreams();
		this.database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
					+ "SELECT 1000000 + i, 0, 'x' FROM generate_series(1, ?) AS i", ROWS);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.workflow_runs (run_id) SELECT 'grown-' || i FROM generate_series(1, ?) AS i",
					ROWS);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type) "
					+ "SELECT 'grown-' || i, 1, gen_random_uuid(), 'step_completed' FROM generate_series(1, ?) AS i",
					ROWS);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'grown', i FROM generate_series(1, ?) AS i",
					ROWS);
	}

	private Map<String, Long> entriesRead() {
		this.instance.jdbc().execute("SELECT pg_stat_force_next_flush()");
		return this.instance.jdbc()
			.queryForList(READ)
			.stream()
			.collect(Collectors.toMap((row) -> (String) row.get("relname"),
					(row) -> ((Number) row.get("entries")).longValue()));
	}

	private String state() {
		return "chunks %s, events %s, changes %s".formatted(this.chunks, this.events, this.changes);
	}

}
