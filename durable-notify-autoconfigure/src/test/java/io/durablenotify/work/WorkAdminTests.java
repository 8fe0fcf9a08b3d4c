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
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.StoredWork.State;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.core.ConnectionCallback;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.tuple;

/**
 * Tests for {@link WorkAdmin}.
 */
class WorkAdminTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.work.enqueue-timeout=500ms")
	private static Instance instance;

	@Fixture
	private static WorkQueue queue;

	@Fixture
	private static WorkAdmin admin;

	private static QueueInfo info(String name) {
		return admin.queues().stream().filter((info) -> info.name().equals(name)).findFirst().orElseThrow();
	}

	private static int queueId(String name) {
		return database.jdbc()
			.queryForObject("SELECT queue_id FROM durable_notify.work_queues WHERE name = ?", Integer.class, name);
	}

	/**
	 * Claim items, as another instance would.
	 */
	private static void claim(String name, long... items) {
		database.jdbc()
			.update("INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids) "
					+ "VALUES ((SELECT count(*) + 1 FROM durable_notify.work_claims), ?, 4711, clock_timestamp(), ?)",
					queueId(name), items);
	}

	private static final AtomicInteger lastLane = new AtomicInteger(1_000_000);

	/**
	 * Have an item be dead for some time.
	 */
	private static void kill(String name, String payload, Duration ago) {
		long id = queue.enqueue(WorkRequest.of(name, payload)).id();
		database.jdbc()
			.update("""
					WITH i AS (DELETE FROM durable_notify.work_items WHERE item_id = ? RETURNING *)
					INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, key, enqueued_at, died_at, failures, token,
						last_error, payload)
					SELECT item_id, false, queue_id, key, enqueued_at, clock_timestamp() - ? * interval '1 second', 3, 3,
						'failed', payload FROM i
					""",
					id, ago.toSeconds());
	}

	/**
	 * Have an ordering key wait for a dead item.
	 */
	private static long killAndBlock(String name, String orderingKey) {
		long id = lastLane.incrementAndGet();
		queue.enqueue(WorkRequest.of(name, "next").orderingKey(orderingKey));
		JdbcTemplate jdbc = database.jdbc();
		jdbc.update("UPDATE durable_notify.work_items SET due_at = 'infinity' WHERE queue_id = ? AND key = ? AND lane",
				queueId(name), orderingKey);
		jdbc.update(
				"INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, key, blocks, enqueued_at, failures, "
						+ "token, payload) VALUES (?, true, ?, ?, true, clock_timestamp(), 3, 3, 'dead')",
				id, queueId(name), orderingKey);
		return id;
	}

	private static List<String> stored(String name) {
		return database.jdbc().queryForList("""
				SELECT convert_from(coalesce(l.payload, i.payload), 'UTF8') FROM durable_notify.work_items i
				LEFT JOIN durable_notify.work_lane_items l ON i.lane AND l.lane_id = i.item_id
				WHERE i.queue_id = ? AND i.due_at < 'infinity' ORDER BY i.due_at, i.item_id, l.item_id
				""", String.class, queueId(name));
	}

	private static List<Wakeup> listen(String name) {
		int id = queueId(name);
		List<Wakeup> received = new CopyOnWriteArrayList<>();
		instance.bean(Wakeups.class).subscribe(WorkTopics.QUEUES, new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
				if (wakeup.id() == id) {
					received.add(wakeup);
				}
			}

			@Override
			public void onResync() {
			}

		});
		return received;
	}

	private static void awaitWakeup(List<Wakeup> received) {
		Eventually.await(() -> !received.isEmpty(), received::toString);
		received.clear();
	}

	@Test
	void aQueueShowsWhatItHas() {
		long first = queue.enqueue(WorkRequest.of("shown", "a")).id();
		queue.enqueue(WorkRequest.of("shown", "b"));
		queue.enqueue(WorkRequest.of("shown", "c").dueIn(Duration.ofHours(1)));
		queue.enqueue(WorkRequest.of("shown", "d").orderingKey("o"));
		queue.enqueue(WorkRequest.of("shown", "e").orderingKey("o"));
		kill("shown", "f", Duration.ZERO);
		claim("shown", first);
		QueueInfo info = info("shown");
		assertThat(info).isEqualTo(new QueueInfo("shown", 3, 1, 1, info.oldestDue(), false, null));
		assertThat(info.oldestDue()).isBetween(Duration.ZERO, Duration.ofMinutes(1));
		admin.pause("shown-empty");
		assertThat(info("shown-empty")).isEqualTo(new QueueInfo("shown-empty", 0, 0, 0, null, true, null));
		assertThat(admin.queues()).extracting(QueueInfo::name).contains("shown", "shown-empty").isSorted();
	}

	@Test
	void whatIsDoneOfAClaimDoesNotCountAsRunningWhileOthersOfItAre() {
		long[] items = IntStream.range(0, 3)
			.mapToLong((i) -> queue.enqueue(WorkRequest.of("partly", "a")).id())
			.toArray();
		claim("partly", items);
		database.jdbc().update("DELETE FROM durable_notify.work_items WHERE item_id IN (?, ?)", items[0], items[1]);
		queue.enqueue(WorkRequest.of("partly", "b"));
		queue.enqueue(WorkRequest.of("partly", "c"));
		assertThat(info("partly")).extracting(QueueInfo::pending, QueueInfo::running).containsExactly(2L, 1L);
		QueueBacklog backlog = database.jdbc()
			.execute((ConnectionCallback<List<QueueBacklog>>) instance.bean(WorkBacklog.class)::read)
			.stream()
			.filter((read) -> read.queue().equals("partly"))
			.findFirst()
			.orElseThrow();
		assertThat(backlog).extracting(QueueBacklog::pending, QueueBacklog::due, QueueBacklog::running)
			.containsExactly(2L, 2L, 1L);
	}

	@Test
	void itemsAreListedInTheOrderInWhichTheyAreDue() {
		Instant dueAt = Instant.parse("2100-01-01T00:00:00.000001Z");
		List<Long> ids = new ArrayList<>();
		for (int i = 0; i < 7; i++) {
			ids.add(queue.enqueue(WorkRequest.of("listed", "a").key("k" + i).dueAt(dueAt.plusSeconds(i / 3))).id());
		}
		claim("listed", ids.get(1));
		killAndBlock("listed", "o");
		List<StoredWork> listed = new ArrayList<>();
		WorkQuery query = WorkQuery.of("listed").limit(3);
		WorkPage page = admin.page(query);
		while (true) {
			listed.addAll(page.items());
			if (page.next() == null) {
				break;
			}
			assertThat(page.items()).hasSize(3);
			page = admin.page(query.after(page.next()));
		}
		assertThat(listed).hasSize(8);
		assertThat(listed.subList(0, 7)).extracting(StoredWork::id).containsExactlyElementsOf(ids);
		StoredWork second = listed.get(1);
		assertThat(second)
			.isEqualTo(new StoredWork(ids.get(1), State.RUNNING, "k1", null, second.enqueuedAt(), dueAt, 0, null));
		assertThat(listed.get(2).state()).isEqualTo(State.PENDING);
		assertThat(listed.get(7)).extracting(StoredWork::key, StoredWork::orderingKey, StoredWork::at)
			.containsExactly(null, "o", null);
		assertThat(admin.page(WorkQuery.of("no-such-queue")).items()).isEmpty();
	}

	@Test
	void deadItemsAreListedInTheOrderInWhichTheyDied() {
		for (int i = 0; i < 5; i++) {
			kill("dead", "a" + i, Duration.ofMinutes(10 - i));
		}
		WorkQuery query = WorkQuery.of("dead").dead().limit(2);
		WorkPage first = admin.page(query);
		WorkPage second = admin.page(query.after(first.next()));
		WorkPage third = admin.page(query.after(second.next()));
		assertThat(third.next()).isNull();
		List<StoredWork> all = new ArrayList<>(first.items());
		all.addAll(second.items());
		all.addAll(third.items());
		assertThat(all).hasSize(5).extracting(StoredWork::id).isSorted();
		assertThat(all).allSatisfy(
				(item) -> assertThat(item).extracting(StoredWork::state, StoredWork::failures, StoredWork::lastError)
					.containsExactly(State.DEAD, 3, "failed"));
	}

	@Test
	void anItemIsFoundByItsKey() {
		long item = queue.enqueue(WorkRequest.of("keyed", "a").key("k")).id();
		queue.enqueue(WorkRequest.of("keyed", "b").orderingKey("k").dueIn(Duration.ofHours(1)));
		queue.enqueue(WorkRequest.of("keyed", "c").orderingKey("k"));
		queue.enqueue(WorkRequest.of("keyed", "d").key("k2"));
		queue.enqueue(WorkRequest.of("keyed", "e"));
		queue.enqueue(WorkRequest.of("keyed-other", "f").key("k"));
		claim("keyed", item);
		WorkQuery query = WorkQuery.of("keyed").key("k").limit(1);
		WorkPage first = admin.page(query);
		assertThat(first.items()).extracting(StoredWork::id, StoredWork::key, StoredWork::state)
			.containsExactly(tuple(item, "k", State.RUNNING));
		WorkPage second = admin.page(query.after(first.next()));
		assertThat(second.items()).extracting(StoredWork::key, StoredWork::orderingKey, StoredWork::state)
			.containsExactly(tuple(null, "k", State.PENDING));
		assertThat(second.next()).isNull();
		assertThat(admin.page(WorkQuery.of("keyed").key("K")).items()).isEmpty();
		assertThat(admin.page(WorkQuery.of("no-such-queue").key("k")).items()).isEmpty();
		assertThat(admin.page(query.dead()).items()).isEmpty();
	}

	@Test
	void deadItemsAreFoundByTheirKey() {
		for (int i = 0; i < 3; i++) {
			killAndBlock("dead-keyed", "k");
			killAndBlock("dead-keyed", "other");
		}
		WorkQuery query = WorkQuery.of("dead-keyed").key("k").dead().limit(2);
		WorkPage first = admin.page(query);
		WorkPage second = admin.page(query.after(first.next()));
		assertThat(first.items()).hasSize(2);
		assertThat(second.items()).hasSize(1).doesNotContainAnyElementsOf(first.items());
		assertThat(Stream.of(first, second).flatMap((page) -> page.items().stream()))
			.allSatisfy((item) -> assertThat(item).extracting(StoredWork::orderingKey, StoredWork::state)
				.containsExactly("k", State.DEAD));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "a", "-", "1-", "-1", "1-a", "never-", "99999999999999999999-1" })
	void whatIsNoEndOfAPageIsRefused(String after) {
		assertThatIllegalArgumentException().isThrownBy(() -> admin.page(WorkQuery.of("dead").after(after)))
			.withMessageStartingWith("'after' must be the 'next' of a page, but is '");
	}

	@Test
	void queriesHaveNamesAndLimits() {
		assertThatIllegalArgumentException().isThrownBy(() -> WorkQuery.of("a b"));
		assertThatIllegalArgumentException().isThrownBy(() -> WorkQuery.of("a").key(""));
		assertThatIllegalArgumentException().isThrownBy(() -> WorkQuery.of("a").key("k".repeat(513)));
		assertThatIllegalArgumentException().isThrownBy(() -> WorkQuery.of("a").limit(0));
		assertThatIllegalArgumentException().isThrownBy(() -> WorkQuery.of("a").limit(1_001));
		assertThatIllegalArgumentException().isThrownBy(() -> DeadQuery.of(""));
		assertThatIllegalArgumentException().isThrownBy(() -> DeadQuery.of("a").limit(10_001));
		assertThatIllegalArgumentException().isThrownBy(() -> DeadQuery.of("a").olderThan(Duration.ofMillis(-1)));
		assertThatIllegalArgumentException().isThrownBy(() -> admin.limit("a", 0))
			.withMessageContaining("Pause the queue");
		assertThatIllegalArgumentException().isThrownBy(() -> admin.pause("a b"));
	}

	@Test
	void aQueueIsPausedLimitedAndResumedForAllInstances() {
		queue.enqueue(WorkRequest.of("paused", "a"));
		List<Wakeup> received = listen("paused");
		admin.pause("paused");
		admin.pause("paused");
		assertThat(info("paused").paused()).isTrue();
		admin.limit("paused", 7);
		assertThat(info("paused").maxRunning()).isEqualTo(7);
		awaitWakeup(received);
		admin.resume("paused");
		assertThat(info("paused").paused()).isFalse();
		awaitWakeup(received);
		admin.limit("paused", null);
		assertThat(info("paused").maxRunning()).isNull();
		awaitWakeup(received);
	}

	@Test
	void aQueueThatIsMissingIsCreated() {
		admin.limit("limited-first", 2);
		assertThat(info("limited-first").maxRunning()).isEqualTo(2);
		instance.transaction().executeWithoutResult((status) -> {
			admin.pause("paused-first");
			status.setRollbackOnly();
		});
		assertThat(admin.queues()).extracting(QueueInfo::name).doesNotContain("paused-first");
	}

	@Test
	void whatAnotherTransactionHasLockedIsWaitedForAsLongAsARequestWaits() {
		killAndBlock("locked", "o");
		instance.transaction().executeWithoutResult((status) -> {
			admin.pause("locked");
			admin.pause("locked-new");
			queue.enqueue(WorkRequest.of("locked", "later").orderingKey("o"));
			assertThatIsLocked("locked", () -> admin.pause("locked"));
			assertThatIsLocked("locked", () -> admin.resume("locked"));
			assertThatIsLocked("locked", () -> admin.limit("locked", 1));
			assertThatIsLocked("locked-new", () -> admin.limit("locked-new", 1));
			assertThatIsLocked("locked", () -> admin.requeue(DeadQuery.of("locked")));
			assertThatIsLocked("locked", () -> admin.purge(DeadQuery.of("locked")));
			assertThatIsLocked("locked",
					() -> instance.newTransaction().executeWithoutResult((inner) -> admin.pause("locked")));
		});
		assertThat(info("locked")).extracting(QueueInfo::paused, QueueInfo::maxRunning, QueueInfo::dead)
			.containsExactly(true, null, 1L);
		assertThat(admin.requeue(DeadQuery.of("locked"))).isOne();
		assertThat(stored("locked")).containsExactlyInAnyOrder("dead", "next", "later");
	}

	private static void assertThatIsLocked(String name, Runnable call) {
		long start = System.nanoTime();
		assertThatExceptionOfType(CompletionException.class).isThrownBy(() -> Background.run(call).join())
			.havingCause()
			.isInstanceOf(WorkLockedException.class)
			.withMessageStartingWith(
					"Queue '%s' was locked by another transaction for more than 500 ms; nothing was changed", name);
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(400),
				Duration.ofSeconds(10));
	}

	@Test
	void aProbeOfALockedQueueFailsBeforeItsConnectionIsGivenUp() {
		QueueProbes probes = instance.bean(QueueProbes.class);
		Duration wait = Duration.ofSeconds(1);
		admin.resume("probed");
		assertThat(probes.begin("probed", wait)).isTrue();
		instance.transaction().executeWithoutResult((status) -> {
			admin.pause("probed");
			instance.jdbc().execute("SELECT FROM durable_notify.work_probes FOR UPDATE");
			Stream
				.<Runnable>of(() -> probes.begin("probed", wait), () -> probes.failed("probed", wait, wait, wait),
						() -> probes.end("probed"))
				.map(Background::run)
				.toList()
				.forEach((call) -> assertThatExceptionOfType(CompletionException.class).isThrownBy(call::join)
					.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue()));
		});
		assertThat(probes.end("probed")).isTrue();
	}

	@Test
	void theCallersOwnLockTimeoutStays() {
		killAndBlock("timeout", "o");
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SET LOCAL lock_timeout = '1234ms'");
			admin.pause("timeout");
			admin.limit("timeout", 1);
			admin.requeue(DeadQuery.of("timeout"));
			admin.purge(DeadQuery.of("timeout"));
			assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("1234ms");
		});
	}

	@Test
	void aListenerWhoseQueueIsLockedIsNotRegistered() {
		WorkListeners listeners = instance.bean(WorkListeners.class);
		WorkListenerSpec spec = WorkListenerSpec.of("registered", "registered-locked").maxAttempts(3);
		List<String> handled = new CopyOnWriteArrayList<>();
		WorkHandler handler = (item) -> {
			handled.add(item.queue());
			return WorkOutcome.done();
		};
		admin.resume("registered-locked");
		instance.transaction().executeWithoutResult((status) -> {
			admin.resume("registered-locked");
			assertThatIsLocked("registered-locked", () -> listeners.register(spec, handler));
		});
		Subscription subscription = listeners.register(spec, handler);
		assertThat(subscription.isActive()).isTrue();
		spec.queues().forEach((name) -> queue.enqueue(WorkRequest.of(name, "a")));
		Eventually.await(() -> handled.size() == 2, handled::toString);
		subscription.cancel();
		assertThat(handled).containsExactlyInAnyOrderElementsOf(spec.queues());
	}

	@Test
	void aStartThatFailsLeavesNothingStarted() {
		WorkListenerRegistry listeners = (WorkListenerRegistry) instance.bean(WorkListeners.class);
		List<String> handled = new CopyOnWriteArrayList<>();
		WorkHandler handler = (item) -> {
			handled.add(item.queue());
			return WorkOutcome.done();
		};
		List<String> names = List.of("started", "started-locked");
		List<Subscription> subscriptions = names.stream()
			.map((name) -> listeners.register(WorkListenerSpec.of(name), handler))
			.toList();
		listeners.stop();
		// By another version of the application
		database.jdbc().update("UPDATE durable_notify.work_queues SET max_attempts = 77 WHERE name = 'started-locked'");
		instance.transaction().executeWithoutResult((status) -> {
			admin.resume("started-locked");
			assertThatIsLocked("started-locked", listeners::start);
		});
		assertThat(listeners.isRunning()).isFalse();
		assertThat(listeners).hasToString("[]");
		listeners.start();
		names.forEach((name) -> queue.enqueue(WorkRequest.of(name, "a")));
		Eventually.await(() -> handled.size() == 2, handled::toString);
		subscriptions.forEach(Subscription::cancel);
		assertThat(handled).containsExactlyInAnyOrderElementsOf(names);
	}

	@Test
	void deadItemsAreRequeuedInTheCallersTransaction() {
		kill("requeued", "a", Duration.ofHours(2));
		kill("requeued", "b", Duration.ofHours(1));
		kill("requeued", "c", Duration.ZERO);
		List<Wakeup> received = listen("requeued");
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(admin.requeue(DeadQuery.of("requeued"))).isEqualTo(3);
			status.setRollbackOnly();
		});
		assertThat(stored("requeued")).isEmpty();
		assertThat(received).isEmpty();
		assertThat(admin.requeue(DeadQuery.of("requeued").olderThan(Duration.ofMinutes(90)))).isOne();
		assertThat(stored("requeued")).containsExactly("a");
		awaitWakeup(received);
		assertThat(admin.requeue(DeadQuery.of("requeued").limit(1))).isOne();
		assertThat(stored("requeued")).containsExactly("a", "b");
		assertThat(admin.requeue(DeadQuery.of("requeued"))).isOne();
		assertThat(admin.requeue(DeadQuery.of("requeued"))).isZero();
		assertThat(stored("requeued")).containsExactly("a", "b", "c");
		assertThat(admin.requeue(DeadQuery.of("no-such-queue"))).isZero();
		assertThat(admin.page(WorkQuery.of("requeued")).items()).extracting(StoredWork::failures).containsOnly(0);
	}

	@Test
	void theWakeUpOfARequeueIsForATimeBeforeAllOfItsItemsAreDue() {
		kill("hinted", "a", Duration.ZERO);
		List<Wakeup> received = listen("hinted");
		assertThat(admin.requeue(DeadQuery.of("hinted"))).isOne();
		Instant dueAt = admin.page(WorkQuery.of("hinted")).items().get(0).at();
		Eventually.await(() -> !received.isEmpty(), received::toString);
		assertThat(received).allSatisfy(
				(wakeup) -> assertThat(WorkTopics.dueMicros(wakeup)).isLessThanOrEqualTo(DatabaseMicros.of(dueAt)));
	}

	@Test
	void pagesEndWithItemsThatAreDueInALaterMillennium() {
		for (String name : List.of("late", "latest")) {
			for (String key : List.of("a", "b")) {
				queue.enqueue(WorkRequest.of(name, key).key(key).dueAt(Instant.parse("9999-12-31T00:00:00.000001Z")));
			}
		}
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = '294246-12-31 00:00:00.000001+00' WHERE queue_id = ?",
					queueId("latest"));
		for (String name : List.of("late", "latest")) {
			WorkQuery query = WorkQuery.of(name).limit(1);
			WorkPage first = admin.page(query);
			WorkPage second = admin.page(query.after(first.next()));
			assertThat(Stream.concat(first.items().stream(), second.items().stream())).extracting(StoredWork::key)
				.containsExactly("a", "b");
			assertThat(second.next()).isNull();
		}
	}

	@Test
	void oneItemIsRequeuedAndNoOtherWithTheSameId() {
		kill("one", "a", Duration.ZERO);
		StoredWork plain = admin.page(WorkQuery.of("one").dead()).items().get(0);
		long ordered = killAndBlock("one", "o");
		database.jdbc()
			.update("UPDATE durable_notify.work_dead SET item_id = ? WHERE lane AND item_id = ?", plain.id(), ordered);
		assertThat(admin.requeue(DeadQuery.of("one").item(plain))).isOne();
		assertThat(stored("one")).containsExactly("a");
		assertThat(admin.page(WorkQuery.of("one").dead()).items()).extracting(StoredWork::orderingKey)
			.containsExactly("o");
		assertThat(admin.purge(DeadQuery.of("one").item(plain))).isZero();
		assertThat(admin.purge(DeadQuery.of("one").item(plain).olderThan(Duration.ZERO))).isZero();
		assertThat(admin.requeue(DeadQuery.of("one").item(plain.id(), true))).isOne();
		assertThat(stored("one")).containsExactlyInAnyOrder("a", "dead", "next");
	}

	@Test
	void anItemThatDiedAfterOthersIsFoundWithALimit() {
		kill("after-others", "a", Duration.ofHours(2));
		kill("after-others", "b", Duration.ofHours(1));
		List<StoredWork> dead = admin.page(WorkQuery.of("after-others").dead()).items();
		DeadQuery second = DeadQuery.of("after-others").item(dead.get(1)).limit(1);
		assertThat(admin.purge(second.olderThan(Duration.ofMinutes(90)))).isZero();
		assertThat(admin.purge(second.olderThan(Duration.ZERO))).isOne();
		assertThat(admin.page(WorkQuery.of("after-others").dead()).items()).containsExactly(dead.get(0));
	}

	@Test
	void deadItemsArePurgedAndTheirOrderingKeysGoOn() {
		kill("purged", "a", Duration.ofHours(1));
		killAndBlock("purged", "o");
		assertThat(stored("purged")).isEmpty();
		List<Wakeup> received = listen("purged");
		assertThat(admin.purge(DeadQuery.of("purged").olderThan(Duration.ofMinutes(30)))).isOne();
		assertThat(stored("purged")).isEmpty();
		assertThat(admin.purge(DeadQuery.of("purged"))).isOne();
		assertThat(stored("purged")).containsExactly("next");
		awaitWakeup(received);
		assertThat(info("purged").dead()).isZero();
	}

	@Test
	void aReadOnlyTransactionShowsAndChangesNothing() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			for (Runnable call : List.<Runnable>of(() -> admin.pause("q"), () -> admin.resume("q"),
					() -> admin.limit("q", 1), () -> admin.requeue(DeadQuery.of("q")),
					() -> admin.purge(DeadQuery.of("q")))) {
				assertThatExceptionOfType(InvalidDataAccessApiUsageException.class).isThrownBy(call::run)
					.withMessage("Queue 'q' cannot be changed in a read-only transaction");
			}
			admin.queues();
			assertThat(admin.page(WorkQuery.of("q")).items()).isEmpty();
		});
	}

	@Test
	void noMoreThanAHundredThousandAreCounted() {
		admin.pause("many");
		database.jdbc()
			.update("INSERT INTO durable_notify.work_items (queue_id, payload) SELECT ?, '' FROM generate_series(1, 100002)",
					queueId("many"));
		assertThat(info("many").pending()).isEqualTo(QueueInfo.MAX_COUNT);
		assertThat(admin.page(WorkQuery.of("many").limit(1_000)).items()).hasSize(1_000);
	}

}
