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

package io.durablenotify;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunLockedException;
import io.durablenotify.stream.AppendOutcomeUnknownException;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamLockedException;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.TestRole;
import io.durablenotify.work.WorkLockedException;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.QueryTimeoutException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests for roles with time limits that are shorter than the documented wait for a stream
 * or a run that another transaction holds.
 */
class RoleTimeoutTests {

	private static final int TRANSACTION_TIMEOUT_SINCE = 170_000;

	private static final Duration WAIT = Duration.ofMillis(1200);

	private static final String[] PROPERTIES = { "durable-notify.streams.append-timeout=1200ms",
			"durable-notify.events.append-timeout=1200ms", "durable-notify.work.enqueue-timeout=1200ms" };

	/**
	 * Each waits for stream or run "held", or for the create of "new".
	 */
	private static final Map<String, Consumer<Instance>> STREAM_WRITES = Map.of("append",
			(instance) -> instance.writer().append("held", "a"), "append all",
			(instance) -> instance.writer().appendAll("held", List.of(new byte[1], new byte[1])), "append to new",
			(instance) -> instance.writer().append("new", "a"), "create",
			(instance) -> instance.writer().create("new", StreamOptions.none()), "complete",
			(instance) -> instance.writer().complete("held"), "last chunk",
			(instance) -> instance.writer().complete("held", "a"), "cancel",
			(instance) -> instance.writer().cancel("held", "reason"), "delete",
			(instance) -> instance.writer().delete("held"), "appender",
			(instance) -> instance.writer().appender("held").append("a"));

	private static final Map<String, Consumer<Instance>> RUN_WRITES = Map.of("append",
			(instance) -> instance.events().append(NewEvent.of("held", "other")), "append to new",
			(instance) -> instance.events().append(NewEvent.of("new", "other")), "append all",
			(instance) -> instance.events().appendAll("held", List.of(NewEvent.of("held", "other"))),
			"append all to new", (instance) -> instance.events().appendAll("new", List.of(NewEvent.of("new", "other"))),
			"delete", (instance) -> instance.events().delete("held"));

	private static final Map<String, Consumer<WorkQueue>> WORK_WRITES = Map.of("enqueue key",
			(work) -> work.enqueue(WorkRequest.of("held", "a").key("held")), "enqueue ordering key",
			(work) -> work.enqueue(WorkRequest.of("held", "a").orderingKey("held")), "enqueue all keys",
			(work) -> work
				.enqueueAll(List.of(WorkRequest.of("held", "a").key("held"), WorkRequest.of("held", "a").key("free"))),
			"enqueue all ordering keys",
			(work) -> work.enqueueAll(List.of(WorkRequest.of("held", "a").orderingKey("held"),
					WorkRequest.of("held", "a").orderingKey("free"))),
			"cancel", (work) -> work.cancel("held", "held"), "reschedule",
			(work) -> work.reschedule("held", "held", Instant.EPOCH));

	@Fixture
	private static TestDatabase database;

	private static TestRole role;

	private static Instance instance;

	@BeforeAll
	static void start() {
		role = TestRole.create(database, "statement_timeout='300ms'");
		role.grantCreate();
		instance = Instance.start(database, role.properties(PROPERTIES));
	}

	@AfterAll
	static void stop() {
		instance.close();
		role.close();
	}

	static Stream<String> streamWrites() {
		return STREAM_WRITES.keySet().stream().sorted();
	}

	static Stream<String> runWrites() {
		return RUN_WRITES.keySet().stream().sorted();
	}

	@ParameterizedTest
	@MethodSource("streamWrites")
	void aStreamIsWaitedForAsLongAsDocumented(String write) {
		try (Holder holder = Holder.ofAll()) {
			long begin = System.nanoTime();
			assertThatExceptionOfType(StreamLockedException.class)
				.isThrownBy(() -> STREAM_WRITES.get(write).accept(instance));
			assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(WAIT);
		}
	}

	@ParameterizedTest
	@MethodSource("runWrites")
	void aRunIsWaitedForAsLongAsDocumented(String write) {
		try (Holder holder = Holder.ofAll()) {
			long begin = System.nanoTime();
			assertThatExceptionOfType(RunLockedException.class)
				.isThrownBy(() -> RUN_WRITES.get(write).accept(instance));
			assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(WAIT);
		}
	}

	static Stream<String> workWrites() {
		return WORK_WRITES.keySet().stream().sorted();
	}

	@ParameterizedTest
	@MethodSource("workWrites")
	void aKeyIsWaitedForAsLongAsDocumented(String write) {
		try (Holder holder = Holder.ofAll()) {
			long begin = System.nanoTime();
			assertThatExceptionOfType(WorkLockedException.class)
				.isThrownBy(() -> WORK_WRITES.get(write).accept(instance.bean(WorkQueue.class)));
			assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(WAIT);
		}
	}

	@Test
	void whatIsFreeInTimeIsWritten() {
		for (Consumer<Instance> write : List.of(STREAM_WRITES.get("cancel"), RUN_WRITES.get("append"))) {
			Holder holder = Holder.ofAll();
			CompletableFuture<Void> waiting = Background.run(() -> write.accept(instance));
			Eventually.await(RoleTimeoutTests::hasWaitedForLong, waiting::toString);
			assertThat(waiting).isNotDone();
			holder.close();
			waiting.join();
		}
	}

	private static boolean hasWaitedForLong() {
		return database.jdbc()
			.queryForObject(
					"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
							+ "AND wait_event_type = 'Lock' AND state_change < clock_timestamp() - interval '500ms')",
					Boolean.class);
	}

	/**
	 * As while an index is created.
	 */
	@Test
	void aLockedTableIsWaitedForToo() throws SQLException {
		// The shortest statement is for streams that are known
		instance.writer().append("table", "a");
		try (Connection connection = DriverManager.getConnection(database.url());
				Statement statement = connection.createStatement()) {
			connection.setAutoCommit(false);
			statement.execute("LOCK TABLE durable_notify.stream_chunks IN SHARE MODE");
			long begin = System.nanoTime();
			assertThatExceptionOfType(StreamLockedException.class)
				.isThrownBy(() -> instance.writer().append("table", "b"));
			assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(WAIT);
			CompletableFuture<Void> waiting = Background.run(() -> instance.writer().append("table", "c"));
			Eventually.await(() -> instance.bean(AppendPipeline.class).toString().contains("muted [table]"),
					waiting::toString);
			connection.rollback();
			waiting.join();
		}
		assertThat(instance.reader().page("table", StreamPosition.start(), 10).chunks()).extracting(Chunk::text)
			.containsExactly("a", "c");
	}

	@Test
	void anAppendThatIsCancelledElsewhereFailsAtOnce() throws SQLException {
		try (Connection connection = DriverManager.getConnection(database.url());
				Statement statement = connection.createStatement()) {
			statement.execute("""
					CREATE FUNCTION durable_notify.cancel_append() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN RAISE EXCEPTION USING ERRCODE = 'query_canceled'; END $$;
					CREATE TRIGGER cancel_append BEFORE INSERT ON durable_notify.stream_chunks FOR EACH ROW
					WHEN (NEW.data = 'cancelled') EXECUTE FUNCTION durable_notify.cancel_append()
					""");
			assertThatExceptionOfType(QueryTimeoutException.class)
				.isThrownBy(() -> instance.writer().append("cancelled", "cancelled"));
			statement.execute("DROP FUNCTION durable_notify.cancel_append CASCADE");
		}
	}

	@Test
	void inATransactionTheCallersLimitComesFirst() {
		try (Holder holder = Holder.ofAll()) {
			for (Consumer<Instance> write : List.of(STREAM_WRITES.get("append"), STREAM_WRITES.get("cancel"),
					RUN_WRITES.get("append"))) {
				assertThatExceptionOfType(QueryTimeoutException.class)
					.isThrownBy(() -> instance.transaction().executeWithoutResult((status) -> write.accept(instance)));
			}
		}
		instance.transaction().executeWithoutResult((status) -> {
			instance.writer().append("limits", "a");
			instance.events().append(NewEvent.of("limits", "other"));
			assertThat(instance.jdbc().queryForObject("SHOW statement_timeout", String.class)).isEqualTo("300ms");
		});
		instance.writer().complete("limits", "b");
		assertThat(instance.events().delete("limits")).isTrue();
		assertThat(instance.jdbc().queryForObject("SHOW statement_timeout", String.class)).isEqualTo("300ms");
	}

	@Test
	void aTransactionThatTheServerEndsHasAnUnknownOutcome() {
		assumeTrue(database.jdbc()
			.queryForObject("SELECT current_setting('server_version_num')::int",
					Integer.class) >= TRANSACTION_TIMEOUT_SINCE,
				"No transaction_timeout before PostgreSQL 17");
		try (TestRole limited = TestRole.create(database, "transaction_timeout='300ms'")) {
			limited.grantUse();
			try (Instance other = Instance.start(database, limited.properties("durable-notify.schema.migrate=false"));
					Holder holder = Holder.ofAll()) {
				for (String write : List.of("cancel", "complete", "delete", "create", "last chunk")) {
					assertThatExceptionOfType(AppendOutcomeUnknownException.class).as(write)
						.isThrownBy(() -> STREAM_WRITES.get(write).accept(other));
				}
				for (String write : RUN_WRITES.keySet()) {
					assertThatExceptionOfType(DataAccessResourceFailureException.class).as(write)
						.isThrownBy(() -> RUN_WRITES.get(write).accept(other));
				}
			}
		}
	}

	/**
	 * A transaction that holds stream, run and keys "held", and has created "new".
	 */
	private static final class Holder implements AutoCloseable {

		private final Connection connection;

		private Holder() throws SQLException {
			database.jdbc()
				.update("INSERT INTO durable_notify.streams (name) VALUES ('held') ON CONFLICT (name) "
						+ "DO UPDATE SET ended_at = NULL, end_state = NULL, end_reason = NULL, cancelled = false");
			database.jdbc()
				.update("INSERT INTO durable_notify.workflow_runs (run_id) VALUES ('held') ON CONFLICT DO NOTHING");
			for (String key : List.of("key", "ordering_key")) {
				database.jdbc()
					.execute("SELECT durable_notify.enqueue('held', 'a', %s => 'held', wake => false)".formatted(key));
			}
			this.connection = DriverManager.getConnection(database.url());
			this.connection.setAutoCommit(false);
			try (Statement statement = this.connection.createStatement()) {
				statement.execute("SELECT FROM durable_notify.streams WHERE name = 'held' FOR UPDATE");
				statement.execute("SELECT FROM durable_notify.workflow_runs WHERE run_id = 'held' FOR UPDATE");
				statement.execute("SELECT FROM durable_notify.work_items FOR UPDATE");
				statement.execute("INSERT INTO durable_notify.streams (name) VALUES ('new')");
				statement.execute("INSERT INTO durable_notify.workflow_runs (run_id) VALUES ('new')");
			}
		}

		private static Holder ofAll() {
			try {
				return new Holder();
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

		@Override
		public void close() {
			try {
				this.connection.rollback();
				this.connection.close();
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

	}

}
