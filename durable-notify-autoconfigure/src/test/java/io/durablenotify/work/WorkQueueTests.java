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

package io.durablenotify.work;

import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.Enqueued.Outcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link WorkQueue} in and around transactions.
 */
class WorkQueueTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.work.enqueue-timeout=500ms")
	private static Instance instance;

	@Fixture
	private static WorkQueue queue;

	private final List<Subscription> subscriptions = new ArrayList<>();

	@AfterEach
	void cancelSubscriptions() {
		this.subscriptions.forEach(Subscription::cancel);
	}

	private static List<String> payloads(String name) {
		return payloads(database, name);
	}

	/**
	 * Return the payloads of the items in the order in which they are due, and those of
	 * ordering keys in theirs.
	 */
	private static List<String> payloads(TestDatabase database, String name) {
		return database.jdbc().queryForList("""
				SELECT convert_from(coalesce(l.payload, i.payload), 'UTF8') FROM durable_notify.work_items i
				JOIN durable_notify.work_queues q USING (queue_id)
				LEFT JOIN durable_notify.work_lane_items l ON i.lane AND l.lane_id = i.item_id
				WHERE q.name = ? ORDER BY i.due_at, i.item_id, l.item_id
				""", String.class, name);
	}

	private static long queues(String name) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_queues WHERE name = ?", Long.class, name);
	}

	private static <T> T column(String name, String column, Class<T> type) {
		return database.jdbc()
			.queryForObject("SELECT i." + column
					+ " FROM durable_notify.work_items i JOIN durable_notify.work_queues q USING (queue_id) WHERE q.name = ?",
					type, name);
	}

	/**
	 * The ways to enqueue.
	 */
	enum Kind {

		PLAIN, KEY, ORDERING_KEY;

		WorkRequest request(String queue, String payload) {
			WorkRequest request = WorkRequest.of(queue, payload);
			return switch (this) {
				case PLAIN -> request;
				case KEY -> request.key(payload);
				case ORDERING_KEY -> request.orderingKey("o");
			};
		}

	}

	@ParameterizedTest
	@EnumSource(Kind.class)
	void anItemIsInvisibleToOthersUntilTheCommit(Kind kind) {
		String name = "commit/" + kind;
		instance.transaction().executeWithoutResult((status) -> {
			Enqueued enqueued = queue.enqueue(kind.request(name, "a"));
			assertThat(enqueued.outcome()).isEqualTo(Outcome.ENQUEUED);
			assertThat(enqueued.id()).isPositive();
			assertThat(queue.enqueueAsync(kind.request(name, "b"))).isCompleted();
			assertThat(payloads(name)).isEmpty();
		});
		assertThat(payloads(name)).containsExactly("a", "b");
	}

	@ParameterizedTest
	@EnumSource(Kind.class)
	void aRollbackLeavesNothing(Kind kind) {
		String name = "rollback/" + kind;
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(kind.request(name, "a"));
			queue.enqueueAll(List.of(kind.request(name, "b"), kind.request(name, "c")));
			queue.enqueueAsync(kind.request(name, "d"));
			queue.enqueueOnCommit(kind.request(name, "e"));
			status.setRollbackOnly();
		});
		assertThat(payloads(name)).isEmpty();
		assertThat(queues(name)).isZero();
		queue.enqueue(kind.request(name, "f"));
		assertThat(payloads(name)).containsExactly("f");
	}

	@ParameterizedTest
	@EnumSource(Kind.class)
	void aRollbackToASavepointLeavesWhatWasBefore(Kind kind) {
		String name = "savepoint/" + kind;
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(kind.request(name, "a"));
			Object savepoint = status.createSavepoint();
			queue.enqueue(kind.request(name, "b"));
			queue.enqueueOnCommit(kind.request(name, "c"));
			status.rollbackToSavepoint(savepoint);
			queue.enqueue(kind.request(name, "d"));
			queue.enqueueOnCommit(kind.request(name, "e"));
		});
		assertThat(payloads(name)).containsExactly("a", "d", "e");
	}

	@ParameterizedTest
	@EnumSource(Kind.class)
	void anInnerTransactionCommitsByItself(Kind kind) {
		String name = "inner/" + kind;
		instance.transaction().executeWithoutResult((outer) -> {
			instance.newTransaction().executeWithoutResult((inner) -> queue.enqueue(kind.request(name, "a")));
			assertThat(payloads(name)).containsExactly("a");
			queue.enqueue(kind.request(name, "b"));
			outer.setRollbackOnly();
		});
		assertThat(payloads(name)).containsExactly("a");
	}

	@Test
	void aReadOnlyTransactionIsRefusedBeforeAnythingIsSent() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			for (Runnable call : List.<Runnable>of(() -> queue.enqueue(WorkRequest.of("read-only", "a")),
					() -> queue.enqueueAll(List.of(WorkRequest.of("read-only", "a"))),
					() -> queue.enqueueAsync(WorkRequest.of("read-only", "a").key("k")),
					() -> queue.enqueueOnCommit(WorkRequest.of("read-only", "a")), () -> queue.cancel("read-only", "k"),
					() -> queue.reschedule("read-only", "k", Instant.EPOCH))) {
				assertThatExceptionOfType(InvalidDataAccessApiUsageException.class).isThrownBy(call::run)
					.withMessage("Queue 'read-only' cannot be written to in a read-only transaction");
			}
			// The transaction has not failed
			assertThat(instance.jdbc().queryForObject("SELECT 1", Integer.class)).isOne();
		});
		assertThat(queues("read-only")).isZero();
	}

	@Test
	void aPoolOfOneIsEnough() {
		try (Instance single = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=2000")) {
			WorkQueue own = single.bean(WorkQueue.class);
			Runnable calls = () -> {
				for (Kind kind : Kind.values()) {
					own.enqueue(kind.request("single/" + kind, "a"));
					own.enqueueAll(List.of(kind.request("single/" + kind, "b"), kind.request("single/new", "c")));
					own.enqueueAsync(kind.request("single/" + kind, "d")).join();
				}
				own.reschedule("single/KEY", "a", Instant.EPOCH);
				own.cancel("single/KEY", "a");
			};
			calls.run();
			single.transaction().executeWithoutResult((status) -> {
				single.jdbc().execute("SELECT 1");
				calls.run();
				own.enqueueOnCommit(WorkRequest.of("single/on-commit", "a"));
			});
			assertThat(payloads("single/PLAIN")).hasSize(6);
			assertThat(payloads("single/ORDERING_KEY")).hasSize(6);
			assertThat(payloads("single/on-commit")).hasSize(1);
		}
	}

	@Test
	void aPoolWithoutAutocommitStores() {
		try (Instance manual = Instance.start(database, "spring.datasource.hikari.auto-commit=false",
				"spring.datasource.hikari.maximum-pool-size=1")) {
			WorkQueue own = manual.bean(WorkQueue.class);
			for (Kind kind : Kind.values()) {
				String name = "manual/" + kind;
				own.enqueue(kind.request(name, "a"));
				own.enqueueAll(List.of(kind.request(name, "b"), kind.request(name, "c")));
				own.enqueueAsync(kind.request(name, "d")).join();
				manual.transaction().executeWithoutResult((status) -> {
					own.enqueue(kind.request(name, "e"));
					status.setRollbackOnly();
				});
				assertThat(payloads(name)).containsExactly("a", "b", "c", "d");
			}
		}
	}

	@Test
	void aKeyHasOneItem() {
		Enqueued first = queue.enqueue(WorkRequest.of("one", "a").key("k").dueIn(Duration.ofHours(1)));
		Enqueued second = queue.enqueue(WorkRequest.of("one", "b").key("k"));
		assertThat(second).isEqualTo(new Enqueued(first.id(), Outcome.COALESCED));
		assertThat(payloads("one")).containsExactly("a");
		assertThat(column("one", "due_at", Instant.class)).isBefore(Instant.now().plusSeconds(60));
		Enqueued third = queue.enqueue(WorkRequest.of("one", "c").key("k").replacing().dueIn(Duration.ofHours(1)));
		assertThat(third).isEqualTo(new Enqueued(first.id(), Outcome.COALESCED));
		assertThat(payloads("one")).containsExactly("c");
		assertThat(column("one", "due_at", Instant.class)).isAfter(Instant.now().plusSeconds(60));
	}

	@Test
	void aKeyAndAnOrderingKeyDoNotMeet() {
		queue.enqueue(WorkRequest.of("apart", "a").key("k"));
		queue.enqueue(WorkRequest.of("apart", "b").orderingKey("k"));
		assertThat(payloads("apart")).containsExactlyInAnyOrder("a", "b");
	}

	@Test
	void anItemIsDueWhenTheRequestSays() {
		Instant dueAt = Instant.parse("2100-01-01T00:00:00.123456Z");
		for (Kind kind : List.of(Kind.PLAIN, Kind.KEY)) {
			queue.enqueue(kind.request("due/" + kind, "a").dueAt(dueAt));
			assertThat(column("due/" + kind, "due_at", Instant.class)).isEqualTo(dueAt);
			queue.enqueue(kind.request("due-in/" + kind, "a").dueIn(Duration.ofHours(1)));
			assertThat(column("due-in/" + kind, "due_at", Instant.class)).isBetween(Instant.now().plusSeconds(3_000),
					Instant.now().plusSeconds(4_000));
		}
	}

	@Test
	void headersAreStored() {
		queue.enqueue(WorkRequest.of("headers", "a").header("b", "é").header("a", "1"));
		assertThat(column("headers", "headers", String.class)).isEqualTo("{\"a\":\"1\",\"b\":\"\\u00E9\"}");
		queue.enqueue(WorkRequest.of("no-headers", "a"));
		assertThat(column("no-headers", "headers", String.class)).isNull();
	}

	@Test
	void whatIsTooLargeIsRefusedBeforeAnythingIsStored() {
		assertThatIllegalArgumentException()
			.isThrownBy(() -> queue.enqueue(WorkRequest.of("large", new byte[1 << 20 | 1])))
			.withMessageContaining(
					"must have at most 1048576 bytes (durable-notify.work.max-payload-size), but has 1048577");
		assertThatIllegalArgumentException().isThrownBy(() -> queue
			.enqueueAll(List.of(WorkRequest.of("large", "a"), WorkRequest.of("large", new byte[1 << 20 | 1]))));
		assertThatIllegalArgumentException()
			.isThrownBy(() -> queue.enqueue(WorkRequest.of("large", "a").header("h", "x".repeat(1 << 20))))
			.withMessageStartingWith("Headers for queue 'large' must have at most");
		assertThatIllegalArgumentException().isThrownBy(() -> queue.cancel("a b", "k"))
			.withMessageStartingWith("Queue 'a b'");
		assertThatIllegalArgumentException().isThrownBy(() -> queue.cancel("large", ""))
			.withMessageStartingWith("Key ''");
		assertThat(queues("large")).isZero();
		queue.enqueue(WorkRequest.of("large", new byte[1 << 20]));
	}

	@Test
	void aListIsStoredInItsOrderAndSoAreItsOutcomes() {
		queue.enqueue(WorkRequest.of("list", "there").key("k2"));
		List<WorkRequest> requests = List.of(WorkRequest.of("list", "a"), WorkRequest.of("list", "b").key("k3"),
				WorkRequest.of("list/other", "c"), WorkRequest.of("list", "d").key("k2"),
				WorkRequest.of("list", "e").orderingKey("o"), WorkRequest.of("list", "f"),
				WorkRequest.of("list", "g").orderingKey("o"), WorkRequest.of("list", "h").key("k3"));
		List<Enqueued> outcomes = queue.enqueueAll(requests);
		assertThat(outcomes).extracting(Enqueued::outcome)
			.containsExactly(Outcome.ENQUEUED, Outcome.ENQUEUED, Outcome.ENQUEUED, Outcome.COALESCED, Outcome.ENQUEUED,
					Outcome.ENQUEUED, Outcome.ENQUEUED, Outcome.COALESCED);
		assertThat(outcomes.get(7).id()).isEqualTo(outcomes.get(1).id());
		assertThat(payloads("list")).containsExactlyInAnyOrder("there", "a", "b", "e", "f", "g")
			.containsSubsequence("a", "f")
			.containsSubsequence("e", "g");
		assertThat(payloads("list/other")).containsExactly("c");
		assertThat(queue.enqueueAll(List.of())).isEmpty();
	}

	@Test
	void aLongListIsStoredInItsOrder() {
		List<WorkRequest> requests = IntStream.range(0, 12_000)
			.mapToObj((i) -> WorkRequest.of("long", "%05d".formatted(i)))
			.toList();
		List<Enqueued> outcomes = queue.enqueueAll(requests);
		assertThat(outcomes).extracting(Enqueued::id).isSorted().doesNotHaveDuplicates();
		assertThat(payloads("long")).hasSize(12_000).isSorted();
	}

	@ParameterizedTest
	@EnumSource
	void aListOfOneKindIsStoredInItsOrderInAQueueThatIsMissingToo(Kind kind) {
		String name = "kind/" + kind;
		for (int round = 0; round < 2; round++) {
			List<WorkRequest> requests = IntStream.range(0, 200)
				.mapToObj((i) -> kind.request(name, "%03d".formatted(i)))
				.toList();
			List<Enqueued> outcomes = queue.enqueueAll(requests);
			assertThat(outcomes).extracting(Enqueued::id).isSorted().doesNotHaveDuplicates().hasSize(200);
			assertThat(outcomes).extracting(Enqueued::outcome)
				.containsOnly((kind == Kind.KEY && round == 1) ? Outcome.COALESCED : Outcome.ENQUEUED);
		}
		assertThat(payloads(name)).hasSize((kind == Kind.KEY) ? 200 : 400);
		assertThat(payloads(name).subList(0, 200)).isSorted();
	}

	@Test
	void aListIsStoredAsAWholeWhereItsQueueIsCreatedMeanwhile() {
		List<WorkRequest> requests = IntStream.range(0, 20_000)
			.mapToObj((i) -> WorkRequest.of("meanwhile", String.valueOf(i)).orderingKey("k"))
			.toList();
		CompletableFuture<List<Enqueued>> enqueued = Background.supply(() -> queue.enqueueAll(requests));
		Eventually.await(
				() -> database.jdbc()
					.queryForObject("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' "
							+ "AND query LIKE '%work_append%' AND pid <> pg_backend_pid())", Boolean.class),
				enqueued::toString);
		database.jdbc()
			.update("INSERT INTO durable_notify.work_queues (name) VALUES ('meanwhile') ON CONFLICT DO NOTHING");
		assertThat(enqueued.join()).hasSize(20_000).extracting(Enqueued::id).isSorted();
		assertThat(payloads("meanwhile")).hasSize(20_000);
	}

	@Test
	void itemsOfAListHaveTheirOwnDueTimesAndHeaders() {
		Instant later = Instant.now().plusSeconds(3600).truncatedTo(ChronoUnit.MICROS);
		for (Kind kind : Kind.values()) {
			String name = "own/" + kind;
			queue.enqueueAll(List.of(kind.request(name, "a").dueAt(later).header("h", "1"), kind.request(name, "b")));
			assertThat(database.jdbc().queryForList("""
					SELECT concat_ws(' ', convert_from(coalesce(l.payload, i.payload), 'UTF8'),
						coalesce(l.headers, i.headers), CASE WHEN i.lane THEN l.not_before ELSE i.due_at END = ?)
					FROM durable_notify.work_items i JOIN durable_notify.work_queues q USING (queue_id)
					LEFT JOIN durable_notify.work_lane_items l ON i.lane AND l.lane_id = i.item_id
					WHERE q.name = ?""", String.class, Timestamp.from(later), name)).as(name)
				.containsExactlyInAnyOrder("a {\"h\":\"1\"} t", (kind == Kind.ORDERING_KEY) ? "b" : "b f");
		}
	}

	@Test
	void aListCanReplaceSomeAndAskForOneKeyTwice() {
		queue.enqueue(WorkRequest.of("replacing", "old").key("k"));
		List<Enqueued> outcomes = queue.enqueueAll(List.of(WorkRequest.of("replacing", "new").key("k").replacing(),
				WorkRequest.of("replacing", "l1").key("l"), WorkRequest.of("replacing", "l2").key("l"),
				WorkRequest.of("replacing", "l3").key("l").replacing()));
		assertThat(outcomes).extracting(Enqueued::outcome)
			.containsExactly(Outcome.COALESCED, Outcome.ENQUEUED, Outcome.COALESCED, Outcome.COALESCED);
		assertThat(payloads("replacing")).containsExactlyInAnyOrder("new", "l3");
	}

	@ParameterizedTest
	@EnumSource(names = { "KEY", "ORDERING_KEY" })
	void listsWithTheSameKeysInOtherOrdersDoNotDeadlock(Kind kind) {
		String name = "opposite/" + kind;
		List<WorkRequest> requests = IntStream.range(0, 50)
			.mapToObj((i) -> (kind == Kind.KEY) ? WorkRequest.of(name, "" + i).key("" + i)
					: WorkRequest.of(name, "" + i).orderingKey("" + i))
			.toList();
		List<WorkRequest> reversed = new ArrayList<>(requests);
		Collections.reverse(reversed);
		for (int round = 0; round < 10; round++) {
			CompletableFuture<Void> one = Background.run(() -> queue.enqueueAll(requests));
			CompletableFuture<Void> other = Background.run(() -> queue.enqueueAll(reversed));
			CompletableFuture.allOf(one, other).join();
		}
		assertThat(payloads(name)).hasSize((kind == Kind.KEY) ? 50 : 1_000);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aListIsStoredAsAWholeOrNotAtAll(boolean joined) {
		String name = "whole/" + joined;
		refuse(name);
		assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> {
			List<WorkRequest> requests = List.of(WorkRequest.of(name, "a"), WorkRequest.of(name + "/new", "b"),
					WorkRequest.of(name, "c").key("k"), WorkRequest.of(name, "refused").key("l"));
			if (joined) {
				instance.transaction().executeWithoutResult((status) -> queue.enqueueAll(requests));
			}
			else {
				queue.enqueueAll(requests);
			}
		});
		assertThat(payloads(name)).isEmpty();
		assertThat(payloads(name + "/new")).isEmpty();
	}

	/**
	 * Have the database refuse an item.
	 */
	private static void refuse(String name) {
		queue.enqueueAll(List.of(WorkRequest.of(name, "first").key("first")));
		queue.cancel(name, "first");
		database.jdbc().execute("""
				CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN RAISE EXCEPTION ''refused''; END';
				CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload = 'refused') EXECUTE FUNCTION public.refuse()
				""");
	}

	@Test
	void aKeyThatATransactionHoldsIsRefusedInTimeAndOthersAreNot() {
		for (Kind kind : List.of(Kind.KEY, Kind.ORDERING_KEY)) {
			String name = "held/" + kind;
			instance.transaction().executeWithoutResult((status) -> {
				queue.enqueue(kind.request(name, "a"));
				assertThatIsLocked(name, kind, () -> queue.enqueue(kind.request(name, "a")));
				assertThatIsLocked(name, kind, () -> queue.enqueueAsync(kind.request(name, "a")).join());
				assertThatIsLocked(name, kind, () -> instance.newTransaction()
					.executeWithoutResult((inner) -> queue.enqueue(kind.request(name, "a"))));
				assertThatIsLocked(name, kind, () -> queue.enqueueAll(List.of(kind.request(name, "a"))));
				assertThatIsLocked(name, kind,
						() -> queue.enqueueAll(List.of(kind.request(name, "a"), kind.request(name, "b"))));
			});
			assertThat(queue.enqueue(kind.request(name, "a")).id()).isPositive();
		}
		queue.enqueue(WorkRequest.of("held", "a").key("k"));
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(WorkRequest.of("held", "a").key("k"));
			assertThatIsLocked("held", Kind.KEY, () -> queue.cancel("held", "k"));
			assertThatIsLocked("held", Kind.KEY, () -> queue.reschedule("held", "k", Instant.EPOCH));
			CompletableFuture<Enqueued> locked = queueInBackground(WorkRequest.of("held", "b").key("k"));
			Background.run(() -> {
				queue.enqueue(WorkRequest.of("held", "c"));
				queue.enqueueAsync(WorkRequest.of("held", "d")).join();
				queue.enqueueAsync(WorkRequest.of("held", "e").key("free")).join();
				queue.enqueue(WorkRequest.of("held", "f").orderingKey("k"));
			}).join();
			assertThat(locked.handle((enqueued, failure) -> failure).join()).isNotNull();
		});
		assertThat(payloads("held")).containsExactly("a", "c", "d", "e", "f");
	}

	private static CompletableFuture<Enqueued> queueInBackground(WorkRequest request) {
		return Background.supply(() -> queue.enqueueAsync(request)).join();
	}

	private static void assertThatIsLocked(String name, Kind kind, Runnable call) {
		long start = System.nanoTime();
		Throwable failure = Background.run(call).handle((result, ex) -> ex).join();
		assertThat(failure).as(name).isNotNull();
		while (failure.getCause() instanceof RuntimeException cause && !(failure instanceof WorkLockedException)) {
			failure = cause;
		}
		assertThat(failure).isInstanceOf(WorkLockedException.class)
			.hasMessageContaining("of queue '" + name + "' was locked by another transaction for more than 500 ms")
			.hasMessageContaining("nothing was stored");
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(400),
				Duration.ofSeconds(10));
	}

	@Test
	void aQueueThatATransactionCreatesIsRefusedWithTheReason() {
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(WorkRequest.of("brand-new", "a"));
			assertThatExceptionOfType(CompletionException.class)
				.isThrownBy(Background.run(() -> queue.enqueue(WorkRequest.of("brand-new", "b")))::join)
				.havingCause()
				.isInstanceOf(WorkLockedException.class)
				.withMessage("The row of queue 'brand-new' was locked by another transaction for more than 500 ms; "
						+ "nothing was stored. Likely one that creates the queue with its first item and has not "
						+ "committed yet: keep it short, use enqueueOnCommit(), or have the queue created before, by a "
						+ "listener or WorkAdmin.resume");
		});
	}

	@Test
	void theCallersOwnLockTimeoutStays() {
		queue.enqueue(WorkRequest.of("timeout", "a").key("k"));
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SET LOCAL lock_timeout = '1234ms'");
			for (Kind kind : Kind.values()) {
				queue.enqueue(kind.request("timeout/" + kind, "a"));
				queue.enqueueAll(List.of(kind.request("timeout", "a"), kind.request("timeout/new/" + kind, "a")));
			}
			queue.reschedule("timeout", "k", Instant.EPOCH);
			queue.cancel("timeout", "k");
			assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("1234ms");
		});
		for (Kind kind : Kind.values()) {
			queue.enqueue(kind.request("timeout/later/" + kind, "a"));
		}
		assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void whatTheSnapshotHidesIsARetryableFailure(int isolation) {
		String name = "isolation/" + isolation;
		for (Kind kind : Kind.values()) {
			WorkRequest request = kind.request(name + "/" + kind, "a");
			assertThatExceptionOfType(ConcurrencyFailureException.class).as(kind.name())
				.isThrownBy(() -> instance.transaction(isolation).executeWithoutResult((status) -> {
					instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.work_items", Long.class);
					Background.run(() -> queue.enqueue(request)).join();
					queue.enqueue(request);
				}))
				.withMessageContaining("repeat");
			instance.transaction(isolation).executeWithoutResult((status) -> queue.enqueue(request));
			assertThat(payloads(name + "/" + kind)).hasSize((kind == Kind.KEY) ? 1 : 2);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "repeatable read", "serializable" })
	void aDatabaseWhoseDefaultIsAnotherIsolationLevelStoresEverything(String isolation) {
		TestDatabase strict = PostgresServer.shared().createDatabase();
		strict.jdbc()
			.execute("ALTER DATABASE " + strict.jdbc().queryForObject("SELECT current_database()", String.class)
					+ " SET default_transaction_isolation = '" + isolation + "'");
		try (Instance one = Instance.start(strict); Instance two = Instance.start(strict)) {
			List<CompletableFuture<Void>> callers = List.of(one, two)
				.stream()
				.map((caller) -> Background.run(() -> IntStream.range(0, 50).forEach((i) -> {
					WorkQueue own = caller.bean(WorkQueue.class);
					own.enqueue(WorkRequest.of("strict", "p"));
					own.enqueue(WorkRequest.of("strict", "k").key("k" + i % 3));
					own.enqueueAll(List.of(WorkRequest.of("strict", "o").orderingKey("o"),
							WorkRequest.of("strict", "k").key("k0")));
				})))
				.toList();
			callers.forEach(CompletableFuture::join);
			List<String> payloads = payloads(strict, "strict");
			assertThat(Collections.frequency(payloads, "p")).isEqualTo(100);
			assertThat(Collections.frequency(payloads, "o")).isEqualTo(100);
			assertThat(Collections.frequency(payloads, "k")).isEqualTo(3);
		}
	}

	@ParameterizedTest
	@EnumSource(Kind.class)
	void aQueueThatAnotherTransactionCreatesIsWaitedForAndHoldsUpNoOther(Kind kind) {
		String name = "creating/" + kind;
		queue.enqueue(WorkRequest.of("there", "a"));
		try (Instance patient = Instance.start(database)) {
			WorkQueue own = patient.bean(WorkQueue.class);
			List<CompletableFuture<?>> waiting = new ArrayList<>();
			instance.transaction().executeWithoutResult((status) -> {
				queue.enqueue(kind.request(name, "rolled back"));
				waiting.add(Background.run(() -> own.enqueue(kind.request(name, "a"))));
				waiting.add(Background.supply(() -> own.enqueueAsync(kind.request(name, "b"))).join());
				database.awaitLockWait();
				Background.run(() -> {
					own.enqueue(WorkRequest.of("there", "b"));
					own.enqueueAsync(WorkRequest.of("there", "c")).join();
				}).join();
				assertThat(waiting).noneMatch(CompletableFuture::isDone);
				status.setRollbackOnly();
			});
			waiting.forEach(CompletableFuture::join);
			assertThat(payloads(name)).containsExactlyInAnyOrder("a", "b");
		}
	}

	@Test
	void aQueueIsCreatedOnceByManyCallers() {
		List<CompletableFuture<Void>> callers = IntStream.range(0, 16)
			.mapToObj(
					(i) -> Background.run(() -> queue.enqueue(Kind.values()[i % 3].request("race", String.valueOf(i)))))
			.toList();
		callers.forEach(CompletableFuture::join);
		assertThat(queues("race")).isOne();
		assertThat(payloads("race")).hasSize(16);
	}

	@Test
	void anItemIsCancelledByItsKey() {
		assertThat(queue.cancel("cancel", "k")).isEqualTo(CancelOutcome.NOT_FOUND);
		queue.enqueue(WorkRequest.of("cancel", "a").key("k"));
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(queue.cancel("cancel", "k")).isEqualTo(CancelOutcome.CANCELLED);
			assertThat(queue.cancel("cancel", "k")).isEqualTo(CancelOutcome.NOT_FOUND);
			status.setRollbackOnly();
		});
		assertThat(payloads("cancel")).containsExactly("a");
		assertThat(queue.cancel("cancel", "k")).isEqualTo(CancelOutcome.CANCELLED);
		assertThat(payloads("cancel")).isEmpty();
		queue.enqueue(WorkRequest.of("cancel", "b").orderingKey("k"));
		assertThat(queue.cancel("cancel", "k")).isEqualTo(CancelOutcome.NOT_FOUND);
	}

	@Test
	void whatIsEnqueuedWithoutWaitingComesBeforeWhatFollows() {
		for (int i = 0; i < 20; i++) {
			queue.enqueueAsync(WorkRequest.of("earlier", "async").key("k" + i).replacing());
			queue.enqueue(WorkRequest.of("earlier", "sync").key("k" + i).replacing());
			queue.enqueueAsync(WorkRequest.of("earlier", "ordered a").orderingKey("o" + i));
			queue.enqueueAsync(WorkRequest.of("earlier", "ordered b").orderingKey("o" + i));
			queue.enqueue(WorkRequest.of("earlier", "ordered c").orderingKey("o" + i));
			queue.enqueueAsync(WorkRequest.of("earlier", "async").key("l" + i));
			assertThat(queue.cancel("earlier", "l" + i)).isEqualTo(CancelOutcome.CANCELLED);
		}
		List<String> payloads = payloads("earlier");
		assertThat(payloads).doesNotContain("async").hasSize(80);
		List<String> ordered = payloads.stream().filter((payload) -> payload.startsWith("ordered")).toList();
		for (int i = 0; i < 60; i += 3) {
			assertThat(ordered.subList(i, i + 3)).containsExactly("ordered a", "ordered b", "ordered c");
		}
	}

	@Test
	void anItemIsRescheduledByItsKey() {
		Instant dueAt = Instant.parse("2100-01-01T00:00:00Z");
		assertThat(queue.reschedule("reschedule", "k", dueAt)).isFalse();
		queue.enqueue(WorkRequest.of("reschedule", "a").key("k"));
		assertThat(queue.reschedule("reschedule", "k", dueAt)).isTrue();
		assertThat(column("reschedule", "due_at", Instant.class)).isEqualTo(dueAt);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(queue.reschedule("reschedule", "k", Instant.EPOCH)).isTrue();
			status.setRollbackOnly();
		});
		assertThat(column("reschedule", "due_at", Instant.class)).isEqualTo(dueAt);
	}

	@Test
	void anItemThatRunsIsCancelledAndItsHolderIsNotified() {
		Enqueued running = queue.enqueue(WorkRequest.of("running", "a").key("k"));
		claim("running", running);
		List<Wakeup> cancelled = listen(WorkTopics.CANCELLED);
		assertThat(queue.cancel("running", "k")).isEqualTo(CancelOutcome.CANCELLED_WHILE_RUNNING);
		Eventually.await(() -> !cancelled.isEmpty(), cancelled::toString);
		assertThat(cancelled.get(0)).isEqualTo(Wakeup.deleted(running.id()));
	}

	/**
	 * Those of versions before take each wake-up of the topic of cancellations for one.
	 */
	@Test
	void thatAnItemIsSetToALaterTimeIsNoCancellationForOtherInstances() {
		Enqueued running = queue.enqueue(WorkRequest.of("later", "a").key("k"));
		claim("later", running);
		List<Wakeup> cancelled = listen(WorkTopics.CANCELLED);
		List<Wakeup> moved = listen(WorkTopics.MOVED);
		Wakeup mark = Wakeup.deleted(running.id() + 1);
		queue.reschedule("later", "k", Instant.parse("2100-01-01T00:00:00Z"));
		Eventually.await(() -> !moved.isEmpty(), moved::toString);
		assertThat(moved.get(0).id()).isEqualTo(running.id());
		instance.bean(Wakeups.class).send(WorkTopics.CANCELLED, mark);
		Eventually.await(() -> cancelled.contains(mark), cancelled::toString);
		assertThat(cancelled).containsExactly(mark);
	}

	private static void claim(String name, Enqueued item) {
		database.jdbc().update("""
				INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
				SELECT ?, queue_id, 4711, clock_timestamp(), ARRAY[?] FROM durable_notify.work_queues WHERE name = ?
				""", item.id(), item.id(), name);
	}

	private List<Wakeup> listen(String topic) {
		List<Wakeup> received = Collections.synchronizedList(new ArrayList<>());
		this.subscriptions.add(instance.bean(Wakeups.class).subscribe(topic, new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
				received.add(wakeup);
			}

			@Override
			public void onResync() {
			}

		}));
		return received;
	}

	@Test
	void othersAreNotifiedOfTheItemThatIsDueFirstAfterTheCommit() {
		Instant soon = Instant.parse("2100-01-01T00:00:00Z");
		queue.enqueue(WorkRequest.of("wakeups", "there"));
		int id = database.jdbc()
			.queryForObject("SELECT queue_id FROM durable_notify.work_queues WHERE name = 'wakeups'", Integer.class);
		List<Wakeup> received = listen(WorkTopics.QUEUES);
		Wakeup expected = WorkTopics.due(id, soon.toEpochMilli() * 1_000);
		List<WorkRequest> requests = List.of(WorkRequest.of("wakeups", "a").dueAt(soon.plusSeconds(1)),
				WorkRequest.of("wakeups", "b").dueAt(soon), WorkRequest.of("wakeups", "c").dueAt(soon.plusSeconds(2)));
		queue.enqueueAll(requests);
		Eventually.await(() -> received.contains(expected), received::toString);
		assertThat(received).containsExactly(expected);
		received.clear();
		instance.transaction().executeWithoutResult((status) -> {
			requests.forEach(queue::enqueue);
			assertThat(received).isEmpty();
		});
		Eventually.await(() -> received.contains(expected), received::toString);
		assertThat(received).containsExactly(expected);
		received.clear();
		queue.enqueue(requests.get(1));
		Eventually.await(() -> received.contains(expected), received::toString);
		received.clear();
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueue(requests.get(1));
			status.setRollbackOnly();
		});
		queue.enqueue(WorkRequest.of("wakeups", "d").key("k").dueAt(soon));
		Eventually.await(() -> !received.isEmpty(), received::toString);
		received.clear();
		queue.reschedule("wakeups", "k", soon.plusSeconds(60));
		Wakeup moved = WorkTopics.due(id, soon.plusSeconds(60).toEpochMilli() * 1_000);
		Eventually.await(() -> received.contains(moved), received::toString);
	}

	@Test
	void streamsAndWorkOnCommitDoNotDeadlock() {
		queue.enqueue(WorkRequest.of("both", "there").key("k"));
		instance.writer().append("both", "there");
		for (int round = 0; round < 10; round++) {
			CompletableFuture<Void> one = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
				instance.writer().appendOnCommit("both", new byte[1]);
				queue.enqueueOnCommit(WorkRequest.of("both", "a").key("k"));
			}));
			CompletableFuture<Void> other = Background
				.run(() -> instance.transaction().executeWithoutResult((status) -> {
					queue.enqueueOnCommit(WorkRequest.of("both", "a").key("k"));
					instance.writer().appendOnCommit("both", new byte[1]);
				}));
			CompletableFuture.allOf(one, other).join();
		}
		assertThat(instance.reader().page("both", StreamPosition.start(), 100).chunks()).hasSize(21);
		assertThat(payloads("both")).containsExactly("there");
	}

}
