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
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Everything at once: enqueueing in transactions, some of which roll back, keys, ordering
 * keys, failures, three claimers of which some are lost with what they hold, and late
 * completions. In the end each item has had its effect once, those of an ordering key in
 * their order, the last state of each key was handled, and nothing is left.
 */
class WorkSqlChaosTests {

	private static final int ENQUEUERS = 3;

	private static final int TRANSACTIONS = 80;

	private static final int KEYS = 4;

	private static final String QUEUE = "chaos";

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	private final AtomicInteger enqueuing = new AtomicInteger(ENQUEUERS);

	private final AtomicBoolean stopped = new AtomicBoolean();

	private final Set<Long> lost = ConcurrentHashMap.newKeySet();

	private final Set<Long> takenOver = ConcurrentHashMap.newKeySet();

	/**
	 * By item, or lane, the claim that had it last.
	 */
	private final Map<Long, Long> lastClaims = new ConcurrentHashMap<>();

	private final Set<Long> running = ConcurrentHashMap.newKeySet();

	private final List<String> faults = Collections.synchronizedList(new ArrayList<>());

	private final AtomicInteger lateCompletions = new AtomicInteger();

	@Test
	void eachItemHasItsEffectOnceWhateverHappens() {
		try (WorkTables work = WorkTables.open(database)) {
			int queue = work.queue(new QueueSettings(QUEUE, 1000, false, null));
			work.jdbc().execute("CREATE TABLE expected (item_id bigint, lane text, payload text)");
			work.jdbc().execute("CREATE TABLE states (key text PRIMARY KEY, value bigint NOT NULL)");
			work.jdbc()
				.execute("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, item_id bigint, lane text, "
						+ "payload text, value bigint, UNIQUE (lane, payload))");
			for (int key = 0; key < KEYS; key++) {
				work.jdbc().update("INSERT INTO states VALUES (?, 0)", "key-" + key);
			}
			List<CompletableFuture<Void>> all = new ArrayList<>();
			IntStream.range(0, ENQUEUERS).forEach((i) -> all.add(Background.run(() -> enqueue(i))));
			IntStream.range(0, 3).forEach((i) -> all.add(Background.run(() -> claim(queue, i))));
			all.add(Background.run(this::takeOver));
			Eventually.await(() -> this.enqueuing.get() == 0, () -> this.faults + work.dump());
			Eventually.await(() -> work.count("work_items") == 0 || !this.faults.isEmpty(),
					() -> this.faults + work.dump());
			this.stopped.set(true);
			all.forEach(CompletableFuture::join);
			assertThat(this.faults).isEmpty();
			check(work);
		}
	}

	private void check(WorkTables work) {
		String effects = "SELECT coalesce(lane, '') || ' ' || payload FROM effects WHERE value IS NULL ORDER BY 1";
		String expected = "SELECT coalesce(lane, '') || ' ' || payload FROM expected ORDER BY 1";
		assertThat(work.jdbc().queryForList(effects, String.class))
			.isEqualTo(work.jdbc().queryForList(expected, String.class))
			.hasSizeGreaterThan(100);
		for (int key = 0; key < KEYS; key++) {
			String lane = "key-" + key;
			assertThat(work.jdbc()
				.queryForList("SELECT payload FROM effects WHERE lane = ? ORDER BY id", String.class, lane)).as(lane)
				.isEqualTo(work.jdbc()
					.queryForList("SELECT payload FROM expected WHERE lane = ? ORDER BY item_id", String.class, lane));
			assertThat(work.jdbc()
				.queryForList(
						"SELECT value FROM effects WHERE value IS NOT NULL AND payload = ? ORDER BY id DESC LIMIT 1",
						Long.class, lane))
				.as("the last state of " + lane)
				.isEqualTo(work.jdbc()
					.queryForList("SELECT value FROM states WHERE key = ? AND value > 0", Long.class, lane));
		}
		for (String table : List.of("work_items", "work_lane_items", "work_claims", "work_dead")) {
			assertThat(work.count(table)).as(() -> table + ": " + work.dump()).isZero();
		}
		assertThat(this.lateCompletions).hasPositiveValue();
	}

	private void enqueue(int number) {
		Random random = new Random(number);
		try (WorkTables work = WorkTables.open(database)) {
			for (int transaction = 0; transaction < TRANSACTIONS; transaction++) {
				work.begin();
				// In the order of the keys: others would meet in a deadlock
				int key = 0;
				for (int i = 0; i < 1 + random.nextInt(3); i++) {
					String payload = number + "/" + transaction + "/" + i;
					StoredItem stored = work.put(WorkTables.item(QUEUE, payload));
					work.jdbc().update("INSERT INTO expected VALUES (?, NULL, ?)", stored.itemId(), payload);
					key += random.nextInt(KEYS);
					if (key < KEYS) {
						String name = "key-" + key;
						stored = work.put(WorkTables.ordered(QUEUE, name, payload));
						work.jdbc().update("INSERT INTO expected VALUES (?, ?, ?)", stored.itemId(), name, payload);
						key++;
					}
				}
				if (random.nextBoolean()) {
					String name = "key-" + random.nextInt(KEYS);
					work.put(WorkTables.keyed(QUEUE, name, name));
					work.jdbc().update("UPDATE states SET value = value + 1 WHERE key = ?", name);
				}
				if (random.nextInt(5) == 0) {
					work.rollback();
				}
				else {
					work.commit();
				}
			}
		}
		catch (RuntimeException | Error ex) {
			this.faults.add("enqueue: " + ex);
		}
		this.enqueuing.decrementAndGet();
	}

	private void takeOver() {
		try (WorkTables work = WorkTables.open(database)) {
			while (!this.stopped.get()) {
				for (long gone : this.lost) {
					work.run((connection, joined) -> work.takeOver().takeOver(connection, gone));
					boolean holder = work.run((connection, joined) -> work.takeOver().isHolder(connection, gone));
					if (!holder) {
						this.lost.remove(gone);
						this.takenOver.add(gone);
					}
				}
			}
		}
		catch (RuntimeException | Error ex) {
			this.faults.add("takeover: " + ex);
		}
	}

	private void claim(int queue, int number) {
		Random random = new Random(100 + number);
		WorkTables work = WorkTables.open(database);
		try {
			while (!this.stopped.get()) {
				Claimed claimed = work.claim(queue, 1 + random.nextInt(10));
				if (claimed.claim() == null) {
					continue;
				}
				for (ClaimedItem item : claimed.items()) {
					begin(item.itemId(), claimed.claim().claimId());
				}
				if (random.nextInt(12) == 0) {
					work = lose(work, claimed);
					continue;
				}
				for (ClaimedItem item : claimed.items()) {
					if (item.lane()) {
						handleLane(work, claimed, item, random);
					}
					else {
						handle(work, claimed, item, random);
					}
				}
				work.complete(List.of(), List.of(claimed.claim()));
			}
		}
		catch (RuntimeException | Error ex) {
			this.faults.add("claim: " + ex);
		}
		finally {
			work.close();
		}
	}

	private void begin(long itemId, long claimId) {
		if (!this.running.add(itemId)) {
			this.faults.add("side by side: " + itemId);
		}
		Long before = this.lastClaims.put(itemId, claimId);
		if (before != null && before >= claimId) {
			this.faults.add("fencing token fell: " + itemId);
		}
	}

	/**
	 * Be lost in mid-transaction: one completion is open, and one is late.
	 */
	private WorkTables lose(WorkTables work, Claimed claimed) {
		ClaimedItem late = claimed.items().get(0);
		claimed.items().forEach((item) -> this.running.remove(item.itemId()));
		try (work; WorkTables next = WorkTables.open(database)) {
			next.jdbc()
				.update("UPDATE durable_notify.instances SET gone_at = now() WHERE instance_id = ?", work.instanceId());
			this.lost.add(work.instanceId());
			Eventually.await(() -> this.takenOver.contains(work.instanceId()) || !this.faults.isEmpty(),
					() -> "not taken over " + work.instanceId() + next.dump());
			work.begin();
			Done done = (late.lane()) ? new Done(claimed.claim(), late.itemId(), firstOf(work, late), late.token(), 0)
					: WorkTables.done(claimed, late);
			boolean completed = work.run((connection, joined) -> work.settle().completeInTransaction(connection, done));
			work.rollback();
			this.lateCompletions.incrementAndGet();
			if (completed || work.again(done).kind() != Returned.Kind.LOST) {
				this.faults.add("late completion: " + done);
			}
		}
		return WorkTables.open(database);
	}

	private static long firstOf(WorkTables work, ClaimedItem lane) {
		return work.laneItems(lane).stream().findFirst().map(ClaimedItem::itemId).orElse(-1L);
	}

	private void handle(WorkTables work, Claimed claimed, ClaimedItem item, Random random) {
		Done done = WorkTables.done(claimed, item);
		if (random.nextInt(10) == 0) {
			this.running.remove(item.itemId());
			settle(() -> work.fail(done, Duration.ofMillis(random.nextInt(100)), false));
			return;
		}
		work.begin();
		if (item.key() != null) {
			work.jdbc()
				.update("INSERT INTO effects (item_id, lane, payload, value) SELECT ?, gen_random_uuid()::text, key, value "
						+ "FROM states WHERE key = ?", item.itemId(), item.key());
		}
		else {
			work.jdbc()
				.update("INSERT INTO effects (item_id, payload) VALUES (?, ?)", item.itemId(), WorkTables.text(item));
		}
		boolean completed = work.run((connection, joined) -> work.settle().completeInTransaction(connection, done));
		this.running.remove(item.itemId());
		if (!completed && work.again(done).kind() == Returned.Kind.LOST) {
			this.faults.add("lost: " + done);
		}
		work.commit();
	}

	private void handleLane(WorkTables work, Claimed claimed, ClaimedItem lane, Random random) {
		for (ClaimedItem item : work.laneItems(lane)) {
			Done done = WorkTables.done(claimed, lane, item);
			if (random.nextInt(10) == 0) {
				this.running.remove(lane.itemId());
				settle(() -> work.fail(done, Duration.ofMillis(random.nextInt(100)), false));
				return;
			}
			work.begin();
			work.jdbc()
				.update("INSERT INTO effects (item_id, lane, payload) VALUES (?, ?, ?)", item.itemId(), lane.key(),
						WorkTables.text(item));
			boolean completed = work.run((connection, joined) -> work.settle().completeInTransaction(connection, done));
			if (!completed) {
				this.faults.add("lost: " + done);
			}
			work.commit();
		}
		this.running.remove(lane.itemId());
		settle(() -> work.releaseLane(claimed, lane));
	}

	/**
	 * Until no open transaction has the item or the lane locked.
	 */
	private void settle(Runnable settlement) {
		Map<String, Throwable> last = new HashMap<>();
		Eventually.await(() -> {
			try {
				settlement.run();
				return true;
			}
			catch (WorkTables.SqlFailure ex) {
				last.put("failure", ex);
				return false;
			}
		}, () -> last);
	}

}
