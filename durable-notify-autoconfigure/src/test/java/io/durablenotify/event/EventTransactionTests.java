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

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link EventLog} in and around transactions.
 */
class EventTransactionTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.events.append-timeout=500ms")
	private static Instance instance;

	@Fixture
	private static EventLog log;

	@Test
	void anAppendIsInvisibleToOthersUntilTheCommit() {
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(log.append(event("commit")).sequence()).isOne();
			assertThat(log.read("commit", 0, 10).events()).hasSize(1);
			assertThat(Background.supply(() -> log.read("commit", 0, 10).events()).join()).isEmpty();
		});
		assertThat(log.read("commit", 0, 10).events()).hasSize(1);
	}

	@Test
	void rollbacksLeaveNeitherEventsNorGaps() {
		for (int i = 0; i < 3; i++) {
			instance.transaction().executeWithoutResult((status) -> {
				log.append(event("rollback"));
				log.appendAll("rollback", List.of(event("rollback"), event("rollback")));
				status.setRollbackOnly();
			});
			log.append(event("rollback"));
		}
		assertThat(sequences("rollback")).containsExactly(1L, 2L, 3L);
	}

	@Test
	void aRollbackToASavepointLeavesNoGap() {
		instance.transaction().executeWithoutResult((status) -> {
			log.append(event("savepoint"));
			Object savepoint = status.createSavepoint();
			assertThat(log.append(event("savepoint").idempotencyKey("undone")).sequence()).isEqualTo(2);
			log.appendAll("savepoint", List.of(event("savepoint"), event("savepoint")));
			status.rollbackToSavepoint(savepoint);
			assertThat(log.append(event("savepoint").idempotencyKey("undone")).outcome()).isEqualTo(Outcome.APPENDED);
		});
		assertThat(sequences("savepoint")).containsExactly(1L, 2L);
	}

	@Test
	void twoAppendsInOneTransactionAreAdjacent() {
		log.append(event("adjacent"));
		CompletableFuture<AppendResult> other = instance.transaction().execute((status) -> {
			assertThat(log.append(event("adjacent")).sequence()).isEqualTo(2);
			CompletableFuture<AppendResult> waiting = Background.supply(() -> log.append(event("adjacent")));
			database.awaitLockWait();
			assertThat(log.append(event("adjacent")).sequence()).isEqualTo(3);
			return waiting;
		});
		assertThat(other.join().sequence()).isEqualTo(4);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anAppendThatWaitedForTheRunSeesWhatWasCommittedBefore(boolean list) {
		String run = "waited/" + list;
		log.append(event(run));
		CompletableFuture<AppendResult> other = instance.transaction().execute((status) -> {
			log.append(event(run));
			AppendResult created = log.append(step(run, "a"));
			CompletableFuture<AppendResult> waiting = Background
				.supply(() -> instance.transaction().execute((inner) -> {
					AppendResult plain = append(event(run), list);
					assertThat(plain).extracting(AppendResult::outcome, AppendResult::sequence)
						.containsExactly(Outcome.APPENDED, 4L);
					AppendResult again = append(step(run, "a"), list);
					assertThat(again).isEqualTo(new AppendResult(Outcome.DUPLICATE, created.eventId(), 3));
					return append(event(run), list);
				}));
			database.awaitLockWait();
			return waiting;
		});
		assertThat(other.join()).extracting(AppendResult::outcome, AppendResult::sequence)
			.containsExactly(Outcome.APPENDED, 5L);
		assertThat(sequences(run)).containsExactly(1L, 2L, 3L, 4L, 5L);
	}

	private static AppendResult append(NewEvent event, boolean list) {
		return (list) ? log.appendAll(event.runId(), List.of(event)).get(0) : log.append(event);
	}

	@Test
	void anAppendThatWaitedForTheFirstEventOfARunComesAfterIt() {
		CompletableFuture<AppendResult> other = instance.transaction().execute((status) -> {
			log.append(event("first"));
			CompletableFuture<AppendResult> waiting = Background
				.supply(() -> instance.transaction().execute((inner) -> log.append(event("first"))));
			database.awaitLockWait();
			return waiting;
		});
		assertThat(other.join().sequence()).isEqualTo(2);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aDuplicateLeavesTheTransactionUsable(boolean list) {
		String run = "usable/" + list;
		AppendResult stored = append(step(run, "a"), list);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(append(step(run, "a"), list))
				.isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), 1));
			instance.jdbc().queryForObject("SELECT 1", Integer.class);
			assertThat(append(step(run, "b"), list).sequence()).isEqualTo(2);
		});
		assertThat(sequences(run)).containsExactly(1L, 2L);
	}

	@Test
	void aKeyConflictAndAStaleRunLeaveTheTransactionUsable() {
		log.append(event("refused").idempotencyKey("k"));
		instance.transaction().executeWithoutResult((status) -> {
			assertThatExceptionOfType(IdempotencyKeyConflictException.class)
				.isThrownBy(() -> log.append(step("refused", "a").idempotencyKey("k")));
			assertThatExceptionOfType(IdempotencyKeyConflictException.class)
				.isThrownBy(() -> log.appendAll("refused", List.of(step("refused", "a").idempotencyKey("k"))));
			assertThatExceptionOfType(StaleRunException.class).isThrownBy(() -> log.append(event("refused"), 7));
			assertThat(log.append(event("refused"), 1).sequence()).isEqualTo(2);
		});
		assertThat(sequences("refused")).containsExactly(1L, 2L);
	}

	@Test
	void aListIsAllOrNothing() {
		log.append(event("nothing"));
		instance.jdbc()
			.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
					+ "IF NEW.type = 'refused' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$");
		instance.jdbc()
			.execute("CREATE TRIGGER refuse BEFORE INSERT ON durable_notify.workflow_events "
					+ "FOR EACH ROW EXECUTE FUNCTION refuse()");
		try {
			assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> log.appendAll("nothing",
					List.of(event("nothing"), NewEvent.of("nothing", "refused"), event("nothing"))));
			assertThatExceptionOfType(RuntimeException.class)
				.isThrownBy(() -> log.appendAll("nothing-new", List.of(NewEvent.of("nothing-new", "refused"))));
		}
		finally {
			instance.jdbc().execute("DROP TRIGGER refuse ON durable_notify.workflow_events");
		}
		assertThat(sequences("nothing")).containsExactly(1L);
		assertThat(runs("nothing-new")).isZero();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aRunThatATransactionHoldsIsRefusedInTimeAndOthersAreNot(boolean known) throws Exception {
		String run = "held/" + known;
		if (known) {
			log.append(event(run));
		}
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			log.append(event(run));
			held.countDown();
			await(release);
		}));
		await(held);
		long start = System.nanoTime();
		assertThatExceptionOfType(RunLockedException.class).isThrownBy(() -> log.append(event(run)))
			.withMessageContaining("Run '" + run + "' was locked by another transaction for more than 500 ms")
			.withMessageContaining("nothing was stored")
			.withMessageContaining("Likely one that appended to it and has not committed yet");
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(400),
				Duration.ofSeconds(10));
		assertThatExceptionOfType(RunLockedException.class)
			.isThrownBy(() -> log.appendAll(run, List.of(event(run), event(run))));
		assertThatExceptionOfType(RunLockedException.class)
			.isThrownBy(() -> instance.transaction().execute((status) -> log.append(event(run))));
		instance.transaction().executeWithoutResult((status) -> {
			// A list has its own savepoint, so that the transaction can go on
			assertThatExceptionOfType(RunLockedException.class)
				.isThrownBy(() -> log.appendAll(run, List.of(event(run))));
			log.append(event(run + "/free"));
		});
		assertThat(sequences(run + "/free")).containsExactly(1L);
		assertThat(holder).isNotDone();
		release.countDown();
		holder.get(30, TimeUnit.SECONDS);
		assertThat(log.append(event(run)).sequence()).isEqualTo((known) ? 3 : 2);
	}

	@Test
	void theCallersOwnLockTimeoutStays() {
		log.append(event("timeout"));
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SET LOCAL lock_timeout = '1234ms'");
			log.append(event("timeout"));
			log.append(event("timeout/new"));
			log.appendAll("timeout", List.of(event("timeout")));
			assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("1234ms");
		});
		log.append(event("timeout"));
		assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void whatTheSnapshotHidesIsARetryableFailure(int isolation) {
		String run = "isolation/" + isolation;
		log.append(event(run));
		for (boolean list : new boolean[] { false, true }) {
			for (NewEvent theirs : List.of(event(run), step(run, "a" + list), event(run).idempotencyKey("k" + list),
					NewEvent.of(run, (list) ? "wait_created" : "run_created"))) {
				assertThatExceptionOfType(ConcurrencyFailureException.class).as(theirs + " " + list)
					.isThrownBy(() -> instance.transaction(isolation).executeWithoutResult((status) -> {
						instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.workflow_runs", Long.class);
						Background.run(() -> {
							log.append(event(run));
							log.append(theirs);
						}).join();
						append(theirs, list);
					}));
			}
		}
		AppendResult again = instance.transaction(isolation).execute((status) -> log.append(step(run, "atrue")));
		assertThat(again).extracting(AppendResult::outcome).isEqualTo(Outcome.DUPLICATE);
		assertThat(instance.transaction(isolation)
			.<List<AppendResult>>execute((status) -> log.appendAll(run, List.of(event(run), step(run, "new")))))
			.extracting(AppendResult::outcome)
			.containsOnly(Outcome.APPENDED);
		List<Long> sequences = sequences(run);
		assertThat(sequences).containsExactlyElementsOf(LongStream.rangeClosed(1, sequences.size()).boxed().toList());
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void aRunThatTheSnapshotHidesIsARetryableFailure(int isolation) {
		String run = "hidden/" + isolation;
		assertThatExceptionOfType(ConcurrencyFailureException.class)
			.isThrownBy(() -> instance.transaction(isolation).executeWithoutResult((status) -> {
				instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.workflow_runs", Long.class);
				Background.run(() -> log.append(event(run))).join();
				log.append(event(run));
			}));
		assertThat(sequences(run)).containsExactly(1L);
	}

	@ParameterizedTest
	@ValueSource(strings = { "repeatable read", "serializable" })
	void aDatabaseWhoseDefaultIsAnotherIsolationLevelStoresEverythingOnce(String isolation) {
		TestDatabase strict = PostgresServer.shared().createDatabase();
		strict.jdbc()
			.execute("ALTER DATABASE " + strict.jdbc().queryForObject("SELECT current_database()", String.class)
					+ " SET default_transaction_isolation = '" + isolation + "'");
		try (Instance one = Instance.start(strict); Instance two = Instance.start(strict)) {
			List<CompletableFuture<Void>> engines = List.of(one, two)
				.stream()
				.map((engine) -> Background.run(() -> IntStream.range(0, 50).forEach((step) -> {
					engine.events().append(step("strict", "s" + step));
					engine.events().append(event("strict"));
				})))
				.toList();
			engines.forEach(CompletableFuture::join);
			List<StoredEvent> events = one.events().read("strict", 0, 1000).events();
			assertThat(events).extracting(StoredEvent::sequence)
				.containsExactlyElementsOf(LongStream.rangeClosed(1, 150).boxed().toList());
		}
	}

	/**
	 * Else it would wait for the run with a snapshot that is old then, each time that
	 * another writer is quicker.
	 */
	@Test
	void whatIsRepeatedWithAnotherDefaultIsSoInReadCommitted() {
		TestDatabase strict = PostgresServer.shared().createDatabase();
		strict.jdbc()
			.execute("ALTER DATABASE " + strict.jdbc().queryForObject("SELECT current_database()", String.class)
					+ " SET default_transaction_isolation = 'repeatable read'");
		try (Instance instance = Instance.start(strict)) {
			strict.jdbc()
				.execute(
						"""
								CREATE FUNCTION public.conflict() RETURNS trigger LANGUAGE plpgsql AS $$
									BEGIN
										IF current_setting('transaction_isolation') <> 'read committed' THEN
											RAISE 'as of another writer' USING ERRCODE = 'unique_violation', CONSTRAINT = 'workflow_events_pkey';
										END IF;
										RETURN NEW;
									END $$;
								CREATE TRIGGER conflict BEFORE INSERT ON durable_notify.workflow_events FOR EACH ROW
									EXECUTE FUNCTION public.conflict()
								""");
			assertThat(instance.events().append(event("run")).sequence()).isEqualTo(1);
			assertThat(instance.events().appendAll("run", List.of(event("run"), event("run"))))
				.extracting(AppendResult::sequence)
				.containsExactly(2L, 3L);
		}
	}

	@Test
	void aReadOnlyTransactionIsRefusedBeforeSql() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> log.append(event("read-only")))
				.withMessage("Run 'read-only' cannot be written to in a read-only transaction");
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> log.appendAll("read-only", List.of(event("read-only"))));
			// The transaction is not aborted, because nothing was sent
			assertThat(log.read("read-only", 0, 10).events()).isEmpty();
		});
	}

	@Test
	void aPoolOfOneIsEnough() {
		try (Instance single = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=2000")) {
			EventLog events = single.events();
			assertThat(events.append(event("single")).sequence()).isOne();
			single.transaction().executeWithoutResult((status) -> {
				events.append(event("single"));
				events.appendAll("single", List.of(event("single"), event("single")));
				events.append(event("single/new"));
				assertThat(events.read("single", 0, 10).events()).hasSize(4);
			});
			assertThat(events.findByCorrelation("single", "a")).isEmpty();
		}
	}

	@Test
	void aPoolWithoutAutocommitStoresAndGivesBackItsConnectionsAsTheyWere() {
		try (Instance manual = Instance.start(database, "spring.datasource.hikari.auto-commit=false",
				"spring.datasource.hikari.maximum-pool-size=1")) {
			manual.events().append(event("manual"));
			manual.events().appendAll("manual", List.of(event("manual"), event("manual")));
			assertThat(sequences("manual")).containsExactly(1L, 2L, 3L);
			manual.transaction().executeWithoutResult((status) -> {
				manual.events().append(event("manual"));
				status.setRollbackOnly();
			});
			assertThat(sequences("manual")).containsExactly(1L, 2L, 3L);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "after-commit", "none" })
	void appendsWorkInEveryModeOfWakeups(String mode) {
		try (Instance other = Instance.start(database, "durable-notify.wakeup.mode=" + mode)) {
			String run = "mode/" + mode;
			AppendResult created = other.events().append(step(run, "a"));
			assertThat(other.events().append(step(run, "a")))
				.isEqualTo(new AppendResult(Outcome.DUPLICATE, created.eventId(), 1));
			other.events().appendAll(run, List.of(event(run), step(run, "a"), event(run)));
			other.transaction().executeWithoutResult((status) -> other.events().append(event(run)));
			assertThat(sequences(run)).containsExactly(1L, 2L, 3L, 4L);
		}
	}

	private static NewEvent event(String run) {
		return NewEvent.of(run, "step_started");
	}

	private static NewEvent step(String run, String correlationId) {
		return NewEvent.of(run, "step_created").correlationId(correlationId);
	}

	private static List<Long> sequences(String run) {
		return log.read(run, 0, 1000).events().stream().map(StoredEvent::sequence).toList();
	}

	private static long runs(String run) {
		Long runs = database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_runs WHERE run_id = ?", Long.class, run);
		return (runs != null) ? runs : -1;
	}

}
