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

package io.durablenotify.workflow;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.Enqueued;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link WorkflowResumptions} in instances of an application.
 */
class WorkflowResumptionsTests {

	@Fixture
	private static TestDatabase database;

	/**
	 * Has no handler.
	 */
	@Fixture
	private static Instance requesting;

	private final List<Instance> instances = new CopyOnWriteArrayList<>();

	@BeforeEach
	void createTable() {
		database.jdbc().execute("CREATE TABLE resumed (instance_id text)");
	}

	@AfterEach
	void close() {
		this.instances.forEach(Instance::close);
		database.jdbc().execute("DROP TABLE resumed");
		database.jdbc().execute("DELETE FROM durable_notify.work_items");
	}

	private Orders start() {
		Instance instance = Instance.start(database, (application) -> application.sources(Orders.class),
				"durable-notify.work.backoff.delay=50ms");
		this.instances.add(instance);
		return instance.bean(Orders.class);
	}

	private static Enqueued.Outcome request(String workflowName, String instanceId) {
		return requesting.bean(WorkflowResumptions.class).request(workflowName, instanceId).outcome();
	}

	private static void awaitDone(String queue) {
		Eventually.await(() -> count(queue) == 0, () -> items());
	}

	private static int count(String queue) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_items JOIN durable_notify.work_queues "
					+ "USING (queue_id) WHERE name = ?", Integer.class, queue);
	}

	private static List<?> items() {
		return database.jdbc().queryForList("SELECT * FROM durable_notify.work_items");
	}

	private static List<String> resumed() {
		return database.jdbc().queryForList("SELECT instance_id FROM resumed ORDER BY 1", String.class);
	}

	@Test
	void requestsThatWaitAreOne() {
		assertThat(request("order", "wf")).isEqualTo(Enqueued.Outcome.ENQUEUED);
		assertThat(request("order", "wf")).isEqualTo(Enqueued.Outcome.COALESCED);
		assertThat(request("invoice", "wf")).isEqualTo(Enqueued.Outcome.ENQUEUED);
		start();
		awaitDone("resume/order");
		awaitDone("resume/invoice");
		assertThat(resumed()).containsExactly("invoice wf", "order wf");
	}

	@Test
	void aWorkflowWithoutHandlerWaitsAndDelaysNoOther() {
		request("unknown", "wf");
		start();
		request("order", "wf");
		awaitDone("resume/order");
		assertThat(resumed()).containsExactly("order wf");
		assertThat(count("resume/unknown")).isEqualTo(1);
	}

	@Test
	void aRequestWhileTheInstanceIsResumedIsFollowedByAnother() {
		Orders first = start();
		Orders second = start();
		first.hold = new CountDownLatch(1);
		second.hold = first.hold;
		second.running = first.running;
		request("order", "wf");
		Eventually.await(() -> first.resuming.size() + second.resuming.size() == 1, WorkflowResumptionsTests::items);
		for (int i = 0; i < 3; i++) {
			assertThat(request("order", "wf")).isEqualTo(Enqueued.Outcome.COALESCED);
		}
		first.hold.countDown();
		awaitDone("resume/order");
		assertThat(resumed()).containsExactly("order wf", "order wf");
		assertThat(first.sideBySide || second.sideBySide).isFalse();
	}

	@Test
	void aRequestIsPartOfTheTransaction() {
		start();
		requesting.transaction().executeWithoutResult((status) -> {
			request("order", "rolled-back");
			status.setRollbackOnly();
		});
		requesting.transaction().executeWithoutResult((status) -> request("order", "committed"));
		Eventually.await(() -> !resumed().isEmpty(), WorkflowResumptionsTests::items);
		awaitDone("resume/order");
		assertThat(resumed()).containsExactly("order committed");
	}

	@Test
	void anAttemptThatFailsLeavesNothingInTheDatabase() {
		Orders handler = start();
		handler.failures = 2;
		request("order", "wf");
		Eventually.await(() -> !resumed().isEmpty(), WorkflowResumptionsTests::items);
		awaitDone("resume/order");
		assertThat(handler.resuming).extracting((resumption) -> resumption.item().attempt()).containsExactly(1, 2, 3);
		assertThat(resumed()).containsExactly("order wf");
	}

	@Test
	void otherWritersRequestByTheSamePayload() {
		start();
		database.jdbc().queryForObject("""
				SELECT durable_notify.enqueue('resume/order',
					convert_to('{"instance_id": "wf_abc123", "workflow_name": "order"}', 'UTF8'), 'wf_abc123')
				""", Long.class);
		Eventually.await(() -> !resumed().isEmpty(), WorkflowResumptionsTests::items);
		assertThat(resumed()).containsExactly("order wf_abc123");
	}

	static class Orders implements ResumptionHandler {

		private final JdbcTemplate jdbc;

		private final List<Resumption> resuming = new CopyOnWriteArrayList<>();

		private volatile CountDownLatch hold = new CountDownLatch(0);

		private volatile Semaphore running = new Semaphore(1);

		private volatile boolean sideBySide;

		private volatile int failures;

		Orders(JdbcTemplate jdbc) {
			this.jdbc = jdbc;
		}

		@Override
		public Set<String> workflowNames() {
			return Set.of("order", "invoice");
		}

		@Override
		public void resume(Resumption resumption) throws Exception {
			boolean alone = resumption.workflowName().equals("invoice") || this.running.tryAcquire();
			this.sideBySide |= !alone;
			try {
				this.resuming.add(resumption);
				this.hold.await();
				this.jdbc.update("INSERT INTO resumed VALUES (?)",
						resumption.workflowName() + " " + resumption.instanceId());
				if (resumption.item().attempt() <= this.failures) {
					throw new IllegalStateException("expected");
				}
			}
			finally {
				if (alone && !resumption.workflowName().equals("invoice")) {
					this.running.release();
				}
			}
		}

		@Override
		public boolean transactional() {
			return true;
		}

	}

}
