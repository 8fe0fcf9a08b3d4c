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

import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ClaimSql}: what is claimed, in which order, and by whom.
 */
class ClaimTests extends AbstractWorkSqlTests {

	@Test
	void itemsAreClaimedInTheOrderOfTheirDueTimesAndThenOfTheList() {
		int queue = this.work.queue("order");
		this.work.insert("order", "a", "b", "c");
		this.work.insert("order", "d");
		Claimed first = this.work.claim(queue, 3);
		assertThat(WorkTables.texts(first)).containsExactly("a", "b", "c");
		assertThat(first.more()).isTrue();
		Claimed second = this.other.claim(queue, 3);
		assertThat(WorkTables.texts(second)).containsExactly("d");
		assertThat(second.more()).isFalse();
		assertThat(second.claim().claimId()).isGreaterThan(first.claim().claimId());
		assertThat(this.work.claim(queue, 3).claim()).isNull();
		List<Claim> held = this.work
			.run((connection, joined) -> this.work.claims().claims(connection, this.other.instanceId()));
		assertThat(held).containsExactly(second.claim());
		assertThat(this.work.complete(first)).hasSize(3);
		assertThat(this.work.complete(second)).hasSize(1);
		assertThat(this.work.jdbc()
			.queryForList("SELECT claim_id FROM durable_notify.work_claims WHERE queue_id = ?", queue)).isEmpty();
	}

	@Test
	void anItemWithADelayIsClaimedWhenItIsDue() {
		int queue = this.work.queue("delay");
		Instant before = WorkTables.now(this.work.jdbc());
		StoredItem stored = this.work
			.put(new NewItem("delay", null, false, null, null, Duration.ofMillis(300), "{}", new byte[1]));
		this.work.put(new NewItem("delay", null, false, null, before.plusSeconds(3600), null, null, new byte[1]));
		Claimed early = this.work.claim(queue, 10);
		assertThat(early.claim()).isNull();
		assertThat(early.nextDueMicros()).isBetween(1L, 300_000L);
		Claimed claimed = this.work.awaitClaim(queue, 10);
		assertThat(claimed.items()).extracting(ClaimedItem::itemId).containsExactly(stored.itemId());
		assertThat(claimed.items().get(0).headers()).isEqualTo("{}");
		assertThat(WorkTables.now(this.work.jdbc())).isAfter(before.plusMillis(300));
		assertThat(claimed.nextDueMicros()).isBetween(3_500_000_000L, 3_600_000_000L);
	}

	@Test
	void nothingIsClaimedOfAPausedQueueNorWithoutALease() {
		int queue = this.work.queue("granted");
		this.work.insert("granted", "a");
		this.work.run((connection, joined) -> this.work.admin().pause(connection, "granted", true));
		assertThat(this.work.claim(queue, 10).granted()).isFalse();
		this.work.run((connection, joined) -> this.work.admin().pause(connection, "granted", false));
		for (String lost : List.of("gone_at = now()", "gone_at = NULL, lease_until = clock_timestamp()")) {
			this.work.jdbc()
				.update("UPDATE durable_notify.instances SET " + lost + " WHERE instance_id = ?",
						this.work.instanceId());
			assertThat(this.work.claim(queue, 10).granted()).isFalse();
		}
		this.work.jdbc().update("DELETE FROM durable_notify.instances WHERE instance_id = ?", this.work.instanceId());
		assertThat(this.work.claim(queue, 10).granted()).isFalse();
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("a");
	}

	@Test
	void aLimitOfRunningItemsIsExactForFourInstances() {
		int queue = this.work.queue("limited");
		int items = 200;
		for (int i = 0; i < items / 10; i++) {
			this.work.insert("limited", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9");
		}
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "limited", 7));
		AtomicInteger running = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		AtomicInteger completed = new AtomicInteger();
		List<CompletableFuture<Void>> claimers = IntStream.range(0, 4).mapToObj((i) -> Background.run(() -> {
			try (WorkTables claimer = WorkTables.open(database)) {
				while (completed.get() < items) {
					List<Claimed> held = new ArrayList<>();
					for (int claims = 0; claims < 3; claims++) {
						held.add(claimer.claim(queue, 3));
						most.accumulateAndGet(running.addAndGet(held.get(claims).items().size()), Math::max);
					}
					for (Claimed claimed : held) {
						running.addAndGet(-claimed.items().size());
						if (claimed.claim() != null) {
							completed.addAndGet(claimer.complete(claimed).size());
						}
					}
				}
			}
		})).toList();
		claimers.forEach(CompletableFuture::join);
		assertThat(completed).hasValue(items);
		assertThat(most.get()).isBetween(4, 7);
	}

	@Test
	void whatIsCompletedDoesNotCountAsRunningWhileOthersOfItsClaimDo() {
		int queue = this.work.queue("trimmed");
		this.work.insert("trimmed", "a", "b", "c", "d", "e");
		Claimed claimed = this.work.claim(queue, 3);
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "trimmed", 3));
		List<Done> items = WorkTables.done(claimed);
		assertThat(this.other.claim(queue, 10).granted()).isFalse();
		assertThat(this.work.complete(items.subList(0, 1), List.of())).hasSize(1);
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("d");
		assertThat(this.work.completeUnlocked(items.subList(1, 2))).hasSize(1);
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("e");
		assertThat(this.other.claim(queue, 10).granted()).isFalse();
		assertThat(this.work.complete(items.subList(2, 3), List.of(claimed.claim()))).hasSize(1);
		this.work.searchAll(true);
		Claimed none = this.work.claim(queue, 10);
		assertThat(none.granted()).isTrue();
		assertThat(none.claim()).isNull();
	}

	@Test
	void whatWasDoneBeforeALimitWasSetOrInATransactionDoesNotCountAsRunning() {
		int queue = this.work.queue("untrimmed");
		this.work.insert("untrimmed", "a", "b", "c");
		this.work.put(WorkTables.ordered("untrimmed", "key", "d"));
		this.work.insert("untrimmed", "e", "f", "g");
		Claimed claimed = this.work.claim(queue, 4);
		List<Done> items = WorkTables.done(claimed);
		ClaimedItem lane = claimed.items().get(3);
		assertThat(this.work.complete(items.subList(0, 1), List.of())).hasSize(1);
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "untrimmed", 3));
		assertThat(this.other.claim(queue, 10).granted()).isFalse();
		assertThat(this.work.completeInTransaction(items.get(1))).isTrue();
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("e");
		Done ofLane = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		assertThat(this.work.complete(List.of(ofLane), List.of())).hasSize(1);
		assertThat(this.other.claim(queue, 10).granted()).isFalse();
		assertThat(this.work.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.DONE);
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("f");
		assertThat(this.other.claim(queue, 10).granted()).isFalse();
	}

	@Test
	void aClaimOfALimitedQueueIsOfOneItemWhichCountsUntilItsHandlerHasReturned() {
		int queue = this.work.queue("one");
		this.work.put(WorkTables.keyed("one", "key", "a"));
		this.work.insert("one", "b", "c");
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "one", 2));
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).containsExactly("a");
		assertThat(claimed.more()).isTrue();
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("b");
		assertThat(
				this.other.<Cancelled>run((connection, joined) -> this.other.enqueue().cancel(connection, "one", "key"))
					.running())
			.isTrue();
		assertThat(this.other.claim(queue, 10).granted()).as("the handler runs").isFalse();
		this.work.complete(List.of(), List.of(claimed.claim()));
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).containsExactly("c");
	}

	@Test
	void anItemOfALaneDoesNotTakeTheItemWithItsIdOutOfTheClaim() {
		int queue = this.work.queue("ids");
		StoredItem plain = this.work.insert("ids", "a").get(0);
		this.work.jdbc()
			.queryForObject("SELECT setval('durable_notify.work_lane_items_item_id_seq', ?, false)", Long.class,
					plain.itemId());
		this.work.put(WorkTables.ordered("ids", "key", "b"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "ids", 10));
		ClaimedItem lane = claimed.items().get(1);
		ClaimedItem item = this.work.laneItems(lane).get(0);
		assertThat(item.itemId()).isEqualTo(plain.itemId());
		assertThat(this.work.complete(List.of(WorkTables.done(claimed, lane, item)), List.of())).hasSize(1);
		this.other.searchAll(true);
		assertThat(this.other.claim(queue, 10).claim()).as("both run still").isNull();
	}

	@Test
	void aBatchEndsBeforeASuspectWhichIsClaimedAlone() {
		int queue = this.work.queue("suspects");
		this.work.insert("suspects", "a", "b", "suspect", "c", "d");
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET suspect = true WHERE queue_id = ? AND payload = 'suspect'",
					queue);
		this.work.searchAll(false);
		List<List<String>> batches = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			batches.add(WorkTables.texts(this.work.claim(queue, 10)));
		}
		assertThat(batches).containsExactly(List.of("a", "b"), List.of("suspect"), List.of("c", "d"));
	}

	@Test
	void whatCommitsLateIsFoundByAHintAndByASearchFromTheFirstItemOn() {
		int queue = this.work.queue("late");
		this.work.claim(queue, 10);
		this.work.searchAll(false);
		for (boolean hinted : List.of(true, false)) {
			this.other.begin();
			List<StoredItem> stored = this.other.insert("late", "a", "b", "c");
			StoredItem late = stored.get(0);
			this.work.passBy(queue, stored.get(2).dueMicros());
			this.other.commit();
			assertThat(this.work.claim(queue, 1).claim()).as("it lies below the bound").isNull();
			if (!hinted) {
				this.work.searchAll(true);
			}
			long hint = (hinted) ? late.dueMicros() : DatabaseMicros.NEVER;
			List<String> found = new ArrayList<>();
			for (int i = 0; i < 3; i++) {
				Claimed claimed = this.work.claim(queue, 1, hint);
				found.addAll(WorkTables.texts(claimed));
				hint = claimed.nextHintMicros();
			}
			assertThat(found).as("hinted " + hinted).containsExactly("a", "b", "c");
			this.work.searchAll(false);
		}
	}

	@Test
	void aClaimGoesOnFromTheLastItemOfAFullOneAndFindsTheOthersThatWereDueWithIt() {
		int queue = this.work.queue("full");
		this.work.claim(queue, 10);
		this.work.searchAll(false);
		this.work.insert("full", "a", "b", "c", "d");
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = to_timestamp(1800000000.123457) - interval '5 years' "
					+ "+ CASE WHEN payload = 'a' THEN 0 ELSE 1 END * interval '1 microsecond' WHERE queue_id = ?",
					queue);
		Claimed full = this.work.claim(queue, 2, 0);
		assertThat(WorkTables.texts(full)).containsExactly("a", "b");
		assertThat(full.frontierMicros()).isEqualTo(this.work.jdbc()
			.queryForObject(
					"SELECT durable_notify.work_micros(due_at) FROM durable_notify.work_items WHERE item_id = ?",
					Long.class, full.items().get(1).itemId()));
		this.work.jdbc()
			.update("UPDATE durable_notify.work_queues SET frontier = '-infinity' WHERE queue_id = ?", queue);
		assertThat(WorkTables.texts(this.work.claim(queue, 1))).containsExactly("c");
		assertThat(WorkTables.texts(this.work.claim(queue, 1))).containsExactly("d");
	}

	@Test
	void whatBecomesVisibleSoonAfterItsDueTimeIsFoundAfterAFullClaimToo() {
		int queue = this.work.queue("soon");
		this.work.claim(queue, 10);
		this.work.insert("soon", "a", "b");
		Claimed full = this.work.claim(queue, 1);
		assertThat(full.more()).isTrue();
		// The id of a claim is its time
		assertThat(full.frontierMicros()).isLessThanOrEqualTo(full.claim().claimId() - 20_000);
	}

	@Test
	void aSearchInWhichTheServerWasSuspendedDoesNotPutOffTheNextOne() {
		int queue = this.work.queue("suspended");
		this.work.claim(queue, 10);
		StoredItem stored = this.work.insert("suspended", "a").get(0);
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = clock_timestamp() - interval '1 hour' "
					+ "WHERE item_id = ?", stored.itemId());
		this.work.jdbc()
			.update("UPDATE durable_notify.work_queues SET looked_at = clock_timestamp() - interval '9 minutes', "
					+ "look_took = '8 hours' WHERE queue_id = ?", queue);
		assertThat(this.work.claim(queue, 10).claim()).as("it takes 5 % of the time at most").isNull();
		this.work.jdbc()
			.update("UPDATE durable_notify.work_queues SET looked_at = looked_at - interval '2 minutes' "
					+ "WHERE queue_id = ?", queue);
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("a");
	}

	@ParameterizedTest
	@ValueSource(strings = { "294247-01-09", "294276-06-01" })
	void anItemThatIsDueAtTheEndOfTimeHoldsUpNoOther(String end) {
		String name = "end-" + end;
		int queue = this.work.queue(name);
		StoredItem late = this.work.insert(name, "late", "a").get(0);
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = ?::timestamptz WHERE item_id = ?", end,
					late.itemId());
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).containsExactly("a");
		assertThat(claimed.nextDueMicros()).isPositive();
		this.work.jdbc()
			.queryForObject("SELECT durable_notify.enqueue(?, 'b', due_at => ?::timestamptz)", Long.class, name, end);
		assertThat(this.work.<List<WorkAdminSql.QueueState>>run(
				(connection, joined) -> this.work.admin().queues(connection)))
			.extracting("name")
			.contains(name);
	}

	@Test
	void anItemThatIsMovedWhileItRunsIsNotClaimedASecondTime() {
		int queue = this.work.queue("moved");
		this.work.put(WorkTables.keyed("moved", "key", "a"));
		Claimed running = this.work.claim(queue, 10);
		assertThat(running.items()).hasSize(1);
		this.work.searchAll(false);
		Instant dueAt = WorkTables.now(this.work.jdbc()).plusMillis(100);
		this.other.run((connection, joined) -> this.other.enqueue().reschedule(connection, "moved", "key", dueAt));
		this.other.passBy(queue, DatabaseMicros.of(dueAt) + 50_000);
		Done item = WorkTables.done(running).get(0);
		assertThat(this.work.complete(List.of(item), List.of(running.claim()))).isEmpty();
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.other.awaitClaim(queue, 10).items()).extracting(ClaimedItem::rev).containsExactly(1);
		assertThat(this.work.claim(queue, 10).claim()).isNull();
	}

	@Test
	void anItemThatIsMovedIntoTheFutureWhileItRunsIsDueThen() {
		int queue = this.work.queue("future");
		this.work.put(WorkTables.keyed("future", "key", "a"));
		Claimed running = this.work.claim(queue, 10);
		Instant dueAt = WorkTables.now(this.work.jdbc()).plusSeconds(3600);
		this.other.run((connection, joined) -> this.other.enqueue().reschedule(connection, "future", "key", dueAt));
		Done item = WorkTables.done(running).get(0);
		assertThat(this.work.complete(List.of(item), List.of(running.claim()))).isEmpty();
		assertThat(this.work.again(item).dueMicros()).isEqualTo(DatabaseMicros.of(dueAt));
		assertThat(this.work.claim(queue, 10).nextDueMicros()).isGreaterThan(3_500_000_000L);
	}

	@Test
	void aClaimSaysForHowLongItsItemsWereDue() {
		int queue = this.work.queue("waited");
		this.work.insert("waited", "a");
		this.work.insert("waited", "b");
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '1 hour' WHERE queue_id = ? AND payload = 'a'",
					queue);
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).containsExactly("a", "b");
		assertThat(claimed.items().get(0).waitedMicros()).isBetween(3_600_000_000L, 3_720_000_000L);
		assertThat(claimed.items().get(1).waitedMicros()).isBetween(0L, 120_000_000L);
	}

	@Test
	void aBoundFromBeforeTheClockWasSetBackHidesNothing() {
		int queue = this.work.queue("clock");
		this.work.claim(queue, 10);
		// A claim that comes more than 20 ms after its item needs a search from the start
		Eventually.await(() -> {
			this.work.jdbc()
				.update("UPDATE durable_notify.work_queues SET frontier = now() + interval '1 hour', looked_at = now() WHERE queue_id = ?",
						queue);
			long low = DatabaseMicros.of(WorkTables.now(this.work.jdbc()).plusSeconds(3600));
			this.work.insert("clock", "a");
			Claimed claimed = this.work.run((connection, joined) -> this.work.claims()
				.claim(connection, queue, "clock", this.work.instanceId(), 10, low, DatabaseMicros.NEVER,
						WorkTables.LOCK_WAIT)
				.orElseThrow());
			return WorkTables.texts(claimed).contains("a");
		}, () -> queue);
	}

	@Test
	void whatWasEnqueuedByAClockThatWasAheadIsClaimedOnceTheClockHasReachedItWithoutASearchOfAll() {
		int queue = this.work.queue("reached");
		this.work.claim(queue, 10);
		this.work.searchAll(false);
		this.work.insert("reached", "a");
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items i SET due_at = m, enqueued_at = m + interval '2 microseconds' "
					+ "FROM (SELECT clock_timestamp() + interval '1 s' AS m OFFSET 0) AS ahead WHERE queue_id = ?",
					queue);
		Claimed early = this.work.claim(queue, 10);
		assertThat(early.claim()).isNull();
		assertThat(early.nextDueMicros()).isBetween(1L, 1_000_000L);
		assertThat(this.work.complete(this.work.awaitClaim(queue, 10))).hasSize(1);
	}

	/**
	 * One that was due before it was enqueued is found by the next search of all.
	 */
	@Test
	void anItemFromBeforeTheClockWasSetBackIsClaimedWhenItCanBeCompleted() {
		int queue = this.work.queue("ahead");
		this.work.insert("ahead", "a");
		String enqueue = "UPDATE durable_notify.work_items SET enqueued_at = clock_timestamp() + ?::interval WHERE queue_id = ?";
		this.work.jdbc().update(enqueue, "1 hour", queue);
		assertThat(this.work.claim(queue, 10).claim()).isNull();
		this.work.jdbc().update(enqueue, "100 ms", queue);
		this.work.searchAll(true);
		Claimed claimed = this.work.awaitClaim(queue, 10);
		assertThat(this.work.complete(claimed)).hasSize(1);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "prepareThreshold=0", "prepareThreshold=1",
			"prepareThreshold=-1", "stringtype=unspecified", "binaryTransfer=false", "defaultRowFetchSize=1",
			"stringtype=unspecified&prepareThreshold=1", "options=-c%20default_transaction_isolation=serializable" })
	void aClaimLocksAndClaimsInOneTransactionWhateverTheDriversSettings(String settings) {
		String name = "driver/" + settings;
		int queue = this.work.queue(name);
		try (WorkTables claimer = WorkTables.open(database, settings)) {
			for (int round = 0; round < 8; round++) {
				claimer.put(new NewItem(name, null, false, null, Instant.EPOCH, null, null, WorkTables.bytes("a")));
				claimer.put(WorkTables.replacing(name, "key", "b", null));
				claimer.put(WorkTables.ordered(name, "lane", "c"));
				claimer.insert(name, "d", "e");
				Claimed claimed = claimer.claim(queue, 10);
				assertThat(WorkTables.texts(claimed)).as(claimer::dump).containsExactly("a", "b", "", "d", "e");
				assertThat(claimer.jdbc()
					.queryForList(
							"SELECT c.xmin = q.xmax FROM durable_notify.work_claims c JOIN durable_notify.work_queues q "
									+ "USING (queue_id) WHERE claim_id = ?",
							Boolean.class, claimed.claim().claimId()))
					.as("the queue was locked by the transaction that has claimed")
					.containsExactly(true);
				ClaimedItem lane = claimed.items().get(2);
				ClaimedItem item = claimer.laneItems(lane).get(0);
				assertThat(WorkTables.text(item)).isEqualTo("c");
				List<Done> items = new ArrayList<>(WorkTables.done(claimed));
				items.set(2, WorkTables.done(claimed, lane, item));
				assertThat(claimer.complete(items, List.of())).hasSize(5);
				assertThat(claimer.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.DONE);
				claimer.complete(List.of(), List.of(claimed.claim()));
			}
		}
		assertThat(this.work.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_items WHERE queue_id = ?", Integer.class, queue))
			.isZero();
	}

	@Test
	void noClaimIsMadeWithASnapshotFromBeforeTheLock() {
		int queue = this.work.queue("snapshot");
		this.work.insert("snapshot", "a");
		this.work.run((connection, joined) -> {
			connection.setTransactionIsolation(java.sql.Connection.TRANSACTION_REPEATABLE_READ);
			connection.setAutoCommit(false);
			return null;
		});
		assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.work.claim(queue, 1))
			.satisfies((ex) -> assertThat(((SQLException) ex.getCause()).getSQLState()).isEqualTo("DN002"));
		this.work.rollback();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "defaultRowFetchSize=1",
			"options=-c%20default_transaction_isolation=serializable" })
	void aQueueThatAnotherTransactionHasLockedIsNotWaitedForForLong(String settings) {
		String name = "held/" + settings;
		int queue = this.work.queue(name);
		this.work.insert(name, "a");
		try (WorkTables claimer = WorkTables.open(database, settings)) {
			this.other.begin();
			this.other.jdbc()
				.update("UPDATE durable_notify.work_queues SET looked_at = looked_at WHERE queue_id = ?", queue);
			for (int round = 0; round < 6; round++) {
				long start = System.nanoTime();
				assertThat(claimer.tryClaim(queue, 1, DatabaseMicros.NEVER)).isNull();
				assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(8));
			}
			this.other.commit();
			assertThat(WorkTables.texts(claimer.claim(queue, 1))).containsExactly("a");
			assertThat(claimer.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
		}
	}

	@Test
	void aClaimWaitsForTheLockOfAnotherOne() {
		int queue = this.work.queue("serial");
		this.work.insert("serial", "a");
		// Not each time, on a busy machine
		Eventually.await(() -> {
			this.other.begin();
			this.other.jdbc()
				.queryForList("SELECT FROM durable_notify.work_queues WHERE queue_id = ? FOR UPDATE", queue);
			CompletableFuture<@Nullable Claimed> claimed = Background
				.supply(() -> this.work.tryClaim(queue, 1, DatabaseMicros.NEVER));
			while (!claimed.isDone() && !isAClaimWaiting()) {
				Thread.onSpinWait();
			}
			this.other.rollback();
			return claimed.join() != null;
		}, this.work::dump);
	}

	private static boolean isAClaimWaiting() {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE ?",
					Integer.class, "%work_claim(%") > 0;
	}

	@Test
	void fourInstancesClaimEachItemOnce() {
		int queue = this.work.queue("once");
		int items = 1_000;
		for (int i = 0; i < items / 10; i++) {
			this.work.insert("once", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9");
		}
		List<Long> claimedIds = java.util.Collections.synchronizedList(new ArrayList<>());
		List<CompletableFuture<Void>> claimers = IntStream.range(0, 4).mapToObj((i) -> Background.run(() -> {
			String settings = (i == 0) ? "options=-c%20default_transaction_isolation=repeatable%5C%20read" : "";
			try (WorkTables claimer = WorkTables.open(database, settings)) {
				while (claimedIds.size() < items) {
					claimer.claim(queue, 7).items().forEach((item) -> claimedIds.add(item.itemId()));
				}
			}
		})).toList();
		claimers.forEach(CompletableFuture::join);
		assertThat(claimedIds).hasSize(items).doesNotHaveDuplicates();
		Eventually.await(() -> this.work.claim(queue, 10).claim() == null, this.work::dump);
	}

}
