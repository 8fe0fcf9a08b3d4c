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

package io.durablenotify.change;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingPoll;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link PostgresChangeNotifier} and {@link ChangeReader} with several
 * instances.
 */
@ExtendWith(OutputCaptureExtension.class)
class PostgresChangeNotifierTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private final RecordingChangeHandler handler = new RecordingChangeHandler();

	private final RecordingChangeHandler ofOther = new RecordingChangeHandler();

	@Fixture
	private TestDatabase database;

	@Fixture(properties = NO_POLL)
	private Instance instance;

	@Fixture(properties = NO_POLL)
	private Instance other;

	private static ChangeNotifier notifier(Instance instance) {
		return instance.bean(ChangeNotifier.class);
	}

	private void subscribe() {
		notifier(this.instance).subscribe("topic", this.handler);
		notifier(this.other).subscribe("topic", this.ofOther);
	}

	@Test
	void everyInstanceReceivesAChangeAlsoThePublishingOne() {
		subscribe();
		notifier(this.instance).publish("topic", "key", "client-1");
		Change change = this.handler.awaitChanges(1).changes().get(0);
		Change ofOther = this.ofOther.awaitChanges(1).changes().get(0);
		assertThat(change.local()).isTrue();
		assertThat(ofOther.local()).isFalse();
		assertThat(ofOther.originator()).isEqualTo("client-1");
		assertThat(ofOther).usingRecursiveComparison().ignoringFields("local").isEqualTo(change);
		assertThat(change.createdAt()).isCloseTo(
				this.database.jdbc().queryForObject("SELECT now()", OffsetDateTime.class).toInstant(),
				within(1, ChronoUnit.MINUTES));
	}

	@Test
	void aTransactionsChangesAreReceivedAfterItsCommitInEveryInstance() {
		subscribe();
		this.instance.transaction().executeWithoutResult((status) -> {
			notifier(this.instance).publish("topic", "first");
			Object savepoint = status.createSavepoint();
			notifier(this.instance).publish("topic", "undone");
			status.rollbackToSavepoint(savepoint);
			notifier(this.instance).publish("topic", "second");
			notifier(this.other).publish("topic", "meanwhile");
			this.handler.awaitKey("meanwhile");
			this.ofOther.awaitKey("meanwhile");
			assertThat(this.ofOther.keys()).containsExactly("meanwhile");
		});
		this.ofOther.awaitKey("second");
		this.handler.awaitKey("second");
		assertThat(this.ofOther.keys()).containsExactly("meanwhile", "first", "second");
		assertThat(this.handler.keys()).containsExactly("meanwhile", "first", "second");
	}

	@Test
	void whatWasPublishedWhileAnInstanceWasDisconnectedIsReceivedOnce() {
		subscribe();
		try (Instance deaf = Instance.start(this.database, NO_POLL, "durable-notify.listener.application-name=deaf",
				"durable-notify.listener.backoff.delay=1s")) {
			RecordingChangeHandler ofDeaf = new RecordingChangeHandler();
			notifier(deaf).subscribe("topic", ofDeaf);
			this.database.terminate("deaf");
			deaf.awaitStatus(Status.BACKING_OFF);
			notifier(this.instance).publish("topic", "missed");
			this.ofOther.awaitKey("missed");
			deaf.awaitStatus(Status.LISTENING);
			notifier(this.instance).publish("topic", "later");
			ofDeaf.awaitKey("later");
			assertThat(ofDeaf.keys()).containsExactly("missed", "later");
		}
	}

	@Test
	void theListenBackendIsTerminatedAgainAndAgainUnderLoad() {
		subscribe();
		List<String> keys = IntStream.range(0, 2_000).mapToObj(String::valueOf).toList();
		CompletableFuture<Void> publishing = Background
			.run(() -> keys.forEach((key) -> notifier(this.instance).publish("topic", key)));
		int terminated = 0;
		while (!publishing.isDone() || terminated < 5) {
			terminated += this.database.terminate(Instance.LISTENER);
		}
		publishing.join();
		this.other.awaitStatus(Status.LISTENING);
		this.ofOther.awaitChanges(keys.size());
		assertThat(this.ofOther.keys()).isEqualTo(keys);
		this.handler.awaitChanges(keys.size());
		assertThat(this.handler.keys()).isEqualTo(keys);
	}

	@Test
	void aChangeWithoutAWakeupIsReceivedByThePoll() {
		try (Instance polling = Instance.start(this.database, "durable-notify.listener.enabled=false",
				"durable-notify.poll.degraded-interval=100ms", "durable-notify.poll.interval=100ms")) {
			notifier(polling).subscribe("topic", this.handler);
			this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'silent', wake => false)");
			this.handler.awaitKey("silent");
			assertThat(this.handler.changes().get(0).local()).isFalse();
		}
	}

	@Test
	void otherWritersPublishBySql() {
		subscribe();
		this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'from a trigger', 'somebody')");
		this.ofOther.awaitKey("from a trigger");
		this.handler.awaitKey("from a trigger");
		assertThat(this.handler.changes().get(0).originator()).isEqualTo("somebody");
		assertThat(this.handler.changes().get(0).local()).isFalse();
	}

	@Test
	void aTransactionThatBeganBeforeAndCommitsAfterACatchUpIsNotMissed() throws Exception {
		subscribe();
		JdbcTemplate jdbc = this.database.jdbc();
		try (Connection early = jdbc.getDataSource().getConnection()) {
			early.setAutoCommit(false);
			early.createStatement().execute("SELECT durable_notify.publish('topic', 'early')");
			for (int i = 0; i < 10; i++) {
				notifier(this.instance).publish("topic", "late " + i);
				this.ofOther.awaitChanges(i + 1);
			}
			assertThat(this.ofOther.keys()).doesNotContain("early");
			early.commit();
		}
		this.ofOther.awaitKey("early");
		this.handler.awaitKey("early");
		notifier(this.instance).publish("topic", "last");
		this.ofOther.awaitKey("last");
		assertThat(this.ofOther.keys()).hasSize(12).doesNotHaveDuplicates();
	}

	@Test
	void aLongForeignTransactionDelaysNothing() throws Exception {
		JdbcTemplate jdbc = this.database.jdbc();
		jdbc.execute("CREATE TABLE foreign_table (id int)");
		try (Connection foreign = jdbc.getDataSource().getConnection()) {
			foreign.setAutoCommit(false);
			foreign.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
			foreign.createStatement().execute("INSERT INTO foreign_table VALUES (1)");
			subscribe();
			for (int i = 0; i < 100; i++) {
				notifier(this.instance).publish("topic", String.valueOf(i));
			}
			this.ofOther.awaitChanges(100);
			assertThat(this.ofOther.keys()).isEqualTo(numbers(100));
			foreign.rollback();
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { ChangeReader.PAGE - 1, ChangeReader.PAGE, ChangeReader.PAGE + 1, 3 * ChangeReader.PAGE })
	void aCatchUpGoesPageByPage(int count) throws Exception {
		subscribe();
		CountDownLatch latch = new CountDownLatch(1);
		notifier(this.other).subscribe("blocking", (change) -> latch.await());
		JdbcTemplate jdbc = this.database.jdbc();
		try (Connection early = jdbc.getDataSource().getConnection()) {
			early.setAutoCommit(false);
			early.createStatement().execute("SELECT durable_notify.publish('topic', 'early')");
			jdbc.execute(
					"INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', n - 1 FROM generate_series(1, "
							+ count + ") n");
			jdbc.execute("SELECT durable_notify.publish('topic', 'last')");
			this.ofOther.awaitKey("last");
			early.commit();
		}
		this.ofOther.awaitKey("early");
		List<String> expected = new ArrayList<>(numbers(count));
		expected.add("last");
		expected.add("early");
		assertThat(this.ofOther.keys()).isEqualTo(expected);
		latch.countDown();
	}

	@Test
	void whatBecomesVisibleBetweenTwoPagesIsNeitherLostNorGivenTwice() throws Exception {
		JdbcTemplate jdbc = this.database.jdbc();
		try (Connection between = jdbc.getDataSource().getConnection();
				ChangeReader reader = committingBetweenPages(between).reader(Runnable::run)) {
			reader.subscribe("topic", this.handler);
			notifier(this.instance).publish("topic", "first");
			this.handler.awaitKey("first");
			between.setAutoCommit(false);
			insert("a", ChangeReader.PAGE);
			between.createStatement().execute("SELECT durable_notify.publish('topic', 'between')");
			insert("b", ChangeReader.PAGE);
			jdbc.execute("SELECT durable_notify.publish('topic', 'last')");
			this.handler.awaitKey("last");
			this.handler.awaitKey("between");
			notifier(this.instance).publish("topic", "end");
			this.handler.awaitKey("end");
			assertThat(this.handler.keys()).hasSize(2 * ChangeReader.PAGE + 4).doesNotHaveDuplicates();
		}
	}

	@Test
	void whatRanInThePositionAndCommitsBetweenTwoPagesIsGivenOnce() throws Exception {
		JdbcTemplate jdbc = this.database.jdbc();
		try (Connection first = jdbc.getDataSource().getConnection();
				Connection between = jdbc.getDataSource().getConnection();
				ChangeReader reader = committingBetweenPages(between).reader(Runnable::run)) {
			first.setAutoCommit(false);
			first.createStatement()
				.execute("INSERT INTO durable_notify.changes (topic, key) "
						+ "SELECT 'topic', 'a' || n FROM generate_series(1, " + (ChangeReader.PAGE + 1) + ") n");
			between.setAutoCommit(false);
			between.createStatement().execute("SELECT durable_notify.publish('topic', 'between', wake => false)");
			reader.subscribe("topic", this.handler);
			first.commit();
			reader.onResync();
			this.handler.awaitKey("between");
			notifier(this.instance).publish("topic", "last");
			this.handler.awaitKey("last");
			assertThat(this.handler.keys()).hasSize(ChangeReader.PAGE + 3).doesNotHaveDuplicates();
		}
	}

	private void insert(String prefix, int count) {
		this.database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', ? || n FROM generate_series(1, ?) n",
					prefix, count);
	}

	private HookedChangeSql committingBetweenPages(Connection connection) {
		return new HookedChangeSql(this.instance, (session, position) -> {
			if (position.target() != null && !connection.getAutoCommit()) {
				connection.commit();
			}
		});
	}

	@Test
	void aSlowHandlerGetsAllChangesAndDelaysNoOther() throws Exception {
		CountDownLatch latch = new CountDownLatch(1);
		RecordingChangeHandler slow = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				latch.await();
				super.onChange(change);
			}

		};
		notifier(this.other).subscribe("topic", slow);
		subscribe();
		int count = 5 * ChangeReader.PAGE;
		for (int i = 0; i < count; i += 100) {
			int first = i;
			this.instance.transaction()
				.executeWithoutResult((status) -> IntStream.range(first, first + 100)
					.forEach((n) -> notifier(this.instance).publish("topic", String.valueOf(n))));
		}
		this.ofOther.awaitChanges(count);
		assertThat(this.ofOther.keys()).isEqualTo(numbers(count));
		assertThat(slow.keys()).isEmpty();
		ChangeDelivery delivery = this.other.bean(ChangeDelivery.class);
		assertThat(delivery.state().subscriptions()).isEqualTo(2);
		assertThat(delivery.state().behind()).isEqualTo(1);
		assertThat(delivery.subscriptions()).filteredOn(ChangeSubscriptionState::behind)
			.singleElement()
			.satisfies((state) -> {
				assertThat(state.topic()).isEqualTo("topic");
				assertThat(state.waiting()).isGreaterThanOrEqualTo(ChangeReader.CAPACITY);
				assertThat(state.positionAge()).isPositive();
				assertThat(state.handler()).isEqualTo(slow.getClass().getName());
			});
		assertThat(this.other.bean(ChangeReader.class).toString()).doesNotContainPattern("[3-9]\\d{3} waiting");
		latch.countDown();
		slow.awaitChanges(count);
		assertThat(slow.keys()).isEqualTo(numbers(count));
		notifier(this.instance).publish("topic", "together");
		slow.awaitKey("together");
		assertThat(slow.keys()).hasSize(count + 1);
		assertThat(slow.gaps()).isEmpty();
	}

	@Test
	void aLaterSubscriptionReceivesWhatIsCommittedFromThenOn() throws Exception {
		subscribe();
		notifier(this.instance).publish("topic", "before");
		this.ofOther.awaitKey("before");
		JdbcTemplate jdbc = this.database.jdbc();
		RecordingChangeHandler late = new RecordingChangeHandler();
		RecordingChangeHandler onOtherTopic = new RecordingChangeHandler();
		try (Connection early = jdbc.getDataSource().getConnection()) {
			early.setAutoCommit(false);
			early.createStatement().execute("SELECT durable_notify.publish('topic', 'early')");
			early.createStatement().execute("SELECT durable_notify.publish('other', 'early')");
			notifier(this.other).subscribe("topic", late);
			notifier(this.other).subscribe("other", onOtherTopic);
			early.commit();
		}
		late.awaitKey("early");
		onOtherTopic.awaitKey("early");
		assertThat(onOtherTopic.keys()).containsExactly("early");
	}

	@Test
	void nothingIsLeftWhenTheLastSubscriptionIsCancelled() {
		Subscription first = notifier(this.instance).subscribe("topic", this.handler);
		Subscription second = notifier(this.instance).subscribe("topic", this.ofOther);
		first.cancel();
		first.cancel();
		assertThat(first.isActive()).isFalse();
		notifier(this.other).publish("topic", "one");
		this.ofOther.awaitKey("one");
		second.cancel();
		notifier(this.other).publish("topic", "two");
		// Begins again, at the current position
		RecordingChangeHandler third = new RecordingChangeHandler();
		notifier(this.instance).subscribe("topic", third);
		notifier(this.other).publish("topic", "three");
		third.awaitKey("three");
		assertThat(third.keys()).containsExactly("three");
		assertThat(this.handler.keys()).isEmpty();
		assertThat(this.ofOther.keys()).containsExactly("one");
	}

	@Test
	void nothingIsReadWithoutASubscription() {
		try (Instance silent = Instance.start(this.database, "durable-notify.poll.interval=50ms")) {
			Eventually.await(() -> silent.bean(Poll.class).intervalInForce().toMillis() == 50, silent::listener);
			this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'key')");
			subscribe();
			notifier(this.instance).publish("topic", "heard");
			this.ofOther.awaitKey("heard");
			assertThat(Thread.getAllStackTraces()
				.keySet()
				.stream()
				.map(Thread::getName)
				.filter("durable-notify-changes"::equals)).hasSize(2);
		}
	}

	@Test
	void everySubscriptionReceivesEveryChangeOnceWithAnyWriters() {
		int writers = 6;
		int perWriter = 150;
		subscribe();
		List<RecordingChangeHandler> handlers = new ArrayList<>(List.of(this.handler, this.ofOther));
		List<CompletableFuture<List<String>>> writing = new ArrayList<>();
		for (int w = 0; w < writers; w++) {
			int writer = w;
			Instance instance = (w % 2 == 0) ? this.instance : this.other;
			writing.add(Background.supply(() -> write(instance, writer, perWriter)));
		}
		List<String> committed = writing.stream().flatMap((future) -> future.join().stream()).toList();
		for (RecordingChangeHandler handler : handlers) {
			handler.awaitChanges(committed.size());
		}
		notifier(this.instance).publish("topic", "end");
		for (RecordingChangeHandler handler : handlers) {
			handler.awaitKey("end");
			List<String> expected = new ArrayList<>(committed);
			expected.add("end");
			handler.assertKeys(expected);
		}
		assertThat(committed).hasSizeGreaterThan(writers * perWriter / 2);
	}

	/**
	 * Transactions that roll back, roll back in part, take long and publish several.
	 */
	private List<String> write(Instance instance, int writer, int count) {
		Random random = new Random(writer);
		List<String> committed = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			String key = writer + "/" + i;
			int kind = random.nextInt(6);
			boolean isolated = random.nextBoolean();
			if (kind == 0) {
				notifier(instance).publish("topic", key);
				committed.add(key);
				continue;
			}
			instance
				.transaction((isolated) ? TransactionDefinition.ISOLATION_REPEATABLE_READ
						: TransactionDefinition.ISOLATION_READ_COMMITTED)
				.executeWithoutResult((status) -> {
					notifier(instance).publish("topic", key);
					Object savepoint = status.createSavepoint();
					notifier(instance).publish("topic", key + "/part");
					if (kind == 1) {
						status.rollbackToSavepoint(savepoint);
					}
					if (kind == 2) {
						instance.jdbc().execute("SELECT pg_sleep(" + random.nextInt(20) / 1000.0 + ")");
					}
					if (kind == 3) {
						status.setRollbackOnly();
					}
				});
			if (kind != 3) {
				committed.add(key);
			}
			if (kind != 3 && kind != 1) {
				committed.add(key + "/part");
			}
		}
		return committed;
	}

	@Test
	void aTransactionThatSubscribesReceivesWhatItPublishesItself() {
		this.instance.transaction().executeWithoutResult((status) -> {
			notifier(this.instance).publish("topic", "before");
			notifier(this.instance).subscribe("topic", this.handler);
			notifier(this.instance).publish("topic", "after");
		});
		this.handler.awaitKey("after");
	}

	/**
	 * A transaction's own number is not among those that run in its snapshots, so that
	 * its changes would pass for seen once another transaction has begun and ended. With
	 * a pool of one nothing is read before the commit, when that would show.
	 */
	@ParameterizedTest
	@ValueSource(ints = { TransactionDefinition.ISOLATION_READ_COMMITTED,
			TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void itReceivesThemAlsoIfOthersHavePublishedSince(int isolationLevel) {
		try (Instance small = Instance.start(this.database, NO_POLL, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=5000")) {
			TransactionTemplate transaction = small.transaction(isolationLevel);
			transaction.executeWithoutResult((status) -> {
				notifier(small).publish("topic", "own before");
				notifier(this.other).publish("topic", "other before");
				notifier(small).subscribe("topic", this.handler);
				notifier(this.other).publish("topic", "other after");
				notifier(small).publish("topic", "own after");
			});
			this.handler.awaitKey("other after");
			this.handler.awaitKey("own after");
			assertThat(this.handler.keys()).contains("own before").doesNotHaveDuplicates();
			if (isolationLevel == TransactionDefinition.ISOLATION_READ_COMMITTED) {
				assertThat(this.handler.keys()).doesNotContain("other before");
			}
			transaction.executeWithoutResult((status) -> {
				notifier(small).publish("topic", "rolled back");
				notifier(small).subscribe("topic", this.ofOther);
				status.setRollbackOnly();
			});
			notifier(this.other).publish("topic", "last");
			this.ofOther.awaitKey("last");
			assertThat(this.ofOther.keys()).containsExactly("last");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whereTheLifetimeOrTheClusterIsNotNotedATransactionSubscribesAllTheSame(boolean lifetime) {
		this.database.jdbc()
			.execute((lifetime) ? "DELETE FROM durable_notify.change_lifetime"
					: "UPDATE durable_notify.change_log SET system_identifier = 1");
		this.instance.transaction().executeWithoutResult((status) -> {
			this.instance.jdbc().execute("SELECT 1");
			notifier(this.instance).subscribe("topic", this.handler);
		});
		notifier(this.other).publish("topic", "after");
		this.handler.awaitKey("after");
		assertThat(this.handler.keys()).containsExactly("after");
		assertThat(this.handler.gaps()).isEmpty();
	}

	@Test
	void aPoolOfOneAndAutocommitOffWork() {
		try (Instance small = Instance.start(this.database, NO_POLL, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.auto-commit=false")) {
			notifier(small).subscribe("topic", this.handler);
			notifier(small).publish("topic", "one");
			this.handler.awaitKey("one");
			small.transaction().executeWithoutResult((status) -> notifier(small).publish("topic", "two"));
			this.handler.awaitKey("two");
			assertThat(this.handler.keys()).containsExactly("one", "two");
		}
	}

	@Test
	void noCallbackComesAfterTheContextIsClosed() {
		Instance closing = Instance.start(this.database, NO_POLL);
		ChangeNotifier notifier = notifier(closing);
		Subscription subscription = notifier.subscribe("topic", this.handler);
		closing.close();
		assertThat(subscription.isActive()).isFalse();
		assertThatIllegalStateException().isThrownBy(() -> notifier.subscribe("topic", this.handler))
			.withMessageContaining("closed");
		notifier(this.instance).subscribe("topic", this.ofOther);
		notifier(this.instance).publish("topic", "unheard");
		this.ofOther.awaitKey("unheard");
		assertThat(this.handler.keys()).isEmpty();
	}

	@Test
	void aContextThatIsStoppedAndStartedReceivesWhatWasPublishedInBetween() {
		subscribe();
		this.other.context().stop();
		notifier(this.instance).publish("topic", "meanwhile");
		this.handler.awaitKey("meanwhile");
		this.other.context().start();
		this.ofOther.awaitKey("meanwhile");
		notifier(this.instance).publish("topic", "later");
		this.ofOther.awaitKey("later");
		assertThat(this.ofOther.keys()).containsExactly("meanwhile", "later");
	}

	@Test
	void sessionsOfDifferentTimeZonesDoNotPassForAnotherServer() {
		AtomicInteger hours = new AtomicInteger();
		HookedChangeSql changing = new HookedChangeSql(this.instance, (connection,
				position) -> connection.createStatement().execute("SET TIME ZONE " + hours.getAndIncrement() % 12));
		try (ChangeReader reader = changing.reader(Runnable::run)) {
			reader.subscribe("topic", this.handler);
			insert("a", 2 * ChangeReader.PAGE + 1);
			notifier(this.instance).publish("topic", "last");
			this.handler.awaitKey("last");
			assertThat(this.handler.keys()).hasSize(2 * ChangeReader.PAGE + 2).doesNotHaveDuplicates();
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@Test
	void aReadThatMetAnotherTransactionIsRepeatedAtOnce(CapturedOutput output) {
		AtomicInteger reads = new AtomicInteger();
		HookedChangeSql conflicting = new HookedChangeSql(this.instance, (connection, position) -> {
			if (reads.incrementAndGet() <= 3) {
				throw new SQLException("could not serialize access", "40001");
			}
		});
		try (ChangeReader reader = conflicting.reader(Background::run)) {
			reader.subscribe("topic", this.handler);
			notifier(this.instance).publish("topic", "key");
			this.handler.awaitKey("key");
			assertThat(reads).hasValueGreaterThan(3);
			assertThat(output).doesNotContain("Failed to read changes");
		}
	}

	/**
	 * However small a limit each statement has.
	 */
	@Test
	void manyChangesOfOtherTopicsAreReadInPartsWhichAreKept() {
		int others = 20 * ChangeSql.SCAN;
		AtomicInteger reads = new AtomicInteger();
		HookedChangeSql failingEverySecondTime = new HookedChangeSql(this.instance, (connection, position) -> {
			if (reads.incrementAndGet() % 2 == 0) {
				throw new SQLException("Failed by the test");
			}
		});
		try (ChangeReader reader = failingEverySecondTime.reader(Background::run)) {
			reader.subscribe("topic", this.handler);
			Eventually.await(() -> reads.get() > 0, reader::toString);
			this.database.jdbc()
				.update("INSERT INTO durable_notify.changes (topic, key) "
						+ "SELECT CASE WHEN n % 50000 = 1 THEN 'topic' ELSE 'other' END, n::text "
						+ "FROM generate_series(1, ?) n", others);
			int before = reads.get();
			reader.onResync();
			this.handler.awaitKey("150001");
			Eventually.await(() -> reader.toString().contains("target=null"), reader::toString);
			assertThat(this.handler.keys()).containsExactly("1", "50001", "100001", "150001");
			assertThat(this.handler.gaps()).isEmpty();
			assertThat(reads.get() - before).isGreaterThanOrEqualTo(2 * 20 - 2);
			// A later change is delivered, too
			notifier(this.other).publish("topic", "later");
			this.handler.awaitKey("later");
			assertThat(this.handler.keys()).hasSize(5);
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 7, 1_000 })
	void aReadEndsWhereItWasCutAndLosesNothing(int limit) throws Exception {
		ChangeSql sql = this.instance.bean(ChangeSql.class);
		try (Connection connection = this.database.jdbc().getDataSource().getConnection();
				Connection running = this.database.jdbc().getDataSource().getConnection()) {
			running.setAutoCommit(false);
			publish(running, ChangeSql.SCAN + 3, 10, "early");
			insert("between", 1);
			ChangePosition position = sql.currentPosition(connection).position();
			publish(connection, 2 * ChangeSql.SCAN, 5_000, "late");
			running.commit();
			insert("last", 1);
			List<String> keys = new ArrayList<>();
			for (ChangePage page = null; page == null || page.end() != null;) {
				page = sql.read(connection, position, Watermark.UNKNOWN, null, List.of("topic"), limit);
				page.rows().forEach((row) -> keys.add(row.change().key()));
				position = (page.end() != null) ? position.within(page.target(), page.end())
						: position.after(page.target());
				assertThat(page.rows()).hasSizeLessThanOrEqualTo(limit);
			}
			List<String> expected = new ArrayList<>();
			for (int n = 1; n <= ChangeSql.SCAN + 3; n += 10) {
				expected.add("early" + n);
			}
			for (int n = 1; n <= 2 * ChangeSql.SCAN; n += 5_000) {
				expected.add("late" + n);
			}
			expected.add("last1");
			assertThat(keys).containsExactlyElementsOf(expected);
		}
	}

	private static void publish(Connection connection, int count, int every, String prefix) throws SQLException {
		try (PreparedStatement statement = connection
			.prepareStatement("INSERT INTO durable_notify.changes (topic, key) "
					+ "SELECT CASE WHEN n % ? = 1 THEN 'topic' ELSE 'other' END, ? || n FROM generate_series(1, ?) n")) {
			statement.setInt(1, every);
			statement.setString(2, prefix);
			statement.setInt(3, count);
			statement.executeUpdate();
		}
	}

	@Test
	void serversThatAnswerAlternatelyAreNotFollowedWithoutAPause() {
		AtomicInteger reads = new AtomicInteger();
		HookedChangeSql alternating = new HookedChangeSql(this.instance,
				(connection, position) -> reads.incrementAndGet()) {

			private int runs;

			@Override
			CurrentPosition currentPosition(Connection connection) throws SQLException {
				CurrentPosition current = super.currentPosition(connection);
				ServerRun server = current.position().server();
				ServerRun other = new ServerRun(server.systemIdentifier(), server.timeline(), server.startedAt(),
						"run " + this.runs++);
				return new CurrentPosition(ChangePosition.at(other, current.position().snapshot()), current.watermark(),
						true);
			}

		};
		try (ChangeReader reader = alternating.reader(Background::run)) {
			reader.subscribe("topic", this.handler);
			long start = System.nanoTime();
			Eventually.await(() -> reads.get() >= 8, reads::toString);
			// Pauses of 100, 200 and 400 ms between them
			assertThat(System.nanoTime() - start).isGreaterThan(Duration.ofMillis(650).toNanos());
		}
	}

	@Test
	void aCallerThatSubscribesDuringAnOutageWaitsItsOwnTimeAndHoldsNoMonitor() throws Exception {
		try (Instance small = Instance.start(this.database, NO_POLL, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=2000")) {
			CountDownLatch held = new CountDownLatch(1);
			CountDownLatch release = new CountDownLatch(1);
			CompletableFuture<Void> holder = Background.run(() -> small.transaction().executeWithoutResult((status) -> {
				small.jdbc().execute("SELECT 1");
				held.countDown();
				await(release);
			}));
			await(held);
			long start = System.nanoTime();
			List<CompletableFuture<Long>> subscribing = IntStream.range(0, 10).mapToObj((i) -> Background.supply(() -> {
				assertThatExceptionOfType(CannotGetJdbcConnectionException.class)
					.isThrownBy(() -> notifier(small).subscribe("topic" + i, new RecordingChangeHandler()));
				return System.nanoTime() - start;
			})).toList();
			Eventually.await(() -> waiting().size() == 10, PostgresChangeNotifierTests::waiting);
			assertThat(waiting()).allMatch((thread) -> Stream.of(thread.getLockedMonitors())
				.noneMatch((monitor) -> monitor.getClassName().startsWith("io.durablenotify")
						|| monitor.getLockedStackFrame().getClassName().startsWith("io.durablenotify")));
			for (CompletableFuture<Long> elapsed : subscribing) {
				assertThat(elapsed.get(30, TimeUnit.SECONDS)).isLessThan(Duration.ofSeconds(10).toNanos());
			}
			release.countDown();
			holder.get(30, TimeUnit.SECONDS);
			notifier(small).subscribe("topic", this.handler);
			notifier(this.other).publish("topic", "after");
			this.handler.awaitKey("after");
		}
	}

	/**
	 * Return the threads that subscribe and wait.
	 */
	private static List<ThreadInfo> waiting() {
		return Stream.of(ManagementFactory.getThreadMXBean().dumpAllThreads(true, false))
			.filter((thread) -> thread.getThreadState() != Thread.State.RUNNABLE)
			.filter((thread) -> Stream.of(thread.getStackTrace())
				.anyMatch((frame) -> frame.getClassName().equals(PostgresChangeNotifier.class.getName())))
			.toList();
	}

	@Test
	void aNewSubscriptionReadsAtOnce() {
		subscribe();
		insert("silent", 1);
		notifier(this.other).subscribe("topic", new RecordingChangeHandler());
		this.ofOther.awaitKey("silent1");
	}

	@Test
	void aReadThatFailedIsTriedAgain() {
		AtomicBoolean failing = new AtomicBoolean(true);
		HookedChangeSql failingOnce = new HookedChangeSql(this.instance, (connection, position) -> {
			if (failing.compareAndSet(true, false)) {
				throw new SQLException("Failed by the test");
			}
		}) {

			@Override
			CurrentPosition currentPosition(Connection connection) throws SQLException {
				CurrentPosition current = super.currentPosition(connection);
				PostgresChangeNotifierTests.this.insert("silent", 1);
				return current;
			}

		};
		try (ChangeReader reader = failingOnce.reader(Runnable::run)) {
			reader.subscribe("topic", this.handler);
			this.handler.awaitKey("silent1");
		}
	}

	/**
	 * A position that is too old is not shared.
	 */
	@Test
	void aNewSubscriptionDoesNotReceiveWhatASlowOneHasNotReadYet() {
		CountDownLatch latch = new CountDownLatch(1);
		AtomicLong millis = new AtomicLong();
		try (ChangeReader reader = new ChangeReader(this.instance.bean(ApplicationDatabase.class),
				this.instance.bean(ChangeSql.class), Background::run, this.instance.bean(Wakeups.class),
				this.instance.bean(Poll.class), () -> Instant.ofEpochMilli(millis.get()), Observations.NONE,
				Delays.ofJvm())) {
			reader.subscribe("topic", (change) -> latch.await());
			insert("a", 4 * ChangeReader.PAGE);
			reader.onResync();
			Eventually.await(() -> reader.toString().contains("999 waiting"), reader::toString);
			notifier(this.other).publish("topic", "old");
			millis.addAndGet(2 * ChangePositions.RECENT.toMillis());
			RecordingChangeHandler late = new RecordingChangeHandler();
			reader.subscribe("topic", late);
			notifier(this.other).publish("topic", "new");
			late.awaitKey("new");
			assertThat(late.keys()).containsExactly("new");
		}
		finally {
			latch.countDown();
		}
	}

	@Test
	void aHandlerThatLeavesNoRoomForAMinuteIsLogged(CapturedOutput output) {
		CountDownLatch latch = new CountDownLatch(1);
		AtomicLong millis = new AtomicLong();
		CalledPoll poll = new CalledPoll();
		try (ChangeReader reader = new ChangeReader(this.instance.bean(ApplicationDatabase.class),
				this.instance.bean(ChangeSql.class), Background::run, this.instance.bean(Wakeups.class), poll,
				() -> Instant.ofEpochMilli(millis.get()), Observations.NONE, Delays.ofJvm())) {
			reader.subscribe("topic", (change) -> latch.await());
			insert("a", 3 * ChangeReader.PAGE);
			Eventually.await(() -> {
				poll.call();
				return reader.toString().contains("2999 waiting");
			}, reader::toString);
			assertThat(output).doesNotContain("s behind");
			millis.addAndGet(90_000);
			poll.call();
			poll.call();
			assertThat(output).containsOnlyOnce("is 90s behind, and 2999 changes wait for it");
		}
		finally {
			latch.countDown();
		}
	}

	@Test
	void whatNoThreadCouldBeHadForIsDeliveredOnceByTheNextPoll() {
		AtomicBoolean exhausted = new AtomicBoolean(true);
		CalledPoll poll = new CalledPoll();
		RecordingChangeHandler second = new RecordingChangeHandler();
		try (ChangeReader reader = new ChangeReader(this.instance.bean(ApplicationDatabase.class),
				this.instance.bean(ChangeSql.class), (task) -> {
					if (exhausted.get()) {
						throw new OutOfMemoryError("unable to create native thread");
					}
					task.run();
				}, this.instance.bean(Wakeups.class), poll, Clock.systemUTC(), Observations.NONE, (delay, task) -> {
					throw new OutOfMemoryError("unable to create native thread");
				})) {
			reader.subscribe("topic", this.handler);
			reader.subscribe("topic", second);
			insert("a", 2);
			reader.onResync();
			Eventually.await(() -> reader.subscriptions().stream().allMatch((feed) -> feed.waiting() >= 2),
					reader::toString);
			exhausted.set(false);
			Eventually.await(() -> {
				poll.call();
				return this.handler.keys().contains("a2") && second.keys().contains("a2");
			}, reader::toString);
			insert("b", 1);
			reader.onResync();
			this.handler.awaitKey("b1");
			second.awaitKey("b1");
		}
		assertThat(this.handler.keys()).containsExactly("a1", "a2", "b1");
		assertThat(second.keys()).containsExactly("a1", "a2", "b1");
	}

	@Test
	void aSubscriptionThatCannotBePolledForIsNotLeftWithoutAHandle() {
		Poll poll = mock();
		given(poll.register(any(), any())).willThrow(new OutOfMemoryError("unable to create native thread"));
		try (ChangeReader reader = new ChangeReader(this.instance.bean(ApplicationDatabase.class),
				this.instance.bean(ChangeSql.class), Runnable::run, this.instance.bean(Wakeups.class), poll,
				Clock.systemUTC(), Observations.NONE, Delays.ofJvm())) {
			assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> reader.subscribe("topic", this.handler));
			assertThat(reader.subscriptions()).isEmpty();
		}
	}

	@Test
	void whatASlowHandlerHasNotReadYetIsNotFoundByThePoll() {
		CountDownLatch called = new CountDownLatch(1);
		Semaphore calls = new Semaphore(0);
		CalledPoll poll = new CalledPoll();
		try (ChangeReader reader = reader(this.instance.bean(ChangeSql.class), poll)) {
			reader.subscribe("topic", (change) -> {
				called.countDown();
				calls.acquire();
			});
			insert("a", 1);
			wake(reader);
			await(called);
			insert("b", 4 * ChangeReader.PAGE);
			wake(reader);
			awaitWaiting(reader, ChangeReader.CAPACITY);
			calls.release(500);
			awaitWaiting(reader, ChangeReader.CAPACITY - 500);
			poll.call();
			awaitWaiting(reader, ChangeReader.CAPACITY - 500 + ChangeReader.PAGE);
			poll.call();
			assertThat(found(reader)).isZero();
			calls.release(10 * ChangeReader.PAGE);
			Eventually.await(() -> {
				insert("c", 1);
				poll.call();
				return found(reader) > 0;
			}, reader::toString);
		}
		finally {
			calls.release(10 * ChangeReader.PAGE);
		}
	}

	@Test
	void allThatOnlyThePollHasFoundCountsHoweverManyPagesItIs() {
		CalledPoll poll = new CalledPoll();
		try (ChangeReader reader = reader(this.instance.bean(ChangeSql.class), poll)) {
			subscribeAndRead(reader, "topic", this.handler);
			insert("a", 2 * ChangeReader.PAGE + 500);
			poll.call();
			this.handler.awaitChanges(2 * ChangeReader.PAGE + 500);
			poll.call();
			assertThat(found(reader)).isEqualTo(2 * ChangeReader.PAGE + 500);
		}
	}

	@Test
	void whatIsAnnouncedWhileThePollReadsItIsNotFoundByThePoll() {
		CalledPoll poll = new CalledPoll();
		AtomicReference<Runnable> beforeRead = new AtomicReference<>(() -> {
		});
		HookedChangeSql announcing = new HookedChangeSql(this.instance,
				(connection, position) -> beforeRead.getAndSet(() -> {
				}).run());
		try (ChangeReader reader = reader(announcing, poll)) {
			subscribeAndRead(reader, "topic", this.handler);
			insert("a", 1);
			beforeRead.set(() -> wake(reader));
			poll.call();
			this.handler.awaitKey("a1");
			poll.call();
			assertThat(found(reader)).isZero();
		}
	}

	@Test
	void whatWasAnnouncedBeforeASubscriptionIsNotFoundByThePoll() {
		CalledPoll poll = new CalledPoll();
		CountDownLatch polled = new CountDownLatch(1);
		AtomicReference<Runnable> beforeRead = new AtomicReference<>(() -> {
		});
		HookedChangeSql waiting = new HookedChangeSql(this.instance, (connection, position) -> beforeRead.get().run());
		try (ChangeReader reader = reader(waiting, poll)) {
			subscribeAndRead(reader, "other", this.ofOther);
			CountDownLatch reading = new CountDownLatch(1);
			beforeRead.set(() -> {
				reading.countDown();
				await(polled);
			});
			reader.refresh();
			await(reading);
			insert("a", 1);
			wake(reader);
			reader.subscribe("topic", this.handler);
			poll.call();
			polled.countDown();
			this.handler.awaitKey("a1");
			poll.call();
			assertThat(found(reader)).isZero();
		}
		finally {
			polled.countDown();
		}
	}

	private ChangeReader reader(ChangeSql sql, Poll poll) {
		return new ChangeReader(this.instance.bean(ApplicationDatabase.class), sql, Background::run,
				this.instance.bean(Wakeups.class), poll, Clock.systemUTC(), Observations.NONE, Delays.ofJvm());
	}

	private static void subscribeAndRead(ChangeReader reader, String topic, ChangeHandler handler) {
		CountDownLatch read = new CountDownLatch(1);
		reader.measures().fetch().entries().recordBy((entries) -> read.countDown());
		reader.subscribe(topic, handler);
		await(read);
	}

	private static void wake(ChangeReader reader) {
		reader.onWakeup(Wakeup.moved(ChangeReader.idOf("topic"), 0));
	}

	private static void awaitWaiting(ChangeReader reader, int waiting) {
		Eventually.await(() -> reader.subscriptions().get(0).waiting() == waiting, reader::toString);
	}

	private static long found(ChangeReader reader) {
		return reader.measures().poll().found().sum();
	}

	private static List<String> numbers(int count) {
		return IntStream.range(0, count).mapToObj(String::valueOf).toList();
	}

	/**
	 * A poll that the test calls.
	 */
	private static final class CalledPoll implements Poll {

		private final List<Runnable> checks = new ArrayList<>();

		@Override
		public Subscription register(Runnable check) {
			this.checks.add(check);
			return new RecordingPoll().register(check);
		}

		@Override
		public Duration intervalInForce() {
			return Duration.ZERO;
		}

		private void call() {
			this.checks.forEach(Runnable::run);
		}

	}

}
