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
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.work.SettleSql.Lane;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for ordering keys: the items of one are handled one after the other, in the order
 * of their commits.
 */
class LaneTests extends AbstractWorkSqlTests {

	private static final Duration AT_ONCE = Duration.ZERO;

	private StoredItem append(String queue, String key, String payload) {
		return this.work.put(WorkTables.ordered(queue, key, payload));
	}

	/**
	 * Claim the only lane that is due.
	 */
	private Claimed awaitLane(int queue) {
		Claimed claimed = this.work.awaitClaim(queue, 10);
		assertThat(claimed.items()).hasSize(1);
		assertThat(claimed.items().get(0).lane()).isTrue();
		return claimed;
	}

	private List<String> payloads(ClaimedItem lane) {
		return this.work.laneItems(lane).stream().map(WorkTables::text).toList();
	}

	/**
	 * Handle all items of the only lane.
	 */
	private List<String> handle(int queue) {
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		List<String> handled = new ArrayList<>();
		for (ClaimedItem item : this.work.laneItems(lane)) {
			handled.add(WorkTables.text(item));
			assertThat(this.work.complete(List.of(WorkTables.done(claimed, lane, item)), List.of())).hasSize(1);
		}
		this.work.releaseLane(claimed, lane);
		return handled;
	}

	/**
	 * Fail the first item of a claimed lane.
	 */
	private Returned failFirst(Claimed claimed, Duration delay, boolean dead) {
		ClaimedItem lane = claimed.items().get(0);
		return this.work.fail(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)), delay, dead);
	}

	@Test
	void theItemsOfAKeyAreInTheOrderOfTheirCommits() {
		int queue = this.work.queue("commits");
		append("commits", "key", "a");
		this.other.begin();
		this.other.put(WorkTables.ordered("commits", "key", "b"));
		CompletableFuture<StoredItem> waiting = Background.supply(() -> append("commits", "key", "c"));
		database.awaitLockWait();
		assertThat(waiting).isNotDone();
		this.other.commit();
		waiting.join();
		append("commits", "other", "d");
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(claimed.items()).extracting(ClaimedItem::key).containsExactly("key", "other");
		assertThat(payloads(claimed.items().get(0))).containsExactly("a", "b", "c");
		assertThat(payloads(claimed.items().get(1))).containsExactly("d");
	}

	@Test
	void theFirstItemsOfAKeyAreInTheOrderOfTheirCommitsToo() {
		int queue = this.work.queue("first");
		for (String key : List.of("committed", "rolled-back")) {
			this.other.begin();
			this.other.put(WorkTables.ordered("first", key, "a"));
			CompletableFuture<StoredItem> waiting = Background.supply(() -> append("first", key, "b"));
			database.awaitLockWait();
			if (key.equals("committed")) {
				this.other.commit();
			}
			else {
				this.other.rollback();
			}
			waiting.join();
		}
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(claimed.items()).extracting(ClaimedItem::key).containsExactly("committed", "rolled-back");
		assertThat(payloads(claimed.items().get(0))).containsExactly("a", "b");
		assertThat(payloads(claimed.items().get(1))).containsExactly("b");
	}

	@Test
	void onlyTheFirstItemOfAKeyHasOthersWakeUp() {
		this.work.queue("wakeups");
		StoredItem first = append("wakeups", "key", "a");
		assertThat(first.dueMicros()).isLessThan(DatabaseMicros.NEVER);
		assertThat(append("wakeups", "key", "b").dueMicros()).isEqualTo(DatabaseMicros.NEVER);
	}

	@Test
	void aKeyAndAnOrderingKeyDoNotMeet() {
		int queue = this.work.queue("apart");
		append("apart", "key", "a");
		assertThat(this.work.put(WorkTables.keyed("apart", "key", "b")).coalesced()).isFalse();
		assertThat(this.work.claim(queue, 10).items()).extracting(ClaimedItem::lane).containsExactly(true, false);
		Cancelled cancelled = this.work
			.run((connection, joined) -> this.work.enqueue().cancel(connection, "apart", "key"));
		assertThat(cancelled.running()).isTrue();
		assertThat(this.work.claim(queue, 10).claim()).isNull();
	}

	@Test
	void aLaneIsReleasedWhenItIsEmptyAndKeptWithWhatHasCome() {
		int queue = this.work.queue("released");
		append("released", "key", "a");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		ClaimedItem item = this.work.laneItems(lane).get(0);
		append("released", "key", "b");
		this.work.complete(List.of(WorkTables.done(claimed, lane, item)), List.of());
		Returned returned = this.work.releaseLane(claimed, lane);
		assertThat(returned.kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.isReturned(lane.itemId())).isTrue();
		assertThat(handle(queue)).containsExactly("b");
		assertThat(this.work.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_items WHERE queue_id = ?", queue)).isEmpty();
		assertThat(this.work.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.LOST);
	}

	@Test
	void aLaneIsNotRemovedWithAnItemThatIsBeingEnqueued() {
		int queue = this.work.queue("racing");
		append("racing", "key", "a");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		Done item = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		this.other.begin();
		this.other.put(WorkTables.ordered("racing", "key", "b"));
		assertThat(this.work.complete(List.of(item), List.of())).as("enqueueing does not hold it up").hasSize(1);
		assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.work.releaseLane(claimed, lane))
			.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue());
		// Waits for the lock, and sees what has come until it has it
		CompletableFuture<String> released = Background.supply(() -> this.work.jdbc()
			.queryForObject("SELECT kind FROM durable_notify.work_release_lane(?, ?, ?, ?, 30000)", String.class,
					claimed.claim().claimId(), queue, lane.itemId(), lane.token()));
		database.awaitLockWait();
		this.other.commit();
		assertThat(released.join()).isEqualTo("AGAIN");
		assertThat(handle(queue)).containsExactly("b");
	}

	@Test
	void ofSeveralLanesThoseThatAreLockedOrLostAreNotReleased() {
		int queue = this.work.queue("several");
		List<String> keys = List.of("empty", "more", "open", "lost");
		keys.forEach((key) -> append("several", key, "a"));
		Claimed claimed = this.work.claim(queue, 10);
		List<ClaimedItem> lanes = claimed.items();
		assertThat(lanes).extracting(ClaimedItem::key).containsExactlyElementsOf(keys);
		List<Done> items = lanes.stream()
			.map((lane) -> WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)))
			.toList();
		assertThat(this.work.complete(items, List.of())).hasSize(4);
		ClaimedItem more = lanes.get(1);
		ClaimedItem open = lanes.get(2);
		append("several", "more", "b");
		this.other.begin();
		this.other.put(WorkTables.ordered("several", "open", "b"));
		this.other.jdbc()
			.update("UPDATE durable_notify.work_items SET token = token + 1 WHERE item_id = ?", lanes.get(3).itemId());
		assertThat(this.work.releaseLanes(claimed, lanes)).containsOnly(
				Map.entry(lanes.get(0).itemId(), Returned.Kind.DONE), Map.entry(more.itemId(), Returned.Kind.AGAIN));
		this.other.commit();
		assertThat(this.work.releaseLanes(claimed, lanes)).containsOnly(Map.entry(open.itemId(), Returned.Kind.AGAIN));
		assertThat(payloads(more)).containsExactly("b");
		assertThat(payloads(open)).containsExactly("b");
		assertThat(this.work.claimedIds(claimed)).containsExactlyInAnyOrder(lanes.get(0).itemId(),
				lanes.get(3).itemId());
	}

	@Test
	void lanesOfSeveralClaimsAreReleasedAndCanBeClaimedSoonUnlessTheirFirstItemIsNotDue() {
		int queue = this.work.queue("claims");
		List<Claimed> claims = new ArrayList<>();
		for (String key : List.of("one", "two")) {
			append("claims", key, "a");
			claims.add(this.work.claim(queue, 10));
			append("claims", key, "b");
		}
		Instant later = WorkTables.now(this.work.jdbc()).plusSeconds(3_600);
		this.work.jdbc().update("""
				UPDATE durable_notify.work_lane_items SET not_before = ? WHERE lane_id = ? AND payload = 'b'
				""", later.atOffset(ZoneOffset.UTC), claims.get(1).items().get(0).itemId());
		List<Lane> lanes = new ArrayList<>();
		for (Claimed claimed : claims) {
			ClaimedItem lane = claimed.items().get(0);
			this.work.complete(List.of(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0))), List.of());
			lanes.add(new Lane(claimed.claim(), lane.itemId(), lane.token()));
		}
		Instant before = WorkTables.now(this.work.jdbc());
		Map<Lane, Returned> released = this.work
			.run((connection, joined) -> this.work.settle().releaseLanes(connection, lanes));
		assertThat(released.values()).extracting(Returned::kind)
			.containsExactly(Returned.Kind.AGAIN, Returned.Kind.AGAIN);
		assertThat(released.get(lanes.get(0)).dueMicros()).isBetween(DatabaseMicros.of(before),
				DatabaseMicros.of(WorkTables.now(this.work.jdbc())) + 10_000);
		assertThat(released.get(lanes.get(1)).dueMicros()).isEqualTo(DatabaseMicros.of(later));
		assertThat(handle(queue)).containsExactly("b");
		assertThat(this.work.claimedIds(claims.get(1))).isEmpty();
	}

	/**
	 * Whose batches of completions come one after the other, and wait for the disk
	 * already.
	 */
	@Test
	void theReleaseOfLanesDoesNotWaitForTheDisk() {
		this.work.jdbc().execute("SET synchronous_commit = on");
		this.work.begin();
		this.work.jdbc().queryForList("SELECT * FROM durable_notify.work_release_lanes('{1}', '{1}', '{1}', '{1}')");
		String commit = this.work.jdbc().queryForObject("SHOW synchronous_commit", String.class);
		this.work.commit();
		assertThat(commit).isEqualTo("off");
		assertThat(this.work.jdbc().queryForObject("SHOW synchronous_commit", String.class)).isEqualTo("on");
		this.work.jdbc().execute("RESET synchronous_commit");
	}

	@Test
	void aLaneIsReleasedByTheClaimThatHasItOnly() {
		int queue = this.work.queue("released-once");
		append("released-once", "key", "a");
		Claimed first = awaitLane(queue);
		ClaimedItem lane = first.items().get(0);
		this.work.complete(List.of(WorkTables.done(first, lane, this.work.laneItems(lane).get(0))), List.of());
		append("released-once", "key", "b");
		assertThat(this.work.releaseLane(first, lane).kind()).isEqualTo(Returned.Kind.AGAIN);
		// With the same token, since no failure came between
		Claimed second = this.other.awaitClaim(queue, 10);
		assertThat(second.items()).extracting(ClaimedItem::token).containsExactly(lane.token());
		assertThat(this.work.releaseLane(first, lane).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.releaseLanes(first, List.of(lane))).isEmpty();
		this.work.searchAll(true);
		assertThat(this.work.claim(queue, 10).claim()).as("the second holder has it").isNull();
	}

	@Test
	void anItemThatIsEnqueuedWhileItsLaneIsRemovedGetsANewLane() {
		int queue = this.work.queue("removed");
		append("removed", "key", "a");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		this.work.complete(List.of(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0))), List.of());
		this.work.begin();
		this.work.releaseLane(claimed, lane);
		CompletableFuture<StoredItem> waiting = Background
			.supply(() -> this.other.put(WorkTables.ordered("removed", "key", "b")));
		database.awaitLockWait();
		this.work.commit();
		assertThat(waiting.join().dueMicros()).isLessThan(DatabaseMicros.NEVER);
		assertThat(handle(queue)).containsExactly("b");
	}

	@Test
	void aFailedItemHoldsUpItsKeyAndNoOther() {
		int queue = this.work.queue("held");
		append("held", "key", "a");
		append("held", "key", "b");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		Done head = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		Returned failed = this.work.fail(head, Duration.ofMillis(300), false);
		assertThat(failed.kind()).isEqualTo(Returned.Kind.AGAIN);
		assertThat(this.work.complete(List.of(head), List.of())).as("the lane is another's").isEmpty();
		assertThat(this.work
			.<Boolean>run((connection, joined) -> this.work.settle().completeInTransaction(connection, head)))
			.isFalse();
		assertThat(payloads(lane)).as("the first is not due").isEmpty();
		append("held", "other", "c");
		assertThat(this.work.claim(queue, 10).items()).extracting(ClaimedItem::key).containsExactly("other");
		Claimed again = awaitLane(queue);
		assertThat(DatabaseMicros.of(WorkTables.now(this.work.jdbc()))).isGreaterThan(failed.dueMicros());
		List<ClaimedItem> items = this.work.laneItems(again.items().get(0));
		assertThat(items).extracting(WorkTables::text).containsExactly("a", "b");
		assertThat(items).extracting(ClaimedItem::failures).containsExactly(1, 0);
	}

	@Test
	void aDeadItemLetsItsKeyGoOnAndIsTheFirstWhenItIsRequeued() {
		int queue = this.work.queue("going-on");
		append("going-on", "key", "a");
		append("going-on", "key", "b");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		Returned dead = this.work.fail(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)), AT_ONCE, true);
		assertThat(dead.kind()).isEqualTo(Returned.Kind.DEAD);
		assertThat(this.work.isReturned(lane.itemId())).isTrue();
		append("going-on", "key", "c");
		this.work.run((connection, joined) -> this.work.admin().requeue(connection, "going-on", null, null, 10));
		assertThat(handle(queue)).containsExactly("a", "b", "c");
		append("going-on", "key", "d");
		Claimed last = awaitLane(queue);
		this.work.fail(WorkTables.done(last, last.items().get(0), this.work.laneItems(last.items().get(0)).get(0)),
				AT_ONCE, true);
		assertThat(this.work.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_items WHERE queue_id = ?", queue))
			.as("the lane is empty")
			.isEmpty();
		this.work.run((connection, joined) -> this.work.admin().requeue(connection, "going-on", null, null, 10));
		assertThat(handle(queue)).containsExactly("d");
	}

	@Test
	void aRequeuedItemDoesNotWaitForALaterOneOfItsKey() {
		int queue = this.work.queue("requeued-first");
		append("requeued-first", "key", "a");
		append("requeued-first", "key", "b");
		failFirst(awaitLane(queue), AT_ONCE, true);
		Returned second = failFirst(awaitLane(queue), Duration.ofHours(1), false);
		this.work.requeue("requeued-first", 10);
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		assertThat(payloads(lane)).containsExactly("a");
		this.work.complete(List.of(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0))), List.of());
		assertThat(this.work.releaseLane(claimed, lane)).isEqualTo(second);
	}

	@Test
	void aRequeuedItemWaitsForAnEarlierOneOfItsKey() {
		int queue = this.work.queue("requeued-second");
		append("requeued-second", "key", "a");
		append("requeued-second", "key", "b");
		failFirst(awaitLane(queue), AT_ONCE, true);
		failFirst(awaitLane(queue), AT_ONCE, true);
		this.work.requeue("requeued-second", 1);
		Claimed claimed = awaitLane(queue);
		failFirst(claimed, Duration.ofHours(1), false);
		long lane = claimed.items().get(0).itemId();
		Object due = this.work.row(lane).get("due_at");
		this.work.requeue("requeued-second", 1);
		assertThat(this.work.row(lane)).containsEntry("due_at", due);
	}

	@Test
	void anItemThatIsRequeuedWhileALaterOneOfItsKeyRunsDoesNotWaitForThat() {
		int queue = this.work.queue("requeued-meanwhile");
		append("requeued-meanwhile", "key", "a");
		append("requeued-meanwhile", "key", "b");
		failFirst(awaitLane(queue), AT_ONCE, true);
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		Done second = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		this.work.requeue("requeued-meanwhile", 10);
		this.work.fail(second, Duration.ofHours(1), false);
		assertThat(this.work.isReturned(lane.itemId())).as(this.work::dump).isTrue();
		assertThat(payloads(awaitLane(queue).items().get(0))).containsExactly("a");
	}

	@Test
	void anItemThatIsLockedHoldsUpTheCompletionOfNoOther() {
		int queue = this.work.queue("received");
		append("received", "one", "a");
		append("received", "two", "b");
		this.other.begin();
		this.other.jdbc().queryForList("SELECT item_id FROM durable_notify.channel_receive('received', 'one', true)");
		Claimed claimed = this.work.claim(queue, 10);
		List<Done> items = claimed.items()
			.stream()
			.map((lane) -> WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)))
			.toList();
		assertThat(this.work.completeUnlocked(items)).containsExactly(items.get(1));
		this.other.rollback();
		assertThat(this.work.completeUnlocked(items.subList(0, 1))).hasSize(1);
	}

	@Test
	void aKeyThatIsClaimedWhileAReceiverBuriesItsFirstItemIsNotClaimedASecondTime() {
		int queue = this.work.queue("buried");
		StoredItem first = append("buried", "key", "a");
		append("buried", "key", "b");
		this.other.searchAll(false);
		this.other.begin();
		assertThat(this.other.jdbc()
			.queryForObject("SELECT durable_notify.channel_bury('buried', 'key', ?, 'failed')", Boolean.class,
					first.itemId()))
			.isTrue();
		ClaimedItem lane = awaitLane(queue).items().get(0);
		this.other.commit();
		Instant due = ((Timestamp) this.work.row(lane.itemId()).get("due_at")).toInstant();
		Eventually.await(() -> WorkTables.now(this.work.jdbc()).isAfter(due.plusMillis(30)), this.work::dump);
		// Above what was due when the key was claimed
		long low = DatabaseMicros.of(due.minusMillis(10));
		Claimed second = this.other.run((connection, joined) -> this.other.claims()
			.claim(connection, queue, "buried", this.other.instanceId(), 10, low, DatabaseMicros.NEVER,
					WorkTables.LOCK_WAIT)
			.orElseThrow());
		assertThat(second.granted()).isTrue();
		assertThat(second.claim()).isNull();
	}

	@Test
	void aKeyThatIsBuriedDuringItsClaimWaitsForTheDeadOne() {
		int queue = this.work.queue(new QueueSettings("buried-block", 3, true, null));
		StoredItem first = append("buried-block", "key", "a");
		append("buried-block", "key", "b");
		this.work.begin();
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(this.other.jdbc()
			.queryForObject("SELECT durable_notify.channel_bury('buried-block', 'key', ?, 'failed')", Boolean.class,
					first.itemId()))
			.isTrue();
		this.work.commit();
		ClaimedItem lane = claimed.items().get(0);
		ClaimedItem second = this.work.laneItems(lane).get(0);
		assertThat(this.work.complete(List.of(WorkTables.done(claimed, lane, second)), List.of())).isEmpty();
		assertThat(this.work.releaseLanes(claimed, List.of(lane))).isEmpty();
		assertThat(this.work.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.count("work_items WHERE due_at = 'infinity' AND item_id = " + lane.itemId())).isOne();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void keysAreLockedInTheirOrderAlsoByAnOperator(boolean requeue) {
		String name = "locked-in-order/" + requeue;
		int queue = this.work.queue(new QueueSettings(name, 3, true, null));
		List<String> keys = List.of("h", "g", "f", "e", "d", "c", "b", "a");
		for (String key : keys) {
			append(name, key, "dead");
			append(name, key, "next");
			failFirst(awaitLane(queue), AT_ONCE, true);
		}
		this.other.begin();
		this.other.put(WorkTables.ordered(name, "a", "first"));
		CompletableFuture<Integer> waiting = Background
			.supply(() -> (requeue) ? this.work.requeue(name, 10) : this.work.purge(name, 10));
		database.awaitLockWait();
		keys.forEach((key) -> this.other.put(WorkTables.ordered(name, key, "last")));
		this.other.commit();
		assertThat(waiting.join()).isEqualTo(keys.size());
	}

	@Test
	void aKeyThatBlocksWaitsForItsDeadItem() {
		int queue = this.work.queue(new QueueSettings("blocks", 3, true, null));
		for (boolean requeue : List.of(true, false)) {
			append("blocks", "key", "a");
			append("blocks", "key", "b");
			Claimed claimed = awaitLane(queue);
			ClaimedItem lane = claimed.items().get(0);
			Returned dead = this.work.fail(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)), AT_ONCE,
					true);
			assertThat(dead).isEqualTo(new Returned(Returned.Kind.DEAD, queue, DatabaseMicros.NEVER));
			append("blocks", "key", "c");
			this.work.searchAll(true);
			Claimed none = this.work.claim(queue, 10);
			assertThat(none.claim()).isNull();
			assertThat(none.nextDueMicros()).isEqualTo(-1);
			this.work
				.run((connection, joined) -> (requeue) ? this.work.admin().requeue(connection, "blocks", null, null, 10)
						: this.work.admin().purge(connection, "blocks", null, null, 10));
			assertThat(handle(queue)).isEqualTo((requeue) ? List.of("a", "b", "c") : List.of("b", "c"));
		}
	}

	@Test
	void anItemThatIsRequeuedWhileItsLaneIsRemovedGetsANewLane() {
		int queue = this.work.queue("requeued");
		append("requeued", "key", "a");
		append("requeued", "key", "b");
		Claimed first = awaitLane(queue);
		ClaimedItem lane = first.items().get(0);
		this.work.fail(WorkTables.done(first, lane, this.work.laneItems(lane).get(0)), AT_ONCE, true);
		Claimed second = awaitLane(queue);
		ClaimedItem again = second.items().get(0);
		this.work.complete(List.of(WorkTables.done(second, again, this.work.laneItems(again).get(0))), List.of());
		this.work.begin();
		assertThat(this.work.releaseLane(second, again).kind()).isEqualTo(Returned.Kind.DONE);
		CompletableFuture<Integer> waiting = Background.supply(() -> this.other.requeue("requeued", 10));
		database.awaitLockWait();
		this.work.commit();
		assertThat(waiting.join()).isOne();
		Claimed third = awaitLane(queue);
		assertThat(third.items()).extracting(ClaimedItem::token).allMatch((token) -> token > again.token());
		assertThat(payloads(third.items().get(0))).containsExactly("a");
	}

	@Test
	void aKeyThatBlocksWaitsForEachOfItsDeadItems() {
		int queue = this.work.queue(new QueueSettings("blocks-twice", 3, true, null));
		append("blocks-twice", "key", "a");
		append("blocks-twice", "key", "b");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		this.work.fail(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)), AT_ONCE, true);
		this.work.jdbc()
			.update("""
					INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, key, blocks, enqueued_at, failures, token, payload)
					SELECT 1000000000, true, queue_id, key, true, enqueued_at, 3, token, payload FROM durable_notify.work_dead
					WHERE queue_id = ?
					""",
					queue);
		assertThat(this.work.purge("blocks-twice", 1)).isOne();
		Claimed none = this.work.claim(queue, 10);
		assertThat(none.claim()).isNull();
		assertThat(none.nextDueMicros()).as("nor is it due later").isEqualTo(-1);
		assertThat(this.work.purge("blocks-twice", 1)).isOne();
		assertThat(handle(queue)).containsExactly("b");
	}

	@Test
	void anItemThatIsNotDueHoldsUpWhatComesAfterIt() {
		int queue = this.work.queue("not-before");
		append("not-before", "key", "a");
		this.work.put(new NewItem("not-before", null, false, "key", null, Duration.ofMillis(300), null,
				WorkTables.bytes("later")));
		append("not-before", "key", "b");
		assertThat(handle(queue)).containsExactly("a");
		assertThat(handle(queue)).containsExactly("later", "b");
	}

	@Test
	void anItemIsPostponedWithItsKeyAndGivenBackWithoutAnAttempt() {
		int queue = this.work.queue("lanes-back");
		append("lanes-back", "key", "a");
		append("lanes-back", "key", "b");
		Claimed claimed = awaitLane(queue);
		ClaimedItem lane = claimed.items().get(0);
		this.work.run((connection, joined) -> this.work.settle()
			.postpone(connection, WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0)), AT_ONCE));
		assertThat(this.work.isReturned(lane.itemId())).isTrue();
		Claimed again = awaitLane(queue);
		this.work
			.run((connection, joined) -> this.work.settle().release(connection, again.claim(), WorkTables.done(again)));
		assertThat(this.work.isReturned(lane.itemId())).isTrue();
		assertThat(this.work.row(lane.itemId())).containsEntry("token", 0);
		assertThat(handle(queue)).containsExactly("a", "b");
	}

	@Test
	void theOrderHoldsWhereTheSequenceIsBehind() {
		int queue = this.work.queue("behind");
		append("behind", "key", "a");
		this.work.jdbc().execute("SELECT setval('durable_notify.work_lane_items_item_id_seq', 1, false)");
		append("behind", "key", "b");
		append("behind", "key", "c");
		assertThat(handle(queue)).containsExactly("a", "b", "c");
	}

}
