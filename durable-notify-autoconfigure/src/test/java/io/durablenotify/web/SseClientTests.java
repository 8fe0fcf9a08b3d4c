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
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser.Event;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Where a client begins, and how one ends that takes nothing.
 */
class SseClientTests {

	/**
	 * More than sockets take.
	 */
	private static final String LARGE = "large";

	@Fixture
	private static TestDatabase database;

	private static Instance shared;

	@BeforeAll
	static void start() {
		shared = start(WebServer.TOMCAT);
		for (int i = 0; i < 16; i++) {
			shared.writer().append(LARGE, "x".repeat(1_000_000));
		}
	}

	@AfterAll
	static void stop() {
		shared.close();
	}

	private static Instance start(WebServer server, String... properties) {
		return start(server, List.of(Application.class), properties);
	}

	private static Instance start(WebServer server, List<Class<?>> sources, String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		Collections.addAll(all, server.property(), "server.port=0", "server.address=127.0.0.1",
				"durable-notify.poll.interval=200ms", "durable-notify.sse.heartbeat-interval=50ms");
		return Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET).sources(sources.toArray(Class<?>[]::new)),
				all.toArray(String[]::new));
	}

	private static int port(Instance instance) {
		return ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
	}

	private static SseClient get(Instance instance, String path, String lastEventId) {
		return SseClient.open("http://127.0.0.1:%d/%s".formatted(port(instance), path), lastEventId);
	}

	@Test
	void aClientBeginsWhereTheOptionsSay() {
		for (int i = 0; i < 5; i++) {
			shared.writer().append("starts", "chunk " + i);
		}
		try (SseClient last = get(shared, "from/last?stream=starts", null).awaitMessages(2);
				SseClient later = get(shared, "from/later?stream=starts", null);
				SseClient end = get(shared, "from/end?stream=starts", null)) {
			assertThat(last.messages()).containsExactly("chunk 3", "chunk 4");
			Eventually.await(() -> later.comments() > 0 && end.comments() > 0, later::toString);
			for (int i = 5; i < 9; i++) {
				shared.writer().append("starts", "chunk " + i);
			}
			// Past the end: it waits
			assertThat(later.awaitMessages(2).messages()).containsExactly("chunk 7", "chunk 8");
			assertThat(end.awaitMessages(4).messages()).startsWith("chunk 5");
		}
		String identity = shared.reader().info("starts").orElseThrow().identity();
		// It knows better than the options
		try (SseClient back = get(shared, "from/end?stream=starts", "6@" + identity).awaitMessages(2)) {
			assertThat(back.messages()).containsExactly("chunk 7", "chunk 8");
		}
	}

	@Test
	void aClientThatHasWaitedReceivesTheFirstChunkWhereverItBegins() {
		for (String from : List.of("end", "last")) {
			String stream = "waited-" + from;
			try (SseClient client = get(shared, "from/" + from + "?wait=true&stream=" + stream, null)) {
				Eventually.await(() -> client.comments() > 0, client::toString);
				// More than the position would leave
				shared.transaction()
					.executeWithoutResult((status) -> List.of("first", "second", "third")
						.forEach((chunk) -> shared.writer().append(stream, chunk)));
				client.awaitMessages(3);
				assertThat(client.messages()).containsExactly("first", "second", "third");
			}
		}
	}

	@Test
	void aPositionWithAnIdentityStaysInItsStream() {
		shared.writer().append("named", "a");
		try (SseClient client = get(shared, "from/other?stream=named", null).awaitEnd()) {
			assertThat(client.messages()).isEmpty();
			assertThat(client.events()).singleElement().extracting(Event::type).isEqualTo("error");
		}
	}

	/**
	 * A container ends a response by a write that blocks.
	 */
	@ParameterizedTest
	@EnumSource(value = WebServer.class, names = { "TOMCAT", "JETTY" })
	void clientsThatAreDisconnectedHoldNoThread(WebServer server) throws Exception {
		try (Instance instance = start(server, "durable-notify.sse.write-timeout=2s", "server.tomcat.threads.max=10",
				"server.tomcat.connection-timeout=15s", "server.jetty.threads.max=20",
				"server.jetty.connection-idle-timeout=15s")) {
			List<Socket> stuck = new ArrayList<>();
			try {
				for (int i = 0; i < 40; i++) {
					stuck.add(connectWithoutReading(instance, LARGE));
				}
				SseConnections connections = instance.bean(SseConnections.class);
				AtomicInteger served = instance.bean(Controller.class).served();
				Eventually.await(() -> served.get() == 40, served::get);
				Eventually.await(() -> connections.count() == 0, connections::count);
				// As many as there are threads, had they been held
				for (int i = 0; i < 10; i++) {
					long start = System.nanoTime();
					try (SseClient client = get(instance, "from/end?stream=" + LARGE, null)) {
						assertThat(client.status()).isEqualTo(200);
					}
					assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
					assertThat(blockedWrites()).isEmpty();
				}
				// At last by the container's own timeout. A response that has not begun
				// ends
				// as a whole, and its connection is kept
				Eventually.await(() -> stuck.stream().anyMatch(SseClientTests::isClosed),
						() -> "the connections are open");
			}
			finally {
				for (Socket socket : stuck) {
					socket.close();
				}
			}
		}
	}

	private static int stalled(Instance instance) {
		return instance.bean(ResponseChecks.class).count((response) -> ((SseConnection) response).isStalled());
	}

	/**
	 * Return whether the server has closed the connection. Nothing is read: a client that
	 * reads again could be written to again.
	 */
	static boolean isClosed(Socket socket) {
		try {
			socket.getOutputStream().write('x');
			return false;
		}
		catch (IOException ex) {
			return true;
		}
	}

	private static List<String> blockedWrites() {
		return Thread.getAllStackTraces()
			.entrySet()
			.stream()
			.filter((thread) -> Stream.of(thread.getValue())
				.anyMatch((frame) -> (frame.getMethodName().equals("doWrite")
						&& frame.getClassName().contains("NioSocketWrapper"))
						|| frame.getClassName().contains("jetty.server.handler")
								&& frame.getMethodName().equals("block")))
			.filter((thread) -> thread.getValue()[0].getMethodName().contains("wait"))
			.map((thread) -> thread.getKey() + " " + List.of(thread.getValue()))
			.toList();
	}

	@ParameterizedTest
	@EnumSource(value = WebServer.class, names = { "TOMCAT", "JETTY" })
	void aClientThatTakesNothingDelaysNoStop(WebServer server) throws Exception {
		Instance instance = start(server, "server.shutdown=graceful",
				"spring.lifecycle.timeout-per-shutdown-phase=30s");
		try (instance) {
			try (Socket stuck = connectWithoutReading(instance, LARGE)) {
				assertThat(stuck.getInputStream().read()).isPositive();
				Eventually.await(() -> stalled(instance) == 1, () -> stalled(instance));
				long start = System.nanoTime();
				instance.close();
				assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
			}
		}
	}

	/**
	 * Jetty ends it by the interrupt, and Tomcat by its own timeout.
	 */
	@ParameterizedTest
	@EnumSource(value = WebServer.class, names = { "TOMCAT", "JETTY" })
	void aWriteThatBlocksEnds(WebServer server) throws Exception {
		try (Instance instance = start(server, List.of(Application.class, SseApplicationTests.IgnoringFilter.class),
				"durable-notify.sse.write-timeout=500ms", "server.tomcat.connection-timeout=2s",
				"server.jetty.connection-idle-timeout=1h")) {
			SseConnections connections = instance.bean(SseConnections.class);
			try (Socket stuck = connectWithoutReading(instance, LARGE)) {
				Eventually.await(() -> !blockingWrites().isEmpty(), connections::count);
				Eventually.await(() -> connections.count() == 0, connections::count);
				Eventually.await(() -> blockingWrites().isEmpty(), SseClientTests::blockingWrites);
				assertThat(stuck.isClosed()).isFalse();
			}
			instance.writer().append("beside-" + server, "a");
			try (SseClient client = get(instance, "from/start?stream=beside-" + server, null).awaitMessages(1)) {
				assertThat(client.messages()).containsExactly("a");
			}
		}
	}

	/**
	 * Return which threads are in a write that blocks.
	 */
	private static List<String> blockingWrites() {
		return Thread.getAllStackTraces()
			.entrySet()
			.stream()
			.filter((thread) -> thread.getValue().length > 0
					&& !thread.getKey().getState().equals(Thread.State.RUNNABLE)
					&& Stream.of(thread.getValue())
						.anyMatch((frame) -> frame.getClassName().equals(SseConnection.class.getName())))
			.map((thread) -> thread.getKey() + " " + List.of(thread.getValue()))
			.toList();
	}

	private static Socket connectWithoutReading(Instance instance, String stream) throws IOException {
		Socket socket = new Socket();
		socket.setReceiveBufferSize(4096);
		socket.setSoTimeout((int) Eventually.TIMEOUT.toMillis());
		socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port(instance)));
		socket.getOutputStream()
			.write("GET /from/start?stream=%s HTTP/1.1\r\nHost: localhost\r\n\r\n".formatted(stream)
				.getBytes(StandardCharsets.UTF_8));
		return socket;
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class Application {

		@Bean
		Controller controller(SseStreams streams) {
			return new Controller(streams, new AtomicInteger());
		}

	}

	@RestController
	record Controller(SseStreams streams, AtomicInteger served) {

		private static final Map<String, StreamPosition> STARTS = Map.of("start", StreamPosition.start(), "last",
				StreamPosition.last(2), "end", StreamPosition.end(), "later", StreamPosition.at(7), "other",
				StreamPosition.after(0).in("1-0"));

		@GetMapping("/from/{from}")
		ResponseEntity<SseEmitter> sse(@PathVariable String from, @RequestParam String stream,
				@RequestParam(defaultValue = "false") boolean wait,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			var options = SseOptions.ofStream(STARTS.get(from));
			ResponseEntity<SseEmitter> response = this.streams.respond(stream, lastEventId,
					(wait) ? options.waiting() : options);
			this.served.incrementAndGet();
			return response;
		}

	}

}
