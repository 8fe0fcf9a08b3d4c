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

import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkerApplication;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Work whose process is killed or stopped.
 */
class WorkProcessTests {

	private static final String LEASE = "durable-notify.work.lease-duration=2s";

	private static final Duration LEASE_DURATION = Duration.ofSeconds(2);

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { LEASE, "durable-notify.streams.lease=2s" })
	private static Instance instance;

	private final List<WorkItem> handled = new CopyOnWriteArrayList<>();

	@BeforeEach
	void createEffects() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (item text, holder text)");
		database.jdbc().execute("TRUNCATE effects");
	}

	private WorkOutcome handle(WorkItem item) {
		instance.jdbc().update("INSERT INTO effects VALUES (?, 'here')", new String(item.payload()));
		this.handled.add(item);
		return WorkOutcome.done();
	}

	private String state() {
		return "handled %s, effects %s, items %s, claims %s, instances %s".formatted(this.handled, effects(),
				database.jdbc()
					.queryForList("SELECT item_id, token, failures, suspect, due_at FROM durable_notify.work_items"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_claims"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.instances"));
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT item FROM effects", String.class);
	}

	private static int left() {
		return count("work_items") + count("work_claims");
	}

	@Test
	void theItemsOfAKilledProcessAreTakenOverWithAHigherFencingToken() {
		WorkQueue work = instance.bean(WorkQueue.class);
		try (WriterProcess process = WriterProcess.start(WorkerApplication.class, database, "killed", "--" + LEASE,
				"--test.pause=100000")) {
			process.awaitLine("listening");
			work.enqueueAll(IntStream.range(0, 20).mapToObj((i) -> WorkRequest.of("killed", "" + i)).toList());
			process.awaitLine("handling");
			long claimId = database.jdbc()
				.queryForObject("SELECT max(claim_id) FROM durable_notify.work_claims", Long.class);
			process.kill();
			long killed = System.nanoTime();
			int alone = database.jdbc()
				.queryForObject("SELECT count(*) FROM durable_notify.work_claims WHERE cardinality(item_ids) = 1",
						Integer.class);
			instance.bean(WorkListeners.class).register(WorkListenerSpec.of("killed").inTransaction(), this::handle);
			Eventually.await(() -> this.handled.size() == 20, this::state);
			assertThat(Duration.ofNanos(System.nanoTime() - killed)).isLessThan(LEASE_DURATION.plusSeconds(20));
			Eventually.await(() -> left() == 0, this::state);
			assertThat(effects()).hasSize(20).doesNotHaveDuplicates();
			assertThat(this.handled).allMatch((item) -> item.fencingToken() > claimId);
			// One of several is not to blame
			assertThat(this.handled.stream().filter((item) -> item.attempt() > 1)).hasSize(alone);
		}
	}

	@Test
	void anItemThatEndsItsProcessIsDeadAndThoseBesideItAreNot() {
		List<String> others = List.of("a", "b", "c");
		WorkQueue work = instance.bean(WorkQueue.class);
		work.enqueue(WorkRequest.of("pills", "pill"));
		work.enqueueAll(others.stream().map((text) -> WorkRequest.of("pills", text)).toList());
		while (dead().isEmpty()) {
			try (WriterProcess process = WriterProcess.start(WorkerApplication.class, database, "pills", "--" + LEASE,
					"--test.pause=500", "--durable-notify.work.max-attempts=1")) {
				process.awaitExit();
			}
			Eventually.await(() -> count("work_claims") == 0, this::state);
		}
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("pills").inTransaction(), this::handle);
		Eventually.await(() -> count("work_items") == 0, this::state);
		assertThat(effects()).containsExactlyInAnyOrderElementsOf(others);
		assertThat(dead()).containsExactly("pill");
	}

	private static List<String> dead() {
		return database.jdbc()
			.queryForList("SELECT convert_from(payload, 'UTF8') FROM durable_notify.work_dead", String.class);
	}

	private static int count(String table) {
		return database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Integer.class);
	}

	/**
	 * Where no other instance is, whose lease of streams is short.
	 */
	@Test
	void theItemsOfAKilledProcessAreTakenOverAfterItsLeaseOfWorkHoweverLongThatOfStreamsIs() {
		TestDatabase own = PostgresServer.shared().createDatabase();
		own.jdbc().execute("CREATE TABLE effects (item text, holder text)");
		String longLease = "durable-notify.streams.lease=1h";
		try (Instance other = Instance.start(own, LEASE, longLease);
				WriterProcess process = WriterProcess.start(WorkerApplication.class, own, "short", "--" + LEASE,
						"--" + longLease, "--test.pause=100000")) {
			process.awaitLine("listening");
			other.bean(WorkQueue.class).enqueue(WorkRequest.of("short", "a"));
			process.awaitLine("handling a");
			other.bean(WorkListeners.class).register(WorkListenerSpec.of("short"), (item) -> {
				this.handled.add(item);
				return WorkOutcome.done();
			});
			for (int renewals = 0; renewals < 4; renewals++) {
				List<String> before = holdersLease(own);
				Eventually.await(() -> !before.equals(holdersLease(own)), before::toString);
			}
			assertThat(this.handled).isEmpty();
			process.kill();
			long killed = System.nanoTime();
			Eventually.await(() -> this.handled.size() == 1, () -> holdersLease(own));
			assertThat(Duration.ofNanos(System.nanoTime() - killed)).isLessThan(LEASE_DURATION.plusSeconds(8));
		}
		assertThat(own.jdbc().queryForList("SELECT item FROM effects", String.class)).isEmpty();
	}

	private static List<String> holdersLease(TestDatabase database) {
		return database.jdbc()
			.queryForList("SELECT lease_until::text FROM durable_notify.instances WHERE instance_id IN "
					+ "(SELECT instance_id FROM durable_notify.work_claims)", String.class);
	}

	@Test
	void aProcessThatIsStoppedForThreeLeasesHasItsLateCompletionRefused() {
		WorkQueue work = instance.bean(WorkQueue.class);
		try (WriterProcess process = WriterProcess.start(WorkerApplication.class, database, "stopped", "--" + LEASE,
				"--test.pause=500")) {
			process.awaitLine("listening");
			work.enqueue(WorkRequest.of("stopped", "a"));
			process.awaitLine("handling a");
			process.stop();
			Instant stopped = now();
			instance.bean(WorkListeners.class).register(WorkListenerSpec.of("stopped").inTransaction(), this::handle);
			Eventually.await(() -> this.handled.size() == 1, this::state);
			Eventually.await(() -> left() == 0, this::state);
			Eventually.await(() -> now().isAfter(stopped.plus(LEASE_DURATION.multipliedBy(3))), this::state);
			process.resume();
			process.awaitLine("The outcome of item");
			assertThat(database.jdbc().queryForList("SELECT holder FROM effects", String.class))
				.containsExactly("here");
		}
	}

	private static Instant now() {
		return database.jdbc().queryForObject("SELECT clock_timestamp()", Timestamp.class).toInstant();
	}

}
