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
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.Pooler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Work through a PgBouncer that hands out its connections for a transaction each.
 */
class WorkPoolerTests {

	private static final Backoff SOON = new Backoff(Duration.ofMillis(60), 1, Duration.ofMillis(60));

	@Fixture
	private TestDatabase database;

	private final List<String> handled = new CopyOnWriteArrayList<>();

	@BeforeEach
	void createEffects() {
		this.database.jdbc().execute("CREATE TABLE effects (effect text)");
		// Claims set it, for themselves
		this.database.jdbc()
			.execute(
					"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$");
	}

	/**
	 * Start an instance that is woken, and does not poll.
	 */
	private Instance start(Pooler pooler) {
		return Instance.start(pooler.through(), "durable-notify.poll.interval=0",
				"durable-notify.work.poll-interval=1h", "durable-notify.listener.url=" + this.database.url());
	}

	private WorkOutcome handle(WorkItem item) {
		String payload = new String(item.payload(), StandardCharsets.UTF_8);
		if (payload.startsWith("failing") && item.attempt() == 1) {
			throw new IllegalStateException("expected");
		}
		if (payload.startsWith("dead")) {
			throw new PermanentFailureException("expected");
		}
		this.handled.add(payload);
		return WorkOutcome.done();
	}

	private WorkOutcome handleInTransaction(Instance instance, WorkItem item) {
		instance.jdbc().update("INSERT INTO effects VALUES (?)", new String(item.payload(), StandardCharsets.UTF_8));
		return handle(item);
	}

	private static void enqueue(Instance instance, String queue) {
		WorkQueue work = instance.bean(WorkQueue.class);
		work.enqueue(WorkRequest.of(queue, "plain"));
		work.enqueueAll(IntStream.range(0, 20).mapToObj((i) -> WorkRequest.of(queue, "all " + i)).toList());
		work.enqueueAll(Stream.of("keyed", "coalesced")
			.map((payload) -> WorkRequest.of(queue, payload).key("key").dueIn(Duration.ofMillis(200)))
			.toList());
		for (String payload : List.of("ordered 1", "dead", "failing", "ordered 2")) {
			work.enqueue(WorkRequest.of(queue, payload).orderingKey("key"));
		}
		instance.transaction().executeWithoutResult((status) -> {
			work.enqueue(WorkRequest.of(queue, "rolled back"));
			status.setRollbackOnly();
		});
		instance.transaction().executeWithoutResult((status) -> {
			work.enqueue(WorkRequest.of(queue, "joined"));
			work.enqueueOnCommit(WorkRequest.of(queue, "on commit").orderingKey("other"));
		});
	}

	/**
	 * All but the coalesced, the dead and the one that was rolled back.
	 */
	private void awaitHandled() {
		int count = 27;
		Eventually.await(() -> this.handled.size() >= count && left() == 0, this::state);
		assertThat(this.handled).hasSize(count).doesNotHaveDuplicates();
		assertThat(
				this.handled.stream().filter((payload) -> payload.startsWith("ordered") || payload.equals("failing")))
			.containsExactly("ordered 1", "failing", "ordered 2");
	}

	private int left() {
		return this.database.jdbc()
			.queryForObject("SELECT (SELECT count(*) FROM durable_notify.work_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_lane_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_claims)", Integer.class);
	}

	private String state() {
		return "handled %s, items %s, claims %s".formatted(this.handled,
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"),
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.work_claims"));
	}

	@Test
	void whatIsEnqueuedIsHandledInAnotherInstanceByWakeUps() {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction");
				Instance enqueuing = start(pooler);
				Instance handling = start(pooler)) {
			WorkListeners listeners = handling.bean(WorkListeners.class);
			listeners.register(WorkListenerSpec.of("plain").backoff(SOON), this::handle);
			enqueue(enqueuing, "plain");
			awaitHandled();
			this.handled.clear();
			listeners.register(WorkListenerSpec.of("transactional").inTransaction().backoff(SOON),
					(item) -> handleInTransaction(handling, item));
			enqueue(enqueuing, "transactional");
			awaitHandled();
			assertThat(this.database.jdbc().queryForList("SELECT effect FROM effects", String.class))
				.containsExactlyInAnyOrderElementsOf(this.handled);
			WorkAdmin admin = enqueuing.bean(WorkAdmin.class);
			admin.pause("plain");
			assertThat(admin.requeue(DeadQuery.of("transactional"))).isOne();
			admin.limit("transactional", 2);
			assertNothingIsSet(pooler);
		}
	}

	@Test
	void thePollDoesAsMuch() {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction");
				Instance instance = Instance.start(pooler.through(), "durable-notify.listener.enabled=false",
						"durable-notify.work.poll-interval=200ms")) {
			instance.bean(WorkListeners.class).register(WorkListenerSpec.of("polled").backoff(SOON), this::handle);
			enqueue(instance, "polled");
			awaitHandled();
			assertNothingIsSet(pooler);
		}
	}

	/**
	 * A connection of the pooler is another client's next.
	 */
	private void assertNothingIsSet(Pooler pooler) {
		String settings = """
				SELECT current_setting('lock_timeout') AS lock_timeout, current_setting('synchronous_commit') AS commit,
					current_setting('enable_seqscan') AS seqscan, current_setting('transaction_isolation') AS isolation,
					current_setting('search_path') AS path
				""";
		Map<String, Object> expected = this.database.jdbc().queryForMap(settings);
		JdbcTemplate jdbc = pooler.through().jdbc();
		for (int i = 0; i < 20; i++) {
			assertThat(jdbc.queryForMap(settings)).isEqualTo(expected);
		}
	}

}
