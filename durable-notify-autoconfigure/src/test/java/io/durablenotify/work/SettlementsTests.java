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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.GroupCommit;
import io.durablenotify.observation.Observations;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Settlement.Complete;
import io.durablenotify.work.Settlement.Fail;
import io.durablenotify.work.Settlement.Leave;
import io.durablenotify.work.Settlement.Postpone;
import io.durablenotify.work.Settlement.Rearm;
import io.durablenotify.work.Settlement.Refusal;
import io.durablenotify.work.Settlement.TakeBack;
import io.durablenotify.work.WorkInvoker.FirstItems;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.test.util.ReflectionTestUtils;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionOperations;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.assertArg;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.then;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link Settlements} of what is locked, and of an instance that has lost its
 * lease.
 */
@ExtendWith(OutputCaptureExtension.class)
class SettlementsTests extends AbstractWorkSqlTests {

	private static final Refusal REFUSED = (item, failure) -> new Fail(item, "refused", Duration.ZERO, false, null);

	private Settlements settlements;

	private TransactionalCompletion completion;

	private WorkMeasures measures;

	@BeforeEach
	void create() {
		create(this.work.settle(), instance.bean(Wakeups.class));
	}

	private void create(SettleSql sql, Wakeups wakeups) {
		this.measures = WorkMeasures.create(Duration.ZERO);
		this.settlements = settlements(sql, wakeups, Delays.ofJvm());
		this.completion = new TransactionalCompletion(instance.bean(ApplicationDatabase.class), sql, this.settlements);
	}

	private Settlements settlements(SettleSql sql) {
		return settlements(sql, Delays.ofJvm());
	}

	private Settlements settlements(SettleSql sql, Delays delays) {
		return settlements(sql, instance.bean(Wakeups.class), delays);
	}

	private Settlements settlements(SettleSql sql, Wakeups wakeups, Delays delays) {
		return new Settlements(instance.bean(ApplicationDatabase.class), sql, wakeups, this.measures, delays);
	}

	private HeldClaim held(String queue, Claimed claimed, boolean lost) {
		return new HeldClaim(claimed.claim(), new FixedLease(this.work.instanceId(), lost),
				new QueueProgress(queue, claimed.claim().queueId(), Duration.ofSeconds(1), false), claimed.items());
	}

	private static Complete complete(HeldItem item) {
		return new Complete(item, REFUSED);
	}

	/**
	 * Postpone an item in a transaction which commits.
	 */
	private Leave postponed(HeldItem item) {
		this.work.begin();
		Returned returned = this.work
			.run((connection, joined) -> this.work.settle().postpone(connection, item.done(), Duration.ZERO));
		this.work.commit();
		assertThat(returned.kind()).isEqualTo(Returned.Kind.AGAIN);
		return new Leave(item, returned);
	}

	@Test
	void aSettlementForWhichTheSystemHasNoThreadIsKept() {
		GroupCommit<SettlementEntry> main = mock();
		given(main.offer(any())).willThrow(new OutOfMemoryError("unable to create native thread"));
		ReflectionTestUtils.setField(this.settlements, "main", main);
		Settlement settlement = mock(TakeBack.class);
		assertThatCode(() -> this.settlements.add(settlement)).doesNotThrowAnyException();
		then(main).should().followUp(assertArg((entry) -> assertThat(entry.settlement()).isSameAs(settlement)));
	}

	@Test
	void whatATransactionHasPostponedLeavesItsClaimAlsoAfterTheLeaseIsLost() {
		int queue = this.work.queue("leaving");
		this.work.insert("leaving", "a", "b");
		this.work.put(WorkTables.ordered("leaving", "key", "c"));
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("leaving", claimed, true);
		ClaimedItem lane = claimed.items().get(2);
		HeldItem first = new HeldItem(claim, null, claimed.items().get(0), this.completion);
		HeldItem second = new HeldItem(claim, null, claimed.items().get(1), this.completion);
		HeldItem ofLane = new HeldItem(claim, lane, this.work.laneItems(lane).get(0), this.completion);
		List.of(postponed(first), postponed(ofLane)).forEach(this.settlements::add);
		this.settlements.add(new Postpone(second, Duration.ZERO, REFUSED));
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.claimedIds(claimed)).as("what no transaction has stored is not written")
			.containsExactly(second.id());
		this.other.searchAll(true);
		assertThat(WorkTables.texts(this.other.awaitClaim(queue, 1))).containsExactly("a");
		assertThat(this.other.awaitClaim(queue, 1).items()).extracting(ClaimedItem::itemId)
			.containsExactly(lane.itemId());
	}

	@Test
	void whatHasBeenTakenOverDoesNotLeaveTheClaimOfItsNextHolder() {
		int queue = this.work.queue("left");
		StoredItem stored = this.work.insert("left", "a").get(0);
		Claimed claimed = this.work.claim(queue, 10);
		HeldItem item = new HeldItem(held("left", claimed, true), null, claimed.items().get(0), this.completion);
		Leave leave = postponed(item);
		this.other.takeOverFrom(this.work);
		Claimed next = this.other.awaitClaim(queue, 10);
		this.settlements.add(leave);
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.other.claimedIds(next)).containsExactly(stored.itemId());
		assertThat(this.other.complete(next)).hasSize(1);
	}

	@Test
	void anOrderingKeyOneOfWhoseItemsIsLostInATransactionOfItsHandlerIsReleased() {
		int queue = this.work.queue("lost");
		this.work.insert("lost", "a");
		this.work.put(WorkTables.ordered("lost", "key", "b"));
		this.work.put(WorkTables.ordered("lost", "key", "c"));
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem lane = claimed.items().get(1);
		List<ClaimedItem> items = this.work.laneItems(lane);
		this.other.jdbc().update("DELETE FROM durable_notify.work_lane_items WHERE item_id = ?", items.get(0).itemId());
		List<String> handled = new ArrayList<>();
		WorkInvoker invoker = invoker((held) -> {
			held.forEach((item) -> handled.add(new String(item.payload(), StandardCharsets.UTF_8)));
			return WorkOutcome.done();
		});
		invoker.handleLane(held("lost", claimed, false), lane, new FirstItems(items, false), new NoStop());
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(handled).containsExactly("b");
		assertThat(this.work.claimedIds(claimed)).as("the claim has the other item still")
			.containsExactly(claimed.items().get(0).itemId());
		assertThat(this.work.isReturned(lane.itemId())).as(this.work::dump).isTrue();
	}

	private WorkInvoker invoker(WorkInvoker.Target target) {
		return invoker(target, instance.transaction());
	}

	private WorkInvoker invoker(WorkInvoker.Target target, @Nullable TransactionOperations transactions) {
		return new WorkInvoker(target, transactions,
				new WorkListenerSettings(List.of("transactional"), 1, null, true, 3,
						new Backoff(Duration.ofSeconds(1), 1, Duration.ofSeconds(1)), OnDead.CONTINUE, List.of()),
				(laneId, after, limit) -> List.of(), this.settlements, this.completion, new RunningItems(),
				Observations.NONE);
	}

	@Test
	void anItemWhoseCompletionIsRefusedHasFailedAlsoIfALaterOneOfItsOrderingKeyIsPostponedInATransaction() {
		int queue = this.work.queue("refused-before");
		List<Long> ids = Stream.of("refused", "postponed")
			.map((payload) -> this.work.put(WorkTables.ordered("refused-before", "key", payload)).itemId())
			.toList();
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("refused-before", claimed, false);
		ClaimedItem lane = claimed.items().get(0);
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
				CREATE TRIGGER refuse BEFORE DELETE ON durable_notify.work_lane_items FOR EACH ROW
					WHEN (OLD.payload = 'refused') EXECUTE FUNCTION refuse();
				""");
		// It is not known to be refused yet when the handler of the other one begins
		this.other.begin();
		this.other.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_lane_items WHERE item_id = ? FOR UPDATE",
					ids.get(0));
		invoker((items) -> {
			if (items.get(0).id() == ids.get(1)) {
				instance.transaction().executeWithoutResult((status) -> items.get(0).postpone(Duration.ofHours(1)));
				this.other.rollback();
			}
			return WorkOutcome.done();
		}, null).handleLane(claim, lane, new FirstItems(this.work.laneItems(lane), false), new NoStop());
		this.settlements.finish(Eventually.TIMEOUT);
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(this.work.count("work_lane_items WHERE failures = 1 AND item_id = " + ids.get(0))).isOne();
		assertThat(this.work.count("work_lane_items WHERE failures = 0 AND not_before > clock_timestamp() + "
				+ "interval '50 minutes' AND item_id = " + ids.get(1)))
			.isOne();
		assertThat(this.work.count("work_items i JOIN durable_notify.work_lane_items x ON x.lane_id = i.item_id "
				+ "AND x.not_before = i.due_at WHERE x.item_id = " + ids.get(0)))
			.isOne();
		assertThat(claim.unsettled()).isZero();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isZero();
	}

	@Test
	void whatATransactionHasRemovedIsSettledAtOnceAndTheLastOfItsClaimRemovesThat() {
		int queue = this.work.queue("removed");
		this.work.insert("removed", "a", "b", "c");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("removed", claimed, false);
		WorkInvoker invoker = invoker((items) -> WorkOutcome.done());
		invoker.handle(claim, claimed.items().get(0), () -> false);
		assertThat(claim.unsettled()).isEqualTo(2);
		invoker.handle(claim, claimed.items().get(1), () -> false);
		assertThat(claim.unsettled()).isOne();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isOne();
		invoker.handle(claim, claimed.items().get(2), () -> false);
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(claim.unsettled()).isZero();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isZero();
		assertThat(this.measures.of("removed").finished().of(Finish.DONE).sum()).isEqualTo(3);
	}

	@Test
	void anItemThatIsTakenBackWhileItsTransactionRemovesItCountsOnce() {
		int queue = this.work.queue("taken-back");
		this.work.insert("taken-back", "a", "b");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("taken-back", claimed, false);
		CompletableFuture<Void> takenBack = new CompletableFuture<>();
		invoker((items) -> {
			items.get(0).complete();
			this.settlements.add(new TakeBack(items.get(0)), () -> takenBack.complete(null));
			return WorkOutcome.done();
		}).handle(claim, claimed.items().get(0), () -> false);
		assertThat(takenBack).succeedsWithin(Eventually.TIMEOUT);
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(claim.unsettled()).isOne();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isOne();
	}

	@Test
	void aClaimIsNotRemovedBeforeWhatATransactionHasPostponedHasLeftIt() {
		int queue = this.work.queue("leaves-first");
		this.work.insert("leaves-first", "postponed", "done");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("leaves-first", claimed, false);
		create(this.work.settle().waiting((int) Eventually.TIMEOUT.toMillis()), instance.bean(Wakeups.class));
		this.other.begin();
		this.other.jdbc()
			.queryForList("SELECT claim_id FROM durable_notify.work_claims WHERE queue_id = ? FOR UPDATE", queue);
		invoker((items) -> WorkOutcome.postpone(Duration.ofHours(1))).handle(claim, claimed.items().get(0),
				() -> false);
		assertThat(claim.unsettled()).as("it has not left yet").isEqualTo(2);
		invoker((items) -> WorkOutcome.done()).handle(claim, claimed.items().get(1), () -> false);
		this.other.rollback();
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(claim.unsettled()).isZero();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isZero();
		assertThat(this.work
			.count("work_items WHERE due_at > clock_timestamp() + interval '30 minutes' " + "AND queue_id = " + queue))
			.isOne();
	}

	@Test
	void othersAreWokenAfterEachItemOfALimitedQueueThatATransactionHasRemoved() {
		int queue = this.work.queue("limited-after");
		this.work.insert("limited-after", "a", "b");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held("limited-after", claimed, false);
		claim.queue().limit();
		Wakeups wakeups = mock(Wakeups.class);
		create(this.work.settle(), wakeups);
		invoker((items) -> WorkOutcome.done()).handle(claim, claimed.items().get(0), () -> false);
		this.settlements.finish(Eventually.TIMEOUT);
		then(wakeups).should()
			.send(eq(WorkTopics.QUEUES), assertArg((wakeup) -> assertThat(wakeup.id()).isEqualTo(queue)));
	}

	@Test
	void whatIsLockedIsTriedAgainAfterPausesAndAtTheStop() {
		int queue = this.work.queue("locked");
		this.work.put(WorkTables.keyed("locked", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		HeldItem item = new HeldItem(held("locked", claimed, false), null, claimed.items().get(0), this.completion);
		this.work.jdbc().execute("""
				CREATE SEQUENCE attempts;
				CREATE FUNCTION attempt() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN PERFORM nextval('public.attempts'); RETURN NULL; END $$;
				CREATE TRIGGER attempt BEFORE DELETE ON durable_notify.work_items EXECUTE FUNCTION attempt();
				""");
		this.other.begin();
		this.other.put(WorkTables.keyed("locked", "key", "b"));
		long start = System.nanoTime();
		this.settlements.add(complete(item));
		// Two at once, then one without and seven with a pause
		Eventually.await(() -> attempts() >= 10, this::attempts);
		assertThat(Duration.ofNanos(System.nanoTime() - start))
			.isGreaterThan(Duration.ofMillis(20 + 40 + 80 + 160 + 320 + 500 + 500));
		this.other.rollback();
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.count("work_items WHERE queue_id = " + queue)).isZero();
		this.work.jdbc().execute("DROP FUNCTION attempt() CASCADE");
	}

	@Test
	void whatIsLockedIsTriedAgainWithoutAPauseIfTheSystemHasNoTimer() {
		int queue = this.work.queue("without-timer");
		this.work.put(WorkTables.keyed("without-timer", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		HeldItem item = new HeldItem(held("without-timer", claimed, false), null, claimed.items().get(0),
				this.completion);
		AtomicInteger pauses = new AtomicInteger();
		Settlements settlements = settlements(this.work.settle(), (delay, task) -> {
			pauses.incrementAndGet();
			throw new OutOfMemoryError("unable to create native thread");
		});
		this.other.begin();
		this.other.put(WorkTables.keyed("without-timer", "key", "b"));
		settlements.add(complete(item));
		Eventually.await(() -> pauses.get() > 1, pauses::get);
		this.other.rollback();
		Eventually.await(() -> this.work.count("work_items WHERE queue_id = " + queue) == 0, this.work::dump);
		settlements.finish(Eventually.TIMEOUT);
	}

	@ParameterizedTest
	@ValueSource(strings = { "P0001", "MY001", "42703" })
	void anItemThatCannotBeCompletedHoldsUpNoOtherAndIsTriedAgainLater(String state, CapturedOutput output) {
		String name = "refused-" + state;
		int queue = this.work.queue(name);
		List<StoredItem> stored = this.work.insert(name, "bad", "good", "postponed");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held(name, claimed, false);
		List<HeldItem> items = claimed.items()
			.stream()
			.map((item) -> new HeldItem(claim, null, item, this.completion))
			.toList();
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN RAISE 'refused' USING ERRCODE = '%s'; END $$;
				CREATE TRIGGER refuse BEFORE DELETE ON durable_notify.work_items FOR EACH ROW WHEN (OLD.item_id = %d)
					EXECUTE FUNCTION refuse();
				""".formatted(state, stored.get(0).itemId()));
		this.settlements.add(new Complete(items.get(0),
				(item, failure) -> new Fail(item, failure.getMessage(), Duration.ofHours(1), true, null)));
		this.settlements.add(complete(items.get(1)));
		this.settlements.add(new Postpone(items.get(2), Duration.ofHours(1), REFUSED));
		Eventually.await(
				() -> this.work.count("work_items WHERE queue_id = " + queue) == 2
						&& this.work.isReturned(stored.get(0).itemId()) && this.work.isReturned(stored.get(2).itemId()),
				this.work::dump);
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.claimedIds(claimed)).isEmpty();
		assertThat(this.work.row(stored.get(0).itemId())).as("it cannot be dead either")
			.containsEntry("failures", 1)
			.extractingByKey("last_error", as(InstanceOfAssertFactories.STRING))
			.contains("refused");
		assertThat(output).contains("counts as a failed attempt", " is dead. Its handler is called again");
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
	}

	@ParameterizedTest
	@CsvSource({ "TABLE, work_items", "TABLE, work_claims", "FUNCTION, work_complete", "FUNCTION, work_return" })
	void outcomesAreKeptWhileATableOrAFunctionIsMissing(String type, String missing, CapturedOutput output) {
		int queue = this.work.queue(missing);
		this.work.insert(missing, "done", "failed", "postponed");
		Claimed claimed = this.work.claim(queue, 10);
		HeldClaim claim = held(missing, claimed, false);
		List<HeldItem> items = claimed.items()
			.stream()
			.map((item) -> new HeldItem(claim, null, item, this.completion))
			.toList();
		this.work.jdbc().execute("ALTER %s durable_notify.%s RENAME TO away".formatted(type, missing));
		try {
			this.settlements.add(complete(items.get(0)));
			this.settlements.add(new Fail(items.get(1), "failed", Duration.ofHours(1), false, null));
			this.settlements.add(new Postpone(items.get(2), Duration.ofHours(1), REFUSED));
			Eventually.await(() -> output.toString().contains("Failed to settle work"), output::toString);
		}
		finally {
			this.work.jdbc().execute("ALTER %s durable_notify.away RENAME TO %s".formatted(type, missing));
		}
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.row(items.get(1).id())).containsEntry("failures", 1).containsEntry("last_error", "failed");
		assertThat(this.work.row(items.get(2).id())).containsEntry("failures", 0);
		assertThat(this.work.count("work_items WHERE queue_id = " + queue)).isEqualTo(2);
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isZero();
		for (Finish finish : List.of(Finish.DONE, Finish.RETRIED, Finish.POSTPONED)) {
			assertThat(this.measures.of(missing).finished().of(finish).sum()).as(finish.name()).isOne();
		}
		assertThat(output).doesNotContain("cannot be stored");
	}

	@Test
	void theStackTraceOfALastAttemptIsLoggedAlsoIfItsOutcomeIsNotStored(CapturedOutput output) {
		HeldItem item = claimed("taken", false);
		this.other.takeOverFrom(this.work);
		this.settlements.add(new Fail(item, "reason", Duration.ZERO, true, new IllegalStateException("taken over")));
		int queue = this.work.queue("without-lease");
		this.other.insert("without-lease", "a");
		Claimed claimed = this.other.awaitClaim(queue, 10);
		HeldItem ofLost = new HeldItem(held("without-lease", claimed, true), null, claimed.items().get(0),
				this.completion);
		this.settlements.add(new Fail(ofLost, "reason", Duration.ZERO, true, new IllegalStateException("lease lost")));
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(output).containsOnlyOnce("java.lang.IllegalStateException: taken over")
			.containsOnlyOnce("java.lang.IllegalStateException: lease lost");
	}

	@Test
	void aClaimThatIsLockedWhenAnItemLeavesItHoldsUpNoOther() {
		int queue = this.work.queue("locked-claim");
		this.work.insert("locked-claim", "a");
		Claimed claimed = this.work.claim(queue, 10);
		int otherQueue = this.work.queue("beside");
		this.work.insert("beside", "b");
		Claimed beside = this.work.claim(otherQueue, 10);
		Leave leave = postponed(
				new HeldItem(held("locked-claim", claimed, false), null, claimed.items().get(0), this.completion));
		this.other.begin();
		this.other.jdbc()
			.queryForList("SELECT claim_id FROM durable_notify.work_claims WHERE queue_id = ? FOR UPDATE", queue);
		this.settlements.add(leave);
		HeldItem item = new HeldItem(held("beside", beside, false), null, beside.items().get(0), this.completion);
		this.settlements.add(new Postpone(item, Duration.ZERO, REFUSED));
		Eventually.await(() -> this.work.isReturned(item.id()), this.work::dump);
		this.other.rollback();
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.claimedIds(claimed)).isEmpty();
	}

	@Test
	void whatWasStoredBeforeTheConnectionWasCutIsCountedAsThatAndNotReported(CapturedOutput output) {
		List<Function<HeldItem, Settlement>> settled = List.of(SettlementsTests::complete,
				(item) -> new Fail(item, "again", Duration.ZERO, false, null),
				(item) -> new Fail(item, "dead", Duration.ZERO, true, null),
				(item) -> new Postpone(item, Duration.ZERO, REFUSED),
				(item) -> new Rearm(item, Instant.now(), REFUSED));
		CutDataSource dataSource = new CutDataSource(instance.bean(DataSource.class));
		WorkMeasures measures = WorkMeasures.create(Duration.ZERO);
		Settlements cut = new Settlements(new ApplicationDatabase(dataSource, () -> null), this.work.settle(),
				instance.bean(Wakeups.class), measures, Delays.ofJvm());
		Map<Finish, Long> finished = new EnumMap<>(Finish.class);
		for (int i = 0; i < settled.size(); i++) {
			for (boolean ofLane : List.of(false, true)) {
				String name = "cut-%d-%s".formatted(i, ofLane);
				HeldItem item = claimed(name, ofLane);
				CompletableFuture<Void> over = new CompletableFuture<>();
				dataSource.cutting.set(true);
				cut.add(settled.get(i).apply(item), () -> over.complete(null));
				assertThat(over).succeedsWithin(Eventually.TIMEOUT);
				assertThat(dataSource.cutting).isFalse();
				for (Finish finish : Finish.values()) {
					finished.merge(finish, measures.of(name).finished().of(finish).sum(), Long::sum);
				}
			}
		}
		cut.finish(Eventually.TIMEOUT);
		assertThat(finished).isEqualTo(
				Map.of(Finish.DONE, 4L, Finish.RETRIED, 2L, Finish.DEAD, 2L, Finish.POSTPONED, 2L, Finish.LOST, 0L));
		assertThat(output).contains("Failed to settle work").doesNotContain("was not stored");
	}

	private HeldItem claimed(String name, boolean ofLane) {
		int queue = this.work.queue(name);
		if (ofLane) {
			this.work.put(WorkTables.ordered(name, "key", "a"));
		}
		else {
			this.work.insert(name, "a");
		}
		Claimed claimed = this.work.claim(queue, 10);
		ClaimedItem first = claimed.items().get(0);
		HeldClaim claim = held(name, claimed, false);
		return (ofLane) ? new HeldItem(claim, first, this.work.laneItems(first).get(0), this.completion)
				: new HeldItem(claim, null, first, this.completion);
	}

	@Test
	void aTransactionOfAHandlerThatHasCommittedWithoutAnAnswerIsCountedAsThatAndNotReported(CapturedOutput output) {
		HeldItem item = claimed("unknown", false);
		this.work.begin();
		this.work.run((connection, joined) -> this.work.settle().completeInTransaction(connection, item.done()));
		this.work.commit();
		item.returned(new Returned(Returned.Kind.DONE, item.done().claim().queueId(), DatabaseMicros.NEVER),
				Finish.DONE);
		item.completion(HeldItem.Completion.UNKNOWN);
		this.settlements.add(new Fail(item, "no answer", Duration.ZERO, false, null));
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.measures.of("unknown").finished().of(Finish.DONE).sum()).isOne();
		assertThat(this.measures.of("unknown").finished().of(Finish.LOST).sum()).isZero();
		assertThat(output).doesNotContain("was not stored");
	}

	@Test
	void anItemThatSuchATransactionHasReturnedHasNotFailed() {
		int queue = this.work.queue("unknown-again");
		long id = this.work.put(WorkTables.keyed("unknown-again", "key", "a")).itemId();
		Claimed claimed = this.work.claim(queue, 10);
		HeldItem item = new HeldItem(held("unknown-again", claimed, false), null, claimed.items().get(0),
				this.completion);
		this.work.begin();
		Returned returned = this.work.run((connection, joined) -> this.work.settle()
			.rearm(connection, item.done(), Instant.now().plus(Duration.ofDays(1))));
		item.returned(returned, Finish.DONE);
		item.completion(HeldItem.Completion.UNKNOWN);
		Settlements patient = settlements(this.work.settle().waiting((int) Eventually.TIMEOUT.toMillis()));
		patient.add(new Fail(item, "no answer", Duration.ZERO, false, null));
		// The server ends the transaction later
		Eventually.await(() -> !this.other.jdbc()
			.queryForList("SELECT pid FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
			.isEmpty(), this.other::dump);
		this.work.commit();
		patient.finish(Eventually.TIMEOUT);
		assertThat(this.work.row(id)).containsEntry("failures", 0).containsEntry("last_error", null);
		assertThat(this.work.claimedIds(claimed)).isEmpty();
		assertThat(this.measures.of("unknown-again").finished().of(Finish.DONE).sum()).isOne();
		assertThat(this.measures.of("unknown-again").finished().of(Finish.RETRIED).sum()).isZero();
		this.work.put(WorkTables.keyed("unknown-again", "key", "b"));
		assertThat(this.work.count("work_items WHERE due_at <= clock_timestamp() AND item_id = " + id)).isOne();
	}

	@Test
	void aBatchWhoseTransactionHasCommittedWithoutAnAnswerIsNotHandledAgain(CapturedOutput output) {
		int queue = this.work.queue("unknown-batch");
		this.work.insert("unknown-batch", "done", "postponed");
		Claimed claimed = this.work.claim(queue, 10);
		TransactionTemplate unanswered = new TransactionTemplate(
				new JdbcTransactionManager(instance.bean(DataSource.class)) {

					@Override
					protected void doCommit(DefaultTransactionStatus status) {
						super.doCommit(status);
						throw new TransactionSystemException("no answer");
					}

				});
		WorkInvoker invoker = invoker((items) -> {
			items.get(1).postpone(Duration.ofDays(1));
			return WorkOutcome.done();
		}, unanswered);
		assertThat(invoker.handleBatch(held("unknown-batch", claimed, false), claimed.items(), () -> false))
			.as("to be handled alone")
			.isEmpty();
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.count("work_items WHERE failures = 0 AND due_at > clock_timestamp() + interval '23 h' "
				+ "AND queue_id = " + queue))
			.isOne();
		assertThat(this.work.count("work_claims WHERE queue_id = " + queue)).isZero();
		assertThat(this.work.count("work_items WHERE queue_id = " + queue)).isOne();
		Map<Finish, Long> finished = new EnumMap<>(Finish.class);
		for (Finish finish : List.of(Finish.DONE, Finish.POSTPONED, Finish.LOST)) {
			finished.put(finish, this.measures.of("unknown-batch").finished().of(finish).sum());
		}
		assertThat(finished).isEqualTo(Map.of(Finish.DONE, 1L, Finish.POSTPONED, 1L, Finish.LOST, 0L));
		assertThat(output).contains("of 2 items of queue 'unknown-batch' may have committed")
			.doesNotContain("was not stored");
	}

	@Test
	void anItemWhoseTransactionWithoutAnAnswerHasRolledBackHasFailed() {
		HeldItem item = claimed("unknown-rollback", false);
		item.returned(new Returned(Returned.Kind.AGAIN, item.done().claim().queueId(), 1), Finish.POSTPONED);
		item.completion(HeldItem.Completion.UNKNOWN);
		this.settlements.add(new Fail(item, "no answer", Duration.ZERO, false, null));
		this.settlements.finish(Eventually.TIMEOUT);
		assertThat(this.work.row(item.id())).containsEntry("failures", 1);
		assertThat(this.measures.of("unknown-rollback").finished().of(Finish.RETRIED).sum()).isOne();
	}

	private long attempts() {
		return this.work.jdbc().queryForObject("SELECT last_value FROM attempts", Long.class);
	}

	/**
	 * Loses the answer to a statement of work, and the connection.
	 */
	private static final class CutDataSource extends DelegatingDataSource {

		private final AtomicBoolean cutting = new AtomicBoolean();

		private CutDataSource(DataSource target) {
			super(target);
		}

		@Override
		public Connection getConnection() throws SQLException {
			return wrap(Connection.class, super.getConnection());
		}

		private <T> T wrap(Class<T> type, T target) {
			return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] { type },
					(proxy, method, arguments) -> {
						Object result;
						try {
							result = method.invoke(target, arguments);
						}
						catch (InvocationTargetException ex) {
							throw ex.getTargetException();
						}
						if (method.getName().equals("executeQuery") && this.cutting.getAndSet(false)) {
							throw new SQLException("The connection was cut", SqlErrors.CONNECTION_FAILURE);
						}
						return (result instanceof PreparedStatement statement)
								? wrap(PreparedStatement.class, statement) : result;
					}));
		}

	}

	private static final class NoStop implements WorkInvoker.Stop {

		@Override
		public boolean isStopping() {
			return false;
		}

		@Override
		public boolean isLate() {
			return false;
		}

		@Override
		public boolean isWanted() {
			return false;
		}

	}

	/**
	 * A lease that is held, or that another instance has taken over.
	 */
	private record FixedLease(long instanceId, boolean isLost) implements Lease {

		@Override
		public boolean isHeld() {
			return !this.isLost;
		}

		@Override
		public boolean awaitHeld(Duration timeout) {
			return !this.isLost;
		}

		@Override
		public boolean awaitRenewed(Duration timeout) {
			return !this.isLost;
		}

	}

}
