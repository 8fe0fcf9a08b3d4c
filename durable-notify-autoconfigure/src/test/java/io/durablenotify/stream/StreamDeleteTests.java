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

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link StreamWriter#delete}, in two instances that hear of each other by
 * wake-ups alone.
 */
class StreamDeleteTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void aDeletedStreamIsGoneInAllInstances() {
		writer.append("gone", "a");
		writer.append("gone", "b");
		List<RecordingHandler> readers = List.of(read(instance, "gone"), read(other, "gone"));
		readers.forEach((handler) -> handler.awaitChunks(2));
		assertThat(other.writer().delete("gone")).isTrue();
		readers.forEach((handler) -> {
			assertThat(handler.awaitError()).isInstanceOf(StreamDeletedException.class);
			handler.assertGapFree(0, 2);
		});
		assertThat(reader.info("gone")).isEmpty();
		assertThat(reader.page("gone", StreamPosition.start(), 10).chunks()).isEmpty();
		assertThat(reader.list(StreamQuery.all().prefix("gone"))).isEmpty();
		assertThat(writer.delete("gone")).isFalse();
	}

	@Test
	void whatWasNeverThereCannotBeDeleted() {
		assertThat(writer.delete("never")).isFalse();
	}

	@Test
	void anEndedStreamCanBeDeletedAndItsNameIsFreeAgain() {
		writer.append("ended", "a");
		writer.complete("ended");
		assertThat(writer.delete("ended")).isTrue();
		assertThat(writer.append("ended", "again")).isZero();
	}

	@Test
	void anotherStreamOfThatNameIsAnother() {
		writer.append("another", "old");
		// Both instances know its id by now
		other.writer().append("another", "old too");
		RecordingHandler old = read(other, "another").awaitChunks(2);
		assertThat(writer.delete("another")).isTrue();
		assertThat(other.writer().append("another", "new")).isZero();
		assertThat(writer.append("another", "newer")).isOne();
		assertThat(old.awaitError()).isInstanceOf(StreamDeletedException.class);
		old.assertGapFree(0, 2);
		assertThat(read(other, "another").awaitChunks(2).texts()).containsExactly("new", "newer");
		assertThat(reader.page("another", StreamPosition.start(), 10).chunks()).extracting(Chunk::text)
			.containsExactly("new", "newer");
	}

	@Test
	void aReaderThatHasNotReadYetEndsToo() {
		// More than the reader's buffer takes
		int chunks = 4000;
		writer.appendAll("slow", Collections.nCopies(chunks, new byte[1]));
		AtomicBoolean release = new AtomicBoolean();
		RecordingHandler slow = new RecordingHandler() {

			@Override
			public void onChunk(Chunk chunk) throws Exception {
				super.onChunk(chunk);
				Eventually.await(release::get, () -> "released");
			}

		};
		reader.subscribe("slow", StreamPosition.start(), slow);
		slow.awaitChunks(1);
		assertThat(writer.delete("slow")).isTrue();
		release.set(true);
		assertThat(slow.awaitError()).isInstanceOf(StreamDeletedException.class);
		assertThat(slow.chunks()).hasSizeLessThan(chunks);
		slow.assertGapFree(0, slow.chunks().size());
	}

	@Test
	void aDeleteInATransactionIsInvisibleAndSilentUntilTheCommit() {
		writer.append("in-transaction", "a");
		RecordingHandler handler = read(instance, "in-transaction").awaitChunks(1);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.delete("in-transaction")).isTrue();
			assertThat(writer.delete("in-transaction")).isFalse();
			assertThat(reader.info("in-transaction")).isEmpty();
			assertThat(read(instance, "in-transaction").awaitChunks(1).ends()).isZero();
			assertThat(handler.ends()).isZero();
		});
		assertThat(handler.awaitError()).isInstanceOf(StreamDeletedException.class);
	}

	@Test
	void aDeleteThatIsRolledBackHasNeverBeen() {
		writer.append("rolled-back", "a");
		RecordingHandler handler = read(other, "rolled-back").awaitChunks(1);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.delete("rolled-back")).isTrue();
			assertThat(writer.append("rolled-back", "never")).isZero();
			status.setRollbackOnly();
		});
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.deleted_streams d "
					+ "JOIN durable_notify.streams USING (stream_id)", Integer.class))
			.isZero();
		assertThat(writer.append("rolled-back", "b")).isOne();
		handler.awaitChunks(2);
		assertThat(handler.texts()).containsExactly("a", "b");
		assertThat(handler.ends()).isZero();
	}

	@Test
	void aStreamCanBeReplacedInOneTransaction() {
		writer.append("replaced", "old");
		RecordingHandler old = read(other, "replaced").awaitChunks(1);
		instance.transaction().executeWithoutResult((status) -> {
			writer.delete("replaced");
			writer.create("replaced", StreamOptions.none().owner("alice"));
			assertThat(writer.append("replaced", "new")).isZero();
		});
		assertThat(old.awaitError()).isInstanceOf(StreamDeletedException.class);
		assertThat(read(other, "replaced").awaitChunks(1).texts()).containsExactly("new");
	}

	@Test
	void aDeleteWaitsForATransactionThatHasAppendedButNotForEver() throws Exception {
		writer.append("held", "a");
		CompletableFuture<Boolean> patient = new CompletableFuture<>();
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("held", "b");
			try (Instance impatient = Instance.start(database, "durable-notify.streams.append-timeout=200ms")) {
				assertThatExceptionOfType(StreamLockedException.class)
					.isThrownBy(() -> impatient.writer().delete("held"));
				assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> impatient.transaction()
					.executeWithoutResult((inner) -> impatient.writer().delete("held")));
			}
			assertThat(reader.info("held")).isPresent();
			Background.run(() -> patient.complete(other.writer().delete("held")));
			database.awaitLockWait();
			assertThat(patient).isNotDone();
		});
		assertThat(patient.get(30, TimeUnit.SECONDS)).isTrue();
		assertThat(reader.info("held")).isEmpty();
	}

	@Test
	void anAppendThatWaitedForADeleteGoesToANewStream() throws Exception {
		writer.append("deleted-meanwhile", "a");
		CompletableFuture<Long> append = new CompletableFuture<>();
		CompletableFuture<Long> bySql = new CompletableFuture<>();
		instance.transaction().executeWithoutResult((status) -> {
			writer.delete("deleted-meanwhile");
			Background.run(() -> append.complete(other.writer().append("deleted-meanwhile", "b")));
			Background.run(() -> bySql.complete(appendBySql("deleted-meanwhile")));
			// One waits for the lock, the other one gives way and comes back
			database.awaitLockWait();
			assertThat(append).isNotDone();
		});
		assertThat(List.of(append.get(30, TimeUnit.SECONDS), bySql.get(30, TimeUnit.SECONDS)))
			.containsExactlyInAnyOrder(0L, 1L);
	}

	@Test
	void theSqlFunctionStartsADeletedStreamAgain() {
		assertThat(appendBySql("by-sql")).isZero();
		assertThat(appendBySql("by-sql")).isOne();
		RecordingHandler old = read(instance, "by-sql").awaitChunks(2);
		writer.delete("by-sql");
		assertThat(old.awaitError()).isInstanceOf(StreamDeletedException.class);
		RecordingHandler waiting = read(instance, "by-sql");
		assertThat(appendBySql("by-sql")).isZero();
		waiting.awaitChunks(1).assertGapFree(0, 1);
		assertThat(writer.append("by-sql", "java")).isOne();
	}

	private static long appendBySql(String stream) {
		return database.jdbc()
			.queryForObject("SELECT durable_notify.append(?, ?)", Long.class, stream,
					"sql".getBytes(StandardCharsets.UTF_8));
	}

	@Test
	void deletesAndAppendsThatRaceLeaveNothingBehind() throws Exception {
		AtomicBoolean over = new AtomicBoolean();
		List<CompletableFuture<Void>> racing = new ArrayList<>();
		for (Instance racer : List.of(instance, other)) {
			for (int i = 0; i < 3; i++) {
				racing.add(Background.run(() -> {
					while (!over.get()) {
						racer.writer().append("raced", "a");
					}
				}));
			}
			racing.add(Background.run(() -> {
				for (int i = 0; i < 150; i++) {
					racer.writer().delete("raced");
				}
				over.set(true);
			}));
		}
		List<RecordingHandler> readers = new ArrayList<>();
		while (!over.get()) {
			RecordingHandler handler = read(instance, "raced");
			readers.add(handler);
			Eventually.await(() -> over.get() || handler.ends() > 0, handler::toString);
		}
		for (CompletableFuture<Void> racer : racing) {
			racer.get(30, TimeUnit.SECONDS);
		}
		// Every reader had one stream's chunks from the first on, and no other's
		readers.forEach((handler) -> {
			handler.assertGapFree(0, handler.chunks().size());
			if (handler.error() != null) {
				assertThat(handler.error()).isInstanceOf(StreamDeletedException.class);
			}
		});
		assertThat(database.jdbc().queryForObject("""
				SELECT count(*) FROM durable_notify.stream_chunks c
				WHERE NOT EXISTS (SELECT FROM durable_notify.streams s WHERE s.stream_id = c.stream_id)
					AND NOT EXISTS (SELECT FROM durable_notify.deleted_streams d WHERE d.stream_id = c.stream_id)
				""", Long.class)).isZero();
		assertThat(database.jdbc().queryForObject("""
				SELECT count(*) FROM (SELECT count(*) AS chunks, max(chunk_index) + 1 AS next_index
					FROM durable_notify.stream_chunks GROUP BY stream_id) s WHERE chunks <> next_index
				""", Long.class)).isZero();
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void aHiddenDeleteIsARetryableFailure(int isolationLevel) {
		String stream = "isolation/" + isolationLevel;
		writer.append(stream, "a");
		assertThatExceptionOfType(ConcurrencyFailureException.class)
			.isThrownBy(() -> instance.transaction(isolationLevel).executeWithoutResult((status) -> {
				instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.streams", Long.class);
				Background.run(() -> writer.delete(stream)).join();
				writer.delete(stream);
			}));
	}

	@Test
	void aReadOnlyTransactionIsRefusedBeforeSql() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> writer.delete("read-only"));
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> writer.create("read-only", StreamOptions.none()));
			assertThat(reader.list(StreamQuery.all().prefix("read-only"))).isEmpty();
		});
	}

	private static RecordingHandler read(Instance instance, String stream) {
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(stream, StreamPosition.start(), handler);
		return handler;
	}

}
