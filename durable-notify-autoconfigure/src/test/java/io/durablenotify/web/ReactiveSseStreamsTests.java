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

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import io.durablenotify.event.NewEvent;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser;
import io.durablenotify.testsupport.SseParser.Event;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.reactive.function.BodyInserters;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what {@link ReactiveSseStreams} and {@link ReactiveSseRuns} do in their own
 * way. {@link SseStreamsTests} has what they share with Spring MVC.
 */
class ReactiveSseStreamsTests {

	private static final Duration TIMEOUT = Duration.ofSeconds(30);

	private static final int CHUNKS = 64;

	private static final String CHUNK = "x".repeat(256 * 1024);

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	private static StreamWriter writer;

	@BeforeAll
	static void start() {
		instance = start(WebServer.NETTY, "durable-notify.sse.write-timeout=3s");
		writer = instance.writer();
	}

	private static Instance start(WebServer server, String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		Collections.addAll(all, server.property(), "server.port=0", "server.address=127.0.0.1",
				"durable-notify.poll.interval=200ms", "durable-notify.sse.heartbeat-interval=50ms",
				"durable-notify.events.terminal-types=done");
		return Instance.start(database,
				(application) -> application.web(WebApplicationType.REACTIVE).sources(Application.class),
				all.toArray(String[]::new));
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	private static SseClient get(String path, String lastEventId) {
		return SseClient.open("http://127.0.0.1:%d%s".formatted(port(instance), path), lastEventId);
	}

	private static int port(Instance instance) {
		return ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
	}

	private static CountingReader reader(Instance instance) {
		return (CountingReader) instance.reader();
	}

	private static void awaitNoResponses(Instance instance) {
		ReactiveSseResponses responses = instance.bean(ReactiveSseResponses.class);
		Eventually.await(() -> responses.count() == 0, responses::count);
	}

	private static List<String> ids(SseClient client) {
		return client.events().stream().map(Event::lastEventId).toList();
	}

	/**
	 * The end of a stream is found by asking the database as soon as the body is
	 * subscribed to.
	 */
	@Test
	void theDatabaseIsNotAskedOnAThreadThatMustNotBlock() {
		writer.append("hopping", "a");
		try (SseClient client = get("/hopping/hopping", null)) {
			assertThat(client.status()).isEqualTo(200);
			Eventually.await(() -> {
				writer.append("hopping", "b");
				return !client.events().isEmpty();
			}, client::toString);
			assertThat(client.messages()).isNotEmpty().containsOnly("b");
		}
	}

	@Test
	void aRunIsWrittenUntilItsEnd() {
		instance.events().append(NewEvent.of("orders/1", "created").payload("{\"n\": 1}"));
		try (SseClient client = get("/runs/orders%2F1", null).awaitMessages(1)) {
			instance.events().append(NewEvent.of("orders/1", "done"));
			client.awaitEnd();
			assertThat(client.messages()).hasSize(2);
			assertThat(client.messages().get(0)).contains("\"sequence\":1", "\"payload\":{\"n\": 1}");
			assertThat(client.events()).last().extracting(Event::type).isEqualTo("complete");
			String identity = instance.events().info("orders/1").orElseThrow().identity();
			assertThat(ids(client)).containsExactly("1@" + identity, "2@" + identity, "end@" + identity);
			try (SseClient again = get("/runs/orders%2F1", "1@" + identity).awaitEnd()) {
				assertThat(ids(again)).containsExactly("2@" + identity, "end@" + identity);
			}
			try (SseClient again = get("/runs/orders%2F1", "end@" + identity)) {
				assertThat(again.status()).isEqualTo(204);
			}
		}
		try (SseClient client = get("/runs/none", null)) {
			assertThat(client.status()).isEqualTo(404);
		}
	}

	@ParameterizedTest
	@MethodSource("positions")
	void aStreamThatIsDeletedWhileTheResponseOpensEndsWithAnError(StreamPosition from) {
		writer.append("opening", "a");
		Flux<ServerSentEvent<String>> body = instance.bean(ReactiveSseStreams.class)
			.respond("opening", null, SseOptions.ofStream(from))
			.block()
			.getBody();
		assertThat(writer.delete("opening")).isTrue();
		assertThat(body.blockLast(TIMEOUT)).satisfies((event) -> {
			assertThat(event.event()).isEqualTo("error");
			assertThat(event.data()).contains("Stream 'opening' was deleted");
		});
	}

	static Stream<StreamPosition> positions() {
		return Stream.of(StreamPosition.start(), StreamPosition.earliest(), StreamPosition.last(1),
				StreamPosition.end());
	}

	@ParameterizedTest
	@ValueSource(longs = { 0, 1, 2 })
	void aRunThatIsDeletedWhileTheResponseOpensEndsWithAnError(long after) {
		instance.events().append(NewEvent.of("opening", "created"));
		instance.events().append(NewEvent.of("opening", "changed"));
		Flux<ServerSentEvent<String>> body = instance.bean(ReactiveSseRuns.class)
			.respond("opening", null, SseOptions.ofRun(after))
			.block()
			.getBody();
		assertThat(instance.events().delete("opening")).isTrue();
		assertThat(body.blockLast(TIMEOUT)).satisfies((event) -> {
			assertThat(event.event()).isEqualTo("error");
			assertThat(event.data()).contains("Run 'opening'");
		});
	}

	@Test
	void clientsThatTakeNothingHoldNoThreadAndFewChunksUntilTheyAreDisconnected() throws IOException {
		for (int i = 0; i < CHUNKS; i++) {
			writer.append("stuck", CHUNK);
		}
		Controller controller = instance.bean(Controller.class);
		controller.mapped.set(0);
		ReactiveSseResponses responses = instance.bean(ReactiveSseResponses.class);
		List<Socket> stuck = new ArrayList<>();
		try {
			for (int i = 0; i < 10; i++) {
				stuck.add(connectWithoutReading(instance, "/mapped/stuck"));
			}
			Eventually.await(() -> reader(instance).active("stuck") == 10 && idle(),
					() -> reader(instance).active("stuck"));
			writer.append("beside-stuck", "a");
			try (SseClient beside = get("/mapped/beside-stuck", null).awaitMessages(1)) {
				assertThat(beside.messages()).containsExactly("a");
			}
			reader(instance).awaitActive("stuck", 0);
			Eventually.await(() -> responses.count() == 0, responses::count);
			// What the sockets have taken, and two chunks for each
			assertThat(controller.mapped.get()).isLessThan(10 * CHUNKS / 2);
		}
		finally {
			for (Socket socket : stuck) {
				socket.close();
			}
		}
	}

	private static boolean idle() {
		return instance.context()
			.getBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME, ThreadPoolTaskExecutor.class)
			.getActiveCount() == 0;
	}

	@Test
	void clientsThatLeaveAtAnyMomentLeaveNothing() throws IOException {
		writer.append("leaving", "a");
		List<Socket> sockets = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			Socket socket = connectWithoutReading(instance, "/mapped/leaving");
			sockets.add(socket);
			if (i % 2 == 0) {
				socket.close();
			}
		}
		for (Socket socket : sockets) {
			if (!socket.isClosed()) {
				assertThat(socket.getInputStream().read()).isPositive();
				socket.close();
			}
		}
		awaitNoResponses(instance);
		reader(instance).awaitActive("leaving", 0);
		Eventually.await(ReactiveSseStreamsTests::idle, () -> "busy");
	}

	private static Socket connectWithoutReading(Instance instance, String path) throws IOException {
		Socket socket = new Socket();
		socket.setReceiveBufferSize(4096);
		socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port(instance)));
		socket.getOutputStream()
			.write("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n".formatted(path).getBytes(StandardCharsets.UTF_8));
		return socket;
	}

	@ParameterizedTest
	@EnumSource(mode = Mode.EXCLUDE, names = "NETTY")
	void otherServersWriteAndDisconnectToo(WebServer server) throws IOException {
		try (Instance other = start(server, "durable-notify.sse.write-timeout=3s",
				// Tomcat closes a connection that takes nothing by its own timeout
				"server.tomcat.connection-timeout=4s")) {
			String stream = "on-" + server;
			for (int i = 0; i < CHUNKS; i++) {
				writer.append(stream, CHUNK);
			}
			writer.complete(stream);
			try (SseClient client = SseClient.open("http://127.0.0.1:%d/mapped/%s".formatted(port(other), stream), null)
				.awaitEnd()) {
				assertThat(client.messages()).hasSize(CHUNKS).allMatch(CHUNK::equals);
				assertThat(client.events()).last().extracting(Event::type).isEqualTo("complete");
			}
			awaitNoResponses(other);
			Controller controller = other.bean(Controller.class);
			controller.mapped.set(0);
			try (Socket socket = connectWithoutReading(other, "/mapped/" + stream)) {
				Eventually.await(() -> reader(other).active(stream) == 1, () -> reader(other).opened(stream));
				reader(other).awaitActive(stream, 0);
				awaitNoResponses(other);
				Eventually.await(() -> SseClientTests.isClosed(socket), () -> "the connection is open");
				assertThat(controller.mapped.get()).isLessThan(CHUNKS);
			}
			writer.append("live-" + server, "a");
			SseClient.open("http://127.0.0.1:%d/mapped/live-%s".formatted(port(other), server), null)
				.awaitMessages(1)
				.close();
			awaitNoResponses(other);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/mapped/", "/functional/" })
	void aMockServerIsWrittenToo(String path) {
		String stream = "mock" + path.length();
		writer.append(stream, "Grüße\n\r  €");
		writer.complete(stream);
		WebTestClient client = WebTestClient.bindToApplicationContext(instance.context()).build();
		byte[] body = client.get()
			.uri(path + stream)
			.exchange()
			.expectStatus()
			.isOk()
			.expectHeader()
			.contentTypeCompatibleWith(MediaType.TEXT_EVENT_STREAM)
			.expectBody()
			.returnResult()
			.getResponseBody();
		assertThat(SseParser.parse(body)).extracting(Event::data).containsExactly("Grüße\n\n  €", "");
		client.get().uri(path + "unknown").exchange().expectStatus().isNotFound();
		awaitNoResponses(instance);
	}

	@Configuration(proxyBeanMethods = false)
	@Import(SseStreamsTests.ReactiveApplication.class)
	static class Application {

		@Bean
		Controller ownController(ReactiveSseStreams streams, ReactiveSseRuns runs) {
			return new Controller(streams, runs);
		}

		@Bean
		RouterFunction<ServerResponse> functional(ReactiveSseStreams streams) {
			return RouterFunctions.route()
				.GET("/functional/{stream}",
						(request) -> streams
							.respond(request.pathVariable("stream"), request.headers().firstHeader("Last-Event-ID"))
							.flatMap((response) -> {
								ServerResponse.BodyBuilder builder = ServerResponse.status(response.getStatusCode())
									.headers((headers) -> headers.addAll(response.getHeaders()));
								return (response.getBody() != null)
										? builder.body(BodyInserters.fromServerSentEvents(response.getBody()))
										: builder.build();
							}))
				.build();
		}

	}

	@RestController
	static class Controller {

		private final ReactiveSseStreams streams;

		private final ReactiveSseRuns runs;

		private final AtomicInteger mapped = new AtomicInteger();

		Controller(ReactiveSseStreams streams, ReactiveSseRuns runs) {
			this.streams = streams;
			this.runs = runs;
		}

		@GetMapping("/mapped/{stream}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> mapped(@PathVariable String stream) {
			return this.streams.respond(stream, null, SseOptions.ofStream().map((chunk) -> {
				this.mapped.incrementAndGet();
				return chunk.text();
			}));
		}

		@GetMapping("/hopping/{stream}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> hopping(@PathVariable String stream) {
			return this.streams.respond(stream, null, SseOptions.ofStream(StreamPosition.end()))
				.publishOn(Schedulers.parallel());
		}

		@GetMapping("/runs/{run}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> run(@PathVariable String run,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			return this.runs.respond(run, lastEventId);
		}

	}

}
