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

package io.durablenotify.actuate;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.DoublePredicate;
import java.util.stream.Stream;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunLockedException;
import io.durablenotify.event.StaleRunException;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.stream.AppendOutcomeUnknownException;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ConsumerInfo;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.stream.StreamLockedException;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.stream.UnexpectedIndexException;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.WorkflowResumptions;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.test.util.ReflectionTestUtils;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests that meters move by what they are about, where two instances share a database.
 */
class MovingMetersTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = { WithMetrics.class, Sender.class },
			properties = { "durable-notify.poll.interval=300ms", "durable-notify.streams.append-timeout=5s",
					"durable-notify.streams.append-buffer=1MB", "durable-notify.streams.families.small.prefix=small/",
					"durable-notify.streams.families.small.buffer-size=4", "durable-notify.work.poll-interval=3s",
					"durable-notify.outbox.circuit.failures=2", "durable-notify.outbox.circuit.interval=100ms",
					"durable-notify.streams.lease=3s", "durable-notify.events.retention=1h",
					"durable-notify.events.append-timeout=1s", "spring.datasource.hikari.connection-timeout=2000" })
	private static Instance instance;

	@Fixture(sources = WithMetrics.class)
	private static Instance other;

	private String name;

	@BeforeEach
	void useANameOfItsOwn(TestInfo test) {
		this.name = test.getTestMethod().orElseThrow().getName();
	}

	private static double value(DurableNotifyMeters meter, String... tags) {
		return WithMetrics.value(instance, meter, tags);
	}

	private static void await(DurableNotifyMeters meter, DoublePredicate condition, String... tags) {
		WithMetrics.await(instance, meter, condition, tags);
	}

	private static void awaitMore(double than, DurableNotifyMeters meter, String... tags) {
		await(meter, (value) -> value > than, tags);
	}

	private static void awaitSampled(DurableNotifyMeters meter, DoublePredicate condition, String... tags) {
		await(meter, (value) -> {
			if (condition.test(value)) {
				return true;
			}
			instance.bean(DatabaseSampler.class).refresh();
			return false;
		}, tags);
	}

	private static String describe(DurableNotifyMeters meter) {
		return WithMetrics.describe(instance, meter);
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	@Test
	void aLostConnectionIsAReconnect() {
		double reconnects = value(DurableNotifyMeters.LISTENER_RECONNECTS);
		double attempts = value(DurableNotifyMeters.LISTENER_ATTEMPTS, "outcome", "connected");
		double resyncs = value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "connected");
		database.terminate(Instance.LISTENER);
		awaitMore(reconnects, DurableNotifyMeters.LISTENER_RECONNECTS);
		awaitMore(attempts, DurableNotifyMeters.LISTENER_ATTEMPTS, "outcome", "connected");
		awaitMore(resyncs, DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "connected");
		instance.awaitStatus(ListenerState.Status.LISTENING);
		assertThat(value(DurableNotifyMeters.LISTENER_STATUS, "status", "listening")).isEqualTo(1);
		assertThat(value(DurableNotifyMeters.LISTENER_STATUS)).isEqualTo(1);
		await(DurableNotifyMeters.LISTENER_PROVEN, (value) -> value == 1);
		awaitMore(0, DurableNotifyMeters.LISTENER_STATUS_AGE);
		assertThat(value(DurableNotifyMeters.LISTENER_STATUS_AGE)).isLessThan(60);
	}

	@Test
	void aListenerThatCannotConnectHasFailedAttempts() {
		double failed = value(DurableNotifyMeters.LISTENER_ATTEMPTS, "outcome", "failed");
		String name = database.jdbc().queryForObject("SELECT current_database()", String.class);
		// A database can be closed from another one only
		JdbcTemplate elsewhere = new TestDatabase(database.url().replace(name, "postgres")).jdbc();
		elsewhere.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
		try {
			elsewhere.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?",
					Instance.LISTENER);
			awaitMore(failed, DurableNotifyMeters.LISTENER_ATTEMPTS, "outcome", "failed");
		}
		finally {
			elsewhere.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true");
		}
		instance.awaitStatus(ListenerState.Status.LISTENING);
	}

	@Test
	void aProbeIsTimedAndCounted() {
		double probes = value(DurableNotifyMeters.LISTENER_PROBES, "outcome", "heard");
		double timed = value(DurableNotifyMeters.LISTENER_PROBE);
		double received = value(DurableNotifyMeters.LISTENER_NOTIFICATIONS, "channel", "probe");
		instance.listener().probe();
		awaitMore(probes, DurableNotifyMeters.LISTENER_PROBES, "outcome", "heard");
		awaitMore(timed, DurableNotifyMeters.LISTENER_PROBE);
		awaitMore(received, DurableNotifyMeters.LISTENER_NOTIFICATIONS, "channel", "probe");
		assertThat(WithMetrics.maxMillis(instance, DurableNotifyMeters.LISTENER_PROBE)).isBetween(0.001, 30_000.0);
	}

	@Test
	void aNotificationOfTheApplicationIsOneOfAUser() throws InterruptedException {
		CountDownLatch received = new CountDownLatch(1);
		CountDownLatch listening = new CountDownLatch(1);
		Subscription subscription = instance.listener().listen("user_channel", new ChannelHandler() {

			@Override
			public void onNotification(String payload) {
				received.countDown();
			}

			@Override
			public void onResync() {
				listening.countDown();
			}

		});
		listening.await();
		database.jdbc().execute("NOTIFY user_channel, 'secret'");
		received.await();
		assertThat(value(DurableNotifyMeters.LISTENER_NOTIFICATIONS, "channel", "user")).isEqualTo(1);
		subscription.cancel();
	}

	@Test
	void aWakeupOfAnotherInstanceIsRemote() {
		double remote = value(DurableNotifyMeters.WAKEUPS_RECEIVED, "topic", "streams", "source", "remote");
		double local = value(DurableNotifyMeters.WAKEUPS_RECEIVED, "topic", "streams", "source", "local");
		double sent = WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_NOTIFY, "outcome", "sent");
		double batches = WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_BATCH);
		RecordingHandler handler = new RecordingHandler();
		Subscription reader = instance.reader().subscribe(this.name, StreamPosition.start(), handler);
		other.writer().append(this.name, "a");
		handler.awaitChunks(1);
		awaitMore(remote, DurableNotifyMeters.WAKEUPS_RECEIVED, "topic", "streams", "source", "remote");
		Eventually.await(
				() -> WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_NOTIFY, "outcome", "sent") > sent
						&& WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_BATCH) > batches,
				() -> describe(DurableNotifyMeters.WAKEUPS_NOTIFY));
		await(DurableNotifyMeters.INSTANCES, (value) -> value >= 1);
		instance.writer().append(this.name, "b");
		awaitMore(local, DurableNotifyMeters.WAKEUPS_RECEIVED, "topic", "streams", "source", "local");
		reader.cancel();
	}

	@Test
	void aNotificationIsFollowedByAPauseInWhichWakeupsWait() {
		other.bean(Wakeups.class).send("one", Wakeup.moved(1, 1));
		await(DurableNotifyMeters.INSTANCES, (value) -> value >= 1);
		await(DurableNotifyMeters.WAKEUPS_PAUSE, (value) -> {
			instance.bean(Wakeups.class).send("one", Wakeup.moved(1, 1));
			return value > 0;
		});
		await(DurableNotifyMeters.WAKEUPS_PAUSE, (value) -> value == 0);
	}

	@Test
	void wakeupsThatAreTooManyAreAResyncOfTheOthers() {
		double overflow = value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "overflow");
		double received = WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "received");
		double heard = WithMetrics.value(other, DurableNotifyMeters.LISTENER_NOTIFICATIONS, "channel", "wakeup");
		Subscription subscription = other.bean(Wakeups.class).subscribe("many", new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
			}

			@Override
			public void onResync() {
			}

		});
		instance.transaction().executeWithoutResult((status) -> {
			for (int id = 1; id <= 10_001; id++) {
				instance.bean(Wakeups.class).sendAfterCommit("many", Wakeup.moved(id, 1));
			}
		});
		awaitMore(overflow, DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "overflow");
		Eventually.await(
				() -> WithMetrics.value(other, DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "received") > received,
				() -> describe(DurableNotifyMeters.WAKEUPS_RESYNCS));
		assertThat(WithMetrics.value(other, DurableNotifyMeters.LISTENER_NOTIFICATIONS, "channel", "wakeup"))
			.isGreaterThan(heard);
		assertThat(value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "overflow")).isEqualTo(overflow + 1);
		subscription.cancel();
	}

	@Test
	void whatFindsNoConnectionHasFailed() throws Exception {
		HikariDataSource pool = instance.bean(DataSource.class).unwrap(HikariDataSource.class);
		List<PeriodicTask> tasks = tasks().filter((task) -> !task.measures().topic().equals("recurring")).toList();
		double resyncs = value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "failed");
		double overflow = value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "overflow");
		double sent = value(DurableNotifyMeters.WAKEUPS_NOTIFY, "outcome", "failed");
		double probes = value(DurableNotifyMeters.LISTENER_PROBES, "outcome", "not_sent");
		double fetches = value(DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "failed");
		double ofEvents = value(DurableNotifyMeters.FETCH, "topic", "events", "outcome", "failed");
		double ofChanges = value(DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "failed");
		List<Double> runs = tasks.stream().map(MovingMetersTests::failedRuns).toList();
		RecordingHandler handler = new RecordingHandler();
		Subscription reader = instance.reader().subscribe(this.name, StreamPosition.start(), handler);
		other.writer().append(this.name, "a");
		handler.awaitChunks(1);
		Semaphore heard = new Semaphore(0);
		Subscription follower = instance.events().follow(this.name, 0, (event) -> heard.release());
		other.events().append(NewEvent.of(this.name, "a"));
		Subscription changes = instance.bean(ChangeNotifier.class).subscribe(this.name, (change) -> heard.release());
		other.bean(ChangeNotifier.class).publish(this.name, "a");
		heard.acquire(2);
		List<Connection> held = new ArrayList<>();
		try {
			Eventually.await(() -> takes(pool, held), () -> pool);
			instance.bean(Wakeups.class).send("one", Wakeup.moved(1, 1));
			tasks.forEach(PeriodicTask::wake);
			other.writer().append(this.name, "b");
			other.events().append(NewEvent.of(this.name, "b"));
			other.bean(ChangeNotifier.class).publish(this.name, "b");
			awaitMore(resyncs, DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "failed");
			awaitMore(sent, DurableNotifyMeters.WAKEUPS_NOTIFY, "outcome", "failed");
			await(DurableNotifyMeters.LISTENER_PROBES, (value) -> {
				// A notification of the other instance is as good as an answer
				instance.listener().probe();
				return value > probes;
			}, "outcome", "not_sent");
			awaitMore(fetches, DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "failed");
			awaitMore(ofEvents, DurableNotifyMeters.FETCH, "topic", "events", "outcome", "failed");
			awaitMore(ofChanges, DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "failed");
			for (int i = 0; i < tasks.size(); i++) {
				awaitMore(runs.get(i), DurableNotifyMeters.CLEANUP, "topic", tasks.get(i).measures().topic(), "outcome",
						"failed");
			}
		}
		finally {
			for (Connection connection : held) {
				connection.close();
			}
		}
		handler.awaitChunks(2);
		heard.acquire(2);
		assertThat(value(DurableNotifyMeters.WAKEUPS_RESYNCS, "cause", "overflow")).isEqualTo(overflow);
		reader.cancel();
		follower.cancel();
		changes.cancel();
	}

	/**
	 * Return the tasks that are timed.
	 */
	private static Stream<PeriodicTask> tasks() {
		return instance.context().getBeanProvider(PeriodicTask.class).stream();
	}

	private static double failedRuns(PeriodicTask task) {
		return value(DurableNotifyMeters.CLEANUP, "topic", task.measures().topic(), "outcome", "failed");
	}

	/**
	 * Take one more connection.
	 * @return whether these are all
	 */
	private static boolean takes(HikariDataSource pool, List<Connection> held) {
		try {
			held.add(pool.getConnection());
		}
		catch (SQLException ex) {
			// The instance has it for a moment
		}
		return held.size() == pool.getMaximumPoolSize();
	}

	@Test
	void aChunkThatNoNotificationHasToldOfIsFoundByThePoll() {
		double rounds = value(DurableNotifyMeters.POLL_ROUNDS, "topic", "streams");
		double found = value(DurableNotifyMeters.POLL_FOUND, "topic", "streams");
		RecordingHandler handler = new RecordingHandler();
		Subscription reader = instance.reader().subscribe(this.name, StreamPosition.start(), handler);
		other.writer().append(this.name, "told");
		handler.awaitChunks(1);
		awaitMore(rounds + 2, DurableNotifyMeters.POLL_ROUNDS, "topic", "streams");
		assertThat(value(DurableNotifyMeters.POLL_FOUND, "topic", "streams")).isEqualTo(found);
		database.jdbc().queryForObject("SELECT durable_notify.append(?, 'lost', wake => false)", Long.class, this.name);
		handler.awaitChunks(2);
		awaitMore(found, DurableNotifyMeters.POLL_FOUND, "topic", "streams");
		assertThat(value(DurableNotifyMeters.POLL_FOUND, "topic", "streams")).isEqualTo(found + 1);
		assertThat(value(DurableNotifyMeters.POLL_INTERVAL)).isEqualTo(0.3);
		reader.cancel();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void whatThePollFindsIsLogged(CapturedOutput output) {
		// Another instance may have logged it in the last ten minutes
		try (Instance polling = Instance.start(database, "durable-notify.poll.interval=300ms")) {
			RecordingHandler handler = new RecordingHandler();
			polling.reader().subscribe(this.name, StreamPosition.start(), handler);
			polling.writer().append(this.name, "told");
			handler.awaitChunks(1);
			database.jdbc()
				.queryForObject("SELECT durable_notify.append(?, 'lost', wake => false)", Long.class, this.name);
			handler.awaitChunks(2);
			Eventually.await(
					() -> output.getOut()
						.contains("The poll has found 1 new entries or changes that no wake-up had announced"),
					output::toString);
		}
	}

	@Test
	void aNewStreamThatNoNotificationHasToldOfIsFoundByThePoll() {
		double found = value(DurableNotifyMeters.POLL_FOUND, "topic", "streams");
		RecordingHandler handler = new RecordingHandler();
		Subscription reader = instance.reader().subscribe(this.name, StreamPosition.start(), handler);
		await(DurableNotifyMeters.READERS, (value) -> value > 0, "topic", "streams", "state", "waiting");
		database.jdbc().queryForObject("SELECT durable_notify.append(?, 'lost', wake => false)", Long.class, this.name);
		handler.awaitChunks(1);
		awaitMore(found, DurableNotifyMeters.POLL_FOUND, "topic", "streams");
		reader.cancel();
	}

	@Test
	void aChangeThatNoNotificationHasToldOfIsFoundByThePoll() {
		double found = value(DurableNotifyMeters.POLL_FOUND, "topic", "changes");
		double handled = value(DurableNotifyMeters.HANDLER, "topic", "changes", "outcome", "handled");
		double failed = value(DurableNotifyMeters.HANDLER, "topic", "changes", "outcome", "failed");
		double fetched = value(DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "found");
		double empty = value(DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "empty");
		double entries = value(DurableNotifyMeters.FETCH_ENTRIES, "topic", "changes");
		double delivered = value(DurableNotifyMeters.DELIVERED, "topic", "changes", "source", "fetch");
		Subscription subscription = instance.bean(ChangeNotifier.class).subscribe(this.name, (change) -> {
			if (change.key().equals("failing")) {
				throw new IllegalStateException("On purpose");
			}
		});
		assertThat(value(DurableNotifyMeters.CHANGES_SUBSCRIPTIONS)).isEqualTo(1);
		awaitMore(0, DurableNotifyMeters.CHANGES_POSITION_AGE);
		assertThat(value(DurableNotifyMeters.CHANGES_POSITION_AGE)).isLessThan(30);
		awaitMore(empty, DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "empty");
		other.bean(ChangeNotifier.class).publish(this.name, "failing");
		awaitMore(failed, DurableNotifyMeters.HANDLER, "topic", "changes", "outcome", "failed");
		// The wake-up of that one may still be under way, and would have the next one
		// read too
		awaitMore(value(DurableNotifyMeters.POLL_ROUNDS, "topic", "changes") + 2, DurableNotifyMeters.POLL_ROUNDS,
				"topic", "changes");
		database.jdbc().execute("SELECT durable_notify.publish('%s', 'lost', wake => false)".formatted(this.name));
		awaitMore(handled, DurableNotifyMeters.HANDLER, "topic", "changes", "outcome", "handled");
		awaitMore(found, DurableNotifyMeters.POLL_FOUND, "topic", "changes");
		awaitMore(fetched + 1, DurableNotifyMeters.FETCH, "topic", "changes", "outcome", "found");
		awaitMore(entries + 1, DurableNotifyMeters.FETCH_ENTRIES, "topic", "changes");
		await(DurableNotifyMeters.DELIVERED, (value) -> value == delivered + 2, "topic", "changes", "source", "fetch");
		subscription.cancel();
	}

	@Test
	void aRunThatNoNotificationHasToldOfIsFoundByThePoll() throws InterruptedException {
		double found = value(DurableNotifyMeters.POLL_FOUND, "topic", "events");
		Semaphore followed = new Semaphore(0);
		Subscription follower = instance.events().follow(this.name, 0, (event) -> followed.release());
		other.events().append(NewEvent.of(this.name, "told"));
		followed.acquire();
		try (Instance silent = Instance.start(database, "durable-notify.wakeup.mode=none")) {
			silent.events().append(NewEvent.of(this.name, "lost"));
			followed.acquire();
		}
		awaitMore(found, DurableNotifyMeters.POLL_FOUND, "topic", "events");
		follower.cancel();
	}

	@Test
	void aHandlerOfChangesThatHangsHasALongCallAndIsBehindAfterMany() {
		CountDownLatch release = new CountDownLatch(1);
		Subscription subscription = instance.bean(ChangeNotifier.class)
			.subscribe(this.name, (change) -> awaitQuietly(release));
		for (int i = 0; i < 3; i++) {
			other.bean(ChangeNotifier.class).publish(this.name, "key " + i);
		}
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value > 0.2, "topic", "changes");
		assertThat(value(DurableNotifyMeters.CHANGES_BEHIND)).isZero();
		database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT ?, n FROM generate_series(1, 5000) n",
					this.name);
		await(DurableNotifyMeters.CHANGES_BEHIND, (value) -> value == 1);
		release.countDown();
		await(DurableNotifyMeters.CHANGES_BEHIND, (value) -> value == 0);
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value == 0, "topic", "changes");
		subscription.cancel();
	}

	@Test
	void aHandlerOfFewChunksThatHangsHasALongCallBesideOneThatGoesOn() {
		double handled = value(DurableNotifyMeters.HANDLER, "topic", "streams", "family", "none", "outcome", "handled");
		BlockingHandler hanging = new BlockingHandler();
		RecordingHandler goingOn = new RecordingHandler();
		Subscription one = instance.reader().subscribe(this.name, StreamPosition.start(), hanging);
		Subscription two = instance.reader().subscribe(this.name, StreamPosition.start(), goingOn);
		for (int i = 0; i < 3; i++) {
			other.writer().append(this.name, "chunk " + i);
		}
		goingOn.awaitChunks(3);
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value > 0.2, "topic", "streams", "family", "none");
		awaitMore(handled, DurableNotifyMeters.HANDLER, "topic", "streams", "family", "none", "outcome", "handled");
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "streams", "state", "behind");
		assertThat(value(DurableNotifyMeters.READERS, "topic", "streams", "state", "full")).isZero();
		assertThat(value(DurableNotifyMeters.HANDLER_RUNNING, "topic", "streams", "family", "small")).isZero();
		hanging.release();
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value == 0, "topic", "streams");
		one.cancel();
		two.cancel();
	}

	@Test
	void aSlowHandlerMakesItsReaderFull() {
		StreamReader reader = (StreamReader) instance.context().getBean("durableNotifyStreamReader.small");
		BlockingHandler handler = new BlockingHandler();
		Subscription subscription = reader.subscribe(this.name, StreamPosition.start(), handler);
		for (int i = 0; i < 40; i++) {
			instance.writer().append("small/" + this.name, "chunk " + i);
		}
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "streams", "family", "small", "state",
				"full");
		await(DurableNotifyMeters.READERS_LAG, (value) -> value == 40, "topic", "streams", "family", "small");
		assertThat(value(DurableNotifyMeters.READERS_LAG, "topic", "streams", "family", "none")).isZero();
		handler.release();
		handler.awaitChunks(40);
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "streams", "family", "small", "state",
				"live");
		// Quick calls are recorded together
		await(DurableNotifyMeters.HANDLER, (value) -> value >= 1 && value <= 40, "topic", "streams", "family", "small",
				"outcome", "handled");
		assertThat(value(DurableNotifyMeters.DELIVERED, "topic", "streams", "family", "small")).isEqualTo(40);
		subscription.cancel();
	}

	@Test
	void readersEndForDifferentReasons() {
		for (String ending : new String[] { "completed", "failed", "deleted", "cancelled", "handler" }) {
			double ended = value(DurableNotifyMeters.READERS_ENDED, "topic", "streams", "reason", ending);
			String stream = this.name + "/" + ending;
			RecordingHandler handler = new RecordingHandler() {

				@Override
				public void onChunk(Chunk chunk) throws Exception {
					super.onChunk(chunk);
					if (chunk.text().equals("failing")) {
						throw new IllegalStateException("On purpose");
					}
				}

			};
			Subscription subscription = instance.reader().subscribe(stream, StreamPosition.start(), handler);
			StreamWriter writer = instance.writer();
			writer.append(stream, (ending.equals("handler")) ? "failing" : "a");
			handler.awaitChunks(1);
			switch (ending) {
				case "completed" -> writer.complete(stream);
				case "failed" -> writer.fail(stream, "On purpose");
				case "deleted" -> writer.delete(stream);
				case "cancelled" -> subscription.cancel();
				default -> {
				}
			}
			awaitMore(ended, DurableNotifyMeters.READERS_ENDED, "topic", "streams", "reason", ending);
			subscription.cancel();
			assertThat(value(DurableNotifyMeters.READERS_ENDED, "topic", "streams", "reason", ending))
				.isEqualTo(ended + 1);
		}
	}

	@Test
	void whatAnotherInstanceAppendsIsFetchedAndAnOwnChunkIsHandedOver() {
		double fetched = value(DurableNotifyMeters.DELIVERED, "topic", "streams", "source", "fetch");
		double handedOver = value(DurableNotifyMeters.DELIVERED, "topic", "streams", "source", "handover");
		double found = value(DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "found");
		double targets = value(DurableNotifyMeters.FETCH_TARGETS, "topic", "streams");
		double ages = value(DurableNotifyMeters.DELIVERY_AGE, "topic", "streams");
		RecordingHandler handler = new RecordingHandler();
		Subscription subscription = instance.reader().subscribe(this.name, StreamPosition.start(), handler);
		other.writer().append(this.name, "first");
		handler.awaitChunks(1);
		double entries = value(DurableNotifyMeters.FETCH_ENTRIES, "topic", "streams");
		double empty = value(DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "empty");
		other.writer().append(this.name, "second");
		handler.awaitChunks(2);
		awaitMore(entries, DurableNotifyMeters.FETCH_ENTRIES, "topic", "streams");
		long id = database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, this.name);
		other.bean(Wakeups.class).send("streams", Wakeup.moved(id, 3));
		awaitMore(empty, DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "empty");
		awaitMore(fetched + 1, DurableNotifyMeters.DELIVERED, "topic", "streams", "source", "fetch");
		awaitMore(found, DurableNotifyMeters.FETCH, "topic", "streams", "outcome", "found");
		awaitMore(targets, DurableNotifyMeters.FETCH_TARGETS, "topic", "streams");
		awaitMore(ages, DurableNotifyMeters.DELIVERY_AGE, "topic", "streams");
		for (int i = 3; i < 20; i++) {
			instance.writer().append(this.name, "own");
			handler.awaitChunks(i);
		}
		awaitMore(handedOver, DurableNotifyMeters.DELIVERED, "topic", "streams", "source", "handover");
		subscription.cancel();
	}

	@Test
	void aHeldStreamIsContendedAndThenLocked() throws Exception {
		double locked = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "locked");
		instance.writer().append(this.name, "a");
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		var holder = hold(held, release);
		held.await();
		var append = instance.writer().appendAsync(this.name, "b");
		var inTransaction = Background.run(() -> instance.transaction()
			.executeWithoutResult((status) -> instance.writer().append(this.name, "c")));
		await(DurableNotifyMeters.APPEND_CONTENDED, (value) -> value == 1);
		assertThat(value(DurableNotifyMeters.APPEND_QUEUED)).isBetween(1.0,
				value(DurableNotifyMeters.APPEND_QUEUED_LIMIT));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(append::get)
			.withCauseInstanceOf(StreamLockedException.class);
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(inTransaction::get)
			.withCauseInstanceOf(StreamLockedException.class);
		await(DurableNotifyMeters.APPEND, (value) -> value == locked + 2, "topic", "streams", "outcome", "locked");
		await(DurableNotifyMeters.APPEND_CONTENDED, (value) -> value == 0);
		release.countDown();
		holder.get();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void anAppendThatTheBufferHasNoRoomForIsRefused(CapturedOutput output) throws Exception {
		double refused = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "refused");
		instance.writer().append(this.name, "a");
		byte[] large = new byte[1_000_000];
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		var holder = hold(held, release);
		held.await();
		var append = instance.writer().appendAsync(this.name, large);
		try {
			Eventually.await(() -> output.getOut().contains("Appends of 976 KB of at most 1 MB wait for the database"),
					output::toString);
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> instance.writer().appendAsync(this.name, large));
			assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "refused"))
				.isEqualTo(refused + 1);
		}
		finally {
			release.countDown();
			holder.get();
		}
		append.get();
		Eventually.await(() -> output.getOut().contains("Appends wait for the database no more than usual"),
				output::toString);
	}

	/**
	 * Have a transaction of the other instance hold the stream.
	 */
	private CompletableFuture<Void> hold(CountDownLatch held, CountDownLatch release) {
		return Background.run(() -> other.transaction().executeWithoutResult((status) -> {
			other.writer().append(this.name, "uncommitted");
			held.countDown();
			awaitQuietly(release);
		}));
	}

	private static void awaitQuietly(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void anAppendIsTimedByItsOutcome() {
		double stored = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "stored");
		double alone = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "alone");
		double transaction = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "transaction");
		double conflict = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "conflict");
		double ended = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "ended");
		double batches = value(DurableNotifyMeters.APPEND_BATCH);
		double shared = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "batch");
		StreamWriter writer = instance.writer();
		writer.append(this.name, "a");
		instance.transaction().executeWithoutResult((status) -> writer.append(this.name, "b"));
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> writer.appendAt(this.name, 7, bytes("c")));
		writer.complete(this.name, "last");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.append(this.name, "d"));
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "stored")).isEqualTo(stored + 3);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "conflict"))
			.isEqualTo(conflict + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "ended")).isEqualTo(ended + 1);
		assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "alone"))
			.isGreaterThan(alone);
		assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "transaction"))
			.isEqualTo(transaction + 1);
		assertThat(value(DurableNotifyMeters.APPEND_BATCH)).isGreaterThan(batches);
		await(DurableNotifyMeters.APPEND_STATEMENT, (value) -> {
			for (int i = 0; i < 16; i++) {
				writer.appendAsync(this.name + "/" + i, "e");
			}
			return value > shared;
		}, "topic", "streams", "mode", "batch");
	}

	@Test
	void anAppendInATransactionAndALastOneAreTimedByTheirOutcomes() {
		double conflict = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "conflict");
		double ended = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "ended");
		StreamWriter writer = instance.writer();
		TransactionTemplate transaction = instance.transaction();
		writer.append(this.name, "a");
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> transaction.executeWithoutResult((status) -> writer.appendAt(this.name, 7, bytes("b"))));
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "conflict"))
			.isEqualTo(conflict + 1);
		writer.complete(this.name, "last");
		assertThatExceptionOfType(StreamEndedException.class)
			.isThrownBy(() -> transaction.executeWithoutResult((status) -> writer.append(this.name, "c")));
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.complete(this.name, "again"));
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "ended")).isEqualTo(ended + 2);
	}

	@Test
	void anAppendThatTheServerRefusesAndOneThatItDoesNotAnswer() {
		double refused = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "failed");
		double unknown = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "unknown");
		database.jdbc()
			.execute(
					"""
							CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
								'BEGIN IF NEW.data = ''lost'' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
								RAISE ''refused''; END';
							CREATE TRIGGER fail BEFORE INSERT ON durable_notify.stream_chunks FOR EACH ROW
								WHEN (NEW.data IN ('lost', 'refused')) EXECUTE FUNCTION public.fail()
							""");
		try {
			assertThatExceptionOfType(DataAccessException.class)
				.isThrownBy(() -> instance.writer().append(this.name, "refused"));
			assertThatExceptionOfType(AppendOutcomeUnknownException.class)
				.isThrownBy(() -> instance.writer().append(this.name, "lost"));
		}
		finally {
			database.jdbc().execute("DROP FUNCTION public.fail CASCADE");
		}
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "failed")).isEqualTo(refused + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "unknown")).isEqualTo(unknown + 1);
	}

	@Test
	void anEventIsTimedByItsOutcome() {
		double stored = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "stored");
		double duplicate = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "duplicate");
		double conflict = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "conflict");
		double handled = value(DurableNotifyMeters.HANDLER, "topic", "events", "outcome", "handled");
		EventLog log = instance.events();
		double alone = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "alone");
		double transaction = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "transaction");
		double fetched = value(DurableNotifyMeters.FETCH, "topic", "events", "outcome", "found");
		double ended = value(DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "deleted");
		Subscription follower = log.follow(this.name, 0, (event) -> {
		});
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "events", "state", "waiting");
		NewEvent event = NewEvent.of(this.name, "started").idempotencyKey("once");
		log.append(event);
		log.append(event);
		assertThatExceptionOfType(StaleRunException.class)
			.isThrownBy(() -> log.append(NewEvent.of(this.name, "late"), 7));
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "stored")).isEqualTo(stored + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "duplicate"))
			.isEqualTo(duplicate + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "conflict")).isEqualTo(conflict + 1);
		awaitMore(handled, DurableNotifyMeters.HANDLER, "topic", "events", "outcome", "handled");
		instance.transaction().executeWithoutResult((status) -> log.append(NewEvent.of(this.name, "in a transaction")));
		assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "alone"))
			.isGreaterThan(alone);
		assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "transaction"))
			.isGreaterThan(transaction);
		other.events().append(NewEvent.of(this.name, "elsewhere"));
		awaitMore(fetched, DurableNotifyMeters.FETCH, "topic", "events", "outcome", "found");
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "events", "state", "live");
		log.delete(this.name);
		awaitMore(ended, DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "deleted");
		follower.cancel();
	}

	@Test
	void anEventWhoseRunIsHeldIsLockedAndOneThatTheServerRefusesHasFailed() throws Exception {
		double locked = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "locked");
		double failed = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "failed");
		EventLog log = instance.events();
		log.append(NewEvent.of(this.name, "started"));
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		var holder = Background.run(() -> other.transaction().executeWithoutResult((status) -> {
			other.events().append(NewEvent.of(this.name, "uncommitted"));
			held.countDown();
			awaitQuietly(release);
		}));
		held.await();
		assertThatExceptionOfType(RunLockedException.class)
			.isThrownBy(() -> log.append(NewEvent.of(this.name, "late")));
		release.countDown();
		holder.get();
		database.jdbc().execute("""
				CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END';
				CREATE TRIGGER refuse BEFORE INSERT ON durable_notify.workflow_events FOR EACH ROW
					WHEN (NEW.type = 'refused') EXECUTE FUNCTION public.refuse()
				""");
		try {
			assertThatExceptionOfType(DataAccessException.class)
				.isThrownBy(() -> log.append(NewEvent.of(this.name, "refused")));
		}
		finally {
			database.jdbc().execute("DROP FUNCTION public.refuse CASCADE");
		}
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "locked")).isEqualTo(locked + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "failed")).isEqualTo(failed + 1);
	}

	@Test
	void aFollowerThatHangsLagsAndGoesOn() {
		double rounds = value(DurableNotifyMeters.POLL_ROUNDS, "topic", "events");
		double entries = value(DurableNotifyMeters.FETCH_ENTRIES, "topic", "events");
		double targets = value(DurableNotifyMeters.FETCH_TARGETS, "topic", "events");
		double fetched = value(DurableNotifyMeters.DELIVERED, "topic", "events", "source", "fetch");
		double ages = value(DurableNotifyMeters.DELIVERY_AGE, "topic", "events");
		other.events().append(NewEvent.of(this.name, "first"));
		CountDownLatch release = new CountDownLatch(1);
		Subscription follower = instance.events().follow(this.name, 0, (event) -> awaitQuietly(release));
		for (int i = 0; i < 3; i++) {
			other.events().append(NewEvent.of(this.name, "next"));
		}
		await(DurableNotifyMeters.READERS_LAG, (value) -> value == 4, "topic", "events");
		await(DurableNotifyMeters.READERS, (value) -> value == 1, "topic", "events", "state", "behind");
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value > 0.2, "topic", "events");
		release.countDown();
		await(DurableNotifyMeters.READERS_LAG, (value) -> value == 0, "topic", "events");
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value == 0, "topic", "events");
		await(DurableNotifyMeters.DELIVERED, (value) -> value == fetched + 4, "topic", "events", "source", "fetch");
		awaitMore(entries, DurableNotifyMeters.FETCH_ENTRIES, "topic", "events");
		awaitMore(rounds, DurableNotifyMeters.POLL_ROUNDS, "topic", "events");
		await(DurableNotifyMeters.FETCH_TARGETS, (value) -> {
			other.events().append(NewEvent.of(this.name, "elsewhere"));
			return value > targets;
		}, "topic", "events");
		awaitMore(ages, DurableNotifyMeters.DELIVERY_AGE, "topic", "events");
		follower.cancel();
	}

	@Test
	void aFollowerEndsByItsHandlerOrIsCancelled() {
		double handler = value(DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "handler");
		double cancelled = value(DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "cancelled");
		double failed = value(DurableNotifyMeters.HANDLER, "topic", "events", "outcome", "failed");
		double empty = value(DurableNotifyMeters.FETCH, "topic", "events", "outcome", "empty");
		EventLog log = instance.events();
		log.append(NewEvent.of(this.name, "started"));
		log.follow(this.name, 0, (event) -> {
			throw new IllegalStateException("On purpose");
		});
		awaitMore(handler, DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "handler");
		assertThat(value(DurableNotifyMeters.HANDLER, "topic", "events", "outcome", "failed")).isEqualTo(failed + 1);
		CountDownLatch handled = new CountDownLatch(1);
		Subscription follower = log.follow(this.name, 0, (event) -> handled.countDown());
		awaitQuietly(handled);
		long id = database.jdbc()
			.queryForObject("SELECT id FROM durable_notify.workflow_runs WHERE run_id = ?", Long.class, this.name);
		other.bean(Wakeups.class).send("events", Wakeup.moved(id, 3));
		awaitMore(empty, DurableNotifyMeters.FETCH, "topic", "events", "outcome", "empty");
		follower.cancel();
		awaitMore(cancelled, DurableNotifyMeters.READERS_ENDED, "topic", "events", "reason", "cancelled");
	}

	@Test
	void aConsumerIsOwnedByOneInstanceAndLagsBehindABlockedHandler() {
		CountDownLatch release = new CountDownLatch(1);
		Subscription owned = instance.reader()
			.consumer(this.name, "consumer")
			.subscribe((chunk) -> awaitQuietly(release));
		await(DurableNotifyMeters.CONSUMERS, (value) -> value == 1, "state", "owned");
		Subscription waiting = other.reader().consumer(this.name, "consumer").subscribe((chunk) -> {
		});
		Eventually.await(() -> WithMetrics.value(other, DurableNotifyMeters.CONSUMERS, "state", "waiting") == 1,
				() -> describe(DurableNotifyMeters.CONSUMERS));
		for (int i = 0; i < 5; i++) {
			other.writer().append(this.name, "chunk");
		}
		await(DurableNotifyMeters.CONSUMERS_LAG, (value) -> value == 5);
		await(DurableNotifyMeters.CONSUMERS_LAG_AGE, (value) -> value > 0.2);
		await(DurableNotifyMeters.HANDLER_RUNNING, (value) -> value > 0.2, "topic", "streams");
		release.countDown();
		await(DurableNotifyMeters.CONSUMERS_LAG, (value) -> value == 0);
		waiting.cancel();
		owned.cancel();
		await(DurableNotifyMeters.CONSUMERS, (value) -> value == 0, "state", "owned");
	}

	@Test
	void aConsumerThatFailsDoesNotGetOnBesideOneThatDoes() {
		double failed = value(DurableNotifyMeters.HANDLER, "topic", "streams", "outcome", "failed");
		Subscription failing = instance.reader().consumer(this.name, "failing").subscribe((chunk) -> {
			throw new IllegalStateException("On purpose");
		});
		Semaphore handled = new Semaphore(0);
		Subscription goingOn = instance.reader()
			.consumer(this.name, "going-on")
			.subscribe((chunk) -> handled.release());
		await(DurableNotifyMeters.CONSUMERS_LAG_AGE, (value) -> {
			if (value <= 0.2) {
				other.writer().append(this.name, "chunk");
				handled.acquireUninterruptibly();
			}
			return value > 0.2;
		});
		awaitMore(failed + 1, DurableNotifyMeters.HANDLER, "topic", "streams", "outcome", "failed");
		failing.cancel();
		await(DurableNotifyMeters.CONSUMERS_LAG_AGE, (value) -> value == 0);
		goingOn.cancel();
	}

	@Test
	void aHandlerOfWorkThatHangsHasALongAttemptBesideOneThatGoesOn() {
		CountDownLatch release = new CountDownLatch(1);
		Subscription listener = instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(this.name).concurrency(2), (item) -> {
				if (new String(item.payload(), StandardCharsets.UTF_8).contains("hanging")) {
					release.await();
				}
				return WorkOutcome.done();
			});
		WorkQueue queue = instance.bean(WorkQueue.class);
		queue.enqueue(WorkRequest.of(this.name, "hanging"));
		for (int i = 0; i < 3; i++) {
			queue.enqueue(WorkRequest.of(this.name, "good"));
		}
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 3, "queue", this.name, "outcome", "done");
		await(DurableNotifyMeters.WORK_HANDLER_RUNNING, (value) -> value > 0.2, "queue", this.name);
		release.countDown();
		await(DurableNotifyMeters.WORK_HANDLER_RUNNING, (value) -> value == 0, "queue", this.name);
		listener.cancel();
	}

	@Test
	void anItemIsEnqueuedOnceItIsCommitted() {
		Subscription listener = instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(this.name), (item) -> WorkOutcome.done());
		WorkRequest plain = WorkRequest.of(this.name, "plain");
		WorkRequest keyed = WorkRequest.of(this.name, "keyed").key("key").dueIn(Duration.ofHours(1));
		WorkRequest ordered = WorkRequest.of(this.name, "ordered").orderingKey("key");
		WorkQueue queue = instance.bean(WorkQueue.class);
		queue.enqueue(plain);
		queue.enqueue(keyed);
		queue.enqueue(keyed);
		queue.enqueue(ordered);
		assertEnqueued(3);
		queue.enqueueAll(List.of(plain, plain));
		queue.enqueueAll(List.of(plain, keyed, ordered));
		assertEnqueued(7);
		queue.enqueueAsync(plain).join();
		queue.enqueueAsync(ordered).join();
		assertEnqueued(9);
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(plain);
			Object savepoint = status.createSavepoint();
			queue.enqueueAll(List.of(plain, ordered));
			status.rollbackToSavepoint(savepoint);
			queue.enqueueAll(List.of(plain, ordered));
			queue.enqueueOnCommit(plain);
			assertEnqueued(9);
		});
		assertEnqueued(13);
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(plain);
			queue.enqueueOnCommit(plain);
			status.setRollbackOnly();
		});
		queue.cancel(this.name, "key");
		assertEnqueued(13);
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 12, "queue", this.name, "outcome", "done");
		listener.cancel();
	}

	private void assertEnqueued(int items) {
		assertThat(value(DurableNotifyMeters.WORK_ENQUEUED, "queue", this.name)).isEqualTo(items);
	}

	@Test
	void whatIsEnqueuedForAnotherInstanceIsOfAnotherQueue() {
		double enqueued = WithMetrics.value(other, DurableNotifyMeters.WORK_ENQUEUED, "queue", "other");
		double messages = WithMetrics.value(other, DurableNotifyMeters.WORK_ENQUEUED, "queue", "channel");
		other.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "item").key("key"));
		other.bean(DurableChannels.class).send(this.name, "address", "message");
		assertThat(WithMetrics.value(other, DurableNotifyMeters.WORK_ENQUEUED, "queue", "other"))
			.isEqualTo(enqueued + 1);
		assertThat(WithMetrics.value(other, DurableNotifyMeters.WORK_ENQUEUED, "queue", "channel"))
			.isEqualTo(messages + 1);
		other.bean(WorkQueue.class).cancel(this.name, "key");
	}

	@Test
	void anItemIsRetriedAndDies() {
		WorkListenerSpec spec = WorkListenerSpec.of(this.name)
			.maxAttempts(2)
			.backoff(new Backoff(Duration.ofMillis(10), 1, Duration.ofMillis(10)));
		Subscription listener = instance.bean(WorkListeners.class).register(spec, (item) -> {
			if (new String(item.payload(), StandardCharsets.UTF_8).contains("failing")) {
				throw new IllegalStateException("On purpose");
			}
			return WorkOutcome.done();
		});
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "good"));
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "failing"));
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 1, "queue", this.name, "outcome", "done");
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 1, "queue", this.name, "outcome", "retried");
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 1, "queue", this.name, "outcome", "dead");
		assertThat(value(DurableNotifyMeters.WORK_HANDLER, "queue", this.name, "outcome", "done")).isEqualTo(1);
		assertThat(value(DurableNotifyMeters.WORK_HANDLER, "queue", this.name, "outcome", "failed")).isEqualTo(2);
		assertThat(value(DurableNotifyMeters.WORK_WAIT, "queue", this.name)).isEqualTo(3);
		assertThat(value(DurableNotifyMeters.WORK_CLAIM, "queue", this.name)).isGreaterThanOrEqualTo(2);
		assertThat(value(DurableNotifyMeters.WORK_CLAIMED, "queue", this.name)).isGreaterThanOrEqualTo(2);
		assertThat(value(DurableNotifyMeters.WORK_FOUND, "queue", this.name)).isEqualTo(3);
		awaitSampled(DurableNotifyMeters.WORK_ITEMS, (value) -> value == 1, "queue", this.name, "state", "dead");
		listener.cancel();
	}

	@Test
	void itemsThatAreSettledInATransactionAreCounted() {
		WorkListenerSpec spec = WorkListenerSpec.of(this.name).inTransaction().maxAttempts(1);
		Subscription listener = instance.bean(WorkListeners.class)
			.register(spec, (item) -> switch (new String(item.payload(), StandardCharsets.UTF_8)) {
				case "later" -> WorkOutcome.postpone(Duration.ofHours(1));
				case "failing" -> throw new IllegalStateException("On purpose");
				default -> WorkOutcome.done();
			});
		WorkQueue queue = instance.bean(WorkQueue.class);
		for (String payload : List.of("done", "done", "later", "failing")) {
			queue.enqueue(WorkRequest.of(this.name, payload));
			queue.enqueue(WorkRequest.of(this.name, payload).orderingKey("of " + payload));
		}
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 4, "queue", this.name, "outcome", "done");
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 2, "queue", this.name, "outcome", "postponed");
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 2, "queue", this.name, "outcome", "dead");
		assertThat(value(DurableNotifyMeters.WORK_FINISHED, "queue", this.name)).isEqualTo(8);
		listener.cancel();
	}

	@Test
	void anItemIsPostponedAndLostWhenItIsCancelled() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		WorkQueue queue = instance.bean(WorkQueue.class);
		Subscription listener = instance.bean(WorkListeners.class).register(WorkListenerSpec.of(this.name), (item) -> {
			if (item.key() == null) {
				return WorkOutcome.postpone(Duration.ofHours(1));
			}
			running.countDown();
			release.await();
			return WorkOutcome.done();
		});
		queue.enqueue(WorkRequest.of(this.name, "later"));
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 1, "queue", this.name, "outcome", "postponed");
		assertThat(value(DurableNotifyMeters.WORK_HANDLER, "queue", this.name, "outcome", "postponed")).isEqualTo(1);
		queue.enqueue(WorkRequest.of(this.name, "cancelled").key("key"));
		running.await();
		awaitSampled(DurableNotifyMeters.WORK_ITEMS, (value) -> value == 1, "queue", this.name, "state", "pending");
		awaitSampled(DurableNotifyMeters.WORK_ITEMS, (value) -> value == 1, "queue", this.name, "state", "running");
		queue.cancel(this.name, "key");
		release.countDown();
		await(DurableNotifyMeters.WORK_FINISHED, (value) -> value == 1, "queue", this.name, "outcome", "lost");
		assertThat(value(DurableNotifyMeters.WORK_FOUND, "queue", this.name, "by", "wakeup")).isPositive();
		listener.cancel();
	}

	@Test
	void aQueueThatNoInstanceHandlesIsCounted() {
		double unhandled = value(DurableNotifyMeters.WORK_UNHANDLED);
		WorkQueue queue = instance.bean(WorkQueue.class);
		queue.enqueue(WorkRequest.of(this.name, "item").key("key"));
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE queue_id = "
					+ "(SELECT queue_id FROM durable_notify.work_queues WHERE name = ?)", this.name);
		PeriodicTask janitor = instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class);
		await(DurableNotifyMeters.WORK_UNHANDLED, (value) -> {
			janitor.wake();
			return value > unhandled;
		});
		double more = value(DurableNotifyMeters.WORK_UNHANDLED);
		queue.cancel(this.name, "key");
		await(DurableNotifyMeters.WORK_UNHANDLED, (value) -> {
			janitor.wake();
			return value < more;
		});
	}

	@Test
	void aQueueThatIsSlowToSearchIsCounted() {
		double slow = value(DurableNotifyMeters.WORK_SEARCHES_SLOW);
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "item"));
		String took = "UPDATE durable_notify.work_queues SET look_took = ?::interval, "
				+ "looked_at = clock_timestamp() - interval '90 s' WHERE name = ?";
		PeriodicTask janitor = instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class);
		for (String interval : List.of("2 s", "0 s")) {
			database.jdbc().update(took, interval, this.name);
			await(DurableNotifyMeters.WORK_SEARCHES_SLOW, (value) -> {
				janitor.wake();
				return (interval.equals("2 s")) ? value == slow + 1 : value == slow;
			});
		}
	}

	@Test
	void anItemThatNoNotificationHasToldOfIsFoundByThePoll() {
		double rounds = value(DurableNotifyMeters.POLL_ROUNDS, "topic", "work");
		double found = value(DurableNotifyMeters.POLL_FOUND, "topic", "work");
		Subscription listener = instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(this.name), (item) -> WorkOutcome.done());
		awaitMore(0, DurableNotifyMeters.WORK_CLAIM, "queue", this.name);
		database.jdbc()
			.queryForObject("SELECT durable_notify.enqueue(?, 'lost', due_at => clock_timestamp() - interval '2 s', "
					+ "wake => false)", Long.class, this.name);
		await(DurableNotifyMeters.WORK_FOUND, (value) -> value == 1, "queue", this.name, "by", "poll");
		awaitMore(found, DurableNotifyMeters.POLL_FOUND, "topic", "work");
		awaitMore(rounds, DurableNotifyMeters.POLL_ROUNDS, "topic", "work");
		listener.cancel();
	}

	@Test
	void aQueueWithoutAListenerHereIsOneOfTheOthers() {
		WorkQueue queue = instance.bean(WorkQueue.class);
		queue.enqueue(WorkRequest.of(this.name, "item").key("key"));
		awaitSampled(DurableNotifyMeters.WORK_ITEMS, (value) -> value >= 1, "queue", "other", "state", "due");
		awaitSampled(DurableNotifyMeters.WORK_OLDEST_DUE, (value) -> value > 0, "queue", "other");
		awaitSampled(DurableNotifyMeters.WORK_OLDEST, (value) -> value > 0, "queue", "other");
		assertThat(describe(DurableNotifyMeters.WORK_ITEMS)).doesNotContain(this.name);
		queue.cancel(this.name, "key");
	}

	@Test
	void theQueueOfAGeneratedFeatureHasTheNameOfTheFeature() {
		List<String> features = List.of("workflow", "timer", "channel", "outbox");
		double sent = value(DurableNotifyMeters.OUTBOX_SENDER, "sender", "test", "outcome", "sent");
		List<Double> enqueued = features.stream()
			.map((feature) -> value(DurableNotifyMeters.WORK_ENQUEUED, "queue", feature))
			.toList();
		instance.bean(WorkflowResumptions.class).request(this.name, "resumed");
		instance.bean(DurableTimers.class).set(this.name, "instance", "timer", Instant.now().plusSeconds(3_600));
		CountDownLatch handled = new CountDownLatch(1);
		Subscription subscription = instance.bean(DurableChannels.class)
			.compete(this.name, (message) -> handled.countDown());
		instance.bean(DurableChannels.class).publish(this.name, "message");
		awaitQuietly(handled);
		instance.transaction()
			.executeWithoutResult((status) -> instance.bean(Outbox.class).publish(OutboxEvent.of("tagged", "a")));
		await(DurableNotifyMeters.OUTBOX_SENDER, (value) -> value > sent, "sender", "test", "outcome", "sent");
		for (int i = 0; i < features.size(); i++) {
			awaitMore(enqueued.get(i), DurableNotifyMeters.WORK_ENQUEUED, "queue", features.get(i));
		}
		subscription.cancel();
		instance.bean(DurableTimers.class).cancel(this.name, "instance", "timer");
		instance.bean(WorkQueue.class).cancel("resume/" + this.name, "resumed");
		assertThat(instance.bean(MeterRegistry.class)
			.get(DurableNotifyMeters.WORK_FINISHED.meterName())
			.tags("outcome", "dead")
			.meters()).extracting((meter) -> meter.getId().getTag("queue"))
			.contains("workflow", "timer", "channel", "outbox")
			.noneMatch((queue) -> queue.contains("/"));
	}

	@Test
	void aReceiverWaitsForItsMessage() {
		Duration forever = Duration.ofHours(1);
		double received = value(DurableNotifyMeters.CHANNELS_RECEIVED);
		DurableChannels channels = instance.bean(DurableChannels.class);
		var waiting = Background.supply(() -> channels.receive(this.name, "address", forever));
		await(DurableNotifyMeters.CHANNELS_RECEIVERS, (value) -> value == 1);
		other.bean(DurableChannels.class).send(this.name, "address", "message");
		assertThat(waiting).succeedsWithin(Eventually.TIMEOUT).matches(Optional::isPresent);
		assertThat(value(DurableNotifyMeters.CHANNELS_RECEIVED)).isEqualTo(received + 1);
		await(DurableNotifyMeters.CHANNELS_RECEIVERS, (value) -> value == 0);
		var future = channels.receiveAsync(this.name, "address", forever);
		await(DurableNotifyMeters.CHANNELS_RECEIVERS, (value) -> value == 1);
		other.bean(DurableChannels.class).send(this.name, "address", "message");
		assertThat(future).succeedsWithin(Eventually.TIMEOUT).matches(Optional::isPresent);
		assertThat(value(DurableNotifyMeters.CHANNELS_RECEIVED)).isEqualTo(received + 2);
		channels.send(this.name, "address", "message");
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(channels.receive(this.name, "address", Duration.ZERO)).isPresent();
			status.setRollbackOnly();
		});
		assertThat(value(DurableNotifyMeters.CHANNELS_RECEIVED)).isEqualTo(received + 2);
		TransactionTemplate nested = instance.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		instance.transaction().executeWithoutResult((outer) -> nested.executeWithoutResult((status) -> {
			assertThat(channels.receive(this.name, "address", Duration.ZERO)).isPresent();
			status.setRollbackOnly();
		}));
		assertThat(value(DurableNotifyMeters.CHANNELS_RECEIVED)).isEqualTo(received + 2);
		instance.transaction()
			.executeWithoutResult((status) -> channels.receive(this.name, "address", Duration.ZERO).orElseThrow());
		assertThat(value(DurableNotifyMeters.CHANNELS_RECEIVED)).isEqualTo(received + 3);
	}

	@Test
	void aSenderThatFailsOpensItsCircuit() {
		Sender sender = instance.bean(Sender.class);
		awaitSampled(DurableNotifyMeters.OUTBOX_CIRCUIT, (value) -> value == 1, "sender", "test", "state", "closed");
		double sent = value(DurableNotifyMeters.OUTBOX_SENDER, "sender", "test", "outcome", "sent");
		sender.failing.set(true);
		Outbox outbox = instance.bean(Outbox.class);
		instance.transaction().executeWithoutResult((status) -> {
			outbox.publish(OutboxEvent.of("tested", "a"));
			outbox.publish(OutboxEvent.of("tested", "b"));
		});
		await(DurableNotifyMeters.OUTBOX_SENDER, (value) -> value >= 2, "sender", "test", "outcome", "failed");
		awaitSampled(DurableNotifyMeters.OUTBOX_CIRCUIT, (value) -> value == 1, "sender", "test", "state", "open");
		sender.failing.set(false);
		await(DurableNotifyMeters.OUTBOX_SENDER, (value) -> value == sent + 2, "sender", "test", "outcome", "sent");
		awaitSampled(DurableNotifyMeters.OUTBOX_CIRCUIT, (value) -> value == 0, "sender", "test", "state", "open");
		double refused = value(DurableNotifyMeters.OUTBOX_SENDER, "sender", "test", "outcome", "refused");
		instance.transaction().executeWithoutResult((status) -> outbox.publish(OutboxEvent.of("refused", "c")));
		await(DurableNotifyMeters.OUTBOX_SENDER, (value) -> value == refused + 1, "sender", "test", "outcome",
				"refused");
	}

	@Test
	void aLeaseIsRenewedAndALostInstanceIsTakenOver() {
		double renewals = value(DurableNotifyMeters.LEASES_RENEWALS, "outcome", "renewed");
		awaitMore(renewals, DurableNotifyMeters.LEASES_RENEWALS, "outcome", "renewed");
		awaitMore(0, DurableNotifyMeters.LEASES_RENEWAL_AGE);
		assertThat(value(DurableNotifyMeters.LEASES_RENEWAL_AGE)).isLessThan(30);
		instance.writer().append(this.name, "a");
		Long gone = database.jdbc()
			.queryForObject("INSERT INTO durable_notify.instances (lease_until) "
					+ "VALUES (clock_timestamp() - interval '1 s') RETURNING instance_id", Long.class);
		database.jdbc().update("UPDATE durable_notify.streams SET writer_id = ? WHERE name = ?", gone, this.name);
		Eventually.await(
				() -> value(DurableNotifyMeters.LEASES_TAKEN_OVER, "topic", "streams")
						+ WithMetrics.value(other, DurableNotifyMeters.LEASES_TAKEN_OVER, "topic", "streams") == 1,
				() -> describe(DurableNotifyMeters.LEASES_TAKEN_OVER));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void theWorkAndTheConsumersOfALostInstanceAreTakenOver(CapturedOutput output) throws Exception {
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		try (Instance lost = Instance.start(database)) {
			lost.reader().consumer(this.name, this.name).subscribe((chunk) -> {
			});
			lost.bean(WorkListeners.class).register(WorkListenerSpec.of(this.name), (item) -> {
				held.countDown();
				release.await();
				return WorkOutcome.done();
			});
			lost.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "item"));
			held.await();
			StreamConsumers consumers = instance.bean(StreamConsumers.class);
			Eventually.await(() -> consumers.find(this.name).map(ConsumerInfo::owner).isPresent(), consumers::list);
			double work = takenOver("work");
			double ofConsumers = takenOver("stream-consumer");
			Eventually.await(() -> {
				// As if it had not renewed for so long
				database.jdbc().update("""
						UPDATE durable_notify.instances SET lease_until = clock_timestamp() - interval '1 s'
						WHERE gone_at IS NULL AND instance_id IN (SELECT instance_id FROM durable_notify.work_claims
							UNION SELECT instance_id FROM durable_notify.stream_consumers WHERE name = ?)
						""", this.name);
				return takenOver("work") > work && takenOver("stream-consumer") > ofConsumers;
			}, () -> describe(DurableNotifyMeters.LEASES_TAKEN_OVER));
			assertThat(output).containsPattern(
					"Instance \\d+ \\(.+\\) has not renewed its lease: 1 items of work that it had claimed are due again");
			release.countDown();
		}
		finally {
			release.countDown();
		}
	}

	/**
	 * Return how much the instances have taken over, any of which may be the first.
	 */
	private static double takenOver(String topic) {
		return value(DurableNotifyMeters.LEASES_TAKEN_OVER, "topic", topic)
				+ WithMetrics.value(other, DurableNotifyMeters.LEASES_TAKEN_OVER, "topic", topic);
	}

	@Test
	void aRenewalWhoseConnectionIsLostHasFailed() {
		double failed = value(DurableNotifyMeters.LEASES_RENEWALS, "outcome", "failed");
		double renewed = value(DurableNotifyMeters.LEASES_RENEWALS, "outcome", "renewed");
		instance.writer().append(this.name, "a");
		awaitMore(renewed, DurableNotifyMeters.LEASES_RENEWALS, "outcome", "renewed");
		assertThat(database.terminate("instance-lease")).isPositive();
		awaitMore(failed, DurableNotifyMeters.LEASES_RENEWALS, "outcome", "failed");
	}

	@Test
	void aLeaseThatAnotherInstanceHasTakenOverIsLost() {
		double lost = WithMetrics.value(other, DurableNotifyMeters.LEASES_LOST);
		Lease lease = other.bean(Instances.class).lease(Duration.ofSeconds(30));
		assertThat(lease.awaitHeld(Eventually.TIMEOUT)).isTrue();
		Eventually.await(() -> database.jdbc()
			.update("UPDATE durable_notify.instances SET gone_at = clock_timestamp() WHERE gone_at IS NULL "
					+ "AND instance_id = ?", lease.instanceId()) == 1,
				() -> "no lease");
		Eventually.await(() -> WithMetrics.value(other, DurableNotifyMeters.LEASES_LOST) == lost + 1,
				() -> describe(DurableNotifyMeters.LEASES_LOST));
	}

	@Test
	void whatHasExpiredIsCleanedUp() {
		double runs = value(DurableNotifyMeters.CLEANUP, "topic", "streams", "outcome", "done");
		double removed = value(DurableNotifyMeters.CLEANUP_REMOVED, "topic", "streams");
		instance.writer().create(this.name, StreamOptions.none().timeToLive(Duration.ofMillis(1)));
		PeriodicTask janitor = instance.context().getBean("durableNotifyStreamJanitor", PeriodicTask.class);
		await(DurableNotifyMeters.CLEANUP_REMOVED, (value) -> {
			janitor.wake();
			return value > removed;
		}, "topic", "streams");
		assertThat(value(DurableNotifyMeters.CLEANUP, "topic", "streams", "outcome", "done")).isGreaterThan(runs);
	}

	@ParameterizedTest
	@ValueSource(strings = { "events", "changes", "work", "outbox" })
	void whatIsKeptForATimeIsRemovedAfterIt(String topic) {
		double removed = removed(topic);
		if (topic.equals("changes")) {
			// Not in the transaction whose snapshot has it
			database.jdbc().execute("SELECT durable_notify.publish('old', '1')");
		}
		database.jdbc().execute(switch (topic) {
			case "events" ->
				"""
						INSERT INTO durable_notify.workflow_runs (run_id, ended_at) VALUES ('old', now() - interval '2 hours');
						INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type, created_at)
							VALUES ('old', 1, gen_random_uuid(), 'step', now() - interval '2 hours')""";
			case "changes" ->
				"""
						INSERT INTO durable_notify.change_snapshots (snapshot) VALUES (pg_current_snapshot()) ON CONFLICT DO NOTHING;
						UPDATE durable_notify.change_snapshots SET taken_at = taken_at - interval '2 hours'""";
			case "work" -> """
					SELECT durable_notify.enqueue('old', '1', due_at => now() + interval '1 day');
					INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures)
						SELECT -1, false, queue_id, now(), 0 FROM durable_notify.work_queues WHERE name = 'old'""";
			default -> """
					INSERT INTO durable_notify.outbox_sent (event_id, sender, type, published_at, payload, keep_until)
						VALUES ('old', 'test', 'type', now(), '', now())""";
		});
		awaitRemoved(topic, removed);
	}

	@Test
	void messagesThatAllSubscribersHaveHadAreRemoved() throws InterruptedException {
		double removed = removed("channels");
		DurableChannels channels = instance.bean(DurableChannels.class);
		CountDownLatch handled = new CountDownLatch(2);
		Subscription subscription = channels.subscribe(this.name, "subscriber", (message) -> handled.countDown());
		channels.publish(this.name, "message");
		channels.publish(this.name, "the last one is kept");
		handled.await();
		awaitRemoved("channels", removed);
		subscription.cancel();
	}

	private static void awaitRemoved(String topic, double removed) {
		PeriodicTask janitor = tasks().filter((task) -> task.measures().topic().equals(topic))
			.findFirst()
			.orElseThrow();
		Eventually.await(() -> {
			janitor.wake();
			return removed(topic) > removed;
		}, () -> describe(DurableNotifyMeters.CLEANUP_REMOVED));
	}

	/**
	 * Return how much the instances have removed, any of which may be the first.
	 */
	private static double removed(String topic) {
		return value(DurableNotifyMeters.CLEANUP_REMOVED, "topic", topic)
				+ WithMetrics.value(other, DurableNotifyMeters.CLEANUP_REMOVED, "topic", topic);
	}

	@Test
	void aDeletedStreamWhoseChunksAreNotRemovedYetIsABacklog() {
		instance.writer().append(this.name, "a");
		instance.transaction().executeWithoutResult((status) -> {
			// As if the janitor of another instance were at it
			instance.jdbc()
				.execute("SELECT pg_advisory_xact_lock(hashtextextended('\"durable_notify\".deleted_streams', 0))");
			other.writer().delete(this.name);
			awaitSampled(DurableNotifyMeters.CLEANUP_BACKLOG, (value) -> value > 0);
		});
		awaitSampled(DurableNotifyMeters.CLEANUP_BACKLOG, (value) -> {
			instance.context().getBean("durableNotifyStreamJanitor", PeriodicTask.class).wake();
			return value == 0;
		});
	}

	@Test
	void theTasksOfAllFeaturesAreTimed() {
		tasks().forEach((task) -> {
			String topic = task.measures().topic();
			double runs = value(DurableNotifyMeters.CLEANUP, "topic", topic, "outcome", "done");
			task.wake();
			awaitMore(runs, DurableNotifyMeters.CLEANUP, "topic", topic, "outcome", "done");
		});
	}

	@Test
	void theDatabaseIsAsked() {
		awaitSampled(DurableNotifyMeters.DATABASE_NOTIFICATION_QUEUE, (value) -> value >= 0);
		assertThat(value(DurableNotifyMeters.DATABASE_NOTIFICATION_QUEUE)).isLessThan(0.5);
		assertThat(value(DurableNotifyMeters.DATABASE_CLOCK_DIFFERENCE)).isBetween(-5.0, 5.0);
		assertThat(value(DurableNotifyMeters.DATABASE_TABLE_SIZE, "table", "stream_chunks")).isGreaterThan(8_000);
		instance.writer().append(this.name, "a");
		instance.writer().delete(this.name);
		await(DurableNotifyMeters.DATABASE_TABLE_DEAD, (value) -> {
			// The next sample has the tables again
			ReflectionTestUtils.setField(instance.bean(DatabaseSampler.class), "tablesAt", null);
			instance.bean(DatabaseSampler.class).refresh();
			return value > 0 && value < 8_000;
		}, "table", "streams");
		assertThat(value(DurableNotifyMeters.DATABASE_SAMPLE_AGE)).isBetween(0.0, 30.0);
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SELECT 1");
			awaitSampled(DurableNotifyMeters.DATABASE_OLDEST_TRANSACTION, (value) -> value > 0.05);
		});
	}

	@Test
	void noGaugeAsksTheDatabase() throws Exception {
		awaitSampled(DurableNotifyMeters.DATABASE_NOTIFICATION_QUEUE, (value) -> value >= 0);
		HikariDataSource pool = instance.bean(DataSource.class).unwrap(HikariDataSource.class);
		List<Gauge> known = gauges().stream().filter((gauge) -> !Double.isNaN(gauge.value())).toList();
		assertThat(known).extracting((gauge) -> gauge.getId().getName())
			.contains(DurableNotifyMeters.DATABASE_OLDEST_TRANSACTION.meterName(),
					DurableNotifyMeters.WORK_OLDEST.meterName(), DurableNotifyMeters.CLEANUP_BACKLOG.meterName());
		List<Connection> held = new ArrayList<>();
		try {
			Eventually.await(() -> takes(pool, held), () -> pool);
			await(DurableNotifyMeters.DATABASE_SAMPLE_AGE, (age) -> {
				// The next answer is due, but cannot be had
				ReflectionTestUtils.setField(instance.bean(DatabaseSampler.class), "sampledAt",
						System.nanoTime() - Duration.ofSeconds(20).toNanos());
				return age > 19;
			});
			// One after the other: a gauge that asks waits for a connection
			for (Gauge gauge : known) {
				assertThat(gauge.value()).as(gauge.getId().toString()).isNotNaN();
			}
		}
		finally {
			for (Connection connection : held) {
				connection.close();
			}
		}
	}

	private static List<Gauge> gauges() {
		return instance.bean(MeterRegistry.class)
			.getMeters()
			.stream()
			.filter(Gauge.class::isInstance)
			.map(Gauge.class::cast)
			.filter((gauge) -> gauge.getId().getName().startsWith(DurableNotifyMeters.PREFIX))
			.toList();
	}

	@Configuration(proxyBeanMethods = false)
	static class Sender implements OutboxSender {

		private final AtomicBoolean failing = new AtomicBoolean();

		@Override
		public String name() {
			return "test";
		}

		@Override
		public void send(OutboxMessage message) throws Exception {
			if (message.type().equals("refused")) {
				throw new PermanentFailureException("On purpose");
			}
			if (this.failing.get()) {
				throw new IllegalStateException("On purpose");
			}
		}

	}

}
