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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.DriverSettings;
import io.durablenotify.testsupport.DriverSettings.Execution;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.DataAccessException;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for items that are enqueued outside a transaction at the same time.
 */
class GroupedEnqueueTests {

	private static final int BUFFER = 50;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.work.enqueue-buffer=" + BUFFER,
			"spring.datasource.hikari.connection-timeout=500" })
	private static Instance instance;

	@Fixture
	private static WorkQueue queue;

	@BeforeAll
	static void createTriggers() {
		database.jdbc().execute("""
				CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN RAISE EXCEPTION ''refused''; END';
				CREATE TRIGGER refuse BEFORE INSERT ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload = 'refused') EXECUTE FUNCTION public.refuse()
				""");
		for (String name : List.of("threads", "async", "bad", "lost", "stopped", "keys", "callback")) {
			queue.enqueue(WorkRequest.of(name, "first"));
		}
	}

	private static List<String> payloads(String name) {
		return database.jdbc().queryForList("""
				SELECT convert_from(payload, 'UTF8') FROM durable_notify.work_items
				JOIN durable_notify.work_queues q USING (queue_id)
				WHERE q.name = ? AND payload <> 'first' ORDER BY due_at, item_id
				""", String.class, name);
	}

	/**
	 * Run a task while nothing can be inserted. What it returns is to be complete once
	 * that is possible again.
	 */
	private static <T> List<CompletableFuture<T>> whileLocked(Supplier<List<CompletableFuture<T>>> task) {
		CountDownLatch locked = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("LOCK TABLE durable_notify.work_items IN SHARE MODE");
			locked.countDown();
			await(release);
		}));
		await(locked);
		try {
			return task.get();
		}
		finally {
			release.countDown();
			holder.join();
		}
	}

	@Test
	void manyCallersShareACommit() {
		List<CompletableFuture<Enqueued>> callers = whileLocked(() -> {
			CompletableFuture<Enqueued> first = Background.supply(() -> queue.enqueue(WorkRequest.of("threads", "0")));
			database.awaitLockWait();
			List<CompletableFuture<Enqueued>> others = new ArrayList<>(List.of(first));
			IntStream.range(1, BUFFER)
				.mapToObj((i) -> Background.supply(() -> queue.enqueue(WorkRequest.of("threads", String.valueOf(i)))))
				.forEach(others::add);
			assertThat(others).noneMatch(CompletableFuture::isDone);
			Eventually.await(() -> waiting() == BUFFER - 1, GroupedEnqueueTests::waiting);
			return others;
		});
		assertThat(callers.stream().map((caller) -> caller.join().id())).doesNotHaveDuplicates();
		assertThat(payloads("threads")).hasSize(BUFFER).doesNotHaveDuplicates();
		assertThat(database.jdbc()
			.queryForObject("SELECT count(DISTINCT i.xmin::text) FROM durable_notify.work_items i "
					+ "JOIN durable_notify.work_queues q USING (queue_id) WHERE q.name = 'threads' AND payload <> 'first'",
					Integer.class))
			.isEqualTo(2);
	}

	private static int waiting() {
		return ((DefaultWorkQueue) queue).waiting();
	}

	@Test
	void sixtyFourThreadsEnqueueEachOfTheirItemsOnce() {
		List<CompletableFuture<Void>> callers = IntStream.range(0, 64).mapToObj((i) -> Background.run(() -> {
			for (int j = 0; j < 20; j++) {
				String payload = i + "/" + j;
				switch (j % 4) {
					case 0, 1 -> queue.enqueue(WorkRequest.of("threads/all", payload));
					case 2 -> queue.enqueueAll(List.of(WorkRequest.of("threads/all", payload),
							WorkRequest.of("threads/all", payload + "b")));
					default -> queue.enqueue(WorkRequest.of("threads/all", payload).key(payload));
				}
			}
		})).toList();
		callers.forEach(CompletableFuture::join);
		assertThat(payloads("threads/all")).hasSize(64 * 25).doesNotHaveDuplicates();
	}

	@Test
	void whoDoesNotWaitIsRefusedWhenTheBufferIsFull() {
		List<CompletableFuture<Enqueued>> futures = whileLocked(() -> {
			CompletableFuture<Enqueued> first = Background.supply(() -> queue.enqueue(WorkRequest.of("async", "sync")));
			database.awaitLockWait();
			List<CompletableFuture<Enqueued>> offered = new ArrayList<>(List.of(first));
			for (int i = 0; i < BUFFER; i++) {
				offered.add(queue.enqueueAsync(WorkRequest.of("async", String.valueOf(i))));
			}
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> queue.enqueueAsync(WorkRequest.of("async", "refused")))
				.withMessageContaining(BUFFER + " requests wait to be stored already")
				.withMessageContaining("durable-notify.work.enqueue-buffer");
			// Who waits stores it without the others
			offered.add(Background.supply(() -> queue.enqueue(WorkRequest.of("async", "late"))));
			database.awaitLockWaits(2);
			return offered;
		});
		futures.forEach(CompletableFuture::join);
		assertThat(payloads("async")).hasSize(BUFFER + 2);
	}

	@Test
	void keysOfCallersWhoDoNotWaitAreBoundedToo() {
		List<CompletableFuture<Enqueued>> futures = whileLocked(() -> {
			List<CompletableFuture<Enqueued>> offered = new ArrayList<>();
			for (int i = 0; i < BUFFER; i++) {
				offered.add(queue.enqueueAsync(WorkRequest.of("keys", "a").key(String.valueOf(i))));
			}
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> queue.enqueueAsync(WorkRequest.of("keys", "a").orderingKey("o")));
			return offered;
		});
		futures.forEach(CompletableFuture::join);
		assertThat(payloads("keys")).hasSize(BUFFER);
	}

	@Test
	void anItemThatIsRefusedFailsNoOther() {
		List<CompletableFuture<Enqueued>> futures = whileLocked(() -> {
			CompletableFuture<Enqueued> first = Background.supply(() -> queue.enqueue(WorkRequest.of("bad", "a")));
			database.awaitLockWait();
			return List.of(first, queue.enqueueAsync(WorkRequest.of("bad", "b")),
					queue.enqueueAsync(WorkRequest.of("bad", "refused")),
					queue.enqueueAsync(WorkRequest.of("bad", "c")));
		});
		assertThatExceptionOfType(CompletionException.class).isThrownBy(() -> futures.get(2).join())
			.withCauseInstanceOf(DataAccessException.class)
			.withMessageContaining("refused");
		assertThat(List.of(futures.get(0), futures.get(1), futures.get(3)))
			.allMatch((future) -> future.join().id() > 0);
		assertThat(payloads("bad")).containsExactlyInAnyOrder("a", "b", "c");
	}

	@Test
	void aLostConnectionIsAnOutcomeThatIsNotKnown() {
		List<CompletableFuture<Enqueued>> futures = whileLocked(() -> {
			CompletableFuture<Enqueued> first = Background.supply(() -> queue.enqueue(WorkRequest.of("lost", "a")));
			database.awaitLockWait();
			List<CompletableFuture<Enqueued>> offered = List.of(first, queue.enqueueAsync(WorkRequest.of("lost", "b")),
					queue.enqueueAsync(WorkRequest.of("lost", "c")));
			terminateWaiting();
			Eventually.await(first::isDone, first::toString);
			database.awaitLockWait();
			terminateWaiting();
			offered.forEach((future) -> Eventually.await(future::isDone, future::toString));
			return offered;
		});
		List<Throwable> failures = futures.stream()
			.map((future) -> future.handle((enqueued, failure) -> failure).join())
			.map((failure) -> (failure instanceof CompletionException) ? failure.getCause() : failure)
			.toList();
		assertThat(failures).hasOnlyElementsOfType(EnqueueOutcomeUnknownException.class)
			.doesNotHaveDuplicates()
			.allSatisfy((failure) -> assertThat(failure).hasMessageContaining("queue 'lost'")
				.hasMessageContaining("may or may not be stored"));
		assertThat(payloads("lost")).isEmpty();
	}

	private static void terminateWaiting() {
		database.jdbc()
			.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					+ "WHERE wait_event_type = 'Lock' AND datname = current_database()", Boolean.class);
	}

	@Test
	void noThreadThatStoresForOthersWaitsForADeadConnection() {
		try (DriverSettings settings = DriverSettings.of(database, 5);
				Instance other = Instance.start(database, settings::install)) {
			WorkQueue work = other.bean(WorkQueue.class);
			work.enqueueAsync(WorkRequest.of("dead", "new queue")).join();
			work.enqueueAsync(WorkRequest.of("dead", "plain")).join();
			work.enqueueAsync(WorkRequest.of("dead", "a").key("k")).join();
			work.enqueueAsync(WorkRequest.of("dead", "b").orderingKey("o")).join();
			assertThat(settings.executions())
				.filteredOn((execution) -> execution.text().contains("INSERT INTO \"durable_notify\".work_")
						|| execution.text().contains(".work_append("))
				.hasSizeGreaterThanOrEqualTo(5)
				.extracting(Execution::networkTimeout)
				.containsOnly(30_000);
		}
	}

	@Test
	void aCallbackThatBlocksHoldsUpNoOther() {
		CountDownLatch release = new CountDownLatch(1);
		// Not stored before it has its callback, which this thread would run otherwise
		CompletableFuture<Void> blocked = whileLocked(() -> List
			.of(queue.enqueueAsync(WorkRequest.of("callback", "a")).thenAccept((enqueued) -> await(release)))).get(0);
		assertThat(queue.enqueueAsync(WorkRequest.of("callback", "b")).join().id()).isPositive();
		assertThat(queue.enqueue(WorkRequest.of("callback", "c")).id()).isPositive();
		release.countDown();
		blocked.join();
	}

	@Test
	void whatWaitsIsStoredWhenTheContextCloses() {
		List<CompletableFuture<Enqueued>> futures = new ArrayList<>();
		WorkQueue stopped;
		try (Instance stopping = Instance.start(database)) {
			stopped = stopping.bean(WorkQueue.class);
			for (int i = 0; i < 100; i++) {
				futures.add(stopped.enqueueAsync(WorkRequest.of("stopped", "a" + i)));
				futures.add(stopped.enqueueAsync(WorkRequest.of("stopped", "k" + i).key("k" + i % 10)));
			}
		}
		futures.forEach(CompletableFuture::join);
		assertThat(payloads("stopped")).hasSize(110);
		assertThatExceptionOfType(TaskRejectedException.class)
			.isThrownBy(() -> stopped.enqueueAsync(WorkRequest.of("stopped", "late")))
			.withMessageContaining("context has closed");
	}

}
