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
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link TakeOverSql}: what becomes of the claims of an instance that is gone.
 */
@ExtendWith(OutputCaptureExtension.class)
class WorkTakeOverTests extends AbstractWorkSqlTests {

	@Test
	void whatALostInstanceHeldIsDueAgainAndItsLateCompletionsAreRefused() {
		int queue = this.work.queue("lost");
		List<StoredItem> stored = this.work.insert("lost", "a", "b", "c");
		Claimed claimed = this.work.claim(queue, 10);
		Collection<Done> completed = this.work.complete(WorkTables.done(claimed).subList(0, 1), List.of());
		assertThat(completed).hasSize(1);
		this.other.searchAll(false);
		this.other.passBy(queue, stored.get(2).dueMicros());
		List<TakeOverSql.TakenOver> taken = this.other.takeOverFrom(this.work);
		assertThat(taken).extracting("queueId", "items").containsExactly(org.assertj.core.groups.Tuple.tuple(queue, 2));
		boolean holder = this.other
			.run((connection, joined) -> this.other.takeOver().isHolder(connection, this.work.instanceId()));
		assertThat(holder).isFalse();
		List<Done> items = WorkTables.done(claimed);
		assertThat(this.work.complete(items, List.of(claimed.claim()))).isEmpty();
		assertThat(this.work
			.<Boolean>run((connection, joined) -> this.work.settle().completeInTransaction(connection, items.get(1))))
			.isFalse();
		assertThat(this.work.again(items.get(1)).kind()).isEqualTo(Returned.Kind.LOST);
		// One of several may be guilty: each is claimed alone, above the bound
		for (String payload : List.of("b", "c")) {
			Claimed alone = this.other.awaitClaim(queue, 10);
			assertThat(WorkTables.texts(alone)).containsExactly(payload);
			assertThat(alone.items().get(0)).extracting("token", "failures").containsExactly(1, 0);
			assertThat(alone.claim().claimId()).isGreaterThan(claimed.claim().claimId());
			assertThat(this.other.complete(alone)).hasSize(1);
		}
	}

	@Test
	void anItemThatIsLostForTheThirdTimeCountsAFailureAndIsDeadAfterTheLast() {
		int queue = this.work.queue("pill");
		StoredItem pill = this.work.insert("pill", "pill").get(0);
		for (int failures : List.of(0, 0, 0, 1, 2)) {
			try (WorkTables lost = WorkTables.open(database)) {
				Claimed claimed = lost.awaitClaim(queue, 10);
				assertThat(claimed.items()).extracting(ClaimedItem::failures).containsExactly(failures);
				this.work.takeOverFrom(lost);
			}
		}
		assertThat(this.work.claim(queue, 10).nextDueMicros()).isEqualTo(-1);
		List<WorkAdminSql.AdminItem> dead = this.work
			.run((connection, joined) -> this.work.admin().dead(connection, "pill", null, null, 10));
		assertThat(dead).extracting("itemId", "failures", "lastError")
			.containsExactly(
					org.assertj.core.groups.Tuple.tuple(pill.itemId(), 3, "The instance that held it was lost"));
	}

	@Test
	void anItemThatCannotBeDeadHoldsUpNoOther() {
		int queue = this.work.queue("never-dead");
		List<Long> bad = List.of(this.work.insert("never-dead", "bad").get(0).itemId(),
				laneOf(this.work.put(WorkTables.ordered("never-dead", "key", "bad"))));
		suspect(queue);
		this.work.jdbc().update("UPDATE durable_notify.work_items SET failures = 2 WHERE queue_id = ?", queue);
		this.work.jdbc().update("UPDATE durable_notify.work_lane_items SET failures = 2");
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN RAISE 'refused' USING ERRCODE = 'MY001'; END $$;
				CREATE TRIGGER refuse BEFORE INSERT ON durable_notify.work_dead FOR EACH ROW
					WHEN (NEW.payload = 'bad') EXECUTE FUNCTION refuse();
				""");
		try (WorkTables lost = WorkTables.open(database); WorkTables second = WorkTables.open(database)) {
			assertThat(lost.awaitClaim(queue, 10).items()).hasSize(1);
			// An instance has one of these
			assertThat(second.awaitClaim(queue, 10).items()).hasSize(1);
			this.work.jdbc()
				.update("UPDATE durable_notify.work_claims SET instance_id = ? WHERE instance_id = ?",
						lost.instanceId(), second.instanceId());
			this.work.insert("never-dead", "good");
			assertThat(WorkTables.texts(lost.awaitClaim(queue, 10))).containsExactly("good");
			assertThat(this.other.takeOverFrom(lost)).hasSize(3);
		}
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("good");
		for (long item : bad) {
			assertThat(this.work.row(item)).containsEntry("suspect", true).containsEntry("token", 1);
			assertThat(this.work
				.count("work_items WHERE due_at > clock_timestamp() + interval '10 s' AND item_id = " + item)).isOne();
		}
	}

	private long laneOf(StoredItem item) {
		return this.work.jdbc()
			.queryForObject("SELECT lane_id FROM durable_notify.work_lane_items WHERE item_id = ?", Long.class,
					item.itemId());
	}

	@Test
	void anItemThatCannotBeTakenOverHoldsUpNoOther() {
		int queue = this.work.queue("refused");
		List<StoredItem> stored = this.work.insert("refused", "bad", "good");
		Claimed claimed = this.work.claim(queue, 10);
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN RAISE NOTICE 'no failure'; RAISE 'refused'; END $$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload = 'bad') EXECUTE FUNCTION refuse();
				""");
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1);
		assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.other.takeOverFrom(this.work))
			.withMessageContaining("Item %d of work cannot be taken over: refused".formatted(stored.get(0).itemId()))
			.satisfies((ex) -> assertThat(SqlErrors.isRefusedWrite(ex)).isTrue());
		assertThat(this.work.claimedIds(claimed)).containsExactly(stored.get(0).itemId());
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("good");
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1);
	}

	@Test
	void theLogNamesAnItemThatCannotBeTakenOverAndItIsTriedAgainOnceALease(CapturedOutput output) {
		TestDatabase another = PostgresServer.shared().createDatabase();
		try (Instance first = Instance.start(another, "durable-notify.streams.lease=2s");
				Instance second = Instance.start(another, "durable-notify.streams.lease=2s");
				WorkTables lost = WorkTables.open(another)) {
			int queue = lost.queue("refused");
			long bad = lost.insert("refused", "bad").get(0).itemId();
			lost.awaitClaim(queue, 10);
			lost.jdbc().execute("""
					CREATE SEQUENCE attempts;
					CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
						$$ BEGIN PERFORM nextval('public.attempts'); RAISE 'refused'; END $$;
					CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
						EXECUTE FUNCTION refuse();
					""");
			lost.jdbc()
				.update("UPDATE durable_notify.instances SET lease_until = clock_timestamp() WHERE instance_id = ?",
						lost.instanceId());
			awaitAttempts(lost, 1);
			long start = System.nanoTime();
			Eventually.await(() -> output.toString()
				.contains("whose lease has run out: Item %d of work cannot be taken over: refused".formatted(bad)),
					output::toString);
			// Four more of both instances, each of which calls the trigger twice
			awaitAttempts(lost, 10);
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(2));
			lost.jdbc().execute("DROP FUNCTION refuse() CASCADE");
			Eventually.await(() -> lost.count("work_claims") == 0, lost::dump);
		}
	}

	private static void awaitAttempts(WorkTables tables, int count) {
		Eventually.await(
				() -> tables.jdbc()
					.queryForObject("SELECT last_value >= ? AND is_called FROM attempts", Boolean.class, count),
				tables::dump);
	}

	@Test
	void anItemThatEndsItsProcessAgainAndAgainTakesNoOtherAlong() {
		int queue = this.work.queue("along");
		this.work.run((connection, joined) -> this.work.admin().limit(connection, "along", 3));
		long pill = this.work.insert("along", "pill", "b", "c").get(0).itemId();
		for (int loss = 0; loss < 2; loss++) {
			try (WorkTables lost = WorkTables.open(database)) {
				assertThat(IntStream.range(0, 3).mapToObj((i) -> WorkTables.texts(lost.awaitClaim(queue, 1)).get(0)))
					.containsExactlyInAnyOrder("pill", "b", "c");
				this.work.takeOverFrom(lost);
			}
		}
		List<String> done = new ArrayList<>();
		while (this.work.count("work_dead WHERE item_id = " + pill) == 0) {
			try (WorkTables lost = WorkTables.open(database)) {
				this.work.searchAll(true);
				Claimed claimed = lost.awaitClaim(queue, 10);
				assertThat(claimed.items()).hasSize(1);
				awaitAllDue(queue);
				this.work.searchAll(true);
				assertThat(lost.claim(queue, 10).claim()).as("a second one").isNull();
				if (claimed.items().get(0).itemId() != pill) {
					assertThat(claimed.items()).extracting(ClaimedItem::failures).containsExactly(0);
					done.addAll(WorkTables.texts(claimed));
					lost.complete(claimed);
				}
				this.work.takeOverFrom(lost);
			}
		}
		assertThat(done).containsExactlyInAnyOrder("b", "c");
	}

	private void awaitAllDue(int queue) {
		Eventually.await(
				() -> this.work.count("work_items WHERE due_at > clock_timestamp() AND queue_id = " + queue) == 0,
				this.work::dump);
	}

	@Test
	void anInstanceHasOneItemThatWasLostAgainAlsoOfSeveralQueues() {
		List<Integer> queues = Stream.of("first", "second", "third").map(this.work::queue).toList();
		this.work.insert("first", "a");
		this.work.put(WorkTables.ordered("second", "key", "b"));
		this.work.insert("third", "c");
		for (int loss = 0; loss < 2; loss++) {
			try (WorkTables lost = WorkTables.open(database)) {
				queues.forEach((queue) -> lost.awaitClaim(queue, 10));
				this.work.takeOverFrom(lost);
			}
		}
		queues.forEach(this::awaitAllDue);
		this.other.searchAll(true);
		this.work.begin();
		Claimed first = this.work.claim(queues.get(0), 10);
		assertThat(WorkTables.texts(first)).containsExactly("a");
		assertThat(claimFor(this.work, queues.get(1)).claim()).as("before the commit").isNull();
		this.work.commit();
		this.work.insert("third", "d");
		this.other.searchAll(true);
		assertThat(claimFor(this.work, queues.get(1)).claim()).as("after the commit").isNull();
		assertThat(WorkTables.texts(claimFor(this.work, queues.get(2)))).as("others").containsExactly("d");
		this.work.complete(first);
		this.other.searchAll(true);
		assertThat(claimFor(this.work, queues.get(1)).items()).extracting(ClaimedItem::lane).containsExactly(true);
		assertThat(WorkTables.texts(claimFor(this.other, queues.get(2)))).as("another instance").containsExactly("c");
	}

	/**
	 * Claim as another listener of a holder does, by a connection of its own.
	 */
	private Claimed claimFor(WorkTables holder, int queue) {
		return this.other.run((connection, joined) -> this.other.claims()
			.claim(connection, queue, this.other.name(queue), holder.instanceId(), 10, Long.MIN_VALUE,
					DatabaseMicros.NEVER, Eventually.TIMEOUT)
			.orElseThrow());
	}

	@Test
	void oneThatWasLostAgainDoesNotWaitForOthersThatWereNot() {
		int queue = this.work.queue("beside-others");
		StoredItem pill = this.work.insert("beside-others", "pill").get(0);
		suspect(queue);
		try (WorkTables lost = WorkTables.open(database)) {
			assertThat(WorkTables.texts(lost.awaitClaim(queue, 1))).containsExactly("pill");
			for (int i = 0; i < 40; i++) {
				this.work.insert("beside-others", "other");
				assertThat(WorkTables.texts(lost.awaitClaim(queue, 1))).containsExactly("other");
			}
			this.other.takeOverFrom(lost);
		}
		assertThat(this.work.row(pill.itemId())).containsEntry("token", 1);
		assertThat(this.work
			.count("work_items WHERE due_at < clock_timestamp() + interval '1 s' AND item_id = " + pill.itemId()))
			.isOne();
	}

	@Test
	void anOrderingKeyWhoseHandlerHasReturnedHasNoErrorAnyMore() {
		int queue = this.work.queue("recovered");
		this.work.put(WorkTables.ordered("recovered", "key", "a"));
		this.work.put(WorkTables.ordered("recovered", "key", "b"));
		for (int loss = 0; loss < 2; loss++) {
			try (WorkTables lost = WorkTables.open(database)) {
				lost.awaitClaim(queue, 10);
				this.work.takeOverFrom(lost);
			}
		}
		for (String key : Arrays.asList(null, "key")) {
			assertThat(items("recovered", key)).extracting("lastError")
				.containsExactly("The instance that held it was lost");
		}
		Claimed claimed = this.work.awaitClaim(queue, 10);
		ClaimedItem lane = claimed.items().get(0);
		this.work.complete(List.of(WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0))), List.of());
		assertThat(this.work.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.AGAIN);
		for (String key : Arrays.asList(null, "key")) {
			assertThat(items("recovered", key)).extracting("lastError").containsOnlyNulls();
		}
	}

	private List<WorkAdminSql.AdminItem> items(String queue, @Nullable String key) {
		return this.work.run((connection, joined) -> this.work.admin().items(connection, queue, key, null, 10));
	}

	@Test
	void anItemWhoseHandlerHasReturnedIsNoSuspectAnyMore() {
		int queue = this.work.queue("returned-since");
		long item = this.work.insert("returned-since", "a").get(0).itemId();
		suspect(queue);
		Claimed claimed = this.work.awaitClaim(queue, 10);
		this.work.run((connection, joined) -> this.work.settle()
			.postpone(connection, WorkTables.done(claimed).get(0), Duration.ZERO));
		try (WorkTables lost = WorkTables.open(database)) {
			lost.awaitClaim(queue, 10);
			this.work.takeOverFrom(lost);
		}
		assertThat(this.work.row(item)).containsEntry("failures", 0)
			.containsEntry("suspect", true)
			.containsEntry("last_error", null);
	}

	@Test
	void anItemThatWasPostponedAfterLossesIsDueAtOnceByARequest() {
		int queue = this.work.queue("postponed-since");
		long item = this.work.put(WorkTables.keyed("postponed-since", "key", "a")).itemId();
		for (int loss = 0; loss < 2; loss++) {
			try (WorkTables lost = WorkTables.open(database)) {
				lost.awaitClaim(queue, 10);
				this.work.takeOverFrom(lost);
			}
		}
		Claimed claimed = this.work.awaitClaim(queue, 10);
		this.work.run((connection, joined) -> this.work.settle()
			.postpone(connection, WorkTables.done(claimed).get(0), Duration.ofHours(1)));
		this.work.put(WorkTables.keyed("postponed-since", "key", "b"));
		assertThat(this.work.count("work_items WHERE due_at <= clock_timestamp() AND item_id = " + item)).isOne();
	}

	/**
	 * As after two losses.
	 */
	private void suspect(int queue) {
		this.work.jdbc()
			.update("UPDATE durable_notify.work_items SET suspect = true, "
					+ "last_error = 'The instance that held it was lost' WHERE queue_id = ?", queue);
	}

	@Test
	void aRequestThatComesInTheLastAttemptKeepsAnItemAliveAndOneThatCameBeforeDoesNot() {
		int queue = this.work.queue(new QueueSettings("requested", 1, false, null));
		StoredItem stored = this.work.put(WorkTables.keyed("requested", "key", "a"));
		suspect(queue);
		try (WorkTables lost = WorkTables.open(database)) {
			assertThat(lost.claim(queue, 10).items()).hasSize(1);
			assertThat(this.work.put(WorkTables.keyed("requested", "key", "b")).coalesced()).isTrue();
			this.work.takeOverFrom(lost);
		}
		assertThat(this.work.row(stored.itemId())).containsEntry("failures", 0).containsEntry("token", 1);
		try (WorkTables lost = WorkTables.open(database)) {
			assertThat(lost.awaitClaim(queue, 10).items()).extracting(ClaimedItem::rev).containsExactly(1);
			this.work.takeOverFrom(lost);
		}
		assertThat(this.work.<List<WorkAdminSql.AdminItem>>run(
				(connection, joined) -> this.work.admin().dead(connection, "requested", null, null, 10)))
			.extracting("itemId")
			.containsExactly(stored.itemId());
	}

	@Test
	void aRequestThatMayHaveComeInTheLastAttemptKeepsTheLastItemOfAClaimAlive() {
		int queue = this.work.queue(new QueueSettings("last-of-several", 1, false, null));
		StoredItem stored = this.work.put(WorkTables.keyed("last-of-several", "key", "a"));
		this.work.insert("last-of-several", "b");
		Claimed claimed = this.work.claim(queue, 10);
		this.work.fail(WorkTables.done(claimed).get(1), Duration.ZERO, true);
		assertThat(this.work.claimedIds(claimed)).containsExactly(stored.itemId());
		this.other.put(WorkTables.keyed("last-of-several", "key", "c"));
		suspect(queue);
		this.other.takeOverFrom(this.work);
		assertThat(this.other.row(stored.itemId())).containsEntry("failures", 0).containsEntry("token", 1);
	}

	@Test
	void whatATransactionHasReturnedIsNoFailureAlsoIfItsHolderIsLostBeforeItHasLeft() {
		int queue = this.work.queue("returned");
		StoredItem stored = this.work.insert("returned", "a").get(0);
		Claimed claimed = this.work.claim(queue, 10);
		this.work.put(WorkTables.ordered("returned", "key", "b"));
		Claimed withLane = this.work.awaitClaim(queue, 10);
		ClaimedItem lane = withLane.items().get(0);
		Done ofLane = WorkTables.done(withLane, lane, this.work.laneItems(lane).get(0));
		this.work.jdbc().update("UPDATE durable_notify.work_queues SET max_attempts = 1 WHERE queue_id = ?", queue);
		suspect(queue);
		this.work.begin();
		for (Done item : List.of(WorkTables.done(claimed).get(0), ofLane)) {
			this.work
				.run((connection, joined) -> this.work.settle().postpone(connection, item, Duration.ofMillis(100)));
		}
		this.work.commit();
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1, 1);
		assertThat(this.other.row(stored.itemId())).containsEntry("failures", 0)
			.containsEntry("token", 1)
			.containsEntry("last_error", null);
		assertThat(this.other.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_dead WHERE queue_id = ?", queue)).isEmpty();
		assertThat(this.other.jdbc()
			.queryForList("SELECT failures FROM durable_notify.work_lane_items WHERE lane_id = ?", Integer.class,
					lane.itemId()))
			.containsExactly(0);
	}

	@Test
	void whatIsBeingCompletedStaysAndIsNotTakenForOneThatWasAlone() {
		int queue = this.work.queue("completing");
		List<StoredItem> stored = this.work.insert("completing", "a", "b");
		Claimed claimed = this.work.claim(queue, 10);
		List<Done> items = WorkTables.done(claimed);
		this.work.begin();
		this.work.run((connection, joined) -> this.work.settle().completeInTransaction(connection, items.get(0)));
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1);
		assertThat(this.other
			.<Boolean>run((connection, joined) -> this.other.takeOver().isHolder(connection, this.work.instanceId())))
			.isTrue();
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("b");
		this.work.rollback();
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1);
		assertThat(this.other.row(stored.get(0).itemId())).containsEntry("failures", 0).containsEntry("suspect", true);
		assertThat(this.other
			.<Boolean>run((connection, joined) -> this.other.takeOver().isHolder(connection, this.work.instanceId())))
			.isFalse();
		assertThat(this.work.complete(items.subList(0, 1), List.of())).isEmpty();
	}

	@Test
	void claimsOfWhichNothingCanBeTakenOverHoldUpNoOther() {
		int queue = this.work.queue("held-up");
		String[] payloads = new String[41];
		java.util.Arrays.fill(payloads, "a");
		this.work.insert("held-up", payloads);
		List<Done> items = new ArrayList<>();
		for (String payload : payloads) {
			items.addAll(WorkTables.done(this.work.claim(queue, 1)));
		}
		assertThat(items).hasSize(payloads.length);
		// Whose claims stay
		assertThat(this.work.complete(items.subList(0, 10), List.of())).hasSize(10);
		this.work.begin();
		items.subList(10, 20).forEach((item) -> assertThat(this.work.completeInTransaction(item)).isTrue());
		assertThat(taken(this.other.takeOverFrom(this.work))).as("a slice").isEqualTo(20);
		assertThat(taken(this.other.takeOverFrom(this.work))).isOne();
		assertThat(taken(this.other.takeOverFrom(this.work))).isZero();
		this.work.rollback();
		assertThat(taken(this.other.takeOverFrom(this.work))).isEqualTo(10);
	}

	private static int taken(List<TakeOverSql.TakenOver> taken) {
		return taken.stream().mapToInt(TakeOverSql.TakenOver::items).sum();
	}

	@Test
	void aCompletionThatIsFasterThanTheTakeOverCounts() {
		int queue = this.work.queue("faster");
		this.work.insert("faster", "a", "b");
		Claimed claimed = this.work.claim(queue, 10);
		this.work.begin();
		this.work.run((connection, joined) -> this.work.settle()
			.completeInTransaction(connection, WorkTables.done(claimed).get(0)));
		this.other.takeOverFrom(this.work);
		this.work.commit();
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(0);
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("b");
	}

	@Test
	void aLaneIsTakenOverAsAWholeAndItsFirstItemMayBeGuilty() {
		int queue = this.work.queue("lanes");
		this.work.put(WorkTables.ordered("lanes", "key", "a"));
		this.work.put(WorkTables.ordered("lanes", "key", "b"));
		for (int failures : List.of(0, 0, 0, 1, 2)) {
			try (WorkTables lost = WorkTables.open(database)) {
				Claimed claimed = lost.awaitClaim(queue, 10);
				ClaimedItem lane = claimed.items().get(0);
				List<ClaimedItem> items = lost.laneItems(lane);
				assertThat(items).extracting(ClaimedItem::failures).containsExactly(failures, 0);
				this.work.takeOverFrom(lost);
				assertThat(lost.complete(List.of(WorkTables.done(claimed, lane, items.get(0))), List.of())).isEmpty();
				assertThat(lost.releaseLane(claimed, lane).kind()).isEqualTo(Returned.Kind.LOST);
			}
		}
		Claimed claimed = this.work.awaitClaim(queue, 10);
		assertThat(this.work.laneItems(claimed.items().get(0))).extracting(WorkTables::text).containsExactly("b");
		assertThat(this.work.<List<WorkAdminSql.AdminItem>>run(
				(connection, joined) -> this.work.admin().dead(connection, "lanes", null, null, 10)))
			.hasSize(1);
	}

	@Test
	void aLaneWhoseItemIsBeingCompletedStays() {
		int queue = this.work.queue("lane-completing");
		this.work.put(WorkTables.ordered("lane-completing", "key", "a"));
		this.work.put(WorkTables.ordered("lane-completing", "key", "b"));
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem lane = claimed.items().get(0);
		this.work.begin();
		Done first = WorkTables.done(claimed, lane, this.work.laneItems(lane).get(0));
		this.work.run((connection, joined) -> this.work.settle().completeInTransaction(connection, first));
		assertThat(this.other.takeOverFrom(this.work)).isEmpty();
		this.work.commit();
		assertThat(this.other.takeOverFrom(this.work)).extracting("items").containsExactly(1);
		assertThat(this.work.complete(List.of(new Done(claimed.claim(), lane.itemId(), first.itemId() + 1, 0, 0)),
				List.of()))
			.isEmpty();
		Claimed again = this.other.awaitClaim(queue, 10);
		assertThat(this.other.laneItems(again.items().get(0))).extracting(WorkTables::text).containsExactly("b");
	}

	@Test
	void claimsOfInstancesThatDoNotExistAreFound() {
		int queue = this.work.queue("orphans");
		this.work.insert("orphans", "a");
		assertThat(this.work.claim(queue, 10).claim()).isNotNull();
		// As an instance of the version before does
		this.other.jdbc().update("DELETE FROM durable_notify.instances WHERE instance_id = ?", this.work.instanceId());
		List<Long> orphans = this.other.run((connection, joined) -> this.other.takeOver().orphans(connection));
		assertThat(orphans).contains(this.work.instanceId());
		this.other.run((connection, joined) -> this.other.takeOver().takeOver(connection, this.work.instanceId()));
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 10))).containsExactly("a");
	}

}
