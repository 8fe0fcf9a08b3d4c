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
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.PublishingWrites;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.entry;

/**
 * Tests for {@link WorkJanitor} and {@link QueueWatch}.
 */
@ExtendWith(OutputCaptureExtension.class)
class WorkJanitorTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static WorkQueue queue;

	private final QueueWatch watch = new QueueWatch();

	/**
	 * Its runs would take what a test is about.
	 */
	@BeforeAll
	static void stopJanitorOfInstance() {
		janitor(instance).stop();
	}

	private static WorkJanitor janitor(Instance instance) {
		return instance.context().getBean("durableNotifyWorkJanitor", WorkJanitor.class);
	}

	private boolean run(@Nullable Duration deadRetention) {
		Schema schema = instance.bean(Schema.class);
		try (WorkJanitor janitor = new WorkJanitor(instance.bean(ApplicationDatabase.class),
				instance.bean(WorkAdminSql.class), new TakeOverSql(schema.name()),
				instance.bean(PublishingWrites.class), deadRetention, this.watch, instance.bean(ServerWatch.class),
				((WorkListenerRegistry) instance.bean(WorkListeners.class))::giveBackUnknown, WorkJanitor.INTERVAL)) {
			return janitor.run();
		}
	}

	private static int queueId(String name) {
		queue.enqueue(WorkRequest.of(name, "a"));
		return database.jdbc()
			.queryForObject("SELECT queue_id FROM durable_notify.work_queues WHERE name = ?", Integer.class, name);
	}

	private static long count(String table, int queueId) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify." + table + " WHERE queue_id = ?", Long.class,
					queueId);
	}

	@Test
	void aClaimOfWhichACancelledListenerHasNoAnswerIsGivenBackOnceItsHandlersHaveReturned() {
		int id = queueId("unanswered");
		CompletableFuture<Long> handling = new CompletableFuture<>();
		CountDownLatch end = new CountDownLatch(1);
		Subscription subscription = instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("unanswered"), (item) -> {
				handling.complete(item.fencingToken());
				end.await(30, TimeUnit.SECONDS);
				return WorkOutcome.done();
			});
		assertThat(handling).succeedsWithin(Eventually.TIMEOUT);
		subscription.cancel();
		long item = queue.enqueue(WorkRequest.of("unanswered", "b")).id();
		database.jdbc()
			.update("INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids) "
					+ "SELECT durable_notify.work_micros(clock_timestamp()), queue_id, instance_id, clock_timestamp(), "
					+ "ARRAY[?] FROM durable_notify.work_claims WHERE claim_id = ? AND queue_id = ?", item,
					handling.join(), id);
		run(null);
		assertThat(count("work_claims", id)).isEqualTo(2);
		end.countDown();
		Eventually.await(() -> {
			run(null);
			return count("work_claims", id) == 0;
		}, () -> count("work_claims", id));
		assertThat(database.jdbc()
			.queryForObject("SELECT token FROM durable_notify.work_items WHERE item_id = ?", Integer.class, item))
			.isOne();
	}

	@Test
	void finishedItemsAreDeletedAfterTheRetentionOfTheirQueue() {
		int kept = queueId("kept");
		int notKept = queueId("not-kept");
		database.jdbc()
			.update("UPDATE durable_notify.work_queues SET retention = interval '1 hour' WHERE queue_id = ?", kept);
		for (int id : new int[] { kept, notKept }) {
			database.jdbc()
				.update("""
						INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, finished_at, failures)
						SELECT ? * 1000000 + i, false, ?, now(), now() - interval '2 hours' * (i % 2), 0
						FROM generate_series(1, 3000) AS i
						""",
						id, id);
		}
		assertThat(run(null)).isTrue();
		while (run(null)) {
			// The next slice
		}
		assertThat(count("work_finished", kept)).isEqualTo(1_500);
		assertThat(count("work_finished", notKept)).isZero();
	}

	@Test
	void deadItemsAreDeletedAfterTheirRetention() {
		int id = queueId("dead");
		database.jdbc()
			.update("""
					INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, died_at, failures, token, payload)
					SELECT i, i % 3 = 0, ?, now(), now() - interval '2 hours' * (i % 2), 3, 3, '' FROM generate_series(1, 4000) AS i
					""",
					id);
		run(null);
		assertThat(count("work_dead", id)).isEqualTo(4_000);
		assertThat(run(Duration.ofHours(1))).isTrue();
		while (run(Duration.ofHours(1))) {
			// The next slice
		}
		assertThat(count("work_dead", id)).isEqualTo(2_000);
	}

	@Test
	void aDeadItemThatCannotBeDeletedHoldsUpNoOtherQueue() {
		List<Integer> queues = List.of(queueId("first-of-dead"), queueId("second-of-dead"));
		for (int refused : queues) {
			queues.forEach((id) -> database.jdbc()
				.update("INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, died_at, failures, "
						+ "token, payload) VALUES (-?, false, ?, now(), now() - interval '2 hours', 3, 3, '')", id,
						id));
			database.jdbc().execute("""
					CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
					CREATE TRIGGER refuse BEFORE DELETE ON durable_notify.work_dead FOR EACH ROW
						WHEN (OLD.queue_id = %d) EXECUTE FUNCTION refuse();
					""".formatted(refused));
			assertThatException().isThrownBy(() -> run(Duration.ofHours(1))).withStackTraceContaining("refused");
			assertThat(queues).filteredOn((id) -> count("work_dead", id) > 0).containsExactly(refused);
			database.jdbc().execute("DROP FUNCTION refuse() CASCADE");
			run(Duration.ofHours(1));
		}
	}

	@Test
	void whatCannotBeTakenOverOfAnInstanceThatDoesNotExistHoldsUpNothingElse() {
		int id = queueId("stuck");
		database.jdbc().execute("""
				INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
				SELECT (date_part('epoch', clock_timestamp()) * 1000000)::bigint, queue_id, 471200, clock_timestamp(),
					array_agg(item_id) FROM durable_notify.work_items WHERE queue_id = %1$d GROUP BY queue_id;
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.queue_id = %1$d) EXECUTE FUNCTION refuse();
				INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, died_at, failures, token,
					payload) VALUES (-%1$d, false, %1$d, now(), now() - interval '2 hours', 3, 3, '');
				""".formatted(id));
		assertThatException().isThrownBy(() -> run(Duration.ofHours(1)))
			.withStackTraceContaining("of work cannot be taken over: refused");
		assertThat(count("work_dead", id)).isZero();
		assertThat(count("work_claims", id)).isOne();
		database.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		run(null);
		assertThat(count("work_claims", id)).isZero();
	}

	@Test
	void claimsOfAnInstanceThatDoesNotExistAreTakenOver(CapturedOutput output) {
		int id = queueId("orphaned");
		database.jdbc().update("""
				INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
				SELECT (date_part('epoch', clock_timestamp()) * 1000000)::bigint, queue_id, 471100, clock_timestamp(),
					array_agg(item_id) FROM durable_notify.work_items WHERE queue_id = ? GROUP BY queue_id
				""", id);
		run(null);
		assertThat(count("work_claims", id)).isZero();
		assertThat(database.jdbc()
			.queryForObject("SELECT token FROM durable_notify.work_items WHERE queue_id = ?", Integer.class, id))
			.isPositive();
		assertThat(output).contains("Took over 1 items of work of instance 471100");
	}

	@Test
	void aQueueThatNoInstanceHandlesIsNamedOnce(CapturedOutput output) {
		int id = queueId("unhandled");
		run(null);
		assertThat(this.watch.unhandledQueues()).doesNotContain("unhandled");
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE queue_id = ?",
					id);
		run(null);
		run(null);
		assertThat(this.watch.unhandledQueues()).contains("unhandled");
		assertThat(output).contains("No instance handles work of");
		assertThat(output.toString().split("'unhandled'", -1)).hasSize(2);
		database.jdbc()
			.update("UPDATE durable_notify.work_queues SET looked_at = clock_timestamp() WHERE queue_id = ?", id);
		run(null);
		assertThat(this.watch.unhandledQueues()).doesNotContain("unhandled");
		assertThat(output.toString().split("'unhandled'", -1)).hasSize(3);
	}

	@Test
	void aQueueWhoseClaimsSearchForLongIsNamedUntilTheyDoNot(CapturedOutput output) {
		int id = queueId("slow");
		searched(id, "900 ms", "0 s");
		assertThat(this.watch.slowSearches()).isEmpty();
		searched(id, "1500 ms", "0 s");
		searched(id, "1400 ms", "30 s");
		assertThat(this.watch.slowSearches()).containsExactly(entry("slow", Duration.ofMillis(1400)));
		assertThat(output)
			.containsOnlyOnce("Claims search for up to 1500 ms in queue 'slow': deleted rows are in the way");
		searched(id, "900 ms", "0 s");
		assertThat(this.watch.slowSearches()).containsKey("slow");
		assertThat(output).doesNotContain("No slow search");
		searched(id, "1 ms", "0 s");
		assertThat(this.watch.slowSearches()).isEmpty();
		assertThat(output).containsOnlyOnce("No slow search is left in queue 'slow'");
		searched(id, "2 s", "11 minutes");
		assertThat(this.watch.slowSearches()).isEmpty();
	}

	@Test
	void aSearchInWhichTheServerWasSuspendedIsNotSlow(CapturedOutput output) {
		searched(queueId("suspended"), "8 hours", "0 s");
		assertThat(this.watch.slowSearches()).isEmpty();
		assertThat(output).doesNotContain("Claims search");
	}

	private void searched(int queueId, String took, String ago) {
		database.jdbc()
			.update("UPDATE durable_notify.work_queues SET look_took = ?::interval, "
					+ "looked_at = clock_timestamp() - ?::interval WHERE queue_id = ?", took, ago, queueId);
		run(null);
	}

	@Test
	void messagesOfADirectChannelNeedNoHandler() {
		int id = queueId("received");
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE queue_id = ?",
					id);
		database.jdbc().update("UPDATE durable_notify.work_queues SET kind = 'channel-direct' WHERE queue_id = ?", id);
		run(null);
		assertThat(this.watch.unhandledQueues()).doesNotContain("received");
	}

	@Test
	void manyQueuesAreNamedInOneLine(CapturedOutput output) {
		List<String> names = IntStream.range(0, 12).mapToObj((i) -> "q" + i).toList();
		this.watch.update(names);
		this.watch.update(names.subList(0, 11));
		assertThat(output).contains("No instance handles work of queues 'q0', 'q1',", "'q9' and 2 others, whose items")
			.contains("No due work of queue 'q11' waits for an instance any more");
		assertThat(this.watch.unhandledQueues()).hasSize(11);
	}

	@Test
	void aQueueThatIsPausedOrBusyIsHandled() {
		int paused = queueId("paused");
		int busy = queueId("busy");
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE queue_id IN (?, ?)",
					paused, busy);
		instance.bean(WorkAdmin.class).pause("paused");
		database.jdbc()
			.update("INSERT INTO durable_notify.work_claims (claim_id, queue_id, instance_id, to_due, item_ids) "
					+ "SELECT 7, ?, max(instance_id), now(), '{0}' FROM durable_notify.instances", busy);
		run(null);
		assertThat(this.watch.unhandledQueues()).doesNotContainAnyElementsOf(List.of("paused", "busy"));
	}

	@Test
	void theJanitorRunsWithTheApplication() {
		try (Instance started = Instance.start(database)) {
			assertThat(janitor(started).isRunning()).isTrue();
			assertThat(started.bean(WorkHealth.class)).isInstanceOf(QueueWatch.class);
		}
	}

}
