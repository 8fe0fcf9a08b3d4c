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

package io.durablenotify.event;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.ReplayChecker;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for engines that come to the same conclusion at the same time, each a separate
 * instance.
 */
class EventRaceTests {

	private static final int ENGINES = 8;

	private static final int STEPS = 200;

	private static final String SUSPENSION_INDEX = "workflow_events_suspension_unique";

	@Fixture
	private static TestDatabase database;

	private static final List<Instance> instances = new ArrayList<>();

	@BeforeAll
	static void start() {
		for (int i = 0; i < ENGINES; i++) {
			instances.add(Instance.start(database, "spring.datasource.hikari.maximum-pool-size=2"));
		}
		database.jdbc().execute("CREATE SEQUENCE raw_sequence");
	}

	@AfterAll
	static void stop() {
		instances.forEach(Instance::close);
	}

	@Test
	void ofEightEnginesOneStoresEachStepAndSevenGetItsEvent() {
		List<List<AppendResult>> byEngine = race((engine) -> {
			EventLog log = instances.get(engine).events();
			return (step) -> log.append(NewEvent.of("race", "step_created")
				.correlationId("step-" + step)
				.payload("{\"engine\":" + engine + "}"));
		});
		for (int step = 0; step < STEPS; step++) {
			int of = step;
			List<AppendResult> results = byEngine.stream().map((engine) -> engine.get(of)).toList();
			assertThat(results).filteredOn((result) -> result.outcome() == Outcome.APPENDED).hasSize(1);
			assertThat(results).filteredOn((result) -> result.outcome() == Outcome.DUPLICATE).hasSize(ENGINES - 1);
			assertThat(results).extracting(AppendResult::eventId).containsOnly(results.get(0).eventId());
			assertThat(results).extracting(AppendResult::sequence).containsOnly(results.get(0).sequence());
			assertThat(log().findByCorrelation("race", "step-" + step)).singleElement()
				.satisfies((event) -> assertThat(event.eventId()).isEqualTo(results.get(0).eventId()));
		}
		assertThat(log().read("race", 0, 1000).events()).hasSize(STEPS)
			.extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, STEPS).boxed().toList());
		assertThat(unconsumed("race")).isEmpty();
	}

	@Test
	void ofEightEnginesInTransactionsOneStoresEachStep() {
		List<List<AppendResult>> byEngine = race((engine) -> {
			Instance instance = instances.get(engine);
			return (step) -> instance.transaction().execute((status) -> {
				AppendResult result = instance.events()
					.append(NewEvent.of("race-tx", "step_created").correlationId("step-" + step));
				if (result.outcome() == Outcome.APPENDED) {
					instance.events().append(NewEvent.of("race-tx", "step_started").correlationId("step-" + step));
				}
				return result;
			});
		});
		assertThat(byEngine).flatExtracting((results) -> results)
			.filteredOn((result) -> result.outcome() == Outcome.APPENDED)
			.hasSize(STEPS);
		assertThat(log().read("race-tx", 0, 1000).events()).hasSize(2 * STEPS)
			.extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, 2 * STEPS).boxed().toList());
		assertThat(unconsumed("race-tx")).isEmpty();
	}

	@Test
	void batchesThatOverlapStoreEachStepOnce() {
		List<List<List<AppendResult>>> byEngine = race((engine) -> {
			EventLog log = instances.get(engine).events();
			return (step) -> log.appendAll("race-all",
					IntStream.range(step, step + 3)
						.mapToObj((i) -> NewEvent.of("race-all", "step_created").correlationId("step-" + i))
						.toList());
		});
		assertThat(byEngine).flatExtracting((results) -> results)
			.flatExtracting((results) -> results)
			.filteredOn((result) -> result.outcome() == Outcome.APPENDED)
			.hasSize(STEPS + 2);
		assertThat(log().read("race-all", 0, 1000).events()).hasSize(STEPS + 2)
			.extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, STEPS + 2).boxed().toList());
		assertThat(unconsumed("race-all")).isEmpty();
	}

	@Test
	void inTheLifecycleOfTheReportTheSecondCreationIsADuplicate() {
		EventLog first = instances.get(0).events();
		AppendResult created = first.append(step("step_created"));
		first.append(step("step_started"));
		first.append(step("step_completed"));
		AppendResult again = instances.get(1).events().append(step("step_created"));
		assertThat(again).isEqualTo(new AppendResult(Outcome.DUPLICATE, created.eventId(), created.sequence()));
		assertThat(log().read("report", 0, 10).events()).extracting(StoredEvent::type)
			.containsExactly("step_created", "step_started", "step_completed");
		assertThat(unconsumed("report")).isEmpty();
	}

	private static NewEvent step(String type) {
		return NewEvent.of("report", type).correlationId("step_01KRPCM1RF4KNAV0WY1YMXJ4R6");
	}

	@Test
	void enginesThatInsertWithoutTheLogAreKeptApartByTheIndexAlone() {
		raceByInserting("raw-with");
		assertThat(unconsumed("raw-with")).isEmpty();
		assertThat(log().read("raw-with", 0, 1000).events()).hasSize(20);
	}

	@Test
	void withoutTheIndexAReplayNamesWhatEnginesInsertedTwiceAndAnAppendFailsLoudly() {
		log().append(NewEvent.of("loud", "run_created"));
		String definition = database.jdbc()
			.queryForObject("SELECT indexdef FROM pg_indexes WHERE indexname = ?", String.class, SUSPENSION_INDEX);
		database.jdbc().execute("DROP INDEX durable_notify." + SUSPENSION_INDEX);
		try {
			raceByInserting("raw-without");
			List<StoredEvent> unconsumed = unconsumed("raw-without");
			assertThat(unconsumed).isNotEmpty().allSatisfy((event) -> {
				assertThat(event.type()).isEqualTo("step_created");
				assertThat(
						log().findByCorrelation("raw-without", String.valueOf(event.correlationId())).get(0).sequence())
					.isLessThan(event.sequence());
			});
			assertThatExceptionOfType(DataAccessException.class)
				.isThrownBy(() -> log().append(NewEvent.of("loud", "step_created").correlationId("a")))
				.havingRootCause()
				.withMessageContaining("ON CONFLICT");
			assertThat(log().read("loud", 0, 10).events()).hasSize(1);
		}
		finally {
			database.jdbc().execute("DELETE FROM durable_notify.workflow_events WHERE run_id = 'raw-without'");
			database.jdbc().execute(String.valueOf(definition));
		}
		assertThat(log().append(NewEvent.of("loud", "step_created").correlationId("a")).outcome())
			.isEqualTo(Outcome.APPENDED);
	}

	/**
	 * As an engine does that has no event log: each checks whether the step is there, and
	 * inserts it if not.
	 */
	private static void raceByInserting(String runId) {
		CyclicBarrier seen = new CyclicBarrier(ENGINES);
		race((engine) -> {
			JdbcTemplate jdbc = instances.get(engine).jdbc();
			return (step) -> {
				if (step >= 20) {
					return step;
				}
				Long there = jdbc.queryForObject(
						"SELECT count(*) FROM durable_notify.workflow_events WHERE run_id = ? "
								+ "AND correlation_id = ? AND type = 'step_created'",
						Long.class, runId, "step-" + step);
				await(seen);
				if (there != null && there == 0) {
					insert(jdbc, runId, "step-" + step);
				}
				return step;
			};
		});
		renumber(runId);
	}

	/**
	 * A run with holes in its sequences cannot be read.
	 */
	private static void renumber(String runId) {
		JdbcTemplate jdbc = database.jdbc();
		jdbc.update("UPDATE durable_notify.workflow_events SET sequence = sequence + 1000000 WHERE run_id = ?", runId);
		jdbc.update("""
				UPDATE durable_notify.workflow_events e SET sequence = n.sequence FROM (
					SELECT event_id, row_number() OVER (ORDER BY sequence) AS sequence
					FROM durable_notify.workflow_events WHERE run_id = ?) n WHERE e.event_id = n.event_id""", runId);
	}

	private static void insert(JdbcTemplate jdbc, String runId, String step) {
		try {
			jdbc.update("INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type, correlation_id) "
					+ "VALUES (?, nextval('raw_sequence'), gen_random_uuid(), 'step_created', ?)", runId, step);
		}
		catch (DuplicateKeyException ex) {
			assertThat(ex).hasMessageContaining(SUSPENSION_INDEX);
		}
	}

	/**
	 * Let all engines do each step at the same time.
	 */
	private static <T> List<List<T>> race(IntFunction<IntFunction<T>> engines) {
		CyclicBarrier barrier = new CyclicBarrier(ENGINES);
		List<CompletableFuture<List<T>>> running = IntStream.range(0, ENGINES)
			.mapToObj((engine) -> Background.supply(() -> {
				IntFunction<T> steps = engines.apply(engine);
				List<T> results = new ArrayList<>();
				for (int step = 0; step < STEPS; step++) {
					await(barrier);
					results.add(steps.apply(step));
				}
				return results;
			}))
			.toList();
		return running.stream().map(EventRaceTests::get).toList();
	}

	private static <T> T get(CompletableFuture<T> future) {
		try {
			return future.get(60, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new AssertionError(ex);
		}
	}

	private static void await(CyclicBarrier barrier) {
		try {
			barrier.await(30, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new AssertionError(ex);
		}
	}

	private static EventLog log() {
		return instances.get(0).events();
	}

	private static List<StoredEvent> unconsumed(String runId) {
		return new ReplayChecker(log()).unconsumed(runId);
	}

}
