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

package io.durablenotify.web;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser.Event;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class SseRunsTests {

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	private static EventLog log;

	@BeforeAll
	static void start() {
		instance = Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET).sources(WebApplication.class),
				"server.port=0", "server.address=127.0.0.1", "durable-notify.poll.interval=200ms",
				"durable-notify.sse.heartbeat-interval=50ms");
		log = instance.bean(EventLog.class);
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	private static SseClient get(String run, String lastEventId) {
		int port = ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
		return SseClient.open("http://127.0.0.1:%d/runs?run=%s".formatted(port, run), lastEventId);
	}

	private static String id(String run, Object place) {
		return place + "@" + log.info(run).orElseThrow().identity();
	}

	private static void append(String run, String type, String correlationId, String payload) {
		NewEvent event = NewEvent.of(run, type);
		event = (correlationId != null) ? event.correlationId(correlationId) : event;
		log.append((payload != null) ? event.payload(payload) : event);
	}

	@Test
	void aRunIsServedUntilItsTerminalEvent() {
		append("orders/1", "run_created", null, "{\"a\": [1,\n 2]}");
		try (SseClient client = get("orders/1", null).awaitMessages(1)) {
			append("orders/1", "step_created", "charge", null);
			client.awaitMessages(2);
			append("orders/1", "run_completed", null, "\"ok\"");
			client.awaitEnd();
			assertThat(client.events()).extracting(Event::lastEventId)
				.containsExactly(id("orders/1", 1), id("orders/1", 2), id("orders/1", 3), id("orders/1", "end"));
			assertThat(client.messages().get(0)).startsWith("{\"sequence\":1,\"eventId\":\"")
				.contains("\"type\":\"run_created\"")
				.contains("\"payload\":{\"a\": [1,\n 2]}")
				.doesNotContain("correlationId");
			assertThat(client.messages().get(1)).contains("\"correlationId\":\"charge\"").doesNotContain("payload");
			assertThat(client.events().get(3)).isEqualTo(new Event(id("orders/1", "end"), "complete", ""));
		}
		try (SseClient client = get("orders/1", id("orders/1", 2)).awaitEnd()) {
			assertThat(client.events()).extracting(Event::lastEventId)
				.containsExactly(id("orders/1", 3), id("orders/1", "end"));
		}
		// It has all events, and has not heard of the end
		try (SseClient client = get("orders/1", id("orders/1", 3)).awaitEnd()) {
			assertThat(client.events()).containsExactly(new Event(id("orders/1", "end"), "complete", ""));
		}
		try (SseClient client = get("orders/1", id("orders/1", "end"))) {
			assertThat(client.status()).isEqualTo(204);
		}
	}

	@Test
	void anotherRunOfTheNameIsAnErrorToAClientOfTheOneBefore() {
		append("orders/2", "run_created", null, null);
		append("orders/2", "note", null, null);
		String last = id("orders/2", 2);
		log.delete("orders/2");
		for (int i = 0; i < 3; i++) {
			append("orders/2", "note", null, null);
		}
		try (SseClient client = get("orders/2", last).awaitEnd()) {
			assertThat(client.events()).singleElement().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("run 'orders/2'");
				assertThat(event.lastEventId()).isEqualTo(id("orders/2", "end"));
			});
		}
	}

	@Test
	void aRunThatIsDeletedEndsWithAnError() {
		append("orders/3", "run_created", null, null);
		try (SseClient client = get("orders/3", null).awaitMessages(1)) {
			log.delete("orders/3");
			client.awaitEnd();
			assertThat(client.events()).last().extracting(Event::type).isEqualTo("error");
		}
	}

	@Test
	void anEndedRunThatHasLostEventsEndsWithAnError() {
		append("orders/7", "run_created", null, null);
		append("orders/7", "note", null, null);
		append("orders/7", "run_completed", null, null);
		try (SseClient client = get("orders/7", id("orders/7", 7)).awaitEnd()) {
			assertThat(client.events()).singleElement().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("Run 'orders/7'");
				assertThat(event.lastEventId()).isEqualTo(id("orders/7", "end"));
			});
		}
	}

	@Test
	void anUnknownRunIsNotFoundOrWaitedFor() {
		try (SseClient client = get("orders/4", null)) {
			assertThat(client.status()).isEqualTo(404);
		}
		try (SseClient client = get("orders/4&wait=true", null)) {
			Eventually.await(() -> client.comments() >= 1, client::toString);
			append("orders/4", "run_created", null, null);
			client.awaitMessages(1);
			assertThat(client.events().get(0).lastEventId()).isEqualTo(id("orders/4", 1));
		}
	}

	@Test
	void anEventHasTheDataAndTheNameOfTheOptions() {
		append("orders/5", "run_created", null, null);
		append("orders/5", "hidden", null, null);
		append("orders/5", "run_failed", null, null);
		try (SseClient client = get("orders/5&mapped=true", null).awaitEnd()) {
			assertThat(client.events()).containsExactly(new Event(id("orders/5", 1), "step", "run_created"),
					new Event(id("orders/5", 3), "step", "run_failed"),
					new Event(id("orders/5", "end"), "complete", ""));
		}
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aMapperThatFailsEndsTheResponse(CapturedOutput output) {
		append("orders/6", "broken", null, null);
		try (SseClient client = get("orders/6&mapped=true", null).awaitEnd()) {
			assertThat(client.events())
				.containsExactly(new Event(id("orders/6", "end"), "error", "The run cannot be read"));
			assertThat(client.raw()).doesNotContain("secret");
			assertThat(output).contains(
					"Failed to map event 1 of run 'orders/6' for a client: its response ends with an error event",
					"IllegalStateException: secret");
		}
	}

	@Test
	void aSequenceThatNothingCanFollowIsRefusedAtOnce() {
		assertThatIllegalArgumentException().isThrownBy(() -> SseOptions.ofRun(Long.MAX_VALUE));
		assertThatIllegalArgumentException().isThrownBy(() -> SseOptions.ofRun(-1));
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

		@Bean
		Controller controller(SseRuns runs) {
			return new Controller(runs);
		}

	}

	@RestController
	record Controller(SseRuns runs) {

		@GetMapping("/runs")
		ResponseEntity<SseEmitter> run(@RequestParam String run, @RequestParam(defaultValue = "false") boolean wait,
				@RequestParam(defaultValue = "false") boolean mapped,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			if (mapped) {
				return this.runs.respond(run, lastEventId, SseOptions.ofRun().eventName("step").map((event) -> {
					if (event.type().equals("broken")) {
						throw new IllegalStateException("secret");
					}
					return (event.type().equals("hidden")) ? null : event.type();
				}));
			}
			return (wait) ? this.runs.respond(run, lastEventId, SseOptions.ofRun().waiting())
					: this.runs.respond(run, lastEventId);
		}

	}

}
