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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.StreamCleanup.Slice;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.PublishingWrites;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StreamJanitor} and {@link PostgresStreamCleanup}.
 */
@ExtendWith(OutputCaptureExtension.class)
class StreamJanitorTests {

	private static final Duration SOON = Duration.ofMillis(20);

	private static final Duration NEVER = Duration.ofDays(1);

	@Fixture
	private TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private Instance instance;

	private final List<StreamJanitor> janitors = new ArrayList<>();

	@AfterEach
	void stop() {
		this.janitors.forEach(StreamJanitor::close);
	}

	@Test
	void chunksOfADeletedStreamAreRemovedInSlices() {
		countRemovedChunks();
		insertChunks("large", 20_000, 10);
		insertChunks("kept", 10, 10);
		assertThat(this.instance.writer().delete("large")).isTrue();
		assertThat(chunks()).isEqualTo(20_010);
		janitor(this.instance, SOON);
		awaitChunks(10);
		assertThat(this.instance.reader().info("kept").orElseThrow().nextIndex()).isEqualTo(10);
		List<Integer> slices = this.database.jdbc()
			.queryForList("SELECT sum(removed)::integer FROM removals GROUP BY xact HAVING sum(removed) > 0",
					Integer.class);
		assertThat(slices).containsExactly(5_000, 5_000, 5_000, 5_000);
		awaitNothingLeft();
	}

	@Test
	void aSliceIsBoundedByBytesToo() {
		countRemovedChunks();
		insertChunks("heavy", 20, 10_000_000);
		this.instance.writer().delete("heavy");
		janitor(this.instance, SOON);
		awaitNothingLeft();
		assertThat(chunks()).isZero();
		assertThat(this.database.jdbc().queryForList("SELECT removed FROM removals WHERE removed > 0", Integer.class))
			.containsExactly(7, 7, 6);
	}

	@Test
	void manySmallStreamsShareASlice() {
		countRemovedChunks();
		for (int i = 0; i < 300; i++) {
			this.instance.writer().append("small/" + i, "a");
			this.instance.writer().delete("small/" + i);
		}
		this.instance.writer().create("empty", StreamOptions.none());
		this.instance.writer().delete("empty");
		Slice slice = clean(null, 0);
		assertThat(slice.more()).isFalse();
		assertThat(chunks()).isZero();
		assertThat(deleted()).isZero();
	}

	@Test
	void aLargeStreamGetsOneSliceATurn() {
		insertChunks("large", 12_000, 10);
		insertChunks("larger", 12_000, 10);
		insertChunks("small", 3, 10);
		List.of("large", "larger", "small").forEach((stream) -> this.instance.writer().delete(stream));
		Slice slice = clean(null, 0);
		assertThat(slice.more()).isTrue();
		slice = clean(null, slice.after());
		assertThat(chunksByStream()).containsExactly(7_000L, 7_000L, 3L);
		slice = clean(null, slice.after());
		assertThat(chunksByStream()).containsExactly(7_000L, 7_000L);
		// After the last one, so that nothing is found there
		slice = clean(null, slice.after());
		assertThat(slice.more()).isTrue();
		for (int i = 0; i < 4; i++) {
			slice = clean(null, slice.after());
		}
		assertThat(chunks()).isZero();
	}

	@Test
	void twoInstancesAreNeverAtItTogether() throws Exception {
		insertChunks("contended", 6_000, 10);
		this.instance.writer().delete("contended");
		StreamCleanup cleanup = cleanup(this.instance);
		try (Connection first = DriverManager.getConnection(this.database.url())) {
			first.setAutoCommit(false);
			assertThat(cleanup.clean(first, StreamRetention.of(null, List.of()), true, 0).more()).isTrue();
			// The first one's transaction is open, and the second one does not wait
			assertThat(clean(Duration.ofMillis(1), 0)).isEqualTo(new Slice(List.of(), 0, false));
			first.commit();
		}
		assertThat(chunks()).isEqualTo(1_000);
		assertThat(clean(null, 0).more()).isFalse();
		assertThat(chunks()).isZero();
	}

	@Test
	void twoJanitorsLeaveNothingAndRemoveNothingThatIsAlive() {
		try (Instance other = Instance.start(this.database)) {
			janitor(this.instance, SOON);
			janitor(other, SOON);
			for (int i = 0; i < 50; i++) {
				insertChunks("dead/" + i, 1_000, 10);
				insertChunks("alive/" + i, 10, 10);
				other.writer().delete("dead/" + i);
			}
			awaitNothingLeft();
			assertThat(chunks()).isEqualTo(500);
		}
	}

	@Test
	void endedStreamsAreDeletedWhenTheRetentionIsOverByTheDatabasesClock() {
		StreamWriter writer = this.instance.writer();
		for (String stream : List.of("old", "older-failed", "young", "open")) {
			writer.append(stream, "a");
		}
		writer.complete("old");
		writer.fail("older-failed", "broken");
		writer.complete("young");
		age("old", "61 minutes");
		age("older-failed", "3 days");
		age("young", "59 minutes");
		assertThat(clean(null, 0)).isEqualTo(new Slice(List.of(), 0, false));
		assertThat(clean(Duration.ofHours(1), 0).deleted()).hasSize(2);
		assertThat(this.instance.reader().list(StreamQuery.all())).extracting(StreamInfo::name)
			.containsExactly("open", "young");
		assertThat(chunks()).isEqualTo(2);
	}

	@Test
	void theRetentionIsAProperty() {
		try (Instance retaining = Instance.start(this.database, "durable-notify.streams.retention=1h")) {
			retaining.writer().complete("retained");
			retaining.writer().complete("outlived");
			age("outlived", "2 hours");
			retaining.bean(StreamJanitor.class).wake();
			Eventually.await(() -> retaining.reader().info("outlived").isEmpty(), this::state);
			assertThat(retaining.reader().info("retained")).isPresent();
		}
	}

	@Test
	void anExpiredStreamIsDeletedWhileItIsOpenAndItsReadersHearOfIt() {
		try (Instance other = Instance.start(this.database)) {
			other.writer().create("expiring", StreamOptions.none().timeToLive(Duration.ofMillis(500)));
			other.writer().create("expiring-later", StreamOptions.none().timeToLive(Duration.ofHours(1)));
			other.writer().append("expiring", "a");
			RecordingHandler handler = new RecordingHandler();
			this.instance.reader().subscribe("expiring", StreamPosition.start(), handler);
			handler.awaitChunks(1);
			janitor(other, SOON);
			assertThat(handler.awaitError()).isInstanceOf(StreamDeletedException.class);
			assertThat(other.writer().append("expiring", "anew")).isZero();
			assertThat(other.reader().info("expiring").orElseThrow().expiresAt()).isNull();
			assertThat(other.reader().info("expiring-later")).isPresent();
		}
	}

	@Test
	void anExpiredStreamThatATransactionHoldsIsLeftToTheNextTime() {
		StreamWriter writer = this.instance.writer();
		for (String stream : List.of("held", "free")) {
			writer.append(stream, "a");
			this.database.jdbc()
				.update("UPDATE durable_notify.streams SET expires_at = now() - interval '1s' WHERE name = ?", stream);
		}
		this.instance.transaction().executeWithoutResult((status) -> {
			writer.append("held", "b");
			assertThat(Background.supply(() -> clean(null, 0)).orTimeout(30, TimeUnit.SECONDS).join().deleted())
				.hasSize(1);
			assertThat(this.instance.reader().info("held")).isPresent();
			assertThat(this.instance.reader().info("free")).isEmpty();
		});
		assertThat(clean(null, 0).deleted()).hasSize(1);
		assertThat(this.instance.reader().info("held")).isEmpty();
	}

	@Test
	void aChunkThatIsAppendedWhileItWaitsIsRemovedWithItsStreamWhateverTheDefaultIsolation() throws Exception {
		this.instance.writer().append("expired", "a");
		this.database.jdbc().update("UPDATE durable_notify.streams SET expires_at = now() - interval '1s'");
		Slice slice = null;
		for (int attempt = 0; slice == null && attempt < 20; attempt++) {
			try (Connection cleaning = DriverManager.getConnection(this.database.url());
					Connection dba = DriverManager.getConnection(this.database.url())) {
				cleaning.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
				dba.setAutoCommit(false);
				dba.createStatement().execute("LOCK TABLE durable_notify.streams IN SHARE MODE");
				CompletableFuture<Slice> cleaned = Background.supply(() -> cleanOn(cleaning));
				this.database.awaitLockWait();
				this.instance.writer().append("expired", "b");
				dba.rollback();
				// It waits for a second at most
				slice = cleaned.exceptionally((failure) -> null).get(30, TimeUnit.SECONDS);
			}
		}
		assertThat(slice).isNotNull();
		assertThat(slice.deleted()).hasSize(1);
		assertThat(chunks()).isZero();
	}

	private Slice cleanOn(Connection connection) {
		try {
			return cleanup(this.instance).clean(connection, StreamRetention.of(null, List.of()), true, 0);
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void moreStreamsThanFitASliceExpireInSeveral() {
		this.database.jdbc()
			.update("INSERT INTO durable_notify.streams (name, expires_at) "
					+ "SELECT 'many/' || i, now() - interval '1s' FROM generate_series(1, 2500) i");
		List<Integer> slices = new ArrayList<>();
		Slice slice;
		do {
			slice = clean(null, 0);
			slices.add(slice.deleted().size());
		}
		while (slice.more());
		assertThat(slices).containsExactly(1_000, 1_000, 500);
	}

	@Test
	void aDeleteThatIsNotCommittedIsNotCleanedUp() {
		insertChunks("undecided", 3, 10);
		this.instance.transaction().executeWithoutResult((status) -> {
			this.instance.writer().delete("undecided");
			assertThat(Background.supply(() -> clean(null, 0)).orTimeout(30, TimeUnit.SECONDS).join().more()).isFalse();
			status.setRollbackOnly();
		});
		assertThat(this.instance.reader().page("undecided", StreamPosition.start(), 10).chunks()).hasSize(3);
	}

	@Test
	void errorsAreLoggedOnceAndSurvived(CapturedOutput output) {
		this.database.jdbc().execute("ALTER TABLE durable_notify.deleted_streams RENAME TO elsewhere");
		janitor(this.instance, SOON);
		String warning = "Failed to clean up deleted and expired streams";
		Eventually.await(() -> output.getOut().contains(warning), this::state);
		long failures = failures();
		Eventually.await(() -> failures() > failures + 3, this::state);
		this.database.jdbc().execute("ALTER TABLE durable_notify.elsewhere RENAME TO deleted_streams");
		Eventually.await(() -> output.getOut().contains("Deleted and expired streams are cleaned up again"),
				this::state);
		assertThat(output.getOut().split(warning, -1)).hasSize(2);
		insertChunks("after-error", 3, 10);
		this.instance.writer().delete("after-error");
		awaitNothingLeft();
	}

	@Test
	void itStopsAndStartsAgain() {
		StreamJanitor janitor = janitor(this.instance, SOON);
		insertChunks("before", 3, 10);
		this.instance.writer().delete("before");
		awaitNothingLeft();
		janitor.stop();
		janitor.stop();
		assertThat(janitor.isRunning()).isFalse();
		janitor.start();
		janitor.start();
		insertChunks("after", 3, 10);
		this.instance.writer().delete("after");
		awaitNothingLeft();
	}

	@Test
	void itChecksAllStreamsAtFirstAndAfterAFailure() {
		List<Boolean> looks = new CopyOnWriteArrayList<>();
		janitor(this.instance, SOON, (connection, retention, all, after) -> {
			looks.add(all);
			if (looks.size() == 3) {
				throw new SQLException("lost", "08006");
			}
			return new Slice(List.of(), 0, looks.size() == 1);
		});
		Eventually.await(() -> looks.size() >= 5, looks::toString);
		assertThat(looks.subList(0, 5)).containsExactly(true, true, false, true, false);
	}

	@Test
	void aTurnThatWasAskedForBeforeTheStopIsNotTaken() {
		AtomicReference<Thread> thread = new AtomicReference<>();
		AtomicInteger turns = new AtomicInteger();
		CompletableFuture<Void> release = new CompletableFuture<>();
		StreamJanitor janitor = janitor(this.instance, NEVER, (connection, retention, all, after) -> {
			thread.set(Thread.currentThread());
			turns.incrementAndGet();
			release.join();
			return new Slice(List.of(), 0, true);
		});
		janitor.wake();
		Eventually.await(() -> turns.get() == 1, this::state);
		janitor.wake();
		janitor.stop();
		release.complete(null);
		Eventually.await(() -> !thread.get().isAlive(), () -> thread.get().getState());
		assertThat(turns).hasValue(1);
	}

	@Test
	void itStopsWithItsContextInTheMiddleOfItsWork() throws Exception {
		Instance stopping = Instance.start(this.database, "spring.datasource.hikari.maximum-pool-size=1");
		insertChunks("endless", 3, 10);
		this.instance.writer().delete("endless");
		CountDownLatch locked = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background
			.run(() -> this.instance.transaction().executeWithoutResult((status) -> {
				this.instance.jdbc().execute("LOCK TABLE durable_notify.stream_chunks IN SHARE ROW EXCLUSIVE MODE");
				locked.countDown();
				await(release);
			}));
		await(locked);
		stopping.bean(StreamJanitor.class).wake();
		this.database.awaitLockWait();
		long start = System.nanoTime();
		stopping.close();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
		release.countDown();
		holder.get(30, TimeUnit.SECONDS);
	}

	@Test
	void itWorksWithAPoolOfOneAndHoldsNoConnectionBetweenSlices() {
		insertChunks("pool-of-one", 20_000, 10);
		try (Instance small = Instance.start(this.database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=5000")) {
			small.writer().delete("pool-of-one");
			small.bean(StreamJanitor.class).wake();
			for (int i = 0; i < 100; i++) {
				small.writer().append("beside", "a");
			}
			awaitNothingLeft();
			assertThat(chunks()).isEqualTo(100);
		}
	}

	@Test
	void itWorksWithAPoolThatHandsOutConnectionsWithoutAutocommit() {
		insertChunks("manual", 6_000, 10);
		try (Instance manual = Instance.start(this.database, "spring.datasource.hikari.auto-commit=false")) {
			manual.writer().delete("manual");
			manual.bean(StreamJanitor.class).wake();
			awaitNothingLeft();
			assertThat(chunks()).isZero();
		}
	}

	@Test
	void noThreadWaitsForATurn() {
		StreamJanitor janitor = janitor(this.instance, NEVER);
		assertThat(janitor.isRunning()).isTrue();
		assertThat(threads()).isZero();
		janitor.wake();
		Eventually.await(() -> threads() > 0, this::state);
	}

	private static long threads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("durable-notify-janitor"))
			.count();
	}

	private StreamJanitor janitor(Instance instance, Duration interval) {
		return janitor(instance, interval, cleanup(instance));
	}

	private StreamJanitor janitor(Instance instance, Duration interval, StreamCleanup cleanup) {
		StreamJanitor janitor = new StreamJanitor(instance.bean(ApplicationDatabase.class), cleanup,
				instance.bean(AppenderStore.class), instance.bean(PublishingWrites.class),
				StreamRetention.of(null, List.of()), interval);
		this.janitors.add(janitor);
		janitor.start();
		return janitor;
	}

	private static StreamCleanup cleanup(Instance instance) {
		return new PostgresStreamCleanup(instance.bean(Schema.class).name());
	}

	private Slice clean(Duration retention, long after) {
		return this.instance.bean(ApplicationDatabase.class)
			.executeSeparately("clean up", (connection, joined) -> cleanup(this.instance).clean(connection,
					StreamRetention.of(retention, List.of()), true, after));
	}

	private void insertChunks(String stream, int count, int bytes) {
		this.database.jdbc().update("""
				WITH head AS (INSERT INTO durable_notify.streams (name) VALUES (?) RETURNING stream_id)
				INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data)
				SELECT stream_id, i, decode(repeat('00', ?), 'hex') FROM head, generate_series(0, ? - 1) i
				""", stream, bytes, count);
	}

	private void countRemovedChunks() {
		this.database.jdbc().execute("""
				CREATE TABLE removals (xact xid8, removed integer);
				CREATE FUNCTION count_removals() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					INSERT INTO removals SELECT pg_current_xact_id(), count(*) FROM removed;
					RETURN NULL;
				END $$;
				CREATE TRIGGER removals AFTER DELETE ON durable_notify.stream_chunks
					REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_removals();
				""");
	}

	private void age(String stream, String interval) {
		this.database.jdbc()
			.update("UPDATE durable_notify.streams SET ended_at = ended_at - ?::interval WHERE name = ?", interval,
					stream);
	}

	private long chunks() {
		return count("stream_chunks");
	}

	private long deleted() {
		return count("deleted_streams");
	}

	private long count(String table) {
		return this.database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Long.class);
	}

	private List<Long> chunksByStream() {
		return this.database.jdbc()
			.queryForList("SELECT count(*) FROM durable_notify.stream_chunks GROUP BY stream_id ORDER BY stream_id",
					Long.class);
	}

	/**
	 * How many transactions were rolled back in this database.
	 */
	private long failures() {
		return this.database.jdbc()
			.queryForObject("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()",
					Long.class);
	}

	private void awaitChunks(long count) {
		Eventually.await(() -> chunks() == count, this::state);
	}

	private void awaitNothingLeft() {
		Eventually.await(() -> deleted() == 0, this::state);
	}

	private String state() {
		return "chunks by stream %s, deleted %s".formatted(chunksByStream(),
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.deleted_streams"));
	}

}
