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

import java.util.List;

import io.durablenotify.event.NewEvent;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.Tracing;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.SpanData;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.ReactorResourceFactory;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the spans of responses, in Spring MVC and in WebFlux.
 */
@ParameterizedClass
@EnumSource(value = WebServer.class, names = { "TOMCAT", "NETTY" })
class SseTracingTests {

	private static TestDatabase database;

	private static Instance instance;

	SseTracingTests(WebServer server) {
	}

	@BeforeParameterizedClassInvocation
	static void start(WebServer server) {
		database = PostgresServer.shared().createDatabase();
		instance = Instance.start(database,
				(application) -> application.web(server.type())
					.sources((server.type() == WebApplicationType.REACTIVE) ? ReactiveApplication.class
							: WebApplication.class),
				server.property(), "server.port=0", "server.address=127.0.0.1",
				"durable-notify.sse.heartbeat-interval=50ms", "durable-notify.poll.interval=200ms",
				"durable-notify.streams.families.answers.prefix=answers/",
				"durable-notify.events.terminal-types=run_completed");
	}

	@AfterParameterizedClassInvocation
	static void stop() {
		instance.close();
	}

	@BeforeEach
	void reset() {
		instance.bean(InMemorySpanExporter.class).reset();
	}

	private static SseClient get(String path) {
		int port = ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
		return SseClient.open("http://127.0.0.1:%d/%s".formatted(port, path), null);
	}

	private static SpanData only(String name) {
		List<SpanData> spans = Tracing.awaitSpans(1, name, instance);
		assertThat(spans).hasSize(1);
		return spans.get(0);
	}

	private static String attribute(SpanData span, String name) {
		return span.getAttributes().get(AttributeKey.stringKey(name));
	}

	@Test
	void aResponseIsPartOfItsRequestsTrace() {
		List.of("a", "b", "c").forEach((text) -> instance.writer().append("answers/1", text));
		instance.writer().complete("answers/1");
		try (SseClient client = get("streams/answers/1").awaitEnd()) {
			assertThat(client.messages()).hasSize(3);
		}
		SpanData read = only("stream read");
		SpanData request = Tracing.awaitSpans(1, "http get /streams/{family}/{name}", instance).get(0);
		assertThat(read.getParentSpanId()).isEqualTo(request.getSpanId());
		assertThat(attribute(read, "outcome")).isEqualTo("completed");
		assertThat(attribute(read, "family")).isEqualTo("answers");
		assertThat(attribute(read, "durablenotify.stream")).isEqualTo("answers/1");
		assertThat(attribute(read, "durablenotify.events")).isEqualTo("3");
	}

	@Test
	void theSpanOfAClientThatLeavesEnds() {
		instance.writer().append("answers/2", "a");
		try (SseClient client = get("streams/answers/2")) {
			client.awaitMessages(1);
		}
		SpanData read = only("stream read");
		assertThat(attribute(read, "outcome")).isEqualTo("left");
		assertThat(attribute(read, "durablenotify.events")).isEqualTo("1");
	}

	@Test
	void theSpanOfAStreamThatHasFailedShowsThat() {
		instance.writer().append("answers/3", "a");
		instance.writer().fail("answers/3", "no more");
		get("streams/answers/3").awaitEnd().close();
		SpanData read = only("stream read");
		assertThat(attribute(read, "outcome")).isEqualTo("failed");
		assertThat(read.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
	}

	@Test
	void aRunIsReadInASpanToo() {
		instance.events().append(NewEvent.of("run-1", "run_created"));
		instance.events().append(NewEvent.of("run-1", "run_completed"));
		get("runs/run-1").awaitEnd().close();
		SpanData read = only("run read");
		assertThat(attribute(read, "outcome")).isEqualTo("completed");
		assertThat(attribute(read, "family")).isEqualTo("none");
		assertThat(attribute(read, "durablenotify.run")).isEqualTo("run-1");
		assertThat(attribute(read, "durablenotify.events")).isEqualTo("2");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import({ Tracing.Application.class, Controller.class })
	static class WebApplication {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import({ Tracing.Application.class, ReactiveController.class })
	static class ReactiveApplication {

		/**
		 * Otherwise the first context that closes would stop the servers of all.
		 */
		@Bean
		ReactorResourceFactory reactorResources() {
			ReactorResourceFactory resources = new ReactorResourceFactory();
			resources.setUseGlobalResources(false);
			return resources;
		}

	}

	@RestController
	record Controller(SseStreams streams, SseRuns runs) {

		@GetMapping("/streams/{family}/{name}")
		ResponseEntity<SseEmitter> stream(@PathVariable String family, @PathVariable String name) {
			return this.streams.respond(family + "/" + name, null);
		}

		@GetMapping("/runs/{run}")
		ResponseEntity<SseEmitter> run(@PathVariable String run) {
			return this.runs.respond(run, null);
		}

	}

	@RestController
	record ReactiveController(ReactiveSseStreams streams, ReactiveSseRuns runs) {

		@GetMapping("/streams/{family}/{name}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> stream(@PathVariable String family,
				@PathVariable String name) {
			return this.streams.respond(family + "/" + name, null);
		}

		@GetMapping("/runs/{run}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> run(@PathVariable String run) {
			return this.runs.respond(run, null);
		}

	}

}
