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
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.EntriesRead;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.PublishingWrites;
import org.junit.jupiter.api.Test;

import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.core.ConnectionCallback;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link EventLog}: finding runs, deleting them, and their retention.
 */
class EventRunTests {

	private static final List<String> TERMINAL = List.of("run_completed", "run_failed", "run_cancelled");

	private static final String RUNS = "SELECT count(*) FROM durable_notify.workflow_runs WHERE run_id LIKE ?";

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static EventLog log;

	private static void append(String runId, String... types) {
		for (String type : types) {
			log.append(NewEvent.of(runId, type));
		}
	}

	private static List<String> ids(RunQuery query) {
		return log.runs(query).stream().map(RunInfo::runId).toList();
	}

	private static RunJanitor janitor(Duration retention) {
		return janitor(instance.bean(ApplicationDatabase.class), retention);
	}

	private static RunJanitor janitor(ApplicationDatabase database, Duration retention) {
		return new RunJanitor(database, instance.bean(PostgresRunCatalog.class), instance.bean(PublishingWrites.class),
				new EventProperties(DataSize.ofBytes(1000), Duration.ofSeconds(10), TERMINAL, retention),
				Duration.ofMillis(20));
	}

	@Test
	void runsAreListedInTheOrderOfTheirIdsAPageAfterTheOther() {
		List.of("list/b", "list/a", "list/ä", "list/B", "listing").forEach((run) -> append(run, "run_created", "step"));
		RunQuery query = RunQuery.all().prefix("list/").limit(2);
		assertThat(ids(query)).containsExactly("list/B", "list/a");
		assertThat(ids(query.after("list/a"))).containsExactly("list/b", "list/ä");
		assertThat(ids(query.after("list/ä"))).isEmpty();
		RunInfo info = log.runs(query).get(1);
		StoredEvent last = log.read("list/a", 1, 1).events().get(0);
		assertThat(info.lastSequence()).isEqualTo(2);
		assertThat(info.lastType()).isEqualTo("step");
		assertThat(info.lastEventAt()).isEqualTo(last.createdAt()).isAfterOrEqualTo(info.createdAt());
	}

	@Test
	void anEngineFindsRunsThatHaveNotEndedAndAreIdle() {
		append("find/completed", "run_created", "run_completed");
		append("find/failed", "run_created", "run_failed", "late");
		append("find/open", "run_created", "run_paused");
		append("find/busy", "run_created");
		RunQuery open = RunQuery.all().prefix("find/").open();
		assertThat(ids(open)).containsExactly("find/busy", "find/open");
		assertThat(ids(RunQuery.all().prefix("find/").without("run_paused", "late"))).containsExactly("find/busy",
				"find/completed");
		assertThat(ids(open.without("run_paused"))).containsExactly("find/busy");
		database.jdbc()
			.update("UPDATE durable_notify.workflow_events SET created_at = created_at - interval '1 hour' "
					+ "WHERE run_id = 'find/open'");
		assertThat(ids(open.idleFor(Duration.ofMinutes(30)))).containsExactly("find/open");
		assertThat(ids(open.idleFor(Duration.ofMinutes(90)))).isEmpty();
		try (RunJanitor janitor = janitor(null)) {
			janitor.start();
			Eventually.await(() -> marked("find/%") == 2, () -> marked("find/%"));
		}
		assertThat(ids(open)).containsExactly("find/busy", "find/open");
	}

	private static int marked(String runIds) {
		return database.jdbc().queryForObject(RUNS + " AND ended_at IS NOT NULL", Integer.class, runIds);
	}

	@Test
	void openRunsAreFoundAmongManyThatHaveEnded() {
		database.jdbc().update("""
				INSERT INTO durable_notify.workflow_runs (run_id, ended_at)
				SELECT 'many/' || i, CASE WHEN i % 1000 <> 0 THEN now() END FROM generate_series(1, 5000) AS i""");
		database.jdbc().update("""
				INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type)
				SELECT 'many/' || i, 1, gen_random_uuid(), 'run_created' FROM generate_series(1, 5000) AS i""");
		assertThat(ids(RunQuery.all().prefix("many/").open())).containsExactly("many/1000", "many/2000", "many/3000",
				"many/4000", "many/5000");
		// Slice after slice where nothing tells which have ended
		assertThat(ids(RunQuery.all().prefix("many/").limit(10_000))).hasSize(5000);
		database.jdbc().update("DELETE FROM durable_notify.workflow_runs WHERE run_id LIKE 'many/%'");
		database.jdbc().update("DELETE FROM durable_notify.workflow_events WHERE run_id LIKE 'many/%'");
	}

	@Test
	void whatCannotBeListedIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> RunQuery.all().limit(0)).withMessageContaining("Limit 0");
		assertThatIllegalArgumentException().isThrownBy(() -> RunQuery.all().prefix("a b"));
		assertThatIllegalArgumentException().isThrownBy(() -> RunQuery.all().idleFor(Duration.ofSeconds(-1)));
		assertThatIllegalArgumentException().isThrownBy(() -> RunQuery.all().without(""));
	}

	@Test
	void aRunIsDeletedWithItsEventsAndALateEventBeginsANewOne() {
		append("deleted", "run_created", "step");
		RecordingEventHandler handler = new RecordingEventHandler();
		try (Instance other = Instance.start(database, "durable-notify.poll.interval=0")) {
			other.events().follow("deleted", 0, handler);
			handler.awaitEvents(2);
			assertThat(log.delete("deleted")).isTrue();
			assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class).hasMessageContaining("deleted");
		}
		assertThat(log.delete("deleted")).isFalse();
		assertThat(log.read("deleted", 0, 10).events()).isEmpty();
		assertThatExceptionOfType(StaleRunException.class)
			.isThrownBy(() -> log.append(NewEvent.of("deleted", "step"), 2));
		assertThat(log.append(NewEvent.of("deleted", "run_created")))
			.extracting(AppendResult::outcome, AppendResult::sequence)
			.containsExactly(Outcome.APPENDED, 1L);
	}

	@Test
	void aDeletionIsPartOfTheCallersTransaction() {
		append("transaction", "run_created");
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(log.delete("transaction")).isTrue();
			status.setRollbackOnly();
		});
		assertThat(log.read("transaction", 0, 10).events()).hasSize(1);
		assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> instance.transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ)
				.execute((status) -> log.delete("transaction")))
			.withMessageContaining("READ COMMITTED");
		instance.transaction().executeWithoutResult((status) -> log.delete("transaction"));
		assertThat(ids(RunQuery.all().prefix("transaction"))).isEmpty();
	}

	@Test
	void deletionsAndAppendsThatRaceLeaveNoEventWithoutItsRun() {
		List<CompletableFuture<Void>> engines = IntStream.range(0, 4)
			.mapToObj((engine) -> CompletableFuture.runAsync(() -> {
				for (int i = 0; i < 100; i++) {
					if (engine == 0) {
						log.delete("raced");
					}
					else if (engine == 1) {
						log.appendAll("raced", List.of(NewEvent.of("raced", "a"), NewEvent.of("raced", "b")));
					}
					else {
						log.append(NewEvent.of("raced", "step"));
					}
				}
			}))
			.toList();
		engines.forEach(CompletableFuture::join);
		List<StoredEvent> events = log.read("raced", 0, 10_000).events();
		assertThat(events.stream().map(StoredEvent::sequence))
			.containsExactlyElementsOf(IntStream.rangeClosed(1, events.size()).mapToObj(Long::valueOf).toList());
		log.delete("raced");
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_events WHERE run_id = 'raced'",
					Integer.class))
			.isZero();
	}

	@Test
	void runsAreDeletedTheRetentionAfterTheirEnd() {
		append("kept/open", "run_created");
		append("kept/young", "run_created", "run_completed");
		append("kept/going-on", "run_created", "run_failed");
		append("kept/old", "run_created", "run_failed");
		age("kept/open");
		age("kept/old");
		age("kept/going-on");
		append("kept/going-on", "run_resumed");
		RecordingEventHandler handler = new RecordingEventHandler();
		log.follow("kept/old", 0, handler);
		handler.awaitEvents(2);
		try (RunJanitor janitor = janitor(Duration.ofMinutes(30))) {
			janitor.start();
			assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class);
			assertThat(ids(RunQuery.all().prefix("kept/"))).containsExactly("kept/going-on", "kept/open", "kept/young");
			age("kept/going-on");
			database.jdbc()
				.update("UPDATE durable_notify.workflow_runs SET ended_at = ended_at - interval '1 hour' "
						+ "WHERE run_id = 'kept/going-on'");
			Eventually.await(() -> ids(RunQuery.all().prefix("kept/")).size() == 2,
					() -> ids(RunQuery.all().prefix("kept/")));
		}
		assertThat(log.read("kept/old", 0, 10).events()).isEmpty();
	}

	@Test
	void runsThatAreKeptAreNotReadByWhatLooksForOthers() {
		TestDatabase kept = PostgresServer.shared().createDatabase();
		Instance.start(kept).close();
		PostgresRunCatalog catalog = new PostgresRunCatalog(new SchemaName("durable_notify"));
		SingleConnectionDataSource session = new SingleConnectionDataSource(kept.url(), true);
		JdbcTemplate jdbc = new JdbcTemplate(session);
		jdbc.update("INSERT INTO durable_notify.workflow_runs (run_id, ended_at) "
				+ "SELECT 'kept/' || i, clock_timestamp() FROM generate_series(1, 20000) AS i");
		assertThat(EntriesRead.of(jdbc, "workflow_runs", () -> jdbc
			.execute((ConnectionCallback<?>) (connection) -> catalog.chooseOutlived(connection, Duration.ofHours(1)))))
			.isLessThan(1_000);
		session.destroy();
	}

	@Test
	void aRunWithMoreEventsThanAreDeletedInTimeIsDeletedAllTheSame() {
		insertLarge("large", 4500);
		database.jdbc().execute("""
				CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN PERFORM pg_sleep(0.01); RETURN OLD; END $$;
				CREATE TRIGGER delay BEFORE DELETE ON durable_notify.workflow_events FOR EACH ROW
					WHEN (OLD.run_id = 'large' AND OLD.sequence % 10 = 0) EXECUTE FUNCTION delay();
				""");
		String url = database.url() + ((database.url().contains("?")) ? "&" : "?") + "socketTimeout=4";
		ApplicationDatabase impatient = new ApplicationDatabase(new DriverManagerDataSource(url), () -> null);
		assertThat(janitor(impatient, Duration.ofMinutes(30)).run()).isFalse();
		assertThat(log.info("large")).isEmpty();
		assertThat(log.read("large", 0, 10).events()).isEmpty();
	}

	private static void insertLarge(String runId, int events) {
		database.jdbc()
			.update("INSERT INTO durable_notify.workflow_runs (run_id, ended_at) VALUES (?, now() - interval '1 hour')",
					runId);
		database.jdbc().update("""
				INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type, created_at)
				SELECT ?, i, gen_random_uuid(), 'step', now() - interval '1 hour'
				FROM generate_series(1, ?) AS i""", runId, events);
	}

	@Test
	void otherRunsAreNotLockedWhileALargeOneIsDeleted() {
		append("beside/going-on", "run_created", "run_failed");
		append("beside/old", "run_created", "run_failed");
		insertLarge("beside/large", 5_000);
		database.jdbc()
			.update("UPDATE durable_notify.workflow_runs SET ended_at = now() - interval '1 hour' "
					+ "WHERE run_id LIKE 'beside/%'");
		age("beside/old");
		RunJanitor janitor = janitor(Duration.ofMinutes(30));
		assertThat(janitor.run()).as("the small one, and then the large one").isTrue();
		assertThat(ids(RunQuery.all().prefix("beside/"))).containsExactly("beside/going-on", "beside/large");
		database.jdbc()
			.update("UPDATE durable_notify.workflow_runs SET ended_at = now() - interval '1 hour' "
					+ "WHERE run_id = 'beside/going-on'");
		database.jdbc().execute("""
				CREATE TABLE released ();
				CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					WHILE NOT EXISTS (SELECT FROM released) LOOP PERFORM pg_sleep(0.01); END LOOP;
					RETURN OLD;
				END $$;
				CREATE TRIGGER hold BEFORE DELETE ON durable_notify.workflow_events FOR EACH ROW
					WHEN (OLD.run_id = 'beside/large' AND OLD.sequence = 4000) EXECUTE FUNCTION hold();
				""");
		CompletableFuture<Boolean> deletion = Background.supply(janitor::run);
		Eventually.await(() -> database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
					+ "AND datname = current_database()", Integer.class) == 1,
				deletion::toString);
		log.append(NewEvent.of("beside/going-on", "step"));
		assertThat(deletion).isNotDone();
		database.jdbc().update("INSERT INTO released DEFAULT VALUES");
		assertThat(deletion).succeedsWithin(Eventually.TIMEOUT);
		assertThat(ids(RunQuery.all().prefix("beside/"))).containsExactly("beside/going-on");
	}

	@Test
	void aRunThatHasGoneOnForAHundredEventsIsKept() {
		append("gone-on/99", "run_failed");
		append("gone-on/100", "run_failed");
		log.appendAll("gone-on/99", Collections.nCopies(99, NewEvent.of("gone-on/99", "step")));
		log.appendAll("gone-on/100", Collections.nCopies(100, NewEvent.of("gone-on/100", "step")));
		age("gone-on/99");
		age("gone-on/100");
		janitor(Duration.ofMinutes(30)).run();
		assertThat(ids(RunQuery.all().prefix("gone-on/"))).containsExactly("gone-on/100");
		assertThat(ids(RunQuery.all().prefix("gone-on/").open())).isEmpty();
	}

	@Test
	void manyRunsThatHaveGoneOnDelayNoOthers() {
		database.jdbc().update("""
				INSERT INTO durable_notify.workflow_runs (run_id, ended_at)
				SELECT 'postponed/' || i, now() - interval '3 hours' FROM generate_series(1, 1000) AS i""");
		database.jdbc().update("""
				INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type)
				SELECT 'postponed/' || i, 1, gen_random_uuid(), 'step' FROM generate_series(1, 1000) AS i""");
		append("due", "run_completed");
		age("due");
		database.jdbc()
			.update("UPDATE durable_notify.workflow_runs SET ended_at = now() - interval '1 hour' WHERE run_id = 'due'");
		RunJanitor janitor = janitor(Duration.ofMinutes(30));
		assertThat(janitor.run()).isTrue();
		assertThat(log.info("due")).isPresent();
		assertThat(janitor.run()).isFalse();
		assertThat(log.info("due")).isEmpty();
		database.jdbc().update("DELETE FROM durable_notify.workflow_runs WHERE run_id LIKE 'postponed/%'");
		database.jdbc().update("DELETE FROM durable_notify.workflow_events WHERE run_id LIKE 'postponed/%'");
	}

	@Test
	void fewRunsToDeleteDoNotKeepTheJanitorRunning() {
		append("few", "run_created", "run_completed");
		age("few");
		assertThat(janitor(Duration.ofMinutes(30)).run()).isFalse();
		assertThat(log.info("few")).isEmpty();
	}

	private static void age(String runId) {
		database.jdbc()
			.update("UPDATE durable_notify.workflow_events SET created_at = created_at - interval '1 hour' "
					+ "WHERE run_id = ?", runId);
	}

	@Test
	void theRetentionIsAProperty() {
		TestDatabase own = PostgresServer.shared().createDatabase();
		try (Instance other = Instance.start(own, "durable-notify.events.retention=7d",
				"durable-notify.events.terminal-types=done")) {
			EventProperties settings = other.bean(EventProperties.class);
			assertThat(settings.retention()).isEqualTo(Duration.ofDays(7));
			assertThat(settings.terminalTypes()).containsExactly("done");
			other.events().append(NewEvent.of("run", "done"));
			other.events().append(NewEvent.of("other", "run_completed"));
			assertThat(other.events().runs(RunQuery.all().open())).extracting(RunInfo::runId).containsExactly("other");
		}
	}

}
