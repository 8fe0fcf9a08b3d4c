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

package io.durablenotify.sample;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.sample.ServerSentEvents.Event;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for runs over HTTP.
 */
@SampleTest
class RunTests {

	/**
	 * What an engine appends that executes a run alone: three events for each step, and
	 * the end.
	 */
	private static final int APPENDS = 10;

	@Autowired
	Environment environment;

	@Autowired
	EventLog log;

	@Autowired
	JdbcClient jdbc;

	@Autowired
	TransactionTemplate transaction;

	@Autowired
	JsonMapper json;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
	}

	@Test
	void twoEnginesThatExecuteARunStoreEveryEventOnceAndDoEveryStepOnce() {
		String run = id(this.client.run());
		assertWhole(completed(run));
		assertThat(results(run)).containsExactly("draft", "review", "publish");
	}

	@Test
	void enginesThatMeetAtEveryStepStoreEveryEventOnceAndDoEveryStepOnce() throws Exception {
		ExecutorService engines = Executors.newFixedThreadPool(2);
		try {
			for (int i = 0; i < 20; i++) {
				UUID run = UUID.randomUUID();
				append(run, "run_created");
				for (Future<?> engine : engines.invokeAll(List.of(Executors.callable(() -> engine("A").execute(run)),
						Executors.callable(() -> engine("B").execute(run))))) {
					engine.get();
				}
				assertWhole(events(run.toString()));
				assertThat(results(run.toString())).containsExactly("draft", "review", "publish");
			}
		}
		finally {
			engines.shutdownNow();
		}
	}

	@ParameterizedTest
	@MethodSource("appends")
	void anEngineThatSleepsBeforeAnAppendFindsTheRunCompletedAndAddsNothing(int append) {
		UUID run = executeWhileAnotherSleepsBefore(append);
		List<StoredEvent> events = events(run.toString());
		assertWhole(events);
		assertThat(engineOf(events.get(events.size() - 1))).isEqualTo("A");
		assertThat(results(run.toString())).containsExactly("draft", "review", "publish");
	}

	static IntStream appends() {
		return IntStream.rangeClosed(1, APPENDS);
	}

	/**
	 * Have engine A execute a run while engine B sleeps before one of its appends.
	 */
	private UUID executeWhileAnotherSleepsBefore(int append) {
		UUID run = UUID.randomUUID();
		append(run, "run_created");
		AtomicInteger appends = new AtomicInteger();
		EventLog sleepy = before("append", () -> {
			if (appends.incrementAndGet() == append) {
				CompletableFuture.runAsync(() -> engine("A").execute(run), (task) -> new Thread(task).start()).join();
			}
		});
		engine("B", sleepy).execute(run);
		assertThat(appends).hasValueGreaterThanOrEqualTo(append);
		return run;
	}

	private EventLog before(String method, Runnable action) {
		return (EventLog) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] { EventLog.class },
				(proxy, called, arguments) -> {
					if (called.getName().equals(method)) {
						action.run();
					}
					try {
						return called.invoke(this.log, arguments);
					}
					catch (InvocationTargetException ex) {
						throw ex.getCause();
					}
				});
	}

	@Test
	void anEngineGoesOnWhereAnotherOneHasStopped() {
		UUID run = UUID.randomUUID();
		append(run, "run_created");
		this.log.append(event(run, "step_created", "draft"));
		this.log.append(event(run, "step_completed", "draft").idempotencyKey("completed:draft"));
		this.log.append(event(run, "step_created", "review"));
		engine("B").execute(run);
		List<StoredEvent> events = events(run.toString());
		assertWhole(events);
		assertThat(events).filteredOn("type", "race_lost")
			.extracting((event) -> payload(event).get("duplicateOf").asInt())
			.containsExactly(2, 4);
		assertThat(results(run.toString())).containsExactly("review", "publish");
	}

	private static NewEvent event(UUID run, String type, String step) {
		return NewEvent.of(run.toString(), type).correlationId(step).payload("{\"engine\": \"A\"}");
	}

	private Engine engine(String name) {
		return engine(name, this.log);
	}

	private Engine engine(String name, EventLog log) {
		return new Engine(name, log, this.transaction, this.jdbc, () -> Duration.ZERO, new CountDownLatch(1));
	}

	private static void assertWhole(List<StoredEvent> events) {
		assertThat(events).extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, events.size()).boxed().toList());
		assertThat(events.get(0).type()).isEqualTo("run_created");
		assertThat(events.get(events.size() - 1).type()).isEqualTo("run_completed");
		assertThat(events).filteredOn("type", "run_completed").hasSize(1);
		for (String type : List.of("step_created", "step_completed")) {
			assertThat(events).filteredOn("type", type)
				.extracting(StoredEvent::correlationId)
				.containsExactly("draft", "review", "publish");
		}
	}

	private List<String> results(String run) {
		return this.jdbc.sql("select step from step_results where run_id = ?")
			.param(UUID.fromString(run))
			.query(String.class)
			.list();
	}

	@Test
	void whatAnEngineWasTooLateForIsADuplicateOfTheOtherEnginesEvent() {
		List<StoredEvent> events = events(executeWhileAnotherSleepsBefore(APPENDS).toString());
		assertThat(events).filteredOn("type", "race_lost").hasSize(3).allSatisfy((event) -> {
			StoredEvent other = events.get(payload(event).get("duplicateOf").asInt() - 1);
			assertThat(other.type()).isEqualTo(payload(event).get("type").asString()).isEqualTo("step_created");
			assertThat(other.correlationId()).isEqualTo(event.correlationId());
			assertThat(List.of(engineOf(event), engineOf(other))).containsExactly("A", "B");
		});
	}

	@Test
	void theEventsOfARunAreServedAsJson() {
		String location = this.client.run();
		List<StoredEvent> events = completed(id(location));
		JsonNode all = this.json.readTree(this.client.get(location).body());
		assertThat(all).hasSize(events.size());
		assertThat(all.get(0).get("type").asString()).isEqualTo("run_created");
		assertThat(all.get(1).get("correlationId").asString()).isEqualTo("draft");
		assertThat(all.get(1).get("payload").get("engine").asString()).isEqualTo(engineOf(events.get(1)));
		JsonNode rest = this.json.readTree(this.client.get(location + "?after=2").body());
		assertThat(rest).hasSize(events.size() - 2);
		assertThat(rest.get(0).get("sequence").asLong()).isEqualTo(3);
	}

	@Test
	void theEventsOfARunAreServedLiveUntilItsEnd() {
		String location = this.client.run();
		try (ServerSentEvents live = this.client.read(location)) {
			List<Event> all = live.rest();
			List<Event> events = all.subList(0, all.size() - 1);
			assertThat(this.json.readTree(this.client.get(location).body()).values())
				.containsExactlyElementsOf(events.stream().map((event) -> this.json.readTree(event.data())).toList());
			String identity = this.log.info(id(location)).orElseThrow().identity();
			assertThat(events).extracting(Event::lastEventId)
				.containsExactlyElementsOf(
						IntStream.rangeClosed(1, events.size()).mapToObj((i) -> i + "@" + identity).toList());
			assertThat(all.get(all.size() - 1)).isEqualTo(new Event("end@" + identity, "complete", ""));
		}
	}

	@Test
	void aReaderThatComesBackInTheMiddleGetsTheRest() {
		UUID run = UUID.randomUUID();
		append(run, "run_created");
		append(run, "one");
		String location = "/runs/" + run + "/events";
		String lastEventId;
		try (ServerSentEvents live = this.client.read(location)) {
			lastEventId = live.next(2).get(1).lastEventId();
			assertThat(lastEventId).startsWith("2@");
		}
		append(run, "two");
		try (ServerSentEvents live = this.client.read(location, lastEventId)) {
			assertThat(live.next().lastEventId()).startsWith("3@");
			append(run, "run_completed");
			List<Event> rest = live.rest();
			assertThat(rest).extracting(Event::name).containsExactly("message", "complete");
			lastEventId = rest.get(1).lastEventId();
		}
		try (ServerSentEvents live = this.client.read(location, lastEventId)) {
			assertThat(live.status()).isEqualTo(204);
		}
	}

	private void append(UUID run, String type) {
		this.log.append(NewEvent.of(run.toString(), type));
	}

	@ParameterizedTest
	@ValueSource(strings = { "00000000-0000-0000-0000-000000000000", "42", "%20" })
	void anUnknownRunIsNotFound(String id) {
		assertThat(this.client.get("/runs/" + id + "/events").statusCode()).isEqualTo(404);
		try (ServerSentEvents live = this.client.read("/runs/" + id + "/events")) {
			assertThat(live.status()).isEqualTo(404);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "-1", "99999999999999999999" })
	void aPlaceThatIsNoSequenceIsABadRequest(String sequence) {
		String location = this.client.run();
		HttpResponse<String> response = this.client.get(location + "?after=" + sequence);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
		assertThat(response.body()).contains(sequence);
		try (ServerSentEvents live = this.client.read(location, sequence)) {
			assertThat(live.status()).isEqualTo(400);
		}
	}

	private List<StoredEvent> completed(String run) {
		await("end of run").atMost(Duration.ofSeconds(30))
			.until(() -> events(run),
					(events) -> events.stream().anyMatch((event) -> event.type().equals("run_completed")));
		return events(run);
	}

	private List<StoredEvent> events(String run) {
		return this.log.read(run, 0, 1000).events();
	}

	private JsonNode payload(StoredEvent event) {
		return this.json.readTree(event.payload());
	}

	private String engineOf(StoredEvent event) {
		return payload(event).get("engine").asString();
	}

	private static String id(String location) {
		return location.split("/")[2];
	}

}
