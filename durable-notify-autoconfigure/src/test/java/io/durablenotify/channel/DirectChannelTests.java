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

package io.durablenotify.channel;

import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.Delays;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;

/**
 * Tests for direct channels in two instances, whose poll finds nothing within a test.
 */
class DirectChannelTests {

	private static final String NO_POLL = "durable-notify.channels.poll-interval=1h";

	/**
	 * How long a test waits.
	 */
	private static final Duration LONG = Eventually.TIMEOUT;

	/**
	 * How long a receiver waits that a wake-up must end: its last fetch, at the end of
	 * its time, would find the message too.
	 */
	private static final Duration LONGER = LONG.multipliedBy(2);

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = NO_POLL)
	private static Instance first;

	@Fixture(properties = NO_POLL)
	private static Instance second;

	private final List<Subscription> subscriptions = new ArrayList<>();

	@BeforeAll
	static void createTable() {
		database.jdbc().execute("CREATE TABLE effects (effect text)");
	}

	@AfterEach
	void clear() {
		this.subscriptions.forEach(Subscription::cancel);
		database.jdbc().execute("TRUNCATE effects");
		ChannelTables.clear(database);
	}

	private static DurableChannels channels(Instance instance) {
		return instance.bean(DurableChannels.class);
	}

	private static String receive(Instance instance, String address) {
		return channels(instance).receive("replies", address, Duration.ZERO).map(Message::text).orElse(null);
	}

	private static void assertReceived(CompletableFuture<Optional<Message>> received, String text) {
		assertThat(received).succeedsWithin(LONG)
			.satisfies((message) -> assertThat(message).map(Message::text).contains(text));
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT effect FROM effects", String.class);
	}

	/**
	 * Wait until a receiver has looked for a message, and waits for one.
	 */
	static void awaitWait() {
		Background.awaitIn("awaitWakeup");
	}

	@Test
	void theMessagesOfAnAddressAreReceivedInTheirOrder() {
		String id = channels(first).send("replies", "run/1 ü", ChannelMessage.of("a").header("n", "1"));
		channels(second).send("replies", "other", "x");
		channels(second).send("replies", "run/1 ü", "b");
		Message message = channels(second).receive("replies", "run/1 ü", Duration.ZERO).orElseThrow();
		assertThat(message.id()).isEqualTo(id);
		assertThat(message.address()).isEqualTo("run/1 ü");
		assertThat(message.channel()).isEqualTo("replies");
		assertThat(message.headers()).containsExactly(Map.entry("n", "1"));
		assertThat(message.text()).isEqualTo("a");
		message.complete();
		assertThat(receive(first, "run/1 ü")).isEqualTo("b");
		assertThat(receive(first, "run/1 ü")).isNull();
		assertThat(receive(first, "other")).isEqualTo("x");
		assertThat(ChannelTables.count(database, "work_items")).as("rows of addresses").isZero();
	}

	@Test
	void aReceiverThatWaitsIsWokenByAnotherInstance() {
		CompletableFuture<Optional<Message>> received = Background
			.supply(() -> channels(first).receive("replies", "waits", Duration.ofSeconds(Long.MAX_VALUE)));
		awaitWait();
		channels(second).send("replies", "waits", "x");
		assertReceived(received, "x");
	}

	@Test
	void aReceiverIsWokenAtOnceByAMessageThatATransactionOfAnotherDataSourceCannotRollBack() {
		CompletableFuture<Optional<Message>> received = Background
			.supply(() -> channels(first).receive("replies", "foreign", LONGER));
		awaitWait();
		TransactionTemplate foreign = new TransactionTemplate(
				new DataSourceTransactionManager(new DriverManagerDataSource(database.url())));
		foreign.executeWithoutResult((status) -> {
			channels(second).send("replies", "foreign", "x");
			assertReceived(received, "x");
			status.setRollbackOnly();
		});
	}

	@Test
	void aSendThatATransactionOfAnotherDataSourceCannotRollBackDoesNotFailAfterItHasStored() {
		DataSource exhausted = new AbstractDataSource() {

			@Override
			public Connection getConnection() throws SQLException {
				throw new SQLTransientConnectionException("expected");
			}

			@Override
			public Connection getConnection(String user, String password) throws SQLException {
				return getConnection();
			}

		};
		DirectAddress address = DirectAddress.of("replies", "exhausted");
		Wakeups wakeups = mock(Wakeups.class);
		ApplicationDatabase application = new ApplicationDatabase(exhausted, () -> null);
		ChannelSql sql = first.bean(ChannelSql.class);
		try (DirectWaits waits = new DirectWaits(application, sql, Duration.ofHours(1))) {
			DirectReceiver receiver = new DirectReceiver(application, sql, waits, Runnable::run, wakeups,
					Delays.ofJvm());
			new TransactionTemplate(new DataSourceTransactionManager(new DriverManagerDataSource(database.url())))
				.executeWithoutResult((status) -> receiver.sent(address));
		}
		verify(wakeups).send(DefaultDurableChannels.TOPIC, Wakeup.moved(address.id(), 0));
	}

	@Test
	void aMessageBetweenLookAndWaitIsNotMissed() {
		DirectAddress address = DirectAddress.of("replies", "between");
		for (Instance sender : List.of(first, second)) {
			DefaultDurableChannels receiving = (DefaultDurableChannels) channels(first);
			AtomicInteger looks = new AtomicInteger();
			long start = System.nanoTime();
			Optional<String> found = receiving.receiver().await(address, LONG, () -> {
				if (looks.getAndIncrement() == 0) {
					channels(sender).send("replies", "between", "x");
					return Optional.empty();
				}
				return Optional.ofNullable(receive(first, "between"));
			});
			assertThat(found).contains("x");
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONG);
		}
	}

	@Test
	void aMessageWhoseWakeUpIsLostIsReceivedAtTheEndOfTheTime() {
		DirectReceiver receiver = ((DefaultDurableChannels) channels(first)).receiver();
		AtomicInteger fetches = new AtomicInteger();
		Optional<String> found = receiver.await(DirectAddress.of("replies", "late"), Duration.ofMillis(50),
				() -> (fetches.getAndIncrement() == 0) ? Optional.empty() : Optional.of("x"));
		assertThat(found).contains("x");
		assertThat(receiver.await(DirectAddress.of("replies", "late"), Duration.ZERO, () -> {
			fetches.incrementAndGet();
			return Optional.empty();
		})).isEmpty();
		assertThat(fetches).hasValue(3);
	}

	@Test
	void aReceiverThatFindsNothingInTimeLeavesNothingBehind() {
		long start = System.nanoTime();
		assertThat(channels(first).receive("replies", "nothing", Duration.ofMillis(200))).isEmpty();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(200),
				Duration.ofSeconds(10));
		CompletableFuture<Optional<Message>> future = channels(first).receiveAsync("replies", "nothing",
				Duration.ofMillis(100));
		assertThat(future).succeedsWithin(LONG).isEqualTo(Optional.empty());
		channels(second).send("replies", "nothing", "x");
		assertThat(receive(second, "nothing")).isEqualTo("x");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(first).receive("replies", "nothing", Duration.ofMillis(-1)))
			.withMessage("'timeout' must not be negative, but is PT-0.001S");
	}

	@Test
	void aReceiverThatIsInterruptedReturnsAtOnce() throws Exception {
		CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
		DirectReceiver receiver = ((DefaultDurableChannels) channels(first)).receiver();
		CountDownLatch fetched = new CountDownLatch(1);
		Thread thread = new Thread(() -> {
			receiver.await(DirectAddress.of("replies", "interrupted"), LONGER, () -> {
				fetched.countDown();
				return Optional.empty();
			});
			interrupted.complete(Thread.currentThread().isInterrupted());
		});
		thread.start();
		assertThat(fetched.await(30, TimeUnit.SECONDS)).isTrue();
		// Not while it borrows a connection, which would fail
		thread.interrupt();
		assertThat(interrupted).succeedsWithin(LONG).isEqualTo(true);
	}

	@Test
	void aMessageStaysIfTheTransactionOfItsReceiverRollsBack() {
		channels(first).send("replies", "rollback", "x");
		first.transaction().executeWithoutResult((status) -> {
			assertThat(receive(first, "rollback")).isEqualTo("x");
			assertThat(receive(first, "rollback")).isNull();
			status.setRollbackOnly();
		});
		first.transaction().executeWithoutResult((status) -> assertThat(receive(first, "rollback")).isEqualTo("x"));
		assertThat(receive(first, "rollback")).isNull();
	}

	@Test
	void aTransactionThatReceivesHoldsUpNoSenderAndNoOrderIsLost() {
		channels(first).send("replies", "shared", "a");
		first.transaction().executeWithoutResult((status) -> {
			assertThat(receive(first, "shared")).isEqualTo("a");
			channels(second).send("replies", "shared", "b");
			assertThat(receive(second, "shared")).as("before the first is decided").isNull();
			status.setRollbackOnly();
		});
		first.transaction().executeWithoutResult((status) -> {
			assertThat(receive(first, "shared")).isEqualTo("a");
			assertThat(receive(first, "shared")).isEqualTo("b");
			channels(second).send("replies", "shared", "c");
		});
		assertThat(receive(second, "shared")).isEqualTo("c");
	}

	@Test
	void aReceiverThatWaitsForTheFirstOfAnotherIsWokenByTheEndOfItsTransaction() {
		for (boolean rollback : new boolean[] { true, false }) {
			channels(first).send("replies", "queue", "a");
			channels(first).send("replies", "queue", "b");
			CompletableFuture<Optional<Message>> waiting = first.transaction().execute((status) -> {
				assertThat(receive(first, "queue")).isEqualTo("a");
				CompletableFuture<Optional<Message>> other = Background
					.supply(() -> channels(second).receive("replies", "queue", LONGER));
				awaitWait();
				if (rollback) {
					status.setRollbackOnly();
				}
				return other;
			});
			assertReceived(waiting, (rollback) ? "a" : "b");
			if (rollback) {
				assertThat(receive(first, "queue")).isEqualTo("b");
			}
		}
	}

	@Test
	void aTransactionMayWaitForASecondMessage() {
		channels(first).send("replies", "talk", "a");
		CompletableFuture<Optional<Message>> received = Background
			.supply(() -> first.transaction().execute((status) -> {
				assertThat(receive(first, "talk")).isEqualTo("a");
				return channels(first).receive("replies", "talk", LONGER);
			}));
		awaitWait();
		channels(second).send("replies", "talk", "b");
		assertReceived(received, "b");
	}

	@Test
	void aTransactionThatWaitsForTheFirstMessageOfAChannelHoldsUpNoSender() {
		CompletableFuture<Optional<Message>> async = new CompletableFuture<>();
		CompletableFuture<Optional<Message>> received = Background
			.supply(() -> first.transaction().execute((status) -> {
				channels(first).receiveAsync("unborn", "async", LONGER).thenAccept(async::complete);
				return channels(first).receive("unborn", "a", LONGER);
			}));
		awaitWait();
		channels(second).send("unborn", "async", "x");
		assertReceived(async, "x");
		channels(second).send("unborn", "a", "y");
		assertReceived(received, "y");
		channels(first).create("born-competing", ChannelMode.COMPETING);
		first.transaction()
			.executeWithoutResult((status) -> assertThatExceptionOfType(ChannelModeException.class)
				.isThrownBy(() -> channels(first).receive("born-competing", "a", LONG)));
	}

	@Test
	void theRowOfAnAddressIsRemovedWhenItHasNoMessages() {
		channels(first).send("replies", "gone", "a");
		channels(first).send("replies", "stays", "b");
		ChannelJanitor janitor = new ChannelJanitor(first.bean(ApplicationDatabase.class), first.bean(ChannelSql.class),
				first.bean(ChannelModes.class), null, Duration.ofDays(7), ChannelJanitor.INTERVAL);
		first.transaction().executeWithoutResult((status) -> {
			assertThat(receive(first, "gone")).isEqualTo("a");
			assertThat(Background.run(janitor::run)).succeedsWithin(LONG);
			assertThat(ChannelTables.count(database, "work_items")).isEqualTo(2);
		});
		janitor.run();
		assertThat(ChannelTables.count(database, "work_items")).isEqualTo(1);
		assertThat(receive(second, "stays")).isEqualTo("b");
	}

	@Test
	void addressesWithMessagesDoNotEndTheRun() {
		channels(first).create("swept", ChannelMode.DIRECT);
		database.jdbc().execute("""
				INSERT INTO durable_notify.work_items (queue_id, due_at, lane, key, payload)
				SELECT q.queue_id, now() - interval '1 hour', true, 'address' || i, ''
				FROM durable_notify.work_queues q, generate_series(1, 15000) i WHERE q.name = 'channel/swept'""");
		database.jdbc().execute("""
				INSERT INTO durable_notify.work_lane_items (lane_id, payload)
				SELECT item_id, '' FROM durable_notify.work_items
				WHERE key IN ('address4000', 'address8000', 'address12000')""");
		ChannelJanitor janitor = new ChannelJanitor(first.bean(ApplicationDatabase.class), first.bean(ChannelSql.class),
				first.bean(ChannelModes.class), null, Duration.ofDays(7), ChannelJanitor.INTERVAL);
		while (janitor.run()) {
			// The next slice
		}
		assertThat(ChannelTables.count(database, "work_items")).isEqualTo(3);
	}

	@Test
	void aMessageThatIsNotReceivedIsDeletedAfterTheRetention() {
		channels(first).send("replies", "late", "a");
		channels(first).send("replies", "late", "b");
		channels(first).send("replies", "waits", "c");
		database.jdbc()
			.update("UPDATE durable_notify.work_lane_items SET enqueued_at = enqueued_at - interval '1 hour' "
					+ "WHERE convert_from(payload, 'UTF8') LIKE '%\"late\"%'");
		ApplicationDatabase application = first.bean(ApplicationDatabase.class);
		ChannelSql sql = first.bean(ChannelSql.class);
		new ChannelJanitor(application, sql, first.bean(ChannelModes.class), null, Duration.ofDays(7),
				ChannelJanitor.INTERVAL)
			.run();
		assertThat(ChannelTables.count(database, "work_lane_items")).isEqualTo(3);
		new ChannelJanitor(application, sql, first.bean(ChannelModes.class), Duration.ofMinutes(30), Duration.ofDays(7),
				ChannelJanitor.INTERVAL)
			.run();
		assertThat(receive(first, "late")).isNull();
		assertThat(receive(first, "waits")).isEqualTo("c");
		assertThat(ChannelTables.count(database, "work_items")).isZero();
	}

	@Test
	void aTransactionThatSeesNoNewMessagesIsRefused() {
		channels(first).send("replies", "isolated", "x");
		assertThatExceptionOfType(DataAccessException.class)
			.isThrownBy(() -> first.transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ)
				.executeWithoutResult((status) -> receive(first, "isolated")))
			.withStackTraceContaining("READ COMMITTED");
		assertThat(receive(first, "isolated")).isEqualTo("x");
	}

	@Test
	void aMessageThatIsNotCommittedIsNotReceived() {
		first.transaction().executeWithoutResult((status) -> {
			channels(first).send("replies", "uncommitted", "x");
			assertThat(receive(second, "uncommitted")).isNull();
			status.setRollbackOnly();
		});
		assertThat(receive(second, "uncommitted")).isNull();
	}

	@Test
	void aHandlerThatFailsLeavesTheMessage() throws Exception {
		channels(first).send("replies", "handled", "x");
		assertThatExceptionOfType(IOException.class)
			.isThrownBy(() -> channels(first).receive("replies", "handled", LONG, (message) -> {
				first.jdbc().update("INSERT INTO effects VALUES ('failed')");
				throw new IOException("expected");
			}));
		assertThat(channels(second).receive("replies", "handled", LONG,
				(message) -> second.jdbc().update("INSERT INTO effects VALUES (?)", message.text())))
			.isTrue();
		assertThat(effects()).containsExactly("x");
		assertThat(channels(second).receive("replies", "handled", Duration.ZERO, (message) -> {
		})).isFalse();
	}

	@Test
	void aConnectionThatIsLostInTheHandlerLeavesTheMessage() throws Exception {
		channels(first).send("replies", "lost", "x");
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> channels(first).receive("replies", "lost", LONG, (message) -> {
				first.jdbc().update("INSERT INTO effects VALUES ('lost')");
				int pid = first.jdbc().queryForObject("SELECT pg_backend_pid()", Integer.class);
				database.jdbc().queryForObject("SELECT pg_terminate_backend(?)", Boolean.class, pid);
			}));
		assertThat(receive(second, "lost")).isEqualTo("x");
		assertThat(effects()).isEmpty();
	}

	@Test
	void aReceiverWithAHandlerWaitsWithoutATransaction() {
		CompletableFuture<Boolean> handled = Background.supply(() -> {
			try {
				return channels(first).receive("replies", "patient", LONGER, (message) -> {
				});
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		awaitWait();
		Eventually.await(() -> database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' "
					+ "AND datname = current_database()", Integer.class) == 0,
				() -> "a transaction is open");
		channels(second).send("replies", "patient", "x");
		assertThat(handled).succeedsWithin(LONG).isEqualTo(true);
	}

	@Test
	void aMessageIsReceivedWithoutAThreadThatWaits() {
		CompletableFuture<Optional<Message>> there = channels(first).receiveAsync("replies", "async", LONGER);
		channels(second).send("replies", "async", "x");
		assertReceived(there, "x");
	}

	@Test
	void aFutureThatIsCancelledTakesNoMessage() {
		CompletableFuture<Optional<Message>> future = channels(first).receiveAsync("replies", "cancelled", LONGER);
		future.cancel(true);
		channels(second).send("replies", "cancelled", "x");
		// The first instance can have the message for a moment, and gives it back
		assertReceived(Background.supply(() -> channels(second).receive("replies", "cancelled", LONGER)), "x");
	}

	@Test
	void aFutureThatTimesOutAtTheSameTimeLosesNoMessage() {
		for (int i = 0; i < 30; i++) {
			CompletableFuture<Optional<Message>> future = channels(first).receiveAsync("replies", "race", LONGER)
				.orTimeout(i % 4, TimeUnit.MILLISECONDS);
			channels(second).send("replies", "race", "m" + i);
			Optional<Message> received = future.exceptionally((failure) -> null).join();
			assertReceived((received != null) ? CompletableFuture.completedFuture(received)
					: Background.supply(() -> channels(first).receive("replies", "race", LONGER)), "m" + i);
		}
	}

	@Test
	void whatIsNoMessageIsDeadAndHoldsUpNoOther() throws Exception {
		channels(first).create("poison", ChannelMode.DIRECT);
		for (int i = 0; i < 3; i++) {
			first.bean(WorkQueue.class).enqueue(WorkRequest.of("channel/poison", "secret").orderingKey("a"));
		}
		channels(first).send("poison", "a", "good");
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> channels(first).receive("poison", "a", LONG))
			.withMessageContaining("is no message")
			.withMessageNotContaining("secret");
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> channels(first).receive("poison", "a", LONG, (message) -> {
			}));
		assertThat(channels(first).receiveAsync("poison", "a", LONG)).failsWithin(LONG)
			.withThrowableThat()
			.withCauseInstanceOf(PermanentFailureException.class);
		assertThat(ChannelTables.count(database, "work_dead")).isEqualTo(3);
		assertThat(channels(second).receive("poison", "a", LONG)).map(Message::text).contains("good");
		assertThat(first.bean(WorkAdmin.class).requeue(DeadQuery.of("channel/poison"))).isEqualTo(3);
	}

	@Test
	void aDeadMessageThatIsRequeuedIsReceivedAgainAlsoWhereFinishedOnesAreListed() {
		channels(first).create("requeued", ChannelMode.DIRECT);
		database.jdbc()
			.update("UPDATE durable_notify.work_queues SET retention = interval '1 hour' WHERE name = 'channel/requeued'");
		first.bean(WorkQueue.class).enqueue(WorkRequest.of("channel/requeued", "no message").orderingKey("a"));
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(PermanentFailureException.class)
				.isThrownBy(() -> channels(first).receive("requeued", "a", LONG));
			assertThat(ChannelTables.count(database, "work_dead")).isEqualTo(1);
			assertThat(ChannelTables.count(database, "work_finished")).isZero();
			assertThat(first.bean(WorkAdmin.class).requeue(DeadQuery.of("channel/requeued"))).isEqualTo(1);
		}
	}

	@Test
	void aMessageWhoseHandlerFailsForGoodIsDead() {
		channels(first).send("replies", "for-good", "a");
		channels(first).send("replies", "for-good", "b");
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> channels(first).receive("replies", "for-good", LONG, (message) -> {
				first.jdbc().update("INSERT INTO effects VALUES ('failed')");
				message.payload(int[].class);
			}));
		assertThat(effects()).isEmpty();
		assertThat(ChannelTables.count(database, "work_dead")).isEqualTo(1);
		assertThat(receive(second, "for-good")).isEqualTo("b");
	}

	@Test
	void aMessageThatCannotBeMadeDeadComesAgainAndTheExceptionSaysSo() {
		channels(first).send("replies", "kept", "a");
		second.transaction().executeWithoutResult((status) -> {
			channels(second).send("replies", "kept", "b");
			CompletableFuture<Void> received = Background
				.run(() -> assertThatExceptionOfType(PermanentFailureException.class)
					.isThrownBy(() -> channels(first).receive("replies", "kept", LONG, (message) -> {
						throw new PermanentFailureException("expected");
					}))
					.satisfies((ex) -> assertThat(ex.getSuppressed())
						.singleElement(as(InstanceOfAssertFactories.THROWABLE))
						.hasMessageContaining("is the next one again")
						.hasCauseInstanceOf(DataAccessException.class)));
			assertThat(received).succeedsWithin(LONG);
		});
		assertThat(receive(first, "kept")).isEqualTo("a");
		assertThat(receive(first, "kept")).isEqualTo("b");
		assertThat(ChannelTables.count(database, "work_dead")).isZero();
	}

	@Test
	void aReceiverThatFindsAMessageLockedWhichIsMadeDeadIsWokenAfterThat() throws Exception {
		channels(first).send("replies", "buried", "a");
		channels(first).send("replies", "buried", "b");
		database.jdbc().execute("""
				CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
					$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
				CREATE TRIGGER hold BEFORE INSERT ON durable_notify.work_dead FOR EACH ROW EXECUTE FUNCTION hold();
				""");
		AtomicInteger fetches = new AtomicInteger();
		try (Connection locking = DriverManager.getConnection(database.url())) {
			locking.createStatement().execute("SELECT pg_advisory_lock(4711)");
			CompletableFuture<Void> buried = Background
				.run(() -> assertThatExceptionOfType(PermanentFailureException.class)
					.isThrownBy(() -> channels(first).receive("replies", "buried", LONG, (message) -> {
						throw new PermanentFailureException("expected");
					})));
			Eventually.await(() -> database.jdbc()
				.queryForObject("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
						Integer.class) == 1,
					() -> "it is not made dead");
			CompletableFuture<Optional<String>> waiting = Background
				.supply(() -> ((DefaultDurableChannels) channels(second)).receiver()
					.await(DirectAddress.of("replies", "buried"), LONGER, () -> {
						Optional<String> fetched = Optional.ofNullable(receive(second, "buried"));
						fetches.incrementAndGet();
						return fetched;
					}));
			// A late wake-up of the messages may have come, too
			Eventually.await(() -> fetches.get() >= 1, () -> waiting);
			locking.createStatement().execute("SELECT pg_advisory_unlock(4711)");
			assertThat(buried).succeedsWithin(LONG);
			assertThat(waiting).succeedsWithin(LONG).isEqualTo(Optional.of("b"));
		}
		finally {
			database.jdbc().execute("DROP FUNCTION hold() CASCADE");
		}
	}

	@Test
	void aMessageWhoseHandlerFailsForGoodIsDeadWhateverTheReason() {
		for (String reason : List.of("a\0b", "unpaired \ud800", "x".repeat(10_000))) {
			channels(first).send("replies", "reason", "a");
			assertThatExceptionOfType(PermanentFailureException.class)
				.isThrownBy(() -> channels(first).receive("replies", "reason", LONG, (message) -> {
					throw new PermanentFailureException(reason);
				}))
				.satisfies((ex) -> assertThat(ex.getSuppressed()).isEmpty());
		}
		assertThat(database.jdbc()
			.queryForList("SELECT last_error FROM durable_notify.work_dead ORDER BY 1", String.class)).satisfiesExactly(
					(error) -> assertThat(error).isEqualTo("a?b"), (error) -> assertThat(error).startsWith("unpaired"),
					(error) -> assertThat(error).hasSizeLessThan(5_000));
	}

	@Test
	void aFutureAfterTheEndOfTheInstanceIsCompleted() {
		Instance closed = Instance.start(database, NO_POLL);
		DurableChannels channels = channels(closed);
		channels.create("replies", ChannelMode.DIRECT);
		closed.close();
		assertThat(channels.receiveAsync("replies", "closed", LONGER)).succeedsWithin(LONG).isEqualTo(Optional.empty());
	}

	@Test
	void aWaitThatIsEndedByAStopTakesNoMessage() throws Exception {
		ApplicationDatabase application = first.bean(ApplicationDatabase.class);
		ChannelSql sql = first.bean(ChannelSql.class);
		DirectAddress address = DirectAddress.of("replies", "stopped");
		List<Runnable> tasks = new CopyOnWriteArrayList<>();
		AtomicInteger fetches = new AtomicInteger();
		try (DirectWaits waits = new DirectWaits(application, sql, Duration.ofHours(1))) {
			DirectReceiver receiver = new DirectReceiver(application, sql, waits, tasks::add, first.bean(Wakeups.class),
					Delays.ofJvm());
			Thread waiting = new Thread(() -> receiver.await(address, LONGER, () -> {
				fetches.incrementAndGet();
				return Optional.empty();
			}));
			waiting.start();
			Eventually.await(() -> fetches.get() == 1 && waiting.getState() == Thread.State.TIMED_WAITING,
					waiting::getState);
			CompletableFuture<Optional<Message>> future = receiver.receiveAsync(address, LONGER,
					(received) -> mock(Message.class));
			channels(second).send("replies", "stopped", "x");
			waits.stop();
			waiting.join();
			tasks.forEach(Runnable::run);
			assertThat(future).isCompletedWithValue(Optional.empty());
		}
		assertThat(fetches).hasValue(1);
		assertThat(receive(second, "stopped")).isEqualTo("x");
	}

	@Test
	void aWaitWhoseFetchIsCutOffByAStopIsEmpty() throws Exception {
		ApplicationDatabase application = first.bean(ApplicationDatabase.class);
		ChannelSql sql = first.bean(ChannelSql.class);
		channels(second).send("replies", "cut", "x");
		try (DirectWaits waits = new DirectWaits(application, sql, Duration.ofHours(1));
				Connection locking = DriverManager.getConnection(database.url())) {
			DirectReceiver receiver = new DirectReceiver(application, sql, waits, Background::run,
					first.bean(Wakeups.class), Delays.ofJvm());
			locking.setAutoCommit(false);
			locking.createStatement().execute("LOCK TABLE durable_notify.work_lane_items");
			CompletableFuture<Optional<Message>> future = receiver.receiveAsync(DirectAddress.of("replies", "cut"),
					LONGER, (received) -> mock(Message.class));
			String fetches = " FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%channel_receive%' "
					+ "AND datname = current_database()";
			Eventually.await(() -> !database.jdbc().queryForList("SELECT pid" + fetches).isEmpty(), future::toString);
			waits.stop();
			database.jdbc().queryForList("SELECT pg_terminate_backend(pid)" + fetches);
			assertThat(future).succeedsWithin(LONG).isEqualTo(Optional.empty());
		}
		assertThat(receive(second, "cut")).isEqualTo("x");
	}

	@Test
	void aFutureForWhichThereIsNeitherAThreadNorATimerFailsAndTakesNothing() {
		ApplicationDatabase application = first.bean(ApplicationDatabase.class);
		ChannelSql sql = first.bean(ChannelSql.class);
		for (int timers = 0; timers < 2; timers++) {
			AtomicInteger left = new AtomicInteger(timers);
			try (DirectWaits waits = new DirectWaits(application, sql, Duration.ofHours(1))) {
				DirectReceiver receiver = new DirectReceiver(application, sql, waits, (task) -> {
					throw new OutOfMemoryError("unable to create native thread");
				}, first.bean(Wakeups.class), (delay, task) -> {
					if (left.getAndDecrement() <= 0) {
						throw new OutOfMemoryError("unable to create native thread");
					}
					return new CompletableFuture<>();
				});
				assertThat(receiver.receiveAsync(DirectAddress.of("replies", "exhausted"), LONG,
						(received) -> mock(Message.class)))
					.failsWithin(LONG)
					.withThrowableThat()
					.havingCause()
					.isInstanceOf(OutOfMemoryError.class);
				assertThat(waits.count()).isZero();
			}
		}
	}

	@Test
	void aWaitThatCannotBeWokenLeavesTheOthersToBeWoken() {
		AtomicInteger calls = new AtomicInteger();
		DirectAddress address = DirectAddress.of("replies", "unwoken");
		try (DirectWaits waits = new DirectWaits(first.bean(ApplicationDatabase.class), first.bean(ChannelSql.class),
				Duration.ofHours(1))) {
			for (int i = 0; i < 2; i++) {
				waits.register(address, () -> {
					calls.incrementAndGet();
					throw new OutOfMemoryError("unable to create native thread");
				});
			}
			waits.onWakeup(Wakeup.moved(address.id(), 0));
			assertThat(calls).hasValue(2);
			waits.stop();
			assertThat(calls).hasValue(4);
		}
	}

	@Test
	void eachMessageIsReceivedOnceByManyReceivers() {
		List<String> received = new CopyOnWriteArrayList<>();
		CountDownLatch all = new CountDownLatch(100);
		List<CompletableFuture<Void>> receivers = IntStream.range(0, 6).mapToObj((i) -> Background.run(() -> {
			while (all.getCount() > 0) {
				channels((i % 2 == 0) ? first : second).receive("replies", "hot", Duration.ofMillis(200))
					.ifPresent((message) -> {
						received.add(message.text());
						all.countDown();
					});
			}
		})).toList();
		for (int i = 0; i < 100; i++) {
			channels((i % 3 == 0) ? first : second).send("replies", "hot", "m" + i);
		}
		receivers.forEach((receiver) -> assertThat(receiver).succeedsWithin(60, TimeUnit.SECONDS));
		assertThat(received).hasSize(100).doesNotHaveDuplicates();
	}

	@Test
	void aHandlerOfAllAddressesHandlesEachInItsOrder() {
		List<String> handled = new CopyOnWriteArrayList<>();
		for (Instance instance : List.of(first, second)) {
			this.subscriptions.add(channels(instance).handle("handled", (spec) -> spec.inTransaction(),
					(message) -> handled.add(message.address() + " " + message.text())));
		}
		List<String> sent = new ArrayList<>();
		for (int i = 0; i < 30; i++) {
			channels((i % 2 == 0) ? first : second).send("handled", "a" + i % 3, "%02d".formatted(i));
			sent.add("a" + i % 3 + " %02d".formatted(i));
		}
		Eventually.await(() -> handled.size() >= 30, () -> handled + "" + ChannelTables.state(database));
		assertThat(handled).containsExactlyInAnyOrderElementsOf(sent);
		for (int i = 0; i < 3; i++) {
			String address = "a" + i + " ";
			assertThat(handled).filteredOn((text) -> text.startsWith(address)).isSorted();
		}
	}

	@Test
	void whatAHandlerHasIsNotReceivedBesideIt() {
		CountDownLatch handling = new CountDownLatch(1);
		CountDownLatch end = new CountDownLatch(1);
		this.subscriptions.add(channels(first).handle("claimed", (message) -> {
			handling.countDown();
			end.await(30, TimeUnit.SECONDS);
		}));
		channels(first).send("claimed", "busy", "x");
		assertThat(Background.supply(() -> {
			try {
				return handling.await(30, TimeUnit.SECONDS);
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
		})).succeedsWithin(LONG).isEqualTo(true);
		assertThat(channels(second).receive("claimed", "busy", Duration.ZERO)).isEmpty();
		end.countDown();
		Eventually.await(() -> ChannelTables.count(database, "work_items") == 0, () -> ChannelTables.state(database));
	}

}
