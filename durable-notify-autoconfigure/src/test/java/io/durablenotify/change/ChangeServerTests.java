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

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.durablenotify.change.ChangeGap.Reason;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.Refusals;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.util.FileSystemUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for changes after a crash, a restart, a failover or a restored backup.
 */
class ChangeServerTests {

	private static final Pattern SNAPSHOT = Pattern.compile("snapshot=\\d+:(\\d+):");

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	/**
	 * Short, and longer than a busy machine leaves a reader alone.
	 */
	private static final String RETENTION = "durable-notify.changes.retention=3s";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=1000";

	@TempDir
	private Path directory;

	private final RecordingChangeHandler handler = new RecordingChangeHandler();

	private static Instance start(TestDatabase database) {
		return Instance.start(database, NO_POLL, IMPATIENT_POOL);
	}

	private static ChangeNotifier notifier(Instance instance) {
		return instance.bean(ChangeNotifier.class);
	}

	/**
	 * The pool may lend a connection first that was cut.
	 */
	private static void publish(Instance instance, String key) {
		Eventually.await(() -> {
			try {
				notifier(instance).publish("topic", key);
				return true;
			}
			catch (DataAccessException ex) {
				return false;
			}
		}, () -> key);
	}

	/**
	 * Publish a change, which each of the handlers must get.
	 */
	private static void publishTo(List<RecordingChangeHandler> handlers, Instance instance, String key) {
		publish(instance, key);
		handlers.forEach((handler) -> handler.awaitKey(key));
	}

	private void publishAndAwait(Instance instance, String key) {
		publishTo(List.of(this.handler), instance, key);
	}

	private void subscribe(Instance instance) {
		notifier(instance).subscribe("topic", this.handler);
		publishAndAwait(instance, "before");
	}

	private void assertNoGap(Instance instance, String... keys) {
		publishAndAwait(instance, "after");
		assertThat(this.handler.keys()).containsExactly(keys);
		assertThat(this.handler.gaps()).isEmpty();
	}

	private void assertGap(Instance instance, String... keys) {
		this.handler.awaitGap();
		publishAndAwait(instance, "after");
		assertThat(this.handler.keys()).containsExactly(keys);
		assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
	}

	private static List<String> stored(OwnServer server) {
		return server.database().jdbc().queryForList("SELECT key FROM durable_notify.changes", String.class);
	}

	@Test
	void afterACrashOfTheServerEachChangeIsReceivedOnce() {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = start(server.database());
				Instance other = start(server.database())) {
			subscribe(instance);
			server.crash();
			instance.awaitStatus(Status.BACKING_OFF);
			server.restart();
			publishAndAwait(other, "between");
			server.crash();
			instance.awaitStatus(Status.BACKING_OFF);
			server.restart();
			assertNoGap(other, "before", "between", "after");
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aRestartBetweenTwoPagesIsNoGap(boolean crash) {
		int count = 2 * ChangeReader.PAGE + 1;
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			AtomicBoolean ready = new AtomicBoolean();
			try (ChangeReader reader = restartingBetweenPages(server, crash, ready, instance).reader(Runnable::run)) {
				reader.subscribe("topic", this.handler);
				jdbc.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', n "
						+ "FROM generate_series(1, ?) n", count);
				server.stopWriting();
				burnTransactions(jdbc, 100);
				ready.set(true);
				reader.onResync();
				this.handler.awaitChanges(count);
				Eventually.await(() -> reader.toString().contains("target=null"), reader::toString);
				publishAndAwait(instance, "after");
				assertThat(this.handler.keys()).hasSize(count + 1).doesNotHaveDuplicates();
				assertThat(this.handler.gaps()).isEmpty();
			}
		}
	}

	private static HookedChangeSql restartingBetweenPages(OwnServer server, boolean crash, AtomicBoolean ready,
			Instance instance) {
		AtomicBoolean restarted = new AtomicBoolean();
		return new HookedChangeSql(instance, (connection, position) -> {
			if (position.target() != null && restarted.compareAndSet(false, true)) {
				restart(server, crash);
			}
		}) {

			@Override
			ChangePage read(Connection connection, ChangePosition position, Watermark watermark,
					@Nullable String target, Collection<String> topics, int limit) throws SQLException {
				return super.read(connection, position, watermark, (ready.get()) ? target : position.snapshot(), topics,
						limit);
			}

		};
	}

	private static void restart(OwnServer server, boolean crash) {
		if (crash) {
			server.crash();
		}
		else {
			server.shutDown();
		}
		server.restart();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aRestartAfterAQuietTimeIsNoGap(boolean crash) {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = Instance.start(server.database(), NO_POLL, IMPATIENT_POOL, RETENTION)) {
			JdbcTemplate jdbc = server.database().jdbc();
			subscribe(instance);
			// Transactions of others, while the change is still there
			burnTransactions(jdbc, 100);
			awaitCleanedUp(jdbc);
			// The next read finds what was deleted last
			ChangeReader reader = instance.bean(ChangeReader.class);
			long deleted = jdbc.queryForObject(
					"SELECT pg_snapshot_xmax(deleted)::text::bigint FROM durable_notify.change_log", Long.class);
			Eventually.await(() -> reader.toString().endsWith("durable " + (deleted - 1)), reader::toString);
			restart(server, crash);
			assertNoGap(instance, "before", "after");
		}
	}

	private static void awaitCleanedUp(JdbcTemplate jdbc) {
		String left = "SELECT (SELECT count(*) FROM durable_notify.changes)"
				+ " + (SELECT count(*) FROM durable_notify.change_snapshots)";
		Eventually.await(() -> jdbc.queryForObject(left, Long.class) == 0,
				() -> jdbc.queryForList("SELECT * FROM durable_notify.change_snapshots"));
	}

	/**
	 * What commits without waiting for the disk can be received and lost.
	 */
	@Test
	void aChangeThatWasReceivedAndThenLostInACrashIsAGap() {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(server.database())) {
			subscribe(instance);
			server.stopWriting();
			for (int i = 0; i < 10; i++) {
				publish(instance, "lost");
			}
			this.handler.awaitChanges(11);
			restart(server, true);
			assertThat(stored(server)).containsExactly("before");
			this.handler.awaitGap();
			publishAndAwait(instance, "after");
			assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
		}
	}

	/**
	 * The server assigns the numbers that it has forgotten again, so that others pass the
	 * highest one while this instance is away.
	 */
	@ParameterizedTest
	@EnumSource(names = { "OF_SERVER", "OF_PROCESS", "OF_PROCESS_UNTOLD" })
	void afterACrashThatLostWhatWasReceivedThereIsAGapAlsoIfOthersPublish(Crash crash) {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				TcpProxy proxy = TcpProxy.to(crash.application(server));
				Instance instance = start(new TestDatabase(proxy.url()));
				Instance other = start(crash.application(server))) {
			crash.prepare(server);
			subscribe(instance);
			server.stopWriting();
			for (int i = 0; i < 8; i++) {
				publish(other, "lost " + i);
			}
			this.handler.awaitChanges(9);
			proxy.reject();
			crash.happen(server);
			assertThat(stored(server)).containsExactly("before");
			for (int i = 0; i < 30; i++) {
				publish(other, "after " + i);
			}
			proxy.pass();
			this.handler.awaitGap();
			publishAndAwait(other, "last");
			assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
			assertThat(this.handler.keys()).doesNotHaveDuplicates();
		}
	}

	/**
	 * What a commit does not wait for may be lost although its number is not the highest.
	 */
	@Test
	void aChangeThatWasReceivedAndLostIsAGapAlsoIfItsTransactionBeganBeforeTheLastOne() {
		try (OwnServer server = OwnServer.start(this.directory); Instance instance = start(server.database())) {
			server.stopWriting();
			notifier(instance).subscribe("topic", this.handler);
			instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().execute("SET LOCAL synchronous_commit = off");
				notifier(instance).publish("topic", "lost");
				Background.run(() -> notifier(instance).publish("topic", "kept")).join();
				this.handler.awaitKey("kept");
			});
			this.handler.awaitKey("lost");
			restart(server, true);
			assertThat(stored(server)).containsExactly("kept");
			assertGap(instance, "kept", "lost", "after");
		}
	}

	@ParameterizedTest
	@EnumSource
	void changesWithNumbersThatAreAssignedAgainAreReceived(Crash crash) {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(crash.application(server))) {
			crash.prepare(server);
			subscribe(instance);
			server.stopWriting();
			long burnt = burnTransactions(server.database().jdbc(), 100);
			awaitRead(instance, burnt);
			crash.happen(server);
			assertThat(nextTransaction(server.database().jdbc())).as("assigned again").isLessThan(burnt);
			assertNoGap(instance, "before", "after");
		}
	}

	/**
	 * What crashes, and what of it the server reports.
	 */
	private enum Crash {

		OF_SERVER, OF_PROCESS,

		/**
		 * As on Aurora, where a crash empties no unlogged table.
		 */
		OF_SERVER_ON_AURORA, OF_PROCESS_ON_AURORA,

		/**
		 * On a server that reports nothing, so that no reader knows of the crash.
		 */
		OF_SERVER_UNTOLD, OF_PROCESS_UNTOLD;

		TestDatabase application(OwnServer server) {
			if (!name().endsWith("UNTOLD")) {
				return server.database();
			}
			Refusals.refuse(server.database(), Refusals.FORBIDDEN, Refusals.FUNCTIONS);
			return Refusals.asApplication(server.database());
		}

		void prepare(OwnServer server) {
			if (name().endsWith("UNTOLD") || name().endsWith("AURORA")) {
				server.database().jdbc().execute("ALTER TABLE durable_notify.change_lifetime SET LOGGED");
			}
		}

		void happen(OwnServer server) {
			if (name().startsWith("OF_SERVER")) {
				restart(server, true);
			}
			else {
				server.crashProcess();
			}
		}

	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aServerThatWasRestoredFromABackupIsAGap(boolean lost) throws IOException {
		Path data = this.directory.resolve("data");
		try (OwnServer server = OwnServer.start(data); Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			subscribe(instance);
			server.shutDown();
			Path copy = this.directory.resolve("copy");
			Files.createDirectory(copy);
			FileSystemUtils.copyRecursively(data, copy);
			server.restart();
			long burnt = burnTransactions(jdbc, 1_000);
			if (lost) {
				publishAndAwait(instance, "lost");
			}
			else {
				awaitRead(instance, burnt);
			}
			server.shutDown();
			FileSystemUtils.deleteRecursively(data.resolve("pg_wal"));
			FileSystemUtils.copyRecursively(copy, data);
			server.restart();
			assertGap(instance,
					(lost) ? new String[] { "before", "lost", "after" } : new String[] { "before", "after" });
		}
	}

	@Test
	void notesOfAnotherClusterThatNoInstanceHasAdoptedLimitNothing() {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = Instance.start(server.database(), NO_POLL, IMPATIENT_POOL, RETENTION)) {
			JdbcTemplate jdbc = server.database().jdbc();
			// As a dump of an application leaves them that has never subscribed
			jdbc.execute("UPDATE durable_notify.change_log SET system_identifier = NULL, deleted = '1000000:1000000:'");
			jdbc.execute("INSERT INTO durable_notify.change_snapshots (taken_at, snapshot) "
					+ "VALUES (clock_timestamp() + interval '1 second', '1000000:1000000:')");
			jdbc.execute("INSERT INTO durable_notify.changes (xact, topic, key) VALUES ('5', 'topic', 'old')");
			notifier(instance).subscribe("topic", this.handler);
			assertNoGap(instance, "after");
			awaitCleanedUp(jdbc);
			assertThat(jdbc.queryForObject("SELECT deleted::text FROM durable_notify.change_log", String.class))
				.doesNotStartWith("1000000");
		}
	}

	/**
	 * Wait until the instance has read up to a transaction, or further: others, such as
	 * the renewal of a lease, may have come after it.
	 */
	private static void awaitRead(Instance instance, long xmax) {
		ChangeReader reader = instance.bean(ChangeReader.class);
		reader.onResync();
		Eventually.await(() -> {
			Matcher matcher = SNAPSHOT.matcher(reader.toString());
			return matcher.find() && Long.parseLong(matcher.group(1)) >= xmax;
		}, reader::toString);
	}

	private static long burnTransactions(JdbcTemplate jdbc, int count) {
		jdbc.execute("""
				DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM pg_current_xact_id(); ROLLBACK; END LOOP; END $$
				""".formatted(count));
		return nextTransaction(jdbc);
	}

	private static long nextTransaction(JdbcTemplate jdbc) {
		return jdbc.queryForObject("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", Long.class);
	}

	@Test
	void afterAFailoverThereIsAGapAndNothingIsReceivedTwice() {
		try (OwnServer primary = OwnServer.start(this.directory.resolve("primary"));
				TcpProxy proxy = TcpProxy.to(primary.database());
				Instance instance = start(new TestDatabase(proxy.url()))) {
			subscribe(instance);
			try (OwnServer standby = primary.startStandby(this.directory.resolve("standby"))) {
				publishAndAwait(instance, "lost");
				standby.promote();
				proxy.leadTo(standby.database());
				assertGap(instance, "before", "lost", "after");
			}
		}
	}

	@Test
	void aDumpRestoredIntoAnotherClusterIsAGapAndItsChangesAreNotDelivered() {
		try (OwnServer before = OwnServer.start(this.directory.resolve("before"));
				OwnServer after = OwnServer.start(this.directory.resolve("after"));
				TcpProxy proxy = TcpProxy.to(before.database());
				Instance instance = start(new TestDatabase(proxy.url()));
				Instance other = start(new TestDatabase(proxy.url()))) {
			List<RecordingChangeHandler> handlers = List.of(this.handler, new RecordingChangeHandler());
			notifier(instance).subscribe("topic", handlers.get(0));
			notifier(other).subscribe("topic", handlers.get(1));
			burnTransactions(before.database().jdbc(), 2_000);
			publishTo(handlers, instance, "before");
			restore(before.database().jdbc(), after.database());
			proxy.leadTo(after.database());
			handlers.forEach(RecordingChangeHandler::awaitGap);
			publishTo(handlers, instance, "after");
			try (Instance late = start(after.database())) {
				RecordingChangeHandler ofLate = new RecordingChangeHandler();
				notifier(late).subscribe("topic", ofLate);
				// Beyond the numbers that the restored changes had
				burnTransactions(after.database().jdbc(), 4_000);
				publishTo(List.of(handlers.get(0), handlers.get(1), ofLate), instance, "last");
				assertThat(ofLate.keys()).containsExactly("last");
			}
			for (RecordingChangeHandler handler : handlers) {
				assertThat(handler.keys()).containsExactly("before", "after", "last");
				assertThat(handler.gaps()).containsExactly(Reason.OTHER_CLUSTER);
			}
			assertThat(stored(after)).containsExactlyInAnyOrder("after", "last");
		}
	}

	/**
	 * As a dump would: all rows as they are.
	 */
	private static void restore(JdbcTemplate from, TestDatabase to) {
		Instance.start(to).close();
		JdbcTemplate jdbc = to.jdbc();
		jdbc.execute("DELETE FROM durable_notify.change_log");
		from.queryForList("SELECT system_identifier, deleted::text FROM durable_notify.change_log")
			.forEach((row) -> jdbc.update(
					"INSERT INTO durable_notify.change_log (system_identifier, deleted) VALUES (?, ?::pg_snapshot)",
					row.get("system_identifier"), row.get("deleted")));
		from.queryForList("SELECT xact::text, created_at, instance, topic, key FROM durable_notify.changes")
			.forEach((row) -> jdbc.update("""
					INSERT INTO durable_notify.changes (xact, created_at, instance, topic, key)
					VALUES (?::text::xid8, ?, ?, ?, ?)
					""", row.get("xact"), row.get("created_at"), row.get("instance"), row.get("topic"),
					row.get("key")));
		assertThat(nextTransaction(jdbc))
			.isLessThan(from.queryForObject("SELECT max(xact::text::bigint) FROM durable_notify.changes", Long.class));
	}

	@Test
	void changesOfFutureTransactionsAreDeletedAtTheStart() {
		try (OwnServer server = OwnServer.start(this.directory); Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			jdbc.execute("""
					INSERT INTO durable_notify.changes (xact, topic, key)
					VALUES ((pg_current_xact_id()::text::bigint + 50)::text::xid8, 'topic', 'from the future')
					""");
			notifier(instance).subscribe("topic", this.handler);
			burnTransactions(jdbc, 100);
			assertNoGap(instance, "after");
		}
	}

}
