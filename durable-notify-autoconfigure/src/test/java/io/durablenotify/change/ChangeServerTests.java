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
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.util.FileSystemUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for changes when the server is not the one that it was.
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
	 * What the pool lends first may be a connection that was cut.
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

	@Test
	void afterACrashOfTheServerEverythingIsHeardOnce() {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = start(server.database());
				Instance other = start(server.database())) {
			notifier(instance).subscribe("topic", this.handler);
			publish(other, "before");
			this.handler.awaitKey("before");
			for (int round = 0; round < 2; round++) {
				server.crash();
				instance.awaitStatus(Status.BACKING_OFF);
				server.restart();
				publish(other, "after " + round);
				this.handler.awaitKey("after " + round);
			}
			assertThat(this.handler.keys()).containsExactly("before", "after 0", "after 1");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@Test
	void numbersOfTransactionsThatTheServerGivesAwayAgainDoNotPassForSeen() {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			server.stopWriting();
			ChangeReader reader = instance.bean(ChangeReader.class);
			long burnt = burnTransactions(jdbc, 100);
			reader.onResync();
			awaitRead(reader, burnt);
			server.crash();
			server.restart();
			assertThat(nextTransaction(jdbc)).as("given away again").isLessThan(burnt);
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.keys()).containsExactly("before", "after");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@Test
	void numbersGivenAwayAgainAfterAProcessOfTheServerDiedDoNotPassForSeen() {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			server.stopWriting();
			ChangeReader reader = instance.bean(ChangeReader.class);
			long burnt = burnTransactions(jdbc, 100);
			reader.onResync();
			awaitRead(reader, burnt);
			server.crashProcess();
			assertThat(nextTransaction(jdbc)).as("given away again").isLessThan(burnt);
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.keys()).containsExactly("before", "after");
			assertThat(this.handler.gaps()).isEmpty();
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
				publish(instance, "after");
				this.handler.awaitKey("after");
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
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			// Somebody else's transactions, while the change is still there
			burnTransactions(jdbc, 100);
			awaitCleanedUp(jdbc);
			// What was deleted last is known with the next look
			ChangeReader reader = instance.bean(ChangeReader.class);
			long deleted = jdbc.queryForObject(
					"SELECT pg_snapshot_xmax(deleted)::text::bigint FROM durable_notify.change_log", Long.class);
			Eventually.await(() -> reader.toString().endsWith("durable " + (deleted - 1)), reader::toString);
			restart(server, crash);
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.keys()).containsExactly("before", "after");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	private static void awaitCleanedUp(JdbcTemplate jdbc) {
		String left = "SELECT (SELECT count(*) FROM durable_notify.changes) + (SELECT count(*) FROM durable_notify.change_snapshots)";
		Eventually.await(() -> jdbc.queryForObject(left, Long.class) == 0,
				() -> jdbc.queryForList("SELECT * FROM durable_notify.change_snapshots"));
	}

	/**
	 * What commits without waiting for the disk can be heard and lost.
	 */
	@Test
	void aChangeThatWasHeardAndThenLostInACrashIsToldAsAGap() {
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			server.stopWriting();
			for (int i = 0; i < 10; i++) {
				publish(instance, "lost");
			}
			this.handler.awaitChanges(11);
			server.crash();
			server.restart();
			assertThat(jdbc.queryForList("SELECT key FROM durable_notify.changes", String.class))
				.containsExactly("before");
			this.handler.awaitGap();
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
		}
	}

	/**
	 * The numbers that the server has forgotten are given away again, so that others pass
	 * the highest one while this instance is away.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "server", "process", "process, untold" })
	void whatOthersPublishAfterACrashThatTookWhatWasHeardIsHeardOrToldAsAGap(String crash) {
		try (OwnServer server = OwnServer.startForgetful(this.directory)) {
			TestDatabase application = Refusals.asApplication(server.database());
			if (crash.endsWith("untold")) {
				Refusals.refuse(server.database(), Refusals.FORBIDDEN, Refusals.FUNCTIONS);
			}
			try (TcpProxy proxy = TcpProxy.to(application);
					Instance instance = start(new TestDatabase(proxy.url()));
					Instance other = start(application)) {
				if (crash.endsWith("untold")) {
					keepLifetime(server);
				}
				notifier(instance).subscribe("topic", this.handler);
				publish(other, "before");
				this.handler.awaitKey("before");
				server.stopWriting();
				for (int i = 0; i < 8; i++) {
					publish(other, "lost " + i);
				}
				this.handler.awaitChanges(9);
				proxy.reject();
				crash(server, crash);
				assertThat(
						server.database().jdbc().queryForList("SELECT key FROM durable_notify.changes", String.class))
					.containsExactly("before");
				for (int i = 0; i < 30; i++) {
					publish(other, "after " + i);
				}
				proxy.pass();
				this.handler.awaitGap();
				publish(other, "last");
				this.handler.awaitKey("last");
				assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
				assertThat(this.handler.keys()).doesNotHaveDuplicates();
			}
		}
	}

	/**
	 * What a commit does not wait for may be lost although its number is not the highest.
	 */
	@Test
	void aChangeThatWasHeardAndLostIsToldAsAGapAlsoIfItsTransactionBeganBeforeTheLastOne() {
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
			server.crash();
			server.restart();
			assertThat(server.database().jdbc().queryForList("SELECT key FROM durable_notify.changes", String.class))
				.containsExactly("kept");
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.keys()).containsExactly("kept", "lost", "after");
			assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
		}
	}

	/**
	 * As on Aurora, where the table of the lifetime survives a crash; and where the
	 * server tells nothing, so that nobody knows of the crash.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "server", "process", "server, untold", "process, untold" })
	void numbersGivenAwayAgainDoNotPassForSeenWhateverSurvivesACrash(String crash) {
		try (OwnServer server = OwnServer.startForgetful(this.directory)) {
			TestDatabase application = Refusals.asApplication(server.database());
			boolean untold = crash.endsWith("untold");
			if (untold) {
				Refusals.refuse(server.database(), Refusals.FORBIDDEN, Refusals.FUNCTIONS);
			}
			try (Instance instance = start(application)) {
				JdbcTemplate jdbc = server.database().jdbc();
				keepLifetime(server);
				notifier(instance).subscribe("topic", this.handler);
				publish(instance, "before");
				this.handler.awaitKey("before");
				server.stopWriting();
				ChangeReader reader = instance.bean(ChangeReader.class);
				long burnt = burnTransactions(jdbc, 100);
				reader.onResync();
				awaitRead(reader, burnt);
				crash(server, crash);
				assertThat(nextTransaction(server.database().jdbc())).as("given away again").isLessThan(burnt);
				publish(instance, "after");
				this.handler.awaitKey("after");
				assertThat(this.handler.keys()).containsExactly("before", "after");
				assertThat(this.handler.gaps()).isEmpty();
			}
		}
	}

	private static void crash(OwnServer server, String crash) {
		if (crash.startsWith("server")) {
			server.crash();
			server.restart();
		}
		else {
			server.crashProcess();
		}
	}

	/**
	 * As on Aurora, where a crash empties no unlogged table.
	 */
	private static void keepLifetime(OwnServer server) {
		server.database().jdbc().execute("ALTER TABLE durable_notify.change_lifetime SET LOGGED");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aServerThatWasPutBackToItsStateOfBeforeIsToldAsAGap(boolean lost) throws IOException {
		Path data = this.directory.resolve("data");
		try (OwnServer server = OwnServer.start(data); Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			server.shutDown();
			Path copy = this.directory.resolve("copy");
			Files.createDirectory(copy);
			FileSystemUtils.copyRecursively(data, copy);
			server.restart();
			long burnt = burnTransactions(jdbc, 1_000);
			if (lost) {
				publish(instance, "lost");
				this.handler.awaitKey("lost");
			}
			else {
				ChangeReader reader = instance.bean(ChangeReader.class);
				reader.onResync();
				awaitRead(reader, burnt);
			}
			server.shutDown();
			FileSystemUtils.deleteRecursively(data.resolve("pg_wal"));
			FileSystemUtils.copyRecursively(copy, data);
			server.restart();
			this.handler.awaitGap();
			publish(instance, "after");
			this.handler.awaitKey("after");
			assertThat(this.handler.keys())
				.containsExactlyElementsOf((lost) ? List.of("before", "lost", "after") : List.of("before", "after"));
			assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
		}
	}

	@Test
	void notesOfAnotherClusterThatNobodyAdoptedLimitNothing() {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = Instance.start(server.database(), NO_POLL, IMPATIENT_POOL, RETENTION)) {
			JdbcTemplate jdbc = server.database().jdbc();
			// As a dump of an application leaves them that has never subscribed
			jdbc.execute("UPDATE durable_notify.change_log SET system_identifier = NULL, deleted = '1000000:1000000:'");
			jdbc.execute("INSERT INTO durable_notify.change_snapshots (taken_at, snapshot) "
					+ "VALUES (clock_timestamp() + interval '1 second', '1000000:1000000:')");
			jdbc.execute("INSERT INTO durable_notify.changes (xact, topic, key) VALUES ('5', 'topic', 'old')");
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "after");
			this.handler.awaitKey("after");
			awaitCleanedUp(jdbc);
			assertThat(jdbc.queryForObject("SELECT deleted::text FROM durable_notify.change_log", String.class))
				.doesNotStartWith("1000000");
			assertThat(this.handler.keys()).containsExactly("after");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	/**
	 * Wait until the reader has read up to a transaction, or further: others, such as the
	 * renewal of a lease, may have come after it.
	 */
	private static void awaitRead(ChangeReader reader, long xmax) {
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
	void afterAFailoverHandlersHearOfAGapAndNothingTwice() {
		try (OwnServer primary = OwnServer.start(this.directory.resolve("primary"));
				TcpProxy proxy = TcpProxy.to(primary.database());
				Instance instance = start(new TestDatabase(proxy.url()))) {
			notifier(instance).subscribe("topic", this.handler);
			publish(instance, "before");
			this.handler.awaitKey("before");
			try (OwnServer standby = primary.startStandby(this.directory.resolve("standby"))) {
				publish(instance, "lost");
				this.handler.awaitKey("lost");
				standby.promote();
				proxy.leadTo(standby.database());
				this.handler.awaitGap();
				publish(instance, "after");
				this.handler.awaitKey("after");
				assertThat(this.handler.keys()).containsExactly("before", "lost", "after");
				assertThat(this.handler.gaps()).containsExactly(Reason.FAILOVER);
			}
		}
	}

	@Test
	void aDumpRestoredIntoAnotherClusterIsToldAsAGapAndItsChangesAreGivenToNobody() {
		try (OwnServer before = OwnServer.start(this.directory.resolve("before"));
				OwnServer after = OwnServer.start(this.directory.resolve("after"));
				TcpProxy proxy = TcpProxy.to(before.database());
				Instance instance = start(new TestDatabase(proxy.url()));
				Instance other = start(new TestDatabase(proxy.url()))) {
			RecordingChangeHandler ofOther = new RecordingChangeHandler();
			notifier(instance).subscribe("topic", this.handler);
			notifier(other).subscribe("topic", ofOther);
			burnTransactions(before.database().jdbc(), 2_000);
			publish(instance, "before");
			this.handler.awaitKey("before");
			ofOther.awaitKey("before");
			restore(before.database().jdbc(), after.database());
			proxy.leadTo(after.database());
			this.handler.awaitGap();
			ofOther.awaitGap();
			publish(instance, "after");
			this.handler.awaitKey("after");
			ofOther.awaitKey("after");
			try (Instance late = start(after.database())) {
				RecordingChangeHandler ofLate = new RecordingChangeHandler();
				notifier(late).subscribe("topic", ofLate);
				// Beyond the numbers that the restored changes had
				burnTransactions(after.database().jdbc(), 4_000);
				publish(instance, "last");
				ofLate.awaitKey("last");
				assertThat(ofLate.keys()).containsExactly("last");
			}
			this.handler.awaitKey("last");
			ofOther.awaitKey("last");
			for (RecordingChangeHandler handler : List.of(this.handler, ofOther)) {
				assertThat(handler.keys()).containsExactly("before", "after", "last");
				assertThat(handler.gaps()).containsExactly(Reason.OTHER_CLUSTER);
			}
			assertThat(after.database().jdbc().queryForList("SELECT key FROM durable_notify.changes", String.class))
				.containsExactlyInAnyOrder("after", "last");
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
	void changesOfTransactionsThatAreStillToComeAreRemovedAtTheStart() {
		try (OwnServer server = OwnServer.start(this.directory); Instance instance = start(server.database())) {
			JdbcTemplate jdbc = server.database().jdbc();
			jdbc.execute("""
					INSERT INTO durable_notify.changes (xact, topic, key)
					VALUES ((pg_current_xact_id()::text::bigint + 50)::text::xid8, 'topic', 'from the future')
					""");
			notifier(instance).subscribe("topic", this.handler);
			burnTransactions(jdbc, 100);
			publish(instance, "key");
			this.handler.awaitKey("key");
			assertThat(this.handler.keys()).containsExactly("key");
		}
	}

}
