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
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.Tracing;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.scheduling.support.CronExpression;
import org.springframework.util.StringUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for methods with {@link WorkListener} in instances of an application.
 */
@ExtendWith(OutputCaptureExtension.class)
class WorkListenerTests {

	@Fixture
	private static TestDatabase database;

	private static final String YEARLY = "0 0 0 1 1 *";

	private final List<Instance> instances = new CopyOnWriteArrayList<>();

	@BeforeEach
	void createTable() {
		database.jdbc().execute("CREATE TABLE effects (effect text)");
	}

	@AfterEach
	void close() {
		this.instances.forEach(Instance::close);
		database.jdbc().execute("DROP TABLE effects");
		for (String table : List.of("work_items", "work_dead", "work_claims")) {
			database.jdbc().execute("DELETE FROM durable_notify." + table);
		}
	}

	private Instance start(Class<?> source, String... properties) {
		String[] all = IntStream.range(0, properties.length + 2).mapToObj((i) -> switch (i) {
			case 0 -> "durable-notify.work.backoff.delay=50ms";
			case 1 -> "durable-notify.work.max-attempts=2";
			default -> properties[i - 2];
		}).toArray(String[]::new);
		Instance instance = Instance.start(database, (application) -> application.sources(source), all);
		this.instances.add(instance);
		return instance;
	}

	private static WorkQueue queue(Instance instance) {
		return instance.bean(WorkQueue.class);
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT effect FROM effects ORDER BY effect", String.class);
	}

	private static void awaitEffects(int size) {
		Eventually.await(() -> effects().size() >= size, () -> effects() + " of " + state());
	}

	private static List<?> state() {
		return database.jdbc().queryForList("SELECT * FROM durable_notify.work_items");
	}

	private static int count(String table) {
		return database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Integer.class);
	}

	@Test
	void eachItemIsHandledByOneInstance() {
		Instance first = start(Mails.class);
		start(Mails.class);
		queue(first).enqueueAll(IntStream.range(0, 200)
			.mapToObj((i) -> WorkRequest.of("mail", new Mail("m%03d".formatted(i))).header("tenant", "t"))
			.toList());
		awaitEffects(200);
		Eventually.await(() -> count("work_items") == 0, WorkListenerTests::state);
		assertThat(effects()).hasSize(200).doesNotHaveDuplicates().first().isEqualTo("m000 of t");
	}

	@Test
	void theFirstFailureIsLoggedWithItsItemAndItsStackTrace(CapturedOutput output) {
		Instance instance = start(Mails.class);
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("traced"), (item) -> {
			throw new NullPointerException();
		});
		WorkListenerSpec once = WorkListenerSpec.of("once").maxAttempts(1);
		instance.bean(WorkListeners.class).register(once, (item) -> {
			throw new IllegalStateException("broken");
		});
		queue(instance).enqueue(WorkRequest.of("traced", "a"));
		queue(instance).enqueue(WorkRequest.of("once", "a"));
		awaitDead(output, 2);
		String trace = "\\R\\s+at io.durablenotify.work.WorkListenerTests";
		assertThat(output.toString()).containsPattern(
				"The handler of item \\d+ of queue 'traced' has failed in attempt 1: NullPointerException. Retrying\\R+"
						+ "java.lang.NullPointerException(: null)?" + trace)
			.containsPattern("The item \\d+ of queue 'once' is dead after attempt 1: java.lang.IllegalStateException: "
					+ "broken\\R+java.lang.IllegalStateException: broken" + trace);
		assertThat(StringUtils.countOccurrencesOf(output.toString(), "WorkListenerTests.lambda$theFirst")).isEqualTo(2);
	}

	@Test
	void anItemWhoseFailureHasNoMessageIsSettledAllTheSame(CapturedOutput output) {
		Instance instance = start(Mails.class);
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("silent"), (item) -> {
			throw new SilentException();
		});
		queue(instance).enqueue(WorkRequest.of("silent", "a"));
		awaitDead(output, 1);
		assertThat(count("work_dead")).isOne();
		assertThat(output)
			.contains("of queue 'silent' has failed in attempt 1: ", "of queue 'silent' is dead after attempt 2: ")
			.doesNotContain("Unexpected failure of a listener");
	}

	@Test
	void theFirstFailureThatAHandlerReturnsIsLogged(CapturedOutput output) {
		Instance instance = start(Mails.class);
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("returned").maxAttempts(3), (item) -> WorkOutcome.fail("not yet"));
		queue(instance).enqueue(WorkRequest.of("returned", "a"));
		awaitDead(output, 1);
		assertThat(output.toString())
			.containsPattern(
					"WARN .*The handler of item \\d+ of queue 'returned' has failed in attempt 1: not yet. Retrying")
			.doesNotContain("of queue 'returned' has failed in attempt 2");
	}

	private static void awaitDead(CapturedOutput output, int items) {
		Eventually.await(() -> StringUtils.countOccurrencesOf(output.toString(), " is dead after attempt ") == items,
				WorkListenerTests::state);
	}

	@Test
	void aHandlerThatFailsAgainAndAgainHasThreePairsOfLinesAMinute(CapturedOutput output) {
		Instance instance = start(Mails.class);
		Duration delay = Duration.ofHours(1);
		CountDownLatch handled = new CountDownLatch(100);
		WorkListenerSpec spec = WorkListenerSpec.of("flapping").concurrency(1).backoff(new Backoff(delay, 1, delay));
		instance.bean(WorkListeners.class).register(spec, (item) -> {
			handled.countDown();
			if (handled.getCount() % 2 == 1) {
				throw new IllegalStateException("broken");
			}
			return WorkOutcome.done();
		});
		queue(instance)
			.enqueueAll(IntStream.range(0, 100).mapToObj((i) -> WorkRequest.of("flapping", "" + i)).toList());
		Eventually.await(() -> handled.getCount() == 0 && count("work_items") == 50, WorkListenerTests::state);
		assertThat(lines(output, "of queue 'flapping' has failed in attempt 1: broken. Retrying")).isEqualTo(3);
		assertThat(lines(output, "The handler of queue 'flapping' succeeds again")).isEqualTo(3);
		assertThat(lines(output, "WorkListenerTests.lambda$aHandlerThatFailsAgain")).isEqualTo(3);
	}

	@Test
	void itemsThatDieAgainAndAgainHaveALineEachAndThreeStackTracesAMinute(CapturedOutput output) {
		Instance instance = start(Mails.class);
		AtomicInteger handled = new AtomicInteger();
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("dying").concurrency(1).maxAttempts(1), (item) -> {
				if (handled.getAndIncrement() % 2 == 0) {
					throw new IllegalStateException("broken");
				}
				return WorkOutcome.done();
			});
		queue(instance).enqueueAll(IntStream.range(0, 20).mapToObj((i) -> WorkRequest.of("dying", "" + i)).toList());
		awaitDead(output, 10);
		assertThat(lines(output, "WorkListenerTests.lambda$itemsThatDie")).isEqualTo(3);
	}

	/**
	 * The first failure is returned, the later ones are thrown.
	 */
	@Test
	void aStackTraceThatALineOfAnotherFailureKeepsFromTheLogIsInThatOfTheDeadItem(CapturedOutput output) {
		Instance instance = start(Mails.class);
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("mixed").concurrency(1).maxAttempts(3), (item) -> {
				if (item.attempt() == 1) {
					return WorkOutcome.fail("not yet");
				}
				throw new IllegalStateException("broken");
			});
		queue(instance).enqueue(WorkRequest.of("mixed", "a"));
		awaitDead(output, 1);
		assertThat(output.toString()).containsPattern("The item \\d+ of queue 'mixed' is dead after attempt 3: "
				+ "java.lang.IllegalStateException: broken\\R+java.lang.IllegalStateException: broken");
	}

	private static int lines(CapturedOutput output, String text) {
		return StringUtils.countOccurrencesOf(output.toString(), text);
	}

	@Test
	void requestsForAKeyDoNotUseUpTheAttemptsOfItsItem() {
		Instance instance = start(Mails.class);
		Duration delay = Duration.ofHours(1);
		List<String> handled = new CopyOnWriteArrayList<>();
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("requested")
				.concurrency(1)
				.maxAttempts(3)
				.backoff(new Backoff(delay, 1, delay)), (item) -> {
					handled.add(String.valueOf(item.key()));
					return (item.key() != null) ? WorkOutcome.fail("down") : WorkOutcome.done();
				});
		List<WorkRequest> requests = Stream.of("a", "b")
			.map((key) -> WorkRequest.of("requested", "failing").key(key))
			.toList();
		queue(instance).enqueueAll(requests);
		Eventually.await(() -> count("work_items WHERE failures = 1") == 2, WorkListenerTests::state);
		for (int i = 0; i < 5; i++) {
			requests.forEach(queue(instance)::enqueue);
			queue(instance).enqueueAll(requests);
			database.jdbc().execute("SELECT durable_notify.enqueue('requested', '', key => 'a')");
		}
		queue(instance).enqueue(WorkRequest.of("requested", "last"));
		Eventually.await(() -> handled.contains("null"), () -> handled);
		assertThat(handled).containsExactly("a", "b", "null");
	}

	@Test
	void whatOnlyThePollHasFoundIsCountedWithoutMetersToo() throws InterruptedException {
		Instance instance = start(Mails.class, "durable-notify.listener.enabled=false",
				"durable-notify.work.poll-interval=3s");
		WorkMeasures measures = instance.bean(WorkMeasures.class);
		CountDownLatch claimed = new CountDownLatch(1);
		measures.of("polled").claim().recordBy((nanos) -> claimed.countDown());
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("polled"), (item) -> WorkOutcome.done());
		claimed.await();
		database.jdbc()
			.queryForObject("SELECT durable_notify.enqueue('polled', 'lost', "
					+ "due_at => clock_timestamp() - interval '2 s', wake => false)", Long.class);
		Eventually.await(() -> measures.poll().found().sum() == 1,
				() -> measures.poll().rounds() + " rounds, " + measures.of("polled"));
	}

	@Test
	void anInterruptBetweenTwoItemsKeepsNoneFromBeingHandled() {
		Instance instance = start(Interrupted.class);
		instance.bean(ObservationRegistry.class).observationConfig().observationHandler(new InterruptingHandler());
		queue(instance)
			.enqueueAll(IntStream.range(0, 50).mapToObj((i) -> WorkRequest.of("interrupted", "i" + i)).toList());
		awaitEffects(50);
		Eventually.await(() -> count("work_items") == 0, WorkListenerTests::state);
		assertThat(effects()).hasSize(50).doesNotHaveDuplicates();
	}

	@Import(Tracing.Application.class)
	static class Interrupted {

		private final JdbcTemplate jdbc;

		Interrupted(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(queue = "interrupted", concurrency = "1")
		void on(String text) {
			this.jdbc.update("INSERT INTO effects VALUES (?)", text);
		}

	}

	/**
	 * As a watchdog of a handler does that is late.
	 */
	private static final class InterruptingHandler implements ObservationHandler<Observation.Context> {

		@Override
		public void onStop(Observation.Context context) {
			Thread.currentThread().interrupt();
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

	}

	record Mail(String to) {
	}

	@Import(JacksonAutoConfiguration.class)
	static class Mails {

		private final JdbcTemplate jdbc;

		Mails(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(queue = "mail", transactional = true)
		void on(Mail mail, @WorkHeader("tenant") String tenant) {
			this.jdbc.update("INSERT INTO effects VALUES (?)", mail.to() + " of " + tenant);
		}

	}

	@Test
	void anAttemptThatFailsLeavesNothingInTheDatabase() {
		Instance instance = start(Failing.class);
		queue(instance).enqueue(WorkRequest.of("failing", "a"));
		awaitEffects(1);
		Eventually.await(() -> count("work_items") == 0, WorkListenerTests::state);
		assertThat(effects()).containsExactly("a at attempt 2");
	}

	@Test
	void anItemIsDeadAfterAnExceptionThatIsNotToBeRetriedOrIfItCannotBeDecoded() {
		Instance instance = start(Failing.class);
		queue(instance).enqueue(WorkRequest.of("permanent", "a"));
		queue(instance).enqueue(WorkRequest.of("number", "secret"));
		Eventually.await(() -> count("work_dead") == 2, WorkListenerTests::state);
		assertThat(database.jdbc()
			.queryForList("SELECT failures || ' ' || last_error FROM durable_notify.work_dead ORDER BY 1",
					String.class))
			.satisfiesExactlyInAnyOrder(
					(dead) -> assertThat(dead).isEqualTo("1 java.lang.UnsupportedOperationException: expected"),
					(dead) -> assertThat(dead).contains("cannot be read as int").doesNotContain("secret"));
	}

	@Import(JacksonAutoConfiguration.class)
	static class Failing {

		private final JdbcTemplate jdbc;

		Failing(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(queue = "failing", transactional = true)
		void fail(String payload, WorkItem item) {
			this.jdbc.update("INSERT INTO effects VALUES (?)", payload + " at attempt " + item.attempt());
			if (item.attempt() == 1) {
				throw new IllegalStateException("expected");
			}
		}

		@WorkListener(queue = "permanent", dontRetryOn = UnsupportedOperationException.class)
		void failPermanently(String payload) {
			throw new UnsupportedOperationException("expected");
		}

		@WorkListener(queue = "number")
		void take(int number) {
		}

	}

	@Test
	void itemsAreHandledInBatches() {
		Instance instance = start(Batches.class);
		queue(instance)
			.enqueueAll(IntStream.range(0, 50).mapToObj((i) -> WorkRequest.of("batch", "b%02d".formatted(i))).toList());
		awaitEffects(50);
		assertThat(effects()).hasSize(50).doesNotHaveDuplicates();
		assertThat(instance.bean(Batches.class).calls.get()).isLessThan(50);
	}

	static class Batches {

		private final JdbcTemplate jdbc;

		private final AtomicInteger calls = new AtomicInteger();

		Batches(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(queue = "batch", batch = true, transactional = true)
		void on(List<String> payloads) {
			this.calls.incrementAndGet();
			this.jdbc.batchUpdate("INSERT INTO effects VALUES (?)",
					payloads.stream().map((payload) -> new Object[] { payload }).toList());
		}

	}

	@Test
	void recurringWorkRunsInOneInstance() {
		start(Ticking.class, "app.cron=* * * * * *");
		start(Ticking.class, "app.cron=* * * * * *");
		awaitEffects(3);
		assertThat(effects()).doesNotHaveDuplicates();
		assertThat(count("work_items")).isEqualTo(1);
	}

	@Test
	void missedTimesAreCaughtUpOnce() {
		Instance first = start(Ticking.class, "app.cron=" + YEARLY);
		Instant due = awaitItem();
		first.close();
		assertThat(due.truncatedTo(ChronoUnit.HOURS)).isEqualTo(due).isAfter(Instant.EPOCH);
		makeDue();
		start(Ticking.class, "app.cron=" + YEARLY);
		awaitEffects(1);
		Eventually.await(() -> dueAt().equals(due), WorkListenerTests::state);
		assertThat(effects()).hasSize(1);
	}

	@Test
	void aChangedScheduleMovesTheItemAtTheStartOnly() {
		Instance yearly = start(Ticking.class, "app.cron=" + YEARLY);
		Instant due = awaitItem();
		Instance monthly = start(Ticking.class, "app.cron=0 0 0 1 * *");
		awaitSchedule("0 0 0 1 * *");
		wakeAll(yearly, monthly);
		assertThat(schedule()).isEqualTo("0 0 0 1 * * in UTC");
		start(Ticking.class, "app.cron=" + YEARLY);
		awaitSchedule(YEARLY);
		assertThat(dueAt()).isEqualTo(due);
		assertThat(effects()).isEmpty();
	}

	@Test
	void anInstanceOfTheVersionBeforeGoesByTheScheduleOfTheOneThatHasStartedLast() {
		start(Ticking.class, "app.cron=" + YEARLY);
		awaitItem();
		Instance later = start(Ticking.class, "app.cron=* * * * * *");
		awaitSchedule("* * * * * *");
		later.close();
		awaitEffects(effects().size() + 3);
	}

	@Test
	void aScheduleThatIsWrittenWhileTheItemDoesNotWaitMovesItOnceItDoes() {
		start(Ticking.class, "app.cron=" + YEARLY);
		awaitItem();
		database.jdbc().update("UPDATE durable_notify.work_items SET failures = 1");
		Instant later = dueAt().plus(900, ChronoUnit.DAYS);
		postpone(later);
		Instance monthly = start(Ticking.class, "app.cron=0 0 0 1 * *");
		awaitSchedule("0 0 0 1 * *");
		wakeAll(monthly);
		assertThat(dueAt()).isEqualTo(later);
		database.jdbc().update("UPDATE durable_notify.work_items SET failures = 0");
		wakeAll(monthly);
		assertThat(dueAt()).isBefore(later);
		// As its handler can, or a user
		postpone(later);
		wakeAll(monthly);
		assertThat(dueAt()).isEqualTo(later);
	}

	private static void postpone(Instant dueAt) {
		database.jdbc().update("UPDATE durable_notify.work_items SET due_at = ?", Timestamp.from(dueAt));
	}

	@Test
	void recurringWorkThatTwoThreadsStoreAtOnceIsStored() throws SQLException {
		Instance instance = start(Ticking.class, "app.cron=" + YEARLY);
		awaitItem();
		RecurringWork recurring = recurring(instance);
		recurring
			.add(new Recurrence("cron/tick", "beside", new CronSchedule(CronExpression.parse(YEARLY), ZoneOffset.UTC)));
		List<CompletableFuture<Void>> runs;
		try (Connection locking = DriverManager.getConnection(database.url())) {
			locking.setAutoCommit(false);
			locking.createStatement().execute("LOCK TABLE durable_notify.work_items");
			runs = List.of(Background.run(recurring::run), Background.run(recurring::run));
			Eventually.await(() -> waiting() == 2, WorkListenerTests::waiting);
			locking.rollback();
		}
		assertThat(runs).allSatisfy((run) -> assertThat(run).succeedsWithin(Eventually.TIMEOUT));
		assertThat(count("work_items")).isEqualTo(2);
	}

	@Test
	void recurringWorkThatIsCancelledBeforeItCouldBeStoredIsNotStored() {
		Instance instance = start(Ticking.class, "app.cron=" + YEARLY);
		awaitItem();
		RecurringWork recurring = recurring(instance);
		Subscription beside = recurring
			.add(new Recurrence("cron/tick", "beside", new CronSchedule(CronExpression.parse(YEARLY), ZoneOffset.UTC)));
		assertThat(beside.isActive()).isTrue();
		beside.cancel();
		assertThat(beside.isActive()).isFalse();
		recurring.run();
		assertThat(count("work_items")).isOne();
	}

	private static RecurringWork recurring(Instance instance) {
		return new RecurringWork(instance.bean(ApplicationDatabase.class),
				new RecurringSql(instance.bean(Schema.class).name()), instance.bean(PublishingWrites.class));
	}

	private static int waiting() {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
					+ "AND wait_event_type = 'Lock' AND query LIKE '%work_queues q LEFT JOIN%'", Integer.class);
	}

	private static void awaitSchedule(String cron) {
		Eventually.await(() -> schedule().equals(cron + " in UTC"), WorkListenerTests::state);
	}

	@Test
	void aMissedTimeIsCaughtUpAlsoIfTheScheduleHasChanged() {
		Instance first = start(Ticking.class, "app.cron=0 0 0 1 * *");
		awaitItem();
		first.close();
		makeDue();
		start(Ticking.class, "app.cron=" + YEARLY);
		awaitEffects(1);
		Eventually.await(() -> dueAt().isAfter(Instant.now()), WorkListenerTests::state);
		assertThat(schedule()).isEqualTo(YEARLY + " in UTC");
		assertThat(effects()).hasSize(1);
	}

	@Test
	void anItemThatIsGoneIsStoredAgain() {
		Instance instance = start(Ticking.class, "app.cron=" + YEARLY);
		Instant due = awaitItem();
		assertThat(queue(instance).cancel("cron/tick", "cron/tick")).isEqualTo(CancelOutcome.CANCELLED);
		wakeAll(instance);
		assertThat(awaitItem()).isEqualTo(due);
	}

	@Test
	void recurringWorkThatIsRenamedRunsOnce() {
		Instance before = start(Renamed.class, "app.id=before");
		awaitItem();
		before.close();
		Instance instance = start(Renamed.class, "app.id=after");
		Eventually.await(() -> count("work_items") == 2, WorkListenerTests::state);
		for (String key : List.of("cron/before", "cron/after")) {
			queue(instance).reschedule("renamed", key, Instant.now());
		}
		Eventually.await(() -> count("work_items") == 1 && dueAt().isAfter(Instant.now()), WorkListenerTests::state);
		assertThat(effects()).containsExactly("renamed");
	}

	static class Renamed {

		private final JdbcTemplate jdbc;

		Renamed(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(queue = "renamed", id = "${app.id}", cron = YEARLY, transactional = true)
		void run() {
			this.jdbc.update("INSERT INTO effects VALUES ('renamed')");
		}

	}

	private static void wakeAll(Instance... instances) {
		for (Instance instance : instances) {
			RecurringWork recurring = (RecurringWork) instance.bean(Recurrences.class);
			recurring.run();
		}
	}

	private static void makeDue() {
		database.jdbc().update("UPDATE durable_notify.work_items SET due_at = clock_timestamp() - interval '800 days'");
	}

	private static Instant awaitItem() {
		Eventually.await(() -> count("work_items") == 1, WorkListenerTests::state);
		return dueAt();
	}

	private static Instant dueAt() {
		return database.jdbc()
			.queryForObject("SELECT due_at FROM durable_notify.work_items", Timestamp.class)
			.toInstant();
	}

	private static String schedule() {
		return database.jdbc()
			.queryForObject("SELECT headers::jsonb ->> 'cron' FROM durable_notify.work_items", String.class);
	}

	static class Ticking {

		private final JdbcTemplate jdbc;

		Ticking(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		/**
		 * The rows are the seconds in which it ran.
		 */
		@WorkListener(id = "tick", cron = "${app.cron}", zone = "UTC", transactional = true)
		void tick() {
			this.jdbc.update("INSERT INTO effects SELECT date_trunc('second', clock_timestamp())::text");
		}

	}

	@Test
	void recurringWorkWhoseLastAttemptFailsRunsAgainAtTheNextTime() {
		Instance instance = start(FailingNightly.class);
		FailingNightly nightly = instance.bean(FailingNightly.class);
		Eventually.await(() -> count("work_items") == 2, WorkListenerTests::state);
		makeDue();
		Eventually.await(() -> nightly.attempts.size() == 4 && database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_items WHERE failures = 0 AND due_at > now()",
					Integer.class) == 2,
				() -> nightly.attempts + " " + state());
		assertThat(nightly.attempts).containsExactlyInAnyOrder("transactional 1", "transactional 2", "plain 1",
				"plain 2");
		assertThat(count("work_dead")).isZero();
		assertThat(effects()).as("rolled back").isEmpty();
	}

	static class FailingNightly {

		private final JdbcTemplate jdbc;

		private final List<String> attempts = new CopyOnWriteArrayList<>();

		FailingNightly(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(cron = YEARLY, transactional = true)
		void transactional(WorkItem item) {
			this.attempts.add("transactional " + item.attempt());
			this.jdbc.update("INSERT INTO effects VALUES ('transactional')");
			throw new IllegalStateException("expected");
		}

		@WorkListener(cron = YEARLY)
		void plain(WorkItem item) {
			this.attempts.add("plain " + item.attempt());
			throw new IllegalStateException("expected");
		}

	}

	@Test
	void recurringWorkWhoseLastCommitFailsRunsAgainAtTheNextTime() {
		database.jdbc().execute("ALTER TABLE effects ADD UNIQUE (effect) DEFERRABLE INITIALLY DEFERRED");
		database.jdbc().execute("INSERT INTO effects VALUES ('nightly')");
		Instance instance = start(UniqueNightly.class);
		Instant due = awaitItem();
		makeDue();
		Eventually.await(() -> instance.bean(UniqueNightly.class).attempts.size() == 1,
				() -> instance.bean(UniqueNightly.class).attempts);
		Eventually.await(() -> count("work_claims") == 0, WorkListenerTests::state);
		assertThat(count("work_dead")).isZero();
		assertThat(dueAt()).isEqualTo(due);
		assertThat(effects()).hasSize(1);
	}

	static class UniqueNightly {

		private final JdbcTemplate jdbc;

		private final List<Integer> attempts = new CopyOnWriteArrayList<>();

		UniqueNightly(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@WorkListener(cron = YEARLY, transactional = true, maxAttempts = "1")
		void run(WorkItem item) {
			this.attempts.add(item.attempt());
			this.jdbc.update("INSERT INTO effects VALUES ('nightly')");
		}

	}

	@SuppressWarnings("serial")
	private static final class SilentException extends RuntimeException {

		@Override
		public String getMessage() {
			throw new IllegalStateException("It has none");
		}

	}

}
