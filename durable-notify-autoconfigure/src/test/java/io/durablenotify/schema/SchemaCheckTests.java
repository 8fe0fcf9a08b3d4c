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

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.SchemaException.Problem;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.TestRole;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests for {@link SchemaCheck}: sequences that are below the ids in use when an instance
 * starts.
 */
@ExtendWith(OutputCaptureExtension.class)
class SchemaCheckTests {

	private static final Map<String, String> HIGHEST = Map.of("streams_stream_id_seq",
			"SELECT max(stream_id) FROM durable_notify.stream_chunks", "workflow_runs_id_seq",
			"SELECT max(id) FROM durable_notify.workflow_runs", "changes_id_seq",
			"SELECT max(id) FROM durable_notify.changes", "work_queues_queue_id_seq",
			"SELECT max(queue_id) FROM durable_notify.work_items", "work_items_item_id_seq",
			"SELECT max(item_id) FROM durable_notify.work_items", "work_lane_items_item_id_seq",
			"SELECT max(item_id) FROM durable_notify.work_lane_items", "stream_consumers_consumer_id_seq",
			"SELECT max(consumer_id) FROM durable_notify.stream_consumer_positions");

	@Fixture
	private static TestDatabase database;

	@BeforeAll
	static void fill() {
		try (Instance instance = Instance.start(database)) {
			for (int i = 0; i < 5; i++) {
				instance.writer().append("stream/" + i, "a");
				instance.events().append(NewEvent.of("run/" + i, "run_created"));
				instance.bean(ChangeNotifier.class).publish("topic", "key");
				instance.bean(WorkQueue.class).enqueue(WorkRequest.of("queue/" + i, "a"));
				instance.bean(WorkQueue.class).enqueue(WorkRequest.of("queue/" + i, "a").orderingKey("key"));
				instance.reader().consumer("stream/" + i, "consumer/" + i).subscribe((chunk) -> {
				});
			}
			String positions = "SELECT count(*) FROM durable_notify.stream_consumer_positions";
			Eventually.await(() -> database.jdbc().queryForObject(positions, Integer.class) == 5,
					() -> instance.bean(StreamConsumers.class).list());
		}
		// As where parts of the tables were restored
		database.jdbc().update("DELETE FROM durable_notify.work_queues WHERE name = 'queue/4'");
		database.jdbc().update("DELETE FROM durable_notify.stream_consumers WHERE name = 'consumer/4'");
		database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = 'stream/4'");
	}

	@BeforeEach
	void putSequencesBack() {
		HIGHEST.keySet()
			.forEach((sequence) -> database.jdbc().execute("ALTER SEQUENCE durable_notify." + sequence + " RESTART"));
	}

	@Test
	void sequencesBelowTheIdsInUseAreRaised(CapturedOutput output) {
		Instance.start(database).close();
		assertNoneIsBelow();
		assertThat(output).contains("7 sequence(s) of schema 'durable_notify' were below the ids in use");
	}

	@Test
	void otherSequencesStay(CapturedOutput output) {
		HIGHEST.forEach((sequence, highest) -> database.jdbc()
			.execute("SELECT setval('durable_notify.%s', (%s))".formatted(sequence, highest)));
		List<Long> before = lastValues();
		check(database.url()).run();
		assertThat(lastValues()).isEqualTo(before);
		assertThat(output).doesNotContain("below the ids");
	}

	@Test
	void aSequenceThatHasGivenNothingIsNotBelowAnEmptyTable() {
		TestDatabase empty = PostgresServer.shared().createDatabase();
		Instance.start(empty, "durable-notify.schema.name=other").close();
		assertThat(empty.jdbc().queryForObject("SELECT is_called FROM other.streams_stream_id_seq", Boolean.class))
			.isFalse();
	}

	@Test
	void aRoleThatMayOnlyUseTheTablesRaisesThemToo() {
		try (TestRole role = TestRole.create(database)) {
			role.grantUse();
			Instance.start(database, role.properties("durable-notify.schema.migrate=false")).close();
			assertNoneIsBelow();
		}
	}

	@Test
	void aRoleThatMayNotRaiseThemFailsWithTheStatement() {
		try (TestRole role = TestRole.create(database)) {
			role.grantUse();
			String function = "FUNCTION durable_notify.raise_ids()";
			database.jdbc().execute("REVOKE EXECUTE ON %s FROM PUBLIC".formatted(function));
			try {
				assertThatExceptionOfType(SchemaException.class).isThrownBy(check(role.url())::run)
					.withMessageContaining("could not be raised")
					.withMessageContaining("SELECT \"durable_notify\".raise_ids()")
					.satisfies((ex) -> assertThat(ex.getProblem()).isEqualTo(Problem.RIGHTS));
			}
			finally {
				database.jdbc().execute("GRANT EXECUTE ON %s TO PUBLIC".formatted(function));
			}
			assertThatCode(check(role.url())::run).doesNotThrowAnyException();
		}
	}

	@Test
	void littleIsReadOfManyItemsToFindTheHighestIds() {
		TestDatabase kept = PostgresServer.shared().createDatabase();
		Instance.start(kept).close();
		SingleConnectionDataSource dataSource = new SingleConnectionDataSource(kept.url(), true);
		JdbcTemplate session = new JdbcTemplate(dataSource);
		int version = session.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
		assumeTrue(version >= 150_000, "pg_stat_force_next_flush() came with PostgreSQL 15");
		session.execute("""
				INSERT INTO durable_notify.work_queues (queue_id, name) OVERRIDING SYSTEM VALUE
					VALUES (101, 'plain'), (102, 'ordered');
				INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures)
					SELECT i, false, 101, now(), 0 FROM generate_series(1, 50000) AS i;
				INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, failures, token, payload)
					SELECT i, false, 101, now(), 1, 1, '' FROM generate_series(50001, 100000) AS i;
				""");
		assertFewBlocksAreRead(session);
		assertThat(behind(session)).containsExactly(100_000L);
		session.execute("INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures) "
				+ "VALUES (7000, true, 102, now(), 0)");
		assertThat(behind(session)).as("below the others").containsExactly(7_000L, 100_000L);
		session
			.execute("INSERT INTO durable_notify.work_lane_items (lane_id, item_id, payload) OVERRIDING SYSTEM VALUE "
					+ "SELECT 1 + i / 5000, i, '' FROM generate_series(1, 50000) AS i");
		assertFewBlocksAreRead(session);
		assertThat(behind(session)).containsExactly(50_000L, 100_000L);
		dataSource.destroy();
	}

	@Test
	void anItemThatWasFinishedBeforeOthersIsFoundBelowManyOfOrderingKeys() {
		TestDatabase kept = PostgresServer.shared().createDatabase();
		Instance.start(kept).close();
		JdbcTemplate session = kept.jdbc();
		session.execute("""
				INSERT INTO durable_notify.work_queues (queue_id, name) OVERRIDING SYSTEM VALUE
					VALUES (101, 'plain'), (102, 'ordered');
				INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, finished_at, failures)
					SELECT i, false, 101, now(), now() - i * interval '1 s', 0 FROM generate_series(1, 200) AS i;
				INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures)
					SELECT 1000 + i, true, 102, now(), 0 FROM generate_series(1, 200) AS i;
				""");
		assertThat(behind(session)).containsExactly(200L, 1_200L);
	}

	private static List<Long> behind(JdbcTemplate session) {
		return session.queryForList("SELECT highest FROM durable_notify.ids_behind() "
				+ "WHERE sequence::text LIKE '%item_id_seq' ORDER BY highest", Long.class);
	}

	/**
	 * Of indexes: entries that a search passes over are not counted.
	 */
	private static void assertFewBlocksAreRead(JdbcTemplate session) {
		// The first time, sizes are looked up too
		behind(session);
		Map<String, Long> before = blocksRead(session);
		behind(session);
		assertThat(blocksRead(session))
			.allSatisfy((table, blocks) -> assertThat(blocks - before.get(table)).as(table).isLessThan(250));
	}

	private static Map<String, Long> blocksRead(JdbcTemplate session) {
		session.execute("SELECT pg_stat_force_next_flush()");
		return session.queryForList("""
				SELECT relname, heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read AS blocks
				FROM pg_statio_user_tables WHERE relname IN ('work_finished', 'work_dead', 'work_lane_items')
				""")
			.stream()
			.collect(Collectors.toMap((row) -> (String) row.get("relname"),
					(row) -> ((Number) row.get("blocks")).longValue()));
	}

	private static SchemaCheck check(String url) {
		return new SchemaCheck(new ApplicationDatabase(new DriverManagerDataSource(url), () -> null),
				new SchemaName("durable_notify"));
	}

	private static void assertNoneIsBelow() {
		HIGHEST.forEach((sequence,
				highest) -> assertThat(
						database.jdbc().queryForObject("SELECT last_value FROM durable_notify." + sequence, Long.class))
					.as(sequence)
					.isGreaterThanOrEqualTo(database.jdbc().queryForObject(highest, Long.class)));
	}

	private static List<Long> lastValues() {
		return HIGHEST.keySet()
			.stream()
			.map((sequence) -> database.jdbc()
				.queryForObject("SELECT last_value FROM durable_notify." + sequence, Long.class))
			.toList();
	}

}
