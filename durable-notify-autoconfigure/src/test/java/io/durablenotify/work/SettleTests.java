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

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.ToIntBiFunction;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

/**
 * Tests for {@link SettleSql}: how an item leaves its claim, and who may settle it.
 */
class SettleTests extends AbstractWorkSqlTests {

	private static final Duration AT_ONCE = Duration.ZERO;

	private static StoredItem only(List<StoredItem> items) {
		assertThat(items).hasSize(1);
		return items.get(0);
	}

	@Test
	void aClaimStaysUntilAllOfItsItemsAreSettled() {
		int queue = this.work.queue("claims");
		this.work.insert("claims", "a", "b");
		this.work.put(WorkTables.keyed("claims", "key", "c"));
		Claimed claimed = this.work.claim(queue, 10);
		this.other.put(WorkTables.keyed("claims", "key", "again"));
		List<Done> items = WorkTables.done(claimed);
		assertThat(this.work.complete(items, List.of(claimed.claim()))).containsExactlyInAnyOrder(items.get(0),
				items.get(1));
		assertThat(this.other.claim(queue, 10).claim()).as("its handler may have effects still").isNull();
		this.work.again(items.get(2));
		assertThat(this.work.complete(List.of(), List.of(claimed.claim()))).isEmpty();
		assertThat(this.work.jdbc()
			.queryForList("SELECT claim_id FROM durable_notify.work_claims WHERE queue_id = ?", queue)).isEmpty();
	}

	@Test
	void aRequestThatComesWhileAnItemRunsHasItRunOnceMore() {
		int queue = this.work.queue("more");
		StoredItem stored = this.work.put(WorkTables.keyed("more", "key", "first"));
		assertThat(stored.coalesced()).isFalse();
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		StoredItem coalesced = this.other.put(WorkTables.keyed("more", "key", "second"));
		assertThat(coalesced).isEqualTo(new StoredItem(queue, stored.itemId(), true, DatabaseMicros.NEVER));
		Done item = WorkTables.done(claimed).get(0);
		assertThat(this.work.complete(List.of(item), List.of(claimed.claim()))).isEmpty();
		Returned returned = this.work.again(item);
		assertThat(returned.kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.isReturned(stored.itemId())).as(this.work::dump).isTrue();
		// Without a search from the first item on
		Claimed again = this.other.awaitClaim(queue, 10);
		assertThat(again.items()).extracting(ClaimedItem::itemId).containsExactly(stored.itemId());
		assertThat(this.other.complete(again)).hasSize(1);
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.LOST);
	}

	@Test
	void aReplacementThatComesWhileAnItemRunsIsWhatRunsNext() {
		int queue = this.work.queue("replaced");
		this.work.put(WorkTables.keyed("replaced", "key", "first"));
		Claimed claimed = this.work.claim(queue, 10);
		this.other.put(WorkTables.replacing("replaced", "key", "second", Duration.ofMillis(200)));
		Done item = WorkTables.done(claimed).get(0);
		assertThat(this.work.complete(List.of(item), List.of(claimed.claim()))).isEmpty();
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("second");
	}

	@Test
	void theCompletionOfACancelledItemIsRefused() {
		int queue = this.work.queue("cancelled");
		StoredItem stored = this.work.put(WorkTables.keyed("cancelled", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		Cancelled cancelled = this.other
			.run((connection, joined) -> this.other.enqueue().cancel(connection, "cancelled", "key"));
		assertThat(cancelled).isEqualTo(new Cancelled(stored.itemId(), true));
		Done item = WorkTables.done(claimed).get(0);
		boolean completed = this.work
			.run((connection, joined) -> this.work.settle().completeInTransaction(connection, item));
		assertThat(completed).isFalse();
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.fail(item, AT_ONCE, false).kind()).isEqualTo(Returned.Kind.LOST);
		this.work.put(WorkTables.keyed("cancelled", "key", "b"));
		assertThat(this.other
			.<Cancelled>run((connection, joined) -> this.other.enqueue().cancel(connection, "cancelled", "key"))
			.running()).isFalse();
		assertThat(this.other
			.<Cancelled>run((connection, joined) -> this.other.enqueue().cancel(connection, "cancelled", "key")))
			.isNull();
	}

	@Test
	void aFailedItemIsDueAfterItsDelayAndWithATokenThatFencesItsHolder() {
		int queue = this.work.queue("failed");
		StoredItem stored = only(this.work.insert("failed", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		Done item = WorkTables.done(claimed).get(0);
		Returned returned = this.work.fail(item, Duration.ofMillis(200), false);
		assertThat(returned.kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.isReturned(stored.itemId())).isTrue();
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 1)
			.containsEntry("token", 1)
			.containsEntry("last_error", "reason");
		assertThat(this.work.complete(List.of(item), List.of())).isEmpty();
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.LOST);
		Claimed again = this.other.awaitClaim(queue, 10);
		assertThat(DatabaseMicros.of(WorkTables.now(this.work.jdbc()))).isGreaterThan(returned.dueMicros());
		assertThat(again.items()).extracting(ClaimedItem::failures).containsExactly(1);
	}

	@Test
	void aDeadItemKeepsItsErrorAndIsRequeuedWithItsIdAndAHigherToken() {
		int queue = this.work.queue("dead");
		StoredItem stored = this.work.put(WorkTables.keyed("dead", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		Done item = WorkTables.done(claimed).get(0);
		assertThat(this.work.fail(item, AT_ONCE, true).kind()).isEqualTo(Returned.Kind.DEAD);
		List<WorkAdminSql.AdminItem> dead = this.work
			.run((connection, joined) -> this.work.admin().dead(connection, "dead", null, null, 10));
		assertThat(dead).extracting("itemId", "key", "failures", "lastError", "lane")
			.containsExactly(org.assertj.core.groups.Tuple.tuple(stored.itemId(), "key", 1, "reason", false));
		List<WorkAdminSql.AdminItem> next = this.work
			.run((connection, joined) -> this.work.admin().dead(connection, "dead", null, dead.get(0), 10));
		assertThat(next).isEmpty();
		int requeued = this.work
			.run((connection, joined) -> this.work.admin().requeue(connection, "dead", stored.itemId(), null, 10));
		assertThat(requeued).isOne();
		Claimed again = this.other.awaitClaim(queue, 10);
		assertThat(again.items().get(0)).extracting("itemId", "failures", "key")
			.containsExactly(stored.itemId(), 0, "key");
		assertThat(again.items().get(0).token()).isGreaterThan(1);
		assertThat(this.work.complete(List.of(item), List.of())).isEmpty();
		assertThat(this.other.complete(again)).hasSize(1);
	}

	@Test
	void aDeadItemWhoseKeyIsTakenIsCoalescedWhenItIsRequeued() {
		int queue = this.work.queue("taken");
		this.work.put(WorkTables.keyed("taken", "key", "old"));
		this.work.fail(WorkTables.done(this.work.claim(queue, 10)).get(0), AT_ONCE, true);
		this.work.put(WorkTables.keyed("taken", "key", "new"));
		Claimed running = this.work.claim(queue, 10);
		int requeued = this.work
			.run((connection, joined) -> this.work.admin().requeue(connection, "taken", null, null, 10));
		assertThat(requeued).isOne();
		assertThat(this.work.complete(running)).as("it has to run once more").isEmpty();
		int purged = this.work
			.run((connection, joined) -> this.work.admin().purge(connection, "taken", null, null, 10));
		assertThat(purged).isZero();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void twoWhoRequeueOrPurgeAtOnceTakeDifferentItems(boolean requeue) {
		String name = "at-once/" + requeue;
		int queue = this.work.queue(name);
		this.work.insert(name, "a", "b");
		WorkTables.done(this.work.claim(queue, 10)).forEach((item) -> this.work.fail(item, AT_ONCE, true));
		ToIntBiFunction<WorkTables, Integer> change = (tables, limit) -> (requeue) ? tables.requeue(name, limit)
				: tables.purge(name, limit);
		this.work.begin();
		assertThat(change.applyAsInt(this.work, 1)).isOne();
		long start = System.nanoTime();
		assertThat(change.applyAsInt(this.other, 10)).as("what is not locked").isOne();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Eventually.TIMEOUT);
		this.work.rollback();
		assertThat(change.applyAsInt(this.other, 10)).isOne();
		assertThat(change.applyAsInt(this.other, 10)).isZero();
		this.work.searchAll(true);
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).hasSize((requeue) ? 2 : 0).doesNotHaveDuplicates();
		assertThat(claimed.items()).allMatch((item) -> item.token() > 1 && item.failures() == 0);
	}

	@Test
	void aRequestThatComesInTheLastAttemptKeepsAnItemAlive() {
		int queue = this.work.queue("alive");
		StoredItem stored = this.work.put(WorkTables.keyed("alive", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.other.put(WorkTables.keyed("alive", "key", "b"));
		Done item = WorkTables.done(claimed).get(0);
		assertThat(this.work.fail(item, AT_ONCE, true).kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 0).containsEntry("token", 1);
		assertThat(this.work.complete(List.of(item), List.of())).isEmpty();
	}

	@Test
	void postponingCountsNothingAndRearmingCountsAgainFromZero() {
		int queue = this.work.queue("postponed");
		StoredItem stored = this.work.put(WorkTables.keyed("postponed", "key", "a"));
		this.work.fail(WorkTables.done(this.work.claim(queue, 10)).get(0), AT_ONCE, false);
		Claimed second = this.work.awaitClaim(queue, 10);
		Returned postponed = this.work.run((connection, joined) -> this.work.settle()
			.postpone(connection, WorkTables.done(second).get(0), AT_ONCE));
		assertThat(postponed.kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.isReturned(stored.itemId())).isTrue();
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 1).containsEntry("token", 1);
		Claimed third = this.work.awaitClaim(queue, 10);
		java.time.Instant dueAt = WorkTables.now(this.work.jdbc()).plusSeconds(60);
		Returned rearmed = this.work
			.run((connection, joined) -> this.work.settle().rearm(connection, WorkTables.done(third).get(0), dueAt));
		assertThat(rearmed.dueMicros()).isEqualTo(DatabaseMicros.of(dueAt));
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 0)
			.containsEntry("token", 1)
			.containsEntry("last_error", null);
	}

	private Returned postpone(WorkTables holder, Done item, Duration delay) {
		return holder.run((connection, joined) -> holder.settle().postpone(connection, item, delay));
	}

	@Test
	void whatATransactionPostponesHoldsUpNoOtherOfItsClaimAndLeavesItAfterTheCommit() {
		int queue = this.work.queue("shared");
		List<StoredItem> stored = this.work.insert("shared", "a", "b", "c", "d");
		List<Done> items = WorkTables.done(this.work.claim(queue, 10));
		this.work.searchAll(false);
		// Handlers of one claim
		this.other.jdbc().execute("SET lock_timeout = '1s'");
		this.other.begin();
		this.other.run((connection, joined) -> connection.createStatement()
			.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
		this.other.jdbc().execute("SELECT FROM durable_notify.work_claims");
		this.work.fail(items.get(0), AT_ONCE, false);
		this.work.begin();
		postpone(this.work, items.get(1), AT_ONCE);
		postpone(this.other, items.get(2), AT_ONCE);
		this.work.commit();
		this.other.commit();
		assertThat(this.work.row(stored.get(1).itemId())).containsEntry("token", 0).containsEntry("rev", 1);
		Eventually.await(() -> this.work.jdbc()
			.queryForObject(
					"SELECT count(*) FROM durable_notify.work_items WHERE queue_id = ? AND due_at > clock_timestamp()",
					Integer.class, queue) == 0,
				this.work::dump);
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("a");
		this.work.searchAll(true);
		assertThat(this.work.claim(queue, 10).claim()).as("they have not left the claim").isNull();
		for (Done item : items.subList(1, 3)) {
			this.work.run((connection, joined) -> {
				this.work.settle().leave(connection, item);
				return item;
			});
		}
		this.work.searchAll(true);
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("b", "c");
		// As the version before did it
		Done last = items.get(3);
		this.work.begin();
		this.work.jdbc()
			.queryForList(
					"SELECT * FROM durable_notify.work_return(?, ?, 0, ?, ?, ?, 'POSTPONE', 0, 10000000, NULL, 0)",
					last.claim().claimId(), queue, last.itemId(), last.token(), last.rev());
		this.work.commit();
		assertThat(this.work.isReturned(last.itemId())).as(this.work::dump).isTrue();
	}

	@Test
	void whatATransactionHasPostponedStaysSoIfItsHandlerDoesNotKnowOfTheCommit() {
		int queue = this.work.queue("doubtful");
		this.work.insert("doubtful", "a");
		this.work.put(WorkTables.ordered("doubtful", "key", "b"));
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem lane = claimed.items().get(1);
		Done item = WorkTables.done(claimed).get(0);
		Done ofLane = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		this.work.begin();
		long due = postpone(this.work, item, Duration.ofHours(1)).dueMicros();
		long laneDue = postpone(this.work, ofLane, Duration.ofHours(1)).dueMicros();
		this.work.commit();
		assertThat(this.work.fail(item, AT_ONCE, true)).isEqualTo(new Returned(Returned.Kind.AGAIN, queue, due));
		assertThat(this.work.fail(ofLane, AT_ONCE, true).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.releaseLane(claimed, lane)).isEqualTo(new Returned(Returned.Kind.AGAIN, queue, laneDue));
		assertThat(this.work.isReturned(item.itemId())).isTrue();
		assertThat(this.work.isReturned(lane.itemId())).isTrue();
	}

	@Test
	void aRequestThatComesBeforeAnItemIsPostponedIsNotPostponed() {
		int queue = this.work.queue("prompt");
		StoredItem stored = this.work.put(WorkTables.keyed("prompt", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.other.put(WorkTables.keyed("prompt", "key", "b"));
		this.work.run((connection, joined) -> this.work.settle()
			.postpone(connection, WorkTables.done(claimed).get(0), Duration.ofHours(1)));
		assertThat(this.other.awaitClaim(queue, 10).items()).extracting(ClaimedItem::itemId)
			.containsExactly(stored.itemId());
	}

	@Test
	void whatIsGivenBackIsFoundAboveTheBoundAndHasNoAttemptMore() {
		int queue = this.work.queue("back");
		List<StoredItem> stored = this.work.insert("back", "a", "b", "c");
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		this.work.passBy(queue, stored.get(2).dueMicros());
		this.other.passBy(queue, stored.get(2).dueMicros());
		List<Done> items = WorkTables.done(claimed);
		this.work
			.run((connection, joined) -> this.work.settle().release(connection, claimed.claim(), items.subList(1, 3)));
		assertThat(this.work.isReturned(stored.get(1).itemId())).as(this.work::dump).isTrue();
		Claimed again = this.other.awaitClaim(queue, 10);
		assertThat(again.items()).extracting("itemId", "token", "failures")
			.containsExactly(org.assertj.core.groups.Tuple.tuple(stored.get(1).itemId(), 0, 0),
					org.assertj.core.groups.Tuple.tuple(stored.get(2).itemId(), 0, 0));
		assertThat(this.work.complete(List.of(items.get(0)), List.of(claimed.claim()))).hasSize(1);
	}

	@Test
	void aClaimWhoseAnswerWasLostIsGivenBackAsAWhole() {
		int queue = this.work.queue("unknown");
		this.work.insert("unknown", "a", "b");
		Claim unknown = this.work.claim(queue, 10).claim();
		this.work.run((connection, joined) -> this.work.settle().release(connection, unknown));
		assertThat(WorkTables.texts(this.work.awaitClaim(queue, 10))).containsExactly("a", "b");
	}

	@Test
	void anItemThatCannotBeGivenBackHoldsUpNoOtherOfAClaimWhoseAnswerWasLost() {
		int queue = this.work.queue("refused");
		List<StoredItem> stored = this.work.insert("refused", "bad", "good", "better");
		Claimed claimed = this.work.claim(queue, 10);
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload = 'bad') EXECUTE FUNCTION refuse();
				""");
		SettleSql.Released released = this.work
			.run((connection, joined) -> this.work.settle().release(connection, claimed.claim()));
		assertThat((Throwable) released.refused())
			.hasMessage("Item %d of work cannot be given back: refused".formatted(stored.get(0).itemId()));
		assertThat(this.work.claimedIds(claimed)).containsExactly(stored.get(0).itemId());
		// Each is due a moment after it was given back
		List<ClaimedItem> again = new ArrayList<>();
		while (again.size() < 2) {
			again.addAll(this.other.awaitClaim(queue, 10).items());
		}
		assertThat(again).extracting(WorkTables::text, ClaimedItem::token)
			.containsExactlyInAnyOrder(tuple("good", 1), tuple("better", 1));
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		released = this.work.run((connection, joined) -> this.work.settle().release(connection, claimed.claim()));
		assertThat((Throwable) released.refused()).isNull();
		assertThat(this.work.count("work_claims WHERE claim_id = " + claimed.claim().claimId())).isZero();
	}

	@Test
	void whatAnotherTransactionHasLockedDoesNotHoldUpTheOthers() {
		int queue = this.work.queue("locked");
		this.work.insert("locked", "a");
		StoredItem keyed = this.work.put(WorkTables.keyed("locked", "key", "b"));
		this.work.put(WorkTables.keyed("locked", "other", "c"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		List<Done> items = WorkTables.done(claimed);
		this.other.begin();
		this.other.put(WorkTables.keyed("locked", "key", "open"));
		assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.work.complete(claimed))
			.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue());
		Collection<Done> completed = this.work.run(
				(connection, joined) -> this.work.settle().complete(connection, items, List.of(claimed.claim()), true));
		assertThat(completed).containsExactlyInAnyOrder(items.get(0), items.get(2));
		for (Runnable attempt : List.<Runnable>of(() -> this.work.again(items.get(1)),
				() -> this.work.fail(items.get(1), AT_ONCE, false))) {
			assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(attempt::run)
				.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue());
		}
		this.other.rollback();
		assertThat(this.work.again(items.get(1)).kind()).as("there is no request after all")
			.isEqualTo(Returned.Kind.DONE);
		assertThat(this.work.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_items WHERE item_id = ?", keyed.itemId())).isEmpty();
		assertThat(this.work.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
	}

	@Test
	void whatAnotherTransactionHasLockedOnlyLeavesItsClaimWhenItIsGivenBack() {
		int queue = this.work.queue("stuck");
		StoredItem keyed = this.work.put(WorkTables.keyed("stuck", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.searchAll(false);
		this.other.begin();
		this.other.put(WorkTables.keyed("stuck", "key", "open"));
		this.work.run((connection, joined) -> this.work.settle()
			.release(connection, claimed.claim(), WorkTables.done(claimed)));
		this.other.commit();
		this.work.searchAll(true);
		assertThat(this.work.claim(queue, 10).items()).extracting(ClaimedItem::itemId).containsExactly(keyed.itemId());
	}

	@Test
	void completionAndEffectCommitTogetherOrNotAtAll() {
		int queue = this.work.queue("joined");
		StoredItem stored = only(this.work.insert("joined", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		Done item = WorkTables.done(claimed).get(0);
		for (boolean commit : List.of(false, true)) {
			this.work.begin();
			boolean completed = this.work
				.run((connection, joined) -> this.work.settle().completeInTransaction(connection, item));
			assertThat(completed).isTrue();
			if (commit) {
				this.work.commit();
			}
			else {
				this.work.rollback();
				assertThat(this.work.row(stored.itemId())).isNotEmpty();
			}
		}
		this.work.complete(List.of(), List.of(claimed.claim()));
		assertThat(this.work.claim(queue, 10).claim()).isNull();
	}

	@Test
	void completedItemsAreListedForTheRetention() {
		int queue = this.work.queue(new QueueSettings("kept", 3, false, Duration.ofHours(1)));
		this.work.insert("kept", "a", "b");
		this.work.put(WorkTables.ordered("kept", "key", "c"));
		this.work.put(WorkTables.ordered("kept", "key", "d"));
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem lane = claimed.items().get(2);
		List<ClaimedItem> laneItems = this.work.laneItems(lane);
		List<Done> items = WorkTables.done(claimed);
		this.work.complete(List.of(items.get(0), WorkTables.done(claimed, lane, laneItems.get(0))), List.of());
		this.work.run((connection, joined) -> this.work.settle().completeInTransaction(connection, items.get(1)));
		this.work.run((connection, joined) -> this.work.settle()
			.completeInTransaction(connection, WorkTables.done(claimed, lane, laneItems.get(1))));
		String finished = "SELECT count(*) FROM durable_notify.work_finished WHERE queue_id = " + queue;
		assertThat(this.work.jdbc().queryForObject(finished, Integer.class)).isEqualTo(4);
		assertThat(this.work.<Integer>run((connection, joined) -> this.work.admin().expire(connection, 10))).isZero();
		this.work.queue(new QueueSettings("kept", 3, false, null));
		assertThat(this.work.<Integer>run((connection, joined) -> this.work.admin().expire(connection, 3)))
			.isEqualTo(3);
		assertThat(this.work.<Integer>run((connection, joined) -> this.work.admin().expire(connection, 3))).isOne();
	}

	@Test
	void whatIsCompletedForTheSecondTimeIsListedOnce() {
		int queue = this.work.queue(new QueueSettings("twice", 3, false, Duration.ofHours(1)));
		this.work.insert("twice", "a", "b", "c");
		for (String payload : List.of("d", "e", "f")) {
			this.work.put(WorkTables.ordered("twice", "key", payload));
		}
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem lane = claimed.items().get(3);
		this.work.jdbc()
			.update("""
					INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, finished_at, failures)
					SELECT item_id, false, 0, '-infinity'::timestamptz, '-infinity'::timestamptz, 0 FROM durable_notify.work_items WHERE queue_id = ?
					UNION ALL
					SELECT item_id, true, 0, '-infinity'::timestamptz, '-infinity'::timestamptz, 0 FROM durable_notify.work_lane_items WHERE lane_id = ?
					""",
					queue, lane.itemId());
		List<Done> plain = WorkTables.done(claimed).subList(0, 3);
		List<Done> ordered = this.work.laneItems(lane)
			.stream()
			.map((item) -> WorkTables.done(claimed, lane, item))
			.toList();
		assertThat(this.work.complete(List.of(plain.get(0), ordered.get(0)), List.of())).hasSize(2);
		for (List<Done> items : List.of(plain, ordered)) {
			assertThat(this.work.completeInTransaction(items.get(1))).isTrue();
			assertThat(this.work.again(items.get(2)).kind()).isEqualTo(Returned.Kind.DONE);
		}
		assertThat(this.work.count("work_finished WHERE enqueued_at > '-infinity' AND finished_at > '-infinity' "
				+ "AND queue_id = " + queue))
			.isEqualTo(6);
	}

	@Test
	void aHolderDoesNotSettleAnItemThatHasGotTheIdOfItsOwn() {
		int queue = this.work.queue("recurring");
		StoredItem stored = only(this.work.insert("recurring", "lost in a failover"));
		Claimed claimed = this.work.claim(queue, 10);
		Done item = WorkTables.done(claimed).get(0);
		this.work.jdbc().update("DELETE FROM durable_notify.work_items WHERE item_id = ?", stored.itemId());
		this.work.jdbc()
			.update("INSERT INTO durable_notify.work_items (item_id, queue_id, payload) OVERRIDING SYSTEM VALUE VALUES (?, ?, '')",
					stored.itemId(), queue);
		assertThat(this.work.complete(claimed)).isEmpty();
		assertThat(this.work
			.<Boolean>run((connection, joined) -> this.work.settle().completeInTransaction(connection, item)))
			.isFalse();
		assertThat(this.work.again(item).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.fail(item, AT_ONCE, true).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 0);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void anItemIsItsHoldersIfItWasEnqueuedInTheMicrosecondOfTheClaimButNotInTheNext(boolean settledAlone) {
		String name = "exact/" + settledAlone;
		int queue = this.work.queue(name);
		for (int i = 0; i < 50; i++) {
			this.work.insert(name, "a");
			this.work.put(WorkTables.ordered(name, "key", "b"));
			Claimed claimed = this.work.claim(queue, 10);
			ClaimedItem lane = claimed.items().get(1);
			List<Done> items = List.of(WorkTables.done(claimed, claimed.items().get(0)),
					WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)));
			for (int later : List.of(1, 0)) {
				this.work.jdbc()
					.update("UPDATE durable_notify.work_items SET enqueued_at = 'epoch'::timestamptz "
							+ "+ ? * interval '1 microsecond' WHERE queue_id = ?", claimed.claim().claimId() + later,
							queue);
				for (Done item : items) {
					boolean completed = (settledAlone) ? completeInTransaction(item)
							: !this.work.complete(List.of(item), List.of()).isEmpty();
					assertThat(completed).as("%d later", later).isEqualTo(later == 0);
				}
			}
			assertThat(this.work.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.DONE);
			this.work.complete(List.of(), List.of(claimed.claim()));
		}
	}

	private boolean completeInTransaction(Done item) {
		return this.work.run((connection, joined) -> this.work.settle().completeInTransaction(connection, item, false));
	}

	@Test
	void queuesAreListedWithWhatTheyHold() {
		int queue = this.work.queue("watched");
		this.work.insert("watched", "a", "b", "c");
		this.work.claim(queue, 1);
		this.work.fail(WorkTables.done(this.work.claim(queue, 1)).get(0), AT_ONCE, true);
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '1 hour' WHERE queue_id = ?",
					queue);
		List<WorkAdminSql.QueueState> queues = this.work
			.run((connection, joined) -> this.work.admin().queues(connection));
		WorkAdminSql.QueueState state = queues.stream().filter((each) -> each.queueId() == queue).findFirst().get();
		assertThat(state).extracting("name", "paused", "maxRunning", "stored", "running", "dead")
			.containsExactly("watched", false, null, 2L, 1L, 1L);
		assertThat(state.oldestDueMicros()).isGreaterThan(3_600_000_000L);
		List<String> unhandled = this.work
			.run((connection, joined) -> this.work.admin().unhandledQueues(connection, Duration.ofMinutes(30)));
		assertThat(unhandled).doesNotContain("watched");
		this.work.searchAll(true);
		// An instance that has claimed from it handles it
		this.work.jdbc().update("DELETE FROM durable_notify.work_claims WHERE queue_id = ?", queue);
		Eventually.await(() -> this.work
			.<List<String>>run(
					(connection, joined) -> this.work.admin().unhandledQueues(connection, Duration.ofMinutes(30)))
			.contains("watched"), this.work::dump);
		List<WorkAdminSql.AdminItem> items = this.work
			.run((connection, joined) -> this.work.admin().items(connection, "watched", null, null, 1));
		List<WorkAdminSql.AdminItem> rest = this.work
			.run((connection, joined) -> this.work.admin().items(connection, "watched", null, items.get(0), 10));
		assertThat(rest).hasSize(1).doesNotContainAnyElementsOf(items);
	}

}
