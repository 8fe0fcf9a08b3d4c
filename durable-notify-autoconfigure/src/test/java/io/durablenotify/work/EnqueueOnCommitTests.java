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

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link WorkQueue#enqueueOnCommit}.
 */
@ExtendWith(OutputCaptureExtension.class)
class EnqueueOnCommitTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.work.enqueue-buffer=20", "durable-notify.work.enqueue-timeout=5s" })
	private static Instance instance;

	@Fixture
	private static WorkQueue queue;

	private static List<String> payloads(String name) {
		return database.jdbc().queryForList("""
				SELECT convert_from(i.payload, 'UTF8') FROM durable_notify.work_items i
				JOIN durable_notify.work_queues q USING (queue_id) WHERE q.name = ? ORDER BY i.due_at, i.item_id
				""", String.class, name);
	}

	@Test
	void keysAreLockedWithTheCommitOnly() {
		queue.enqueue(WorkRequest.of("held-back", "there").key("k"));
		instance.transaction().executeWithoutResult((status) -> {
			queue.enqueueOnCommit(WorkRequest.of("held-back", "ours").key("k").replacing());
			Background.run(() -> queue.enqueue(WorkRequest.of("held-back", "another's").key("k").replacing())).join();
			assertThat(payloads("held-back")).containsExactly("another's");
		});
		assertThat(payloads("held-back")).containsExactly("ours");
	}

	@Test
	void requestsAreStoredInTheirOrder() {
		instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < 20; i++) {
				queue.enqueueOnCommit(WorkRequest.of("order", "%02d".formatted(i)));
			}
		});
		assertThat(payloads("order")).hasSize(20).isSorted();
	}

	@Test
	void withoutATransactionTheItemIsStoredAtOnce() {
		queue.enqueueOnCommit(WorkRequest.of("none", "a"));
		assertThat(payloads("none")).containsExactly("a");
	}

	@Test
	void aFailureIsThrownByTheCommitAndRollsItBack() {
		database.jdbc().execute("""
				CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN RAISE EXCEPTION ''refused''; END';
				CREATE TRIGGER refuse BEFORE INSERT ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload = 'refused') EXECUTE FUNCTION public.refuse()
				""");
		assertThatExceptionOfType(RuntimeException.class)
			.isThrownBy(() -> instance.transaction().executeWithoutResult((status) -> {
				queue.enqueue(WorkRequest.of("failure", "a"));
				queue.enqueueOnCommit(WorkRequest.of("failure", "refused"));
			}));
		assertThat(payloads("failure")).isEmpty();
	}

	@Test
	void aTransactionGathersNoMoreThanTheBuffer() {
		instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < 20; i++) {
				queue.enqueueOnCommit(WorkRequest.of("buffer", "a"));
			}
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> queue.enqueueOnCommit(WorkRequest.of("buffer", "b")))
				.withMessageContaining("durable-notify.work.enqueue-buffer")
				.withMessageContaining("Commit more often");
		});
		assertThat(payloads("buffer")).hasSize(20).containsOnly("a");
	}

	@Test
	void aSuspendedTransactionKeepsItsRequestsForItself() {
		instance.transaction().executeWithoutResult((outer) -> {
			queue.enqueueOnCommit(WorkRequest.of("suspended", "outer"));
			instance.newTransaction()
				.executeWithoutResult((inner) -> queue.enqueueOnCommit(WorkRequest.of("suspended", "inner")));
			assertThat(payloads("suspended")).containsExactly("inner");
		});
		assertThat(payloads("suspended")).containsExactly("inner", "outer");
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void inABeforeCommitCallbackItIsStored(boolean usedBefore, CapturedOutput output) {
		String name = "before-commit/" + usedBefore;
		instance.transaction().executeWithoutResult((status) -> {
			if (usedBefore) {
				queue.enqueueOnCommit(WorkRequest.of(name, "early"));
			}
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void beforeCommit(boolean readOnly) {
					queue.enqueueOnCommit(WorkRequest.of(name, "late"));
				}

			});
		});
		assertThat(payloads(name)).endsWith("late").hasSize((usedBefore) ? 2 : 1);
		assertThat(output).doesNotContain("WARN");
	}

	@Test
	void inAnAfterCommitCallbackItIsStoredAndSaid(CapturedOutput output) {
		instance.transaction()
			.executeWithoutResult((status) -> TransactionSynchronizationManager
				.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void afterCommit() {
						queue.enqueueOnCommit(WorkRequest.of("after-commit", "late"));
					}

				}));
		assertThat(payloads("after-commit")).containsExactly("late");
		assertThat(output).contains("enqueueOnCommit() was called").contains("REQUIRES_NEW");
	}

	@Test
	void twoTransactionsWithTheSameKeysInOppositeOrdersDoNotDeadlock() throws Exception {
		// So that they meet
		database.jdbc().execute("""
				CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
				CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.key LIKE 'opposite%') EXECUTE FUNCTION public.slow()
				""");
		queue.enqueue(WorkRequest.of("opposite", "there").key("opposite"));
		for (int round = 0; round < 10; round++) {
			CyclicBarrier both = new CyclicBarrier(2);
			List<WorkRequest> requests = List.of(WorkRequest.of("opposite", "a").key("opposite"),
					WorkRequest.of("opposite", "b").key("opposite/" + round),
					WorkRequest.of("opposite", "c").orderingKey("opposite"),
					WorkRequest.of("opposite", "d").orderingKey("opposite/" + round),
					WorkRequest.of("opposite/2", "e").key("opposite"));
			List<WorkRequest> reversed = List.of(requests.get(4), requests.get(3), requests.get(2), requests.get(1),
					requests.get(0));
			CompletableFuture.allOf(transactionWith(both, requests), transactionWith(both, reversed))
				.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_lane_items " + "WHERE payload IN ('c', 'd')",
					Long.class))
			.isEqualTo(40);
	}

	private static CompletableFuture<Void> transactionWith(CyclicBarrier both, List<WorkRequest> requests) {
		return Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			requests.forEach(queue::enqueueOnCommit);
			try {
				both.await(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		}));
	}

}
