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

package io.durablenotify.event;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import io.durablenotify.event.PostgresEventAppends.Lookup;
import io.durablenotify.event.PostgresEventAppends.Uniqueness;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.Interleavings;
import io.durablenotify.testsupport.Interleavings.Step;
import io.durablenotify.testsupport.Interleavings.Transaction;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what protects the shortest append to a run, in every order that the server
 * permits.
 */
class EventAppendInterleavingsTests {

	private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(30);

	private static final SchemaName SCHEMA = new SchemaName("durable_notify");

	private static final AtomicInteger created = new AtomicInteger();

	private static final PostgresRunCatalog catalog = new PostgresRunCatalog(SCHEMA);

	@Fixture
	private static TestDatabase database;

	private static Interleavings interleavings;

	/**
	 * Outside the transactions: sees what is committed.
	 */
	private static Connection observer;

	@BeforeAll
	static void start() throws SQLException {
		// For the tables. Nothing else is to happen in the database
		Instance.start(database).close();
		interleavings = new Interleavings(database, 4);
		observer = DriverManager.getConnection(database.url());
	}

	@AfterAll
	static void stop() throws SQLException {
		interleavings.close();
		observer.close();
	}

	@Test
	void twoWritersOneOfTheVersionBeforeAndADeletion() throws SQLException {
		assertSafe((run) -> run.appendsNext("A", 1, event("a"))
			.appendsNext("B", 1, event("b"))
			.locks("C", event("c"))
			.deletes("D"));
	}

	@Test
	void writersOfWhichOneKnowsALaterEnd() throws SQLException {
		assertSafe((run) -> run.appendsNext("A", 1, event("a")).appendsNext("B", 2, event("b")).locks("C", event("c")));
	}

	@Test
	void aWriterThatRollsBack() throws SQLException {
		assertSafe((run) -> run.appendsNext("A", 1, event("a")).rollsBack("B").appendsNext("C", 2, event("c")));
	}

	@Test
	void theSameSuspensionTwice() throws SQLException {
		UnaryOperator<NewEvent> correlated = (event) -> event.correlationId("step");
		for (UnaryOperator<NewEvent> correlation : List.of(correlated, UnaryOperator.<NewEvent>identity())) {
			NewEvent suspension = correlation.apply(event("step_created"));
			assertSafe((
					run) -> run.appendsNext("A", 1, suspension).appendsNext("B", 2, suspension).locks("C", suspension));
		}
	}

	@Test
	void aKeyThatAWriterWithoutTheLockHolds() throws SQLException {
		NewEvent keyed = event("keyed").idempotencyKey("k");
		assertSafe((run) -> run.appendsNext("A", 1, keyed).insertsByHand("B", keyed, true).appendsNext("C", 2, keyed));
		assertSafe((run) -> run.appendsNext("A", 1, keyed).insertsByHand("B", keyed, false).appendsNext("C", 2, keyed));
		assertSafe((run) -> run.appendsNext("A", 1, keyed).insertsByHand("B", event("other"), true).locks("C", keyed));
	}

	/**
	 * Where that is the default of the database an append may fail, and is repeated.
	 */
	@Test
	void aWriterWithAnOlderSnapshot() throws SQLException {
		assertSafe((run) -> run.appendsNextBySnapshot("A", 1).appendsNext("B", 1, event("b")).locks("C", event("c")));
		assertSafe((run) -> run.appendsNextBySnapshot("A", 1).locks("B", event("b")).deletes("C"));
	}

	private static NewEvent event(String type) {
		return NewEvent.of("replaced", type);
	}

	private static void assertSafe(UnaryOperator<RunScenario> transactions) throws SQLException {
		assertThat(interleavings.explore(() -> transactions.apply(new RunScenario(UnaryOperator.identity()))))
			.isGreaterThan(10);
	}

	@Test
	void withoutTheLockAnEventFollowsTheDeletion() {
		assertThatUnsafe("FOR NO KEY UPDATE SKIP LOCKED", "", (run) -> run.deletes("A").appendsNext("B", 1, event("b")),
				"""
						A: DELETE deleted
						B: APPEND_NEXT after 1 stored at 2
						A: COMMIT
						B: COMMIT""");
	}

	/**
	 * As after a failover to a server that lagged: the writer knows an event that is
	 * lost.
	 */
	@Test
	void withoutALookAtTheLastEventThereIsAGap() {
		assertThatUnsafe(
				"(SELECT sequence FROM ${schema}.workflow_events WHERE run_id = ? AND sequence >= (SELECT ?::bigint)\n"
						+ "	ORDER BY sequence DESC LIMIT 1) tail",
				"(SELECT sequence FROM (SELECT ?::text, ?::bigint AS sequence) known) tail",
				(run) -> run.appendsNext("A", 2, event("a")), """
						A: APPEND_NEXT after 2 stored at 3
						A: COMMIT""");
	}

	private static void assertThatUnsafe(String protection, String instead, UnaryOperator<RunScenario> transactions,
			String order) {
		assertThatExceptionOfType(AssertionError.class)
			.isThrownBy(() -> interleavings.explore(() -> transactions.apply(new RunScenario((sql) -> {
				assertThat(sql).contains(protection);
				return sql.replace(protection, instead);
			}))))
			.withMessageEndingWith("in the order\n" + order);
	}

	/**
	 * A run with one event, and what must be visible of it.
	 */
	private static final class RunScenario implements Interleavings.Scenario {

		private static final String CREATE = """
				WITH created AS (INSERT INTO durable_notify.workflow_runs (run_id) VALUES (?) RETURNING id, run_id)
				INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type)
				SELECT run_id, 1, gen_random_uuid(), 'first' FROM created RETURNING (SELECT id FROM created)
				""";

		private static final String INSERT = """
				INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type, idempotency_key)
				VALUES (?, 2, gen_random_uuid(), ?, ?)
				""";

		private static final String VISIBLE = """
				SELECT EXISTS (SELECT FROM durable_notify.workflow_runs WHERE run_id = ?),
					ARRAY(SELECT sequence || ':' || type FROM durable_notify.workflow_events
						WHERE run_id = ? ORDER BY sequence)::text
				""";

		private final PostgresEventAppends appends = new PostgresEventAppends(SCHEMA);

		private final UnaryOperator<String> weaken;

		private final String runId = "run/" + created.incrementAndGet();

		private final long id;

		private final List<Transaction> transactions = new ArrayList<>();

		/**
		 * Whether two writers may get the same sequence, so that one fails and is
		 * repeated.
		 */
		private boolean mayClash;

		private boolean present = true;

		private final List<String> events = new ArrayList<>(List.of("1:first"));

		RunScenario(UnaryOperator<String> weaken) {
			this.weaken = weaken;
			try (PreparedStatement statement = observer.prepareStatement(CREATE)) {
				statement.setString(1, this.runId);
				ResultSet result = statement.executeQuery();
				result.next();
				this.id = result.getLong(1);
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

		/**
		 * Add a writer that knows the last event, or has known another one.
		 */
		RunScenario appendsNext(String writer, long last, NewEvent event) {
			AtomicReference<Long> sequence = new AtomicReference<>();
			return add(writer, List.of(appendNext(last, event, sequence)), () -> stored(event, sequence.get()));
		}

		/**
		 * Add a writer in a transaction whose snapshot is older.
		 */
		RunScenario appendsNextBySnapshot(String writer, long last) {
			this.mayClash = true;
			AtomicReference<Long> sequence = new AtomicReference<>();
			NewEvent event = event(writer);
			return add(writer, List.of(new Step("SNAPSHOT", (connection) -> {
				try (Statement statement = connection.createStatement()) {
					statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
					return statement.executeQuery("SELECT 1").next() ? "taken" : "";
				}
			}), appendNext(last, event, sequence)), () -> stored(event, sequence.get()));
		}

		private Step appendNext(long last, NewEvent event, AtomicReference<Long> sequence) {
			NewEvent mine = inRun(event);
			return new Step("APPEND_NEXT after " + last, (connection) -> {
				String sql = this.weaken.apply(PostgresEventAppends.APPEND_NEXT) + Uniqueness.of(mine).onConflict;
				try (PreparedStatement statement = connection
					.prepareStatement(PostgresEventAppends.text(SCHEMA, sql))) {
					PostgresEventAppends.setNext(statement, 1, mine, null, UUID.randomUUID(), this.id, last);
					sequence.set((statement.executeUpdate() == 1) ? last + 1 : null);
					return (sequence.get() != null) ? "stored at " + sequence.get() : "stored nothing";
				}
			});
		}

		/**
		 * Add a writer of the version before, which waits for others.
		 */
		RunScenario locks(String writer, NewEvent event) {
			AtomicReference<Long> sequence = new AtomicReference<>();
			return add(writer, List.of(lock(), append(event, sequence)), () -> {
				if (sequence.get() == null && this.present) {
					assertThat(this.events).as("why nothing was stored").anyMatch((known) -> isDuplicate(known, event));
				}
				stored(event, sequence.get());
			});
		}

		RunScenario rollsBack(String writer) {
			return add(writer, List.of(lock(), append(event(writer), new AtomicReference<>())), null);
		}

		private Step lock() {
			return new Step("LOCK", (connection) -> {
				try (PreparedStatement statement = connection
					.prepareStatement(SCHEMA.qualify(PostgresEventAppends.LOCK))) {
					statement.setString(1, this.runId);
					return (statement.executeQuery().next()) ? "found" : "found nothing";
				}
			});
		}

		private Step append(NewEvent event, AtomicReference<Long> sequence) {
			NewEvent mine = inRun(event);
			return new Step("APPEND", (connection) -> {
				Lookup found = this.appends.appendOnly(connection, true, LOCK_TIMEOUT, mine, null, UUID.randomUUID(),
						EventAppends.ANYWHERE);
				sequence.set((found.last() != null) ? found.last().sequence() : null);
				return (found.last() != null) ? "stored at " + sequence.get() : "stored nothing";
			});
		}

		/**
		 * Add a writer that does not lock.
		 */
		RunScenario insertsByHand(String writer, NewEvent event, boolean commits) {
			this.mayClash = true;
			return add(writer, List.of(new Step("INSERT", (connection) -> {
				try (PreparedStatement statement = connection.prepareStatement(INSERT)) {
					statement.setString(1, this.runId);
					statement.setString(2, event.type());
					statement.setString(3, event.idempotencyKey());
					statement.executeUpdate();
					return "stored at 2";
				}
			})), (commits) ? () -> stored(event, 2L) : null);
		}

		RunScenario deletes(String name) {
			return add(name,
					List.of(new Step("DELETE",
							(connection) -> catalog.delete(connection, true, this.runId, LOCK_TIMEOUT).isPresent()
									? "deleted" : "found nothing")),
					() -> {
						this.present = false;
						this.events.clear();
					});
		}

		private RunScenario add(String name, List<Step> steps, Runnable committed) {
			this.transactions.add(new Transaction(name, steps, committed));
			return this;
		}

		private NewEvent inRun(NewEvent event) {
			NewEvent mine = NewEvent.of(this.runId, event.type());
			if (event.correlationId() != null) {
				mine = mine.correlationId(event.correlationId());
			}
			return (event.idempotencyKey() != null) ? mine.idempotencyKey(event.idempotencyKey()) : mine;
		}

		private void stored(NewEvent event, Long sequence) {
			if (sequence == null) {
				return;
			}
			assertThat(this.present).as("there when an event is committed").isTrue();
			assertThat(this.events).as("events before").noneMatch((known) -> isDuplicate(known, event));
			this.events.add(sequence + ":" + event.type());
		}

		private static boolean isDuplicate(String known, NewEvent event) {
			return (event.isSuspension() || event.idempotencyKey() != null) && known.endsWith(":" + event.type());
		}

		@Override
		public List<Transaction> transactions() {
			return this.transactions;
		}

		@Override
		public void check() throws SQLException {
			for (int i = 0; i < this.events.size(); i++) {
				assertThat(this.events.get(i)).as("event by order of the commits").startsWith((i + 1) + ":");
			}
			try (PreparedStatement statement = observer.prepareStatement(VISIBLE)) {
				statement.setString(1, this.runId);
				statement.setString(2, this.runId);
				ResultSet result = statement.executeQuery();
				result.next();
				assertThat(result.getBoolean(1)).isEqualTo(this.present);
				assertThat(result.getString(2)).isEqualTo("{%s}".formatted(String.join(",", this.events)));
			}
		}

		@Override
		public void failed(SQLException failure) {
			if (!this.mayClash || !this.appends.isClash(failure, false)) {
				throw new AssertionError(failure.getMessage(), failure);
			}
		}

	}

}
