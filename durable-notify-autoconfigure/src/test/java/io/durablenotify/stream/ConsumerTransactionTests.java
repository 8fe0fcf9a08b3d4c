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

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that a consumer has each chunk's effects in the database exactly once where its
 * position is stored in the same transaction.
 */
class ConsumerTransactionTests {

	private static final String POOL = "consumer-pool";

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	/**
	 * The one that consumes, whose pool's backends are terminated.
	 */
	@Fixture(properties = { "spring.datasource.hikari.data-source-properties.ApplicationName=" + POOL,
			"spring.datasource.hikari.maximum-pool-size=5" })
	private static Instance consuming;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamConsumers consumers;

	@BeforeEach
	void createEffects() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (stream text, chunk bigint)");
	}

	private static void append(String stream, int count) {
		writer.appendAll(stream, IntStream.range(0, count).mapToObj((i) -> ("" + i).getBytes()).toList());
	}

	private static void effect(ConsumedChunk chunk) {
		consuming.jdbc().update("INSERT INTO effects VALUES (?, ?)", chunk.chunk().stream(), chunk.chunk().index());
	}

	private static List<Long> effects(String stream) {
		return database.jdbc()
			.queryForList("SELECT chunk FROM effects WHERE stream = ? ORDER BY chunk", Long.class, stream);
	}

	private static void awaitPosition(String name, long position) {
		Eventually.await(() -> consumers.find(name).orElseThrow().position().getAsLong() == position,
				() -> consumers.list());
	}

	private static void assertOnce(String stream, int count) {
		assertThat(effects(stream)).isEqualTo(LongStream.range(0, count).boxed().toList());
	}

	@Test
	void aBatchIsOneTransactionThatCommitsWithThePosition() {
		append("batch", 25);
		Set<String> transactions = ConcurrentHashMap.newKeySet();
		Subscription subscription = consuming.reader()
			.consumer("batch", "batch")
			.inTransaction()
			.batchSize(10)
			.subscribe((chunk) -> {
				effect(chunk);
				chunk.commit();
				transactions.add(consuming.jdbc().queryForObject("SELECT pg_current_xact_id()::text", String.class));
			});
		awaitPosition("batch", 25);
		assertOnce("batch", 25);
		assertThat(transactions).hasSize(3);
		subscription.cancel();
	}

	@Test
	void aBatchOfWhichOneFailsIsRolledBackAndThoseBeforeItAreNotKeptWaiting() {
		append("failing", 30);
		AtomicBoolean fail = new AtomicBoolean(true);
		AtomicInteger calls = new AtomicInteger();
		Subscription subscription = consuming.reader()
			.consumer("failing", "failing")
			.inTransaction()
			.subscribe((chunk) -> {
				calls.incrementAndGet();
				effect(chunk);
				if (chunk.chunk().index() == 7 && fail.get()) {
					throw new Exception("not yet");
				}
			});
		awaitPosition("failing", 7);
		assertOnce("failing", 7);
		fail.set(false);
		awaitPosition("failing", 30);
		assertOnce("failing", 30);
		assertThat(calls.get()).isGreaterThan(30);
		subscription.cancel();
	}

	@Test
	void aBatchThatFailsAtItsCommitDoesNotKeepThoseBeforeTheOneThatFailsWaiting() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS known (chunk bigint PRIMARY KEY)");
		database.jdbc().execute("CREATE TABLE checked (chunk bigint REFERENCES known DEFERRABLE INITIALLY DEFERRED)");
		database.jdbc().update("INSERT INTO known SELECT * FROM generate_series(0, 9) i WHERE i <> 3");
		append("deferred", 10);
		Subscription subscription = consuming.reader()
			.consumer("deferred", "deferred")
			.inTransaction()
			.batchSize(10)
			.subscribe((chunk) -> {
				effect(chunk);
				consuming.jdbc().update("INSERT INTO checked VALUES (?)", chunk.chunk().index());
			});
		awaitPosition("deferred", 3);
		assertOnce("deferred", 3);
		database.jdbc().update("INSERT INTO known VALUES (3)");
		awaitPosition("deferred", 10);
		assertOnce("deferred", 10);
		subscription.cancel();
	}

	/**
	 * As after a failover to a server that lagged: the effects of those transactions are
	 * lost with the positions.
	 */
	@Test
	void transactionsThatTheServerHasForgottenAreRunAgain() {
		append("forgotten", 50);
		Subscription subscription = consuming.reader()
			.consumer("forgotten", "forgotten")
			.inTransaction()
			.subscribe(ConsumerTransactionTests::effect);
		awaitPosition("forgotten", 50);
		database.jdbc().update("DELETE FROM effects WHERE stream = 'forgotten' AND chunk >= 25");
		database.jdbc()
			.update("UPDATE durable_notify.stream_consumer_positions SET next_index = 25 WHERE stream = 'forgotten'");
		append("forgotten", 1);
		awaitPosition("forgotten", 51);
		assertOnce("forgotten", 51);
		subscription.cancel();
	}

	@Test
	void aTransactionThatTheHandlerMarksForRollbackIsRunAgain() {
		append("marked", 3);
		AtomicBoolean mark = new AtomicBoolean(true);
		Subscription subscription = consuming.reader()
			.consumer("marked", "marked")
			.inTransaction()
			.subscribe((chunk) -> {
				effect(chunk);
				if (chunk.chunk().index() == 2 && mark.getAndSet(false)) {
					consuming.transaction().executeWithoutResult((status) -> status.setRollbackOnly());
				}
			});
		awaitPosition("marked", 3);
		assertOnce("marked", 3);
		subscription.cancel();
	}

	@Test
	void backendsThatAreTerminatedInTheMiddleLoseAndRepeatNoEffect() {
		int count = 400;
		append("terminated", count);
		AtomicInteger calls = new AtomicInteger();
		Subscription subscription = consuming.reader()
			.consumer("terminated", "terminated")
			.inTransaction()
			.batchSize(20)
			.subscribe((chunk) -> {
				effect(chunk);
				if (calls.incrementAndGet() % 70 == 0) {
					// This transaction's and whatever else the pool has
					database.terminate(POOL);
				}
			});
		awaitPosition("terminated", count);
		assertOnce("terminated", count);
		assertThat(calls.get()).isGreaterThan(count);
		subscription.cancel();
	}

	@Test
	void aCommitWhoseAnswerIsLostIsNotRepeated() {
		append("unknown", 5);
		AtomicBoolean lose = new AtomicBoolean(true);
		Subscription subscription = consuming.reader()
			.consumer("unknown", "unknown")
			.inTransaction()
			.subscribe((chunk) -> {
				effect(chunk);
				if (chunk.chunk().index() == 4 && lose.getAndSet(false)) {
					TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

						@Override
						public void afterCommit() {
							throw new IllegalStateException("after the commit");
						}

					});
				}
			});
		awaitPosition("unknown", 5);
		append("unknown", 1);
		awaitPosition("unknown", 6);
		assertOnce("unknown", 6);
		subscription.cancel();
	}

	@Test
	void aHandlerCommitsThePositionInATransactionOfItsOwn() {
		append("own", 100);
		AtomicInteger calls = new AtomicInteger();
		Subscription subscription = consuming.reader()
			.consumer("own", "own")
			.subscribe((chunk) -> consuming.transaction().executeWithoutResult((status) -> {
				effect(chunk);
				chunk.commit();
				int call = calls.incrementAndGet();
				if (call == 10) {
					status.setRollbackOnly();
				}
				else if (call == 20) {
					throw new IllegalStateException("after the position");
				}
				else if (call == 30) {
					database.terminate(POOL);
				}
			}));
		awaitPosition("own", 100);
		assertOnce("own", 100);
		assertThat(calls).hasValueGreaterThanOrEqualTo(103);
		subscription.cancel();
	}

	@Test
	void aHandlerThatFailsAfterItsCommitIsNotCalledAgainWithTheChunk() {
		append("after", 3);
		Subscription subscription = consuming.reader().consumer("after", "after").subscribe((chunk) -> {
			consuming.transaction().executeWithoutResult((status) -> {
				effect(chunk);
				chunk.commit();
			});
			throw new IllegalStateException("after the commit");
		});
		awaitPosition("after", 3);
		assertOnce("after", 3);
		subscription.cancel();
	}

	@Test
	void aPositionCannotBeCommittedOutsideATransaction() throws Exception {
		append("outside", 1);
		RuntimeException[] thrown = new RuntimeException[1];
		CountDownLatch called = new CountDownLatch(1);
		Subscription subscription = consuming.reader().consumer("outside", "outside").subscribe((chunk) -> {
			try {
				chunk.commit();
			}
			catch (RuntimeException ex) {
				thrown[0] = ex;
			}
			called.countDown();
		});
		called.await();
		assertThat(thrown[0]).isInstanceOf(IllegalStateException.class).hasMessageContaining("in a transaction only");
		awaitPosition("outside", 1);
		subscription.cancel();
	}

}
