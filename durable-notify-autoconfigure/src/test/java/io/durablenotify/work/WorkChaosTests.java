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

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.TransactionException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Work under everything that goes wrong at once.
 */
@Tag("chaos")
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class WorkChaosTests {

	/**
	 * Seconds of chaos; more of them by {@code -Ddurable-notify.test.chaos-seconds=600}.
	 */
	private static final Duration CHAOS = Duration
		.ofSeconds(Integer.getInteger("durable-notify.test.chaos-seconds", 10));

	private static final String[] PROPERTIES = { "durable-notify.listener.backoff.delay=20ms",
			"durable-notify.listener.backoff.max-delay=100ms", "durable-notify.listener.backoff.jitter=5ms",
			"durable-notify.work.lease-duration=3s", "spring.datasource.hikari.connection-timeout=2000",
			"spring.datasource.hikari.maximum-pool-size=24" };

	private static final Backoff SOON = new Backoff(Duration.ofMillis(60), 1, Duration.ofMillis(60));

	private static final int KEYS = 5;

	private static final List<String> QUEUES = List.of("ordered", "ordered", "ordered", "plain", "keyed", "batch",
			"own", "outside");

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	private final AtomicBoolean over = new AtomicBoolean();

	private final AtomicInteger terminated = new AtomicInteger();

	/**
	 * The items whose enqueueing has certainly committed.
	 */
	private final Set<String> committed = ConcurrentHashMap.newKeySet();

	/**
	 * The items of which that is unknown.
	 */
	private final Set<String> unknown = ConcurrentHashMap.newKeySet();

	/**
	 * The items that were certainly cancelled.
	 */
	private final Set<String> cancelled = ConcurrentHashMap.newKeySet();

	@Test
	void everyItemHasItsEffectOnceAndInOrder() throws Exception {
		JdbcTemplate jdbc = this.database.jdbc();
		jdbc.execute("CREATE TABLE effects (seq bigint GENERATED ALWAYS AS IDENTITY, item text, token bigint)");
		jdbc.execute(
				"CREATE TABLE states (key text PRIMARY KEY, value int NOT NULL DEFAULT 0, seen int NOT NULL DEFAULT 0)");
		for (int key = 0; key < KEYS; key++) {
			jdbc.update("INSERT INTO states (key) VALUES (?)", "key-" + key);
		}
		try (Instance first = Instance.start(this.database, PROPERTIES)) {
			listen(first);
			AtomicBoolean restarted = new AtomicBoolean();
			ExecutorService executor = Executors.newCachedThreadPool();
			try {
				List<Callable<Integer>> tasks = new ArrayList<>();
				for (int writer = 0; writer < 4; writer++) {
					int number = writer;
					tasks.add(() -> enqueue(first, number));
				}
				tasks.add(() -> requestStates(first));
				tasks.add(this::terminateBackends);
				tasks.add(() -> {
					restartInstances();
					restarted.set(true);
					return 0;
				});
				for (Future<Integer> future : executor.invokeAll(tasks)) {
					future.get();
				}
			}
			finally {
				executor.shutdownNow();
			}
			assertThat(restarted).isTrue();
			assertThat(this.terminated).hasValueGreaterThan(10);
			awaitHandled();
			verify();
		}
	}

	/**
	 * There may be much left, but it must get less.
	 */
	private void awaitHandled() {
		for (int left = left(); left > 0; left = left()) {
			int before = left;
			Eventually.await(() -> left() < before, this::state);
		}
	}

	private void listen(Instance instance) {
		WorkListeners listeners = instance.bean(WorkListeners.class);
		listeners.register(
				WorkListenerSpec.of("plain", "ordered", "keyed").inTransaction().maxAttempts(1000).backoff(SOON),
				(item) -> {
					if (ThreadLocalRandom.current().nextInt(20) == 0) {
						return WorkOutcome.postpone(Duration.ofMillis(60));
					}
					store(instance, item);
					failSometimes();
					return WorkOutcome.done();
				});
		listeners.registerBatch(WorkListenerSpec.of("batch").inTransaction().maxAttempts(1000).backoff(SOON),
				(items) -> {
					items.forEach((item) -> store(instance, item));
					failSometimes();
				});
		listeners.register(WorkListenerSpec.of("own").maxAttempts(1000).backoff(SOON), (item) -> {
			instance.transaction().executeWithoutResult((status) -> {
				store(instance, item);
				item.complete();
				failSometimes();
			});
			return WorkOutcome.done();
		});
		listeners.register(WorkListenerSpec.of("outside").maxAttempts(1000).backoff(SOON), (item) -> {
			store(instance, item);
			failSometimes();
			return WorkOutcome.done();
		});
		listeners.register(WorkListenerSpec.of("states").inTransaction().maxAttempts(1000).backoff(SOON), (item) -> {
			instance.jdbc().update("UPDATE states SET seen = value WHERE key = ?", item.key());
			return WorkOutcome.done();
		});
	}

	private static void store(Instance instance, WorkItem item) {
		instance.jdbc()
			.update("INSERT INTO effects (item, token) VALUES (?, ?)",
					new String(item.payload(), StandardCharsets.UTF_8), item.fencingToken());
	}

	private static void failSometimes() {
		if (ThreadLocalRandom.current().nextInt(20) == 0) {
			throw new IllegalStateException("chaos");
		}
	}

	private int enqueue(Instance instance, int writer) {
		WorkQueue work = instance.bean(WorkQueue.class);
		int number = 0;
		while (!this.over.get()) {
			String item = "%d/%06d".formatted(writer, number++);
			String queue = QUEUES.get(ThreadLocalRandom.current().nextInt(QUEUES.size()));
			String name = item + "/" + queue;
			WorkRequest request = request(queue, name, writer);
			boolean rollBack = number % 7 == 0;
			boolean inTransaction = rollBack || number % 2 == 0;
			try {
				if (inTransaction) {
					instance.transaction().executeWithoutResult((status) -> {
						if (number(name) % 5 == 0) {
							work.enqueueOnCommit(request);
						}
						else {
							work.enqueue(request);
						}
						if (rollBack) {
							status.setRollbackOnly();
						}
					});
				}
				else {
					work.enqueue(request);
				}
				if (!rollBack) {
					this.committed.add(name);
				}
				if (!rollBack && queue.equals("keyed") && ThreadLocalRandom.current().nextBoolean()) {
					cancel(work, name);
				}
			}
			catch (DataAccessException | TransactionException ex) {
				// Its backend was terminated
				this.unknown.add(name);
			}
		}
		return number;
	}

	private static WorkRequest request(String queue, String name, int writer) {
		WorkRequest request = WorkRequest.of(queue, name);
		return switch (queue) {
			case "ordered" -> request.orderingKey("writer-" + writer);
			case "keyed" -> request.key(name);
			default -> request;
		};
	}

	/**
	 * Where the answer is lost, it may have been cancelled or not.
	 */
	private void cancel(WorkQueue work, String name) {
		this.committed.remove(name);
		this.unknown.add(name);
		switch (work.cancel("keyed", name)) {
			case CANCELLED, CANCELLED_WHILE_RUNNING -> {
				this.cancelled.add(name);
				this.unknown.remove(name);
			}
			case NOT_FOUND -> this.committed.add(name);
		}
	}

	private static int number(String name) {
		return Integer.parseInt(name.split("/")[1]);
	}

	/**
	 * The last state of each key must be seen, however requests are coalesced.
	 */
	private int requestStates(Instance instance) {
		WorkQueue work = instance.bean(WorkQueue.class);
		int count = 0;
		while (!this.over.get()) {
			String key = "key-" + ThreadLocalRandom.current().nextInt(KEYS);
			try {
				instance.transaction().executeWithoutResult((status) -> {
					work.enqueue(WorkRequest.of("states", null).key(key));
					instance.jdbc().update("UPDATE states SET value = value + 1 WHERE key = ?", key);
				});
				count++;
			}
			catch (DataAccessException | TransactionException ex) {
				// Both or neither
			}
		}
		return count;
	}

	private int terminateBackends() {
		long end = System.nanoTime() + CHAOS.toNanos();
		try {
			while (System.nanoTime() < end) {
				this.terminated.addAndGet(this.database.jdbc()
					.queryForList(
							"SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
									+ "WHERE datname = current_database() AND pid <> pg_backend_pid() "
									+ "AND backend_type = 'client backend' ORDER BY random() LIMIT 2) victim",
							Boolean.class)
					.size());
				// The pace of the chaos, which nothing waits for
				LockSupport.parkNanos(Duration.ofMillis(150).toNanos());
			}
		}
		finally {
			this.over.set(true);
		}
		return 0;
	}

	private void restartInstances() {
		while (!this.over.get()) {
			try (Instance second = startDuringChaos()) {
				if (second == null) {
					continue;
				}
				listen(second);
				LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(700));
			}
			catch (RuntimeException ex) {
				// Its registration met the termination of its backend
			}
		}
	}

	private Instance startDuringChaos() {
		try {
			return Instance.start(this.database, PROPERTIES);
		}
		catch (RuntimeException ex) {
			return null;
		}
	}

	private int left() {
		return this.database.jdbc()
			.queryForObject("SELECT (SELECT count(*) FROM durable_notify.work_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_lane_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_claims)", Integer.class);
	}

	private String state() {
		JdbcTemplate jdbc = this.database.jdbc();
		return "items %s, lane items %s, claims %s, instances %s, now %s".formatted(jdbc.queryForList(
				"SELECT item_id, queue_id, due_at, token, rev, failures, suspect, lane, key, last_error FROM durable_notify.work_items LIMIT 20"),
				jdbc.queryForList("SELECT lane_id, item_id, failures FROM durable_notify.work_lane_items LIMIT 20"),
				jdbc.queryForList("SELECT * FROM durable_notify.work_claims LIMIT 20"),
				jdbc.queryForList("SELECT * FROM durable_notify.instances"),
				jdbc.queryForList("SELECT clock_timestamp(), q.* FROM durable_notify.work_queues q"));
	}

	private void verify() {
		record Effect(String item, long token) {
		}
		List<Effect> effects = this.database.jdbc()
			.query("SELECT item, token FROM effects ORDER BY seq",
					(row, number) -> new Effect(row.getString(1), row.getLong(2)));
		Set<String> found = new HashSet<>();
		Map<String, Effect> last = new HashMap<>();
		for (Effect effect : effects) {
			String item = effect.item();
			assertThat(found.add(item) || item.endsWith("/outside")).as("%s once", item).isTrue();
			assertThat(this.committed.contains(item) || this.unknown.contains(item))
				.as("%s was rolled back or cancelled", item)
				.isTrue();
			if (item.endsWith("/ordered")) {
				Effect before = last.put(item.substring(0, 1), effect);
				assertThat(before == null || (number(before.item()) < number(item) && before.token() <= effect.token()))
					.as("%s after %s", effect, before)
					.isTrue();
			}
		}
		// Not containsAll(), which compares each with each
		assertThat(this.committed.stream().filter((item) -> !found.contains(item))).isEmpty();
		assertThat(this.cancelled).isNotEmpty();
		assertThat(this.database.jdbc().queryForList("SELECT key FROM states WHERE seen <> value", String.class))
			.isEmpty();
		assertThat(this.database.jdbc().queryForObject("SELECT count(*) FROM durable_notify.work_dead", Integer.class))
			.isZero();
	}

}
