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
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import javax.sql.DataSource;

import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.ForeignTransactionManager;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.hamcrest.Matchers.containsString;

/**
 * Tests for {@link StreamWriter} in and around transactions.
 */
@ExtendWith(OutputCaptureExtension.class)
class StreamTransactionTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.streams.append-timeout=500ms", "durable-notify.poll.interval=0" })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void anAppendIsInvisibleAndSilentUntilTheCommit() {
		writer.append("tx", "before");
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("tx", StreamPosition.start(), handler);
		handler.awaitChunks(1);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.append("tx", "in the transaction")).isOne();
			assertThat(reader.page("tx", StreamPosition.start(), 10).chunks()).hasSize(2);
			// A probe through the whole way: what is sent after the append arrives
			RecordingHandler probe = new RecordingHandler();
			reader.subscribe("tx", StreamPosition.start(), probe);
			probe.awaitChunks(1);
			assertThat(probe.texts()).containsExactly("before");
			assertThat(handler.texts()).containsExactly("before");
		});
		handler.awaitChunks(2);
		assertThat(handler.texts()).containsExactly("before", "in the transaction");
	}

	@Test
	void anAppendIsGoneAfterARollback() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("rolled-back", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("rolled-back", "never");
			status.setRollbackOnly();
		});
		assertThat(reader.info("rolled-back")).isEmpty();
		assertThat(writer.append("rolled-back", "first")).isZero();
		handler.awaitChunks(1);
		assertThat(handler.texts()).containsExactly("first");
	}

	@Test
	void twoAppendsInOneTransactionAreAdjacent() throws Exception {
		writer.append("adjacent", "before");
		CompletableFuture<Long> other = new CompletableFuture<>();
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.append("adjacent", "one")).isOne();
			Background.run(() -> other.complete(writer.append("adjacent", "other")));
			Awaitility.await()
				.atMost(Eventually.TIMEOUT)
				.until(() -> instance.bean(AppendPipeline.class).toString(), containsString("muted [adjacent]"));
			assertThat(writer.append("adjacent", "two")).isEqualTo(2);
		});
		assertThat(other.get(30, TimeUnit.SECONDS)).isEqualTo(3);
	}

	@Test
	void aRollbackToASavepointLeavesNoGap() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("savepoint", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("savepoint", "kept");
			Object savepoint = status.createSavepoint();
			assertThat(writer.append("savepoint", "undone")).isOne();
			status.rollbackToSavepoint(savepoint);
			assertThat(writer.append("savepoint", "instead")).isOne();
		});
		handler.awaitChunks(2);
		assertThat(handler.texts()).containsExactly("kept", "instead");
	}

	@Test
	void theCallersOwnLockTimeoutStays() {
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SET LOCAL lock_timeout = '1234ms'");
			writer.append("timeout-stays", "a");
			writer.complete("timeout-stays");
			assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("1234ms");
		});
		assertThat(database.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
		writer.append("timeout-elsewhere", "a");
		assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
	}

	@Test
	void aStreamThatATransactionHoldsIsRefusedInTimeAndOthersKeepTheirPace() throws Exception {
		writer.append("held", "a");
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			writer.append("held", "b");
			held.countDown();
			await(release);
		}));
		await(held);
		long start = System.nanoTime();
		assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> writer.append("held", "c"))
			.withMessageContaining("Stream 'held' was locked by another transaction for more than 500 ms")
			.withMessageContaining("nothing was stored");
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(400),
				Duration.ofSeconds(10));
		assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> writer.complete("held"));
		for (int i = 0; i < 50; i++) {
			writer.append("not-held", "a");
		}
		assertThat(holder).isNotDone();
		release.countDown();
		holder.get(30, TimeUnit.SECONDS);
		assertThat(writer.append("held", "c")).isEqualTo(2);
	}

	@Test
	void anAppendThatWaitsForItsOwnOuterTransactionEndsByTimeout() {
		writer.append("self", "a");
		instance.transaction().executeWithoutResult((outer) -> {
			writer.append("self", "b");
			assertThatExceptionOfType(StreamLockedException.class).isThrownBy(
					() -> instance.newTransaction().executeWithoutResult((inner) -> writer.append("self", "c")));
		});
		assertThat(reader.info("self").orElseThrow().nextIndex()).isEqualTo(2);
	}

	@Test
	void anUncommittedCreateOfTheSameNameIsWaitedForNoLongerThanTheTimeout() {
		instance.transaction().executeWithoutResult((outer) -> {
			writer.append("created-elsewhere", "a");
			assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> instance.newTransaction()
				.executeWithoutResult((inner) -> writer.append("created-elsewhere", "b")));
		});
		assertThat(writer.append("created-elsewhere", "b")).isOne();
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void aHiddenAppendIsARetryableFailure(int isolationLevel) {
		String stream = "isolation/" + isolationLevel;
		writer.append(stream, "a");
		assertThatExceptionOfType(ConcurrencyFailureException.class)
			.isThrownBy(() -> instance.transaction(isolationLevel).executeWithoutResult((status) -> {
				instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.streams", Long.class);
				Background.run(() -> writer.append(stream, "b")).join();
				writer.append(stream, "c");
			}));
		assertThat(instance.transaction(isolationLevel).<Long>execute((status) -> writer.append(stream, "c")))
			.isEqualTo(2);
	}

	@Test
	void aReadOnlyTransactionIsRefusedBeforeSql() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> writer.append("read-only", "a"))
				.withMessage("Stream 'read-only' cannot be written to in a read-only transaction");
			// The transaction is not aborted, because nothing was sent
			assertThat(reader.info("read-only")).isEmpty();
		});
	}

	@Test
	void anAppendUnderSupportsIsCommittedAtOnce() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("supports", StreamPosition.start(), handler);
		TransactionTemplate supports = instance.transaction();
		supports.setPropagationBehavior(TransactionDefinition.PROPAGATION_SUPPORTS);
		supports.executeWithoutResult((status) -> {
			writer.append("supports", "a");
			handler.awaitChunks(1);
		});
	}

	@Test
	void anAppendInAfterCommitIsStoredAndWokenAndSaid(CapturedOutput output) {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("after-commit", StreamPosition.start(), handler);
		instance.transaction()
			.executeWithoutResult((status) -> TransactionSynchronizationManager
				.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void afterCommit() {
						writer.append("after-commit", "late");
					}

				}));
		handler.awaitChunks(1);
		assertThat(output).contains("afterCommit callback").contains("REQUIRES_NEW");
	}

	@Test
	void anAppendInAfterCommitAfterOneInTheTransactionIsStoredAndWoken() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("after-commit-too", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("after-commit-too", "in time");
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void afterCommit() {
					writer.append("after-commit-too", "late");
				}

				@Override
				public void afterCompletion(int completion) {
					// The reader has looked, and the late chunk is not committed yet
					handler.awaitChunks(1);
				}

			});
		});
		handler.awaitChunks(2);
		assertThat(handler.texts()).containsExactly("in time", "late");
	}

	@Test
	void anAppendInAfterCommitIsStoredInAPoolWithoutAutocommitToo() {
		try (Instance manual = Instance.start(database, "spring.datasource.hikari.auto-commit=false")) {
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("after-commit-manual", StreamPosition.start(), handler);
			manual.transaction().executeWithoutResult((status) -> {
				onTransaction(new TransactionSynchronization() {

					@Override
					public void afterCommit() {
						manual.writer().append("after-commit-manual", "late");
					}

				});
			});
			handler.awaitChunks(1);
			manual.transaction().executeWithoutResult((status) -> {
				manual.writer().append("after-commit-manual", "in time");
				onTransaction(new TransactionSynchronization() {

					@Override
					public void afterCommit() {
						manual.writer().append("after-commit-manual", "late again");
					}

				});
			});
			handler.awaitChunks(3);
			assertThat(handler.texts()).containsExactly("late", "in time", "late again");
		}
	}

	private static void onTransaction(TransactionSynchronization synchronization) {
		TransactionSynchronizationManager.registerSynchronization(synchronization);
	}

	@Test
	void anAppendInAfterCompletionIsStoredAndWoken() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("after-completion", StreamPosition.start(), handler);
		instance.transaction()
			.executeWithoutResult((status) -> TransactionSynchronizationManager
				.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void afterCompletion(int completion) {
						writer.append("after-completion", "apart");
						// Committed already, though this transaction's clean-up is not
						// done
						handler.awaitChunks(1);
					}

				}));
		assertThat(handler.texts()).containsExactly("apart");
	}

	@Test
	void anAppendUnderAForeignTransactionManagerIsCommittedAtOnceAndSaid(CapturedOutput output) {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("foreign", StreamPosition.start(), handler);
		TransactionTemplate foreign = new TransactionTemplate(new ForeignTransactionManager());
		foreign.executeWithoutResult((status) -> {
			writer.append("foreign", "a");
			writer.append("foreign", "b");
			handler.awaitChunks(2);
			status.setRollbackOnly();
		});
		assertThat(reader.info("foreign").orElseThrow().nextIndex()).isEqualTo(2);
		assertThat(output.toString().split("not on durable-notify's DataSource", -1)).hasSize(2);
	}

	@Test
	void whatIsForTheCommitOfAForeignTransactionIsCommittedBefore() {
		TransactionTemplate foreign = new TransactionTemplate(new ForeignTransactionManager());
		foreign.executeWithoutResult((status) -> {
			writer.appendOnCommit("foreign-commit", new byte[1]);
			assertThat(reader.info("foreign-commit")).isEmpty();
			status.setRollbackOnly();
		});
		assertThat(reader.info("foreign-commit")).isEmpty();
		AtomicBoolean stored = new AtomicBoolean();
		foreign.executeWithoutResult((status) -> {
			writer.appendOnCommit("foreign-commit", new byte[1]);
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
				@Override
				public void beforeCompletion() {
					stored.set(reader.info("foreign-commit").isPresent());
				}
			});
		});
		assertThat(stored).isTrue();
	}

	@Test
	void underAForeignTransactionManagerNothingIsLostInAPoolWithoutAutocommit() {
		try (Instance manual = Instance.start(database, "spring.datasource.hikari.auto-commit=false",
				"spring.datasource.hikari.maximum-pool-size=3")) {
			TransactionTemplate foreign = new TransactionTemplate(new ForeignTransactionManager());
			StreamAppender appender = manual.writer().appender("foreign-end");
			foreign.executeWithoutResult((status) -> {
				appender.complete();
				status.setRollbackOnly();
			});
			assertThatIllegalStateException().isThrownBy(() -> appender.append("late"))
				.withMessageContaining("was ended");
			foreign.executeWithoutResult((status) -> {
				// Binds a connection that is never committed
				manual.jdbc().queryForObject("SELECT 1", Integer.class);
				assertThat(manual.writer().append("foreign-manual", "a")).isZero();
			});
			manual.transaction().executeWithoutResult((status) -> {
				manual.writer().append("foreign-manual", "b");
				status.setRollbackOnly();
			});
			assertThat(reader.page("foreign-manual", StreamPosition.start(), 10).chunks()).extracting(Chunk::text)
				.containsExactly("a");
		}
	}

	@Test
	void anAppendToAStreamThatAnotherTransactionHasJustCreatedHoldsTheLock() throws Exception {
		CountDownLatch appended = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		// Makes an INSERT into the chunks wait between the two statements of an append
		CountDownLatch unlock = new CountDownLatch(1);
		CompletableFuture<Void> locking = new CompletableFuture<>();
		CompletableFuture<Void> second = new CompletableFuture<>();
		instance.transaction().executeWithoutResult((first) -> {
			writer.append("just-created", "a");
			Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().execute("LOCK TABLE durable_notify.stream_chunks IN SHARE ROW EXCLUSIVE MODE");
				await(unlock);
			})).whenComplete((result, failure) -> locking.complete(null));
			database.awaitLockWaits(1);
			Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().execute("SET LOCAL lock_timeout = '30s'");
				writer.append("just-created", "b");
				appended.countDown();
				await(release);
			})).whenComplete((result, failure) -> second.complete(null));
			database.awaitLockWaits(2);
		});
		unlock.countDown();
		await(appended);
		assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> writer.complete("just-created"));
		release.countDown();
		CompletableFuture.allOf(second, locking).get(30, TimeUnit.SECONDS);
		assertThat(writer.append("just-created", "c")).isEqualTo(2);
	}

	@Test
	void aSuspendedTransactionKeepsItsWakeupsForItself() {
		RecordingHandler outerHandler = new RecordingHandler();
		RecordingHandler innerHandler = new RecordingHandler();
		reader.subscribe("outer", StreamPosition.start(), outerHandler);
		reader.subscribe("inner", StreamPosition.start(), innerHandler);
		instance.transaction().executeWithoutResult((outer) -> {
			writer.append("outer", "a");
			instance.newTransaction().executeWithoutResult((inner) -> writer.append("inner", "b"));
			innerHandler.awaitChunks(1);
			assertThat(outerHandler.chunks()).isEmpty();
		});
		outerHandler.awaitChunks(1);
	}

	@Test
	void liveReadsNeverJoinATransaction() {
		writer.append("apart", "visible");
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("apart", "not yet");
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("apart", StreamPosition.last(1), handler);
			handler.awaitChunks(1);
			assertThat(handler.texts()).containsExactly("visible");
		});
	}

	@Test
	void aConnectionCutAfterSendingLeavesTheOutcomeUnknown() throws Exception {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (Instance instance = Instance.start(database)) {
			database.jdbc().execute("""
					CREATE FUNCTION public.hang() RETURNS trigger LANGUAGE plpgsql
						AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
					CREATE TRIGGER hang BEFORE INSERT ON durable_notify.stream_chunks FOR EACH ROW
						WHEN (NEW.data = 'hang') EXECUTE FUNCTION public.hang()
					""");
			CompletableFuture<Long> waiting = Background.supply(() -> instance.writer().append("cut", "hang"));
			Awaitility.await()
				.atMost(Eventually.TIMEOUT)
				.until(() -> !database.jdbc()
					.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
							+ "WHERE wait_event = 'PgSleep' AND datname = current_database()")
					.isEmpty());
			assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> waiting.get(30, TimeUnit.SECONDS))
				.withCauseInstanceOf(AppendOutcomeUnknownException.class)
				.withMessageContaining("may or may not have been stored")
				.withMessageContaining("appendAt");
		}
	}

	@Test
	void everythingWorksWithAPoolOfOne() {
		try (Instance small = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=5000")) {
			RecordingHandler handler = new RecordingHandler();
			small.reader().subscribe("small", StreamPosition.start(), handler);
			small.transaction().executeWithoutResult((status) -> {
				small.writer().append("small", "a");
				small.writer().append("small", "b");
				small.reader().subscribe("small", StreamPosition.start(), new RecordingHandler());
			});
			small.transaction()
				.executeWithoutResult((status) -> TransactionSynchronizationManager
					.registerSynchronization(new TransactionSynchronization() {

						@Override
						public void afterCompletion(int completion) {
							small.writer().append("small", "c");
						}

					}));
			small.writer().complete("small");
			handler.awaitComplete().assertGapFree(0, 3);
			assertThat(small.reader().page("small", StreamPosition.last(1), 10).chunks()).hasSize(1);
		}
	}

	@Test
	void aPoolThatHandsOutConnectionsWithoutAutocommitLosesNothing() throws SQLException {
		try (Instance manual = Instance.start(database, "spring.datasource.hikari.auto-commit=false",
				"spring.datasource.hikari.maximum-pool-size=2")) {
			RecordingHandler own = new RecordingHandler();
			RecordingHandler elsewhere = new RecordingHandler();
			manual.reader().subscribe("manual", StreamPosition.start(), own);
			reader.subscribe("manual", StreamPosition.start(), elsewhere);
			manual.writer().append("manual", "a");
			manual.transaction().executeWithoutResult((status) -> manual.writer().append("manual", "b"));
			manual.writer().complete("manual");
			own.awaitComplete().assertGapFree(0, 2);
			elsewhere.awaitComplete().assertGapFree(0, 2);
			try (Connection connection = manual.bean(DataSource.class).getConnection()) {
				assertThat(connection.getAutoCommit()).isFalse();
			}
		}
	}

	@Test
	void anEndInATransactionIsReceivedAfterTheCommit() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("ended-in-tx", StreamPosition.start(), handler);
		AtomicReference<Integer> endsBefore = new AtomicReference<>();
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("ended-in-tx", "a");
			writer.complete("ended-in-tx");
			endsBefore.set(handler.ends());
		});
		assertThat(endsBefore).hasValue(0);
		handler.awaitComplete().assertGapFree(0, 1);
	}

}
