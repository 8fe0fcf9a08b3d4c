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

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import io.durablenotify.change.ChangeGap.Reason;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.loop.PeriodicMeasures.Run;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ChangeJanitor} and {@link ChangeCleanupSql}, and for who comes too
 * late.
 */
class ChangeRetentionTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String SHORT = "durable-notify.changes.retention=1s";

	private final RecordingChangeHandler handler = new RecordingChangeHandler();

	@Fixture
	private TestDatabase database;

	@Fixture(properties = { NO_POLL, SHORT })
	private Instance instance;

	private void publish(String key) {
		this.instance.bean(ChangeNotifier.class).publish("topic", key);
	}

	private List<String> stored() {
		return this.database.jdbc().queryForList("SELECT key FROM durable_notify.changes ORDER BY id", String.class);
	}

	private void awaitStored(String... keys) {
		Eventually.await(() -> stored().equals(List.of(keys)), this::stored);
	}

	@Test
	void aChangeIsDeletedOnceItIsOlderThanTheRetention() {
		publish("old");
		long start = System.nanoTime();
		awaitStored();
		// By the database's clock, from a note that was made after the commit
		assertThat(System.nanoTime() - start).isGreaterThan(900_000_000L);
		Eventually.await(() -> notes() == 0, this::notes);
	}

	private int notes() {
		return this.database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.change_snapshots", Integer.class);
	}

	@Test
	void manyGoSliceBySlice() {
		int count = 2 * ChangeCleanupSql.SLICE + 1;
		this.database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', n FROM generate_series(1, ?) n",
					count);
		awaitStored();
	}

	@Test
	void aSliceIsFoundAndDeletedWithoutReadingTheTable() throws Exception {
		this.instance.bean(ChangeJanitor.class).stop();
		this.database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', n FROM generate_series(1, ?) n",
					5 * ChangeCleanupSql.SLICE);
		this.database.jdbc()
			.execute("INSERT INTO durable_notify.change_snapshots VALUES (clock_timestamp() - interval '1 hour', "
					+ "pg_current_snapshot()) ON CONFLICT DO NOTHING");
		this.database.jdbc().execute("ANALYZE durable_notify.changes");
		ChangeCleanupSql sql = new ChangeCleanupSql(this.instance.bean(Schema.class).name());
		try (Connection connection = this.database.jdbc().getDataSource().getConnection()) {
			connection.setAutoCommit(false);
			assertThat(sql.clean(connection, Duration.ofMinutes(1), Duration.ofHours(1)))
				.isEqualTo(ChangeCleanupSql.SLICE);
			// One row may say that there is some
			assertThat(readFromEndToEnd(connection)).isLessThan(10);
		}
	}

	private static long readFromEndToEnd(Connection connection) throws SQLException {
		try (ResultSet read = connection.createStatement()
			.executeQuery("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'changes' "
					+ "AND schemaname = 'durable_notify'")) {
			assertThat(read.next()).isTrue();
			return read.getLong(1);
		}
	}

	@Test
	void whereNothingIsPublishedNothingIsWritten() {
		this.database.jdbc().execute("""
				CREATE TABLE written (relation text);
				CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
					INSERT INTO public.written VALUES (TG_TABLE_NAME); RETURN NULL; END';
				""");
		for (String table : List.of("changes", "change_snapshots", "change_log")) {
			this.database.jdbc()
				.execute("CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON durable_notify." + table
						+ " FOR EACH ROW EXECUTE FUNCTION public.note_write()");
		}
		publish("key");
		awaitStored();
		Eventually.await(() -> notes() == 0, this::notes);
		assertThat(written()).contains("changes", "change_snapshots", "change_log");
		this.database.jdbc().execute("TRUNCATE written");
		AtomicInteger turns = new AtomicInteger();
		this.instance.bean(ChangeJanitor.class)
			.measures()
			.runs()
			.of(Run.DONE)
			.recordBy((nanos) -> turns.incrementAndGet());
		Eventually.await(() -> turns.get() >= 10, turns::toString);
		assertThat(written()).isEmpty();
	}

	private List<String> written() {
		return this.database.jdbc().queryForList("SELECT relation FROM written", String.class);
	}

	private long transactions() {
		return this.database.jdbc()
			.queryForObject("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", Long.class);
	}

	@Test
	void anInstanceThatHasNotReadForLongerThanTheRetentionReceivesAGap() {
		String listener = "deaf-listener";
		try (Instance deaf = Instance.start(this.database, NO_POLL, SHORT,
				"durable-notify.listener.application-name=" + listener,
				"spring.datasource.hikari.allow-pool-suspension=true")) {
			RecordingChangeHandler ofDeaf = new RecordingChangeHandler();
			// First of all: a read that it has requested could still be running below
			deaf.bean(ChangeJanitor.class).stop();
			deaf.bean(ChangeNotifier.class).subscribe("topic", ofDeaf);
			publish("heard");
			ofDeaf.awaitKey("heard");
			deaf.listener().stop();
			HikariPoolMXBean pool = deaf.bean(HikariDataSource.class).getHikariPoolMXBean();
			// A read that was requested before must not receive it
			pool.suspendPool();
			Eventually.await(() -> pool.getActiveConnections() == 0, pool::getActiveConnections);
			publish("missed");
			awaitStored();
			pool.resumePool();
			deaf.listener().start();
			deaf.awaitStatus(Status.LISTENING);
			ofDeaf.awaitGap();
			publish("later");
			ofDeaf.awaitKey("later");
			assertThat(ofDeaf.keys()).containsExactly("heard", "later");
			assertThat(ofDeaf.gaps()).containsExactly(Reason.EXPIRED);
			ChangeDeliveryState state = deaf.bean(ChangeDelivery.class).state();
			assertThat(state.lastGap()).isEqualTo(Reason.EXPIRED);
			assertThat(state.lastGapAt()).isNotNull();
			assertThat(deaf.bean(ChangeDelivery.class).subscriptions()).singleElement()
				.satisfies((subscription) -> assertThat(subscription.lastGap()).isEqualTo(Reason.EXPIRED));
		}
	}

	@Test
	void anInstanceThatWasAwayForLessReceivesAllChangesAndNoGap() {
		try (Instance keeping = Instance.start(PostgresServer.shared().createDatabase(), NO_POLL)) {
			keeping.bean(ChangeNotifier.class).subscribe("topic", this.handler);
			keeping.listener().stop();
			// Another writer's: this instance is not woken by it
			keeping.jdbc().execute("SELECT durable_notify.publish('topic', 'missed', wake => false)");
			keeping.listener().start();
			this.handler.awaitKey("missed");
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@Test
	void aTransactionThatIsOpenForLongerThanTheRetentionIsStillReceived() throws Exception {
		this.instance.bean(ChangeNotifier.class).subscribe("topic", this.handler);
		try (Connection open = this.database.jdbc().getDataSource().getConnection()) {
			open.setAutoCommit(false);
			open.createStatement().execute("SELECT durable_notify.publish('topic', 'long')");
			publish("first");
			awaitStored();
			publish("second");
			awaitStored();
			open.commit();
		}
		this.handler.awaitKey("long");
		assertThat(this.handler.keys()).containsExactly("first", "second", "long");
		assertThat(this.handler.gaps()).isEmpty();
		awaitStored();
	}

	@Test
	void anInstanceThatReceivesNothingForLongerThanTheRetentionIsNotTakenForAway() {
		this.instance.bean(ChangeNotifier.class).subscribe("other", this.handler);
		for (int i = 0; i < 3; i++) {
			publish(String.valueOf(i));
			awaitStored();
		}
		this.instance.bean(ChangeNotifier.class).publish("other", "heard");
		this.handler.awaitKey("heard");
		assertThat(this.handler.gaps()).isEmpty();
	}

	@Test
	void instancesCleanUpTogether() {
		try (Instance other = Instance.start(this.database, NO_POLL, SHORT)) {
			other.bean(ChangeNotifier.class).subscribe("topic", this.handler);
			for (int i = 0; i < 300; i++) {
				publish(String.valueOf(i));
				this.instance.bean(ChangeJanitor.class).wake();
				other.bean(ChangeJanitor.class).wake();
			}
			this.handler.awaitChanges(300);
			awaitStored();
			assertThat(this.handler.keys()).hasSize(300).doesNotHaveDuplicates();
			assertThat(this.handler.gaps()).isEmpty();
		}
	}

	@Test
	void aNoteFromTheFutureDeletesNothing() {
		this.database.jdbc()
			.execute("INSERT INTO durable_notify.change_snapshots VALUES (clock_timestamp() - interval '1 minute', "
					+ "'4000000000000:4000000000000:')");
		Eventually.await(() -> notes() == 0, this::notes);
		assertThat(deleted()).isNull();
	}

	@Test
	void whatMayBeDeletedNeverShrinks() {
		long xact = transactions();
		String wider = "%d:%d:".formatted(xact - 1, xact);
		String narrower = "%d:%d:%d".formatted(xact - 1, xact, xact - 1);
		this.database.jdbc().update("UPDATE durable_notify.change_log SET deleted = ?::pg_snapshot", wider);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.change_snapshots VALUES (clock_timestamp() - interval '1 minute', "
					+ "?::pg_snapshot)", narrower);
		Eventually.await(() -> notes() == 0, this::notes);
		assertThat(deleted()).isEqualTo(wider);
	}

	private String deleted() {
		return this.database.jdbc().queryForObject("SELECT deleted::text FROM durable_notify.change_log", String.class);
	}

	@Test
	void aTransactionThatRanInThePositionAndWasDeletedSinceIsMissed() throws Exception {
		ApplicationDatabase connections = this.instance.bean(ApplicationDatabase.class);
		ChangeSql sql = this.instance.bean(ChangeSql.class);
		this.instance.bean(ChangeJanitor.class).stop();
		ChangePosition position;
		try (Connection open = this.database.jdbc().getDataSource().getConnection()) {
			open.setAutoCommit(false);
			open.createStatement().execute("SELECT durable_notify.publish('topic', 'long')");
			// One that came later has ended: the open one runs in the position
			this.database.jdbc().queryForObject("SELECT pg_current_xact_id()::text", String.class);
			position = connections
				.executeSeparately("find the position", (connection, joined) -> sql.currentPosition(connection))
				.position();
			open.commit();
		}
		String running = position.snapshot();
		String committed = running.substring(0, running.lastIndexOf(':') + 1);
		for (String deleted : List.of(running, committed)) {
			this.database.jdbc().update("UPDATE durable_notify.change_log SET deleted = ?::pg_snapshot", deleted);
			assertThat(connections
				.executeSeparately("read",
						(connection, joined) -> sql.read(connection, position, Watermark.UNKNOWN, null,
								List.of("topic"), 10))
				.expired()).as(deleted).isEqualTo(deleted.equals(committed));
		}
	}

}
