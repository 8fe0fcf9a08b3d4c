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
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser.Event;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SseStreams} with a web server and a client that reads as a browser
 * does.
 */
class SseStreamsTests {

	private static final String HEARTBEAT = "durable-notify.sse.heartbeat-interval=50ms";

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	private static StreamWriter writer;

	private static CountingReader reader;

	@BeforeAll
	static void start() {
		instance = startInstance(HEARTBEAT);
		writer = instance.writer();
		reader = (CountingReader) instance.reader();
	}

	private static Instance startInstance(String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		all.add("server.port=0");
		all.add("server.address=127.0.0.1");
		all.add("durable-notify.poll.interval=200ms");
		all.add("spring.mvc.async.request-timeout=100ms");
		all.add("spring.mvc.problemdetails.enabled=true");
		return Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET).sources(WebApplication.class),
				all.toArray(String[]::new));
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	private static SseClient get(String stream) {
		return get(stream, null);
	}

	private static SseClient get(String stream, String lastEventId) {
		return get(instance, stream, lastEventId);
	}

	private static SseClient get(Instance instance, String stream, String lastEventId) {
		return SseClient.open("http://127.0.0.1:%d/sse?stream=%s".formatted(port(instance), stream), lastEventId);
	}

	private static int port(Instance instance) {
		return ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
	}

	@Test
	void aStreamIsWrittenAsEventsWithItsIndexesAsIds() {
		writer.append("whole", "Hello");
		writer.append("whole", " world\n  and\n\nall");
		writer.complete("whole");
		try (SseClient client = get("whole").awaitEnd()) {
			assertThat(client.status()).isEqualTo(200);
			assertThat(client.header("Content-Type"))
				.hasValueSatisfying((type) -> assertThat(type).startsWith("text/event-stream"));
			assertThat(client.header("Cache-Control")).hasValue("no-store");
			assertThat(client.header("X-Accel-Buffering")).hasValue("no");
			assertThat(client.raw()).isEqualTo("""
					id:0
					data: Hello

					id:1
					data:  world
					data:   and
					data:\s
					data: all

					event:complete
					data:

					""");
			assertThat(client.events()).containsExactly(new Event("0", "message", "Hello"),
					new Event("1", "message", " world\n  and\n\nall"), new Event("1", "complete", ""));
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "   leading", "trailing  ", "\tindented\n\t\tmore", "  if (a)\n    b();\n", "\n",
			"\n\n\n", "a\n\n\nb", "data: a\nid: 7\nevent: x\n: y", ":", "\ufeffmark", "ü 🎈 \u2028 \u0085 \u0000",
			"<b>&amp;</b>" })
	void anyTextComesBackAsItWas(String text) {
		String stream = "text/" + text.hashCode();
		writer.append(stream, text);
		writer.complete(stream);
		try (SseClient client = get(stream).awaitEnd()) {
			assertThat(client.messages()).containsExactly(text);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "a\rb", "a\r\nb", "\r", "\r\n", "a\r\r\n\r\nb", "\n\r", "  a\r\n  b\r", "a\r  b\r\r c" })
	void aCarriageReturnComesBackAsALineFeed(String text) {
		String stream = "cr/" + text.hashCode();
		writer.append(stream, text);
		writer.complete(stream);
		try (SseClient client = get(stream).awaitEnd()) {
			assertThat(client.messages()).containsExactly(text.replace("\r\n", "\n").replace('\r', '\n'));
		}
	}

	@Test
	void whatIsWrittenDuringTheResponseArrivesLive() {
		writer.append("live", "0");
		try (SseClient client = get("live").awaitMessages(1)) {
			for (int i = 1; i < 20; i++) {
				writer.append("live", String.valueOf(i));
				client.awaitMessages(i + 1);
			}
			writer.complete("live");
			client.awaitEnd();
			assertThat(client.messages()).containsExactlyElementsOf(numbers(0, 20));
			assertThat(client.events()).last().extracting(Event::type).isEqualTo("complete");
		}
	}

	@Test
	void aClientThatConnectsAgainGoesOnWhereItWas() {
		IntStream.range(0, 10).forEach((i) -> writer.append("resumed", String.valueOf(i)));
		String lastEventId;
		try (SseClient client = get("resumed").awaitMessages(10)) {
			lastEventId = client.events().get(3).lastEventId();
		}
		writer.complete("resumed");
		try (SseClient client = get("resumed", lastEventId).awaitEnd()) {
			assertThat(client.messages()).containsExactlyElementsOf(numbers(4, 10));
		}
	}

	@Test
	void anUnknownStreamIsNotFound() {
		try (SseClient client = get("unknown")) {
			assertThat(client.status()).isEqualTo(404);
		}
		assertThat(reader.opened("unknown")).isEmpty();
	}

	@Test
	void anEndedStreamWithNothingLeftHasNoContent() {
		writer.append("over", "a");
		writer.append("over", "b");
		writer.complete("over");
		writer.complete("over-and-empty");
		writer.fail("failed-and-empty", "nothing to say");
		assertThat(statusOf("over", "1")).isEqualTo(204);
		assertThat(statusOf("over", "7")).isEqualTo(204);
		assertThat(statusOf("over-and-empty", null)).isEqualTo(204);
		assertThat(statusOf("failed-and-empty", null)).isEqualTo(204);
		assertThat(reader.opened("over")).isEmpty();
		try (SseClient client = get("over", "0").awaitEnd()) {
			assertThat(client.events()).containsExactly(new Event("1", "message", "b"), new Event("1", "complete", ""));
		}
	}

	@Test
	void anOpenStreamWithNothingLeftIsWaitedFor() {
		writer.append("open", "a");
		try (SseClient client = get("open", "0")) {
			assertThat(client.status()).isEqualTo(200);
			reader.awaitActive("open", 1);
			writer.append("open", "b");
			client.awaitMessages(1);
			assertThat(client.events()).containsExactly(new Event("1", "message", "b"));
		}
	}

	private static int statusOf(String stream, String lastEventId) {
		try (SseClient client = get(stream, lastEventId)) {
			return client.status();
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "-1", "1.5", "9223372036854775807", "99999999999999999999" })
	void aBadLastEventIdIsABadRequest(String lastEventId) {
		writer.append("known", "a");
		try (SseClient client = get("known", lastEventId).awaitEnd()) {
			assertThat(client.status()).isEqualTo(400);
			assertThat(client.raw()).contains(lastEventId).contains("use 0 or more");
		}
	}

	@Test
	void aBadNameIsABadRequest() {
		try (SseClient client = get("a%20b").awaitEnd()) {
			assertThat(client.status()).isEqualTo(400);
			assertThat(client.raw()).contains("'a b'").contains("1 to 512 characters");
		}
		SseStreams streams = instance.bean(SseStreams.class);
		assertThatExceptionOfType(ResponseStatusException.class).isThrownBy(() -> streams.respond("", null))
			.satisfies((ex) -> assertThat(ex.getStatusCode().value()).isEqualTo(400))
			.satisfies((ex) -> assertThat(ex.getReason()).contains("1 to 512 characters"));
	}

	@Test
	void aFailedStreamEndsWithItsReason() {
		writer.append("failed", "a");
		writer.fail("failed", "out of words:\n  the\r\n\r\nmodel");
		try (SseClient client = get("failed").awaitEnd()) {
			assertThat(client.events()).containsExactly(new Event("0", "message", "a"),
					new Event("0", "error", "out of words:\n  the\n\nmodel"));
		}
	}

	@Test
	void aCancelledStreamEndsLikeOneThatFailed() {
		writer.append("cancelled", "a");
		try (SseClient client = get("cancelled").awaitMessages(1)) {
			writer.cancel("cancelled", "stopped by the reader");
			client.awaitEnd();
			assertThat(client.events()).containsExactly(new Event("0", "message", "a"),
					new Event("0", "error", "stopped by the reader"));
		}
		assertThat(statusOf("cancelled", "0")).isEqualTo(204);
	}

	@Test
	void aStreamThatIsDeletedDuringTheResponseEndsWithAnError() {
		writer.append("deleted", "a");
		try (SseClient client = get("deleted").awaitMessages(1)) {
			deleteBehindTheApi("deleted");
			client.awaitEnd();
			assertThat(client.events()).last().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("'deleted'");
			});
		}
	}

	@Test
	void theThreadOfHeartbeatsGoesWithTheLastResponseAndComesWithTheNext() {
		writer.append("hearts", "a");
		for (int round = 0; round < 2; round++) {
			try (SseClient client = get("hearts").awaitMessages(1); SseClient other = get("hearts").awaitMessages(1)) {
				Eventually.await(() -> client.comments() > 2 && other.comments() > 2, client::toString);
				assertThat(heartbeatThreads()).isOne();
			}
			// As soon as a heartbeat has found that the clients are gone
			Eventually.await(() -> heartbeatThreads() == 0, SseStreamsTests::heartbeatThreads);
		}
	}

	private static long heartbeatThreads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("durable-notify-heartbeat"))
			.count();
	}

	@ParameterizedTest
	@CsvSource({ "false, ", "true, ", "true, 9", "true, 399" })
	void aHoleIsAnErrorToTheClient(boolean ended, String lastEventId) {
		String stream = "hole/" + ended + lastEventId;
		writer.appendAll(stream, Collections.nCopies(500, new byte[] { 'x' }));
		if (ended) {
			writer.complete(stream);
		}
		database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index BETWEEN 10 AND 450 AND stream_id = "
					+ "(SELECT stream_id FROM durable_notify.streams WHERE name = ?)", stream);
		try (SseClient client = get(stream, lastEventId).awaitEnd()) {
			assertThat(client.messages()).hasSize((lastEventId == null) ? 10 : 0);
			assertThat(client.events()).last().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("has lost chunks").contains("but 451 was found");
			});
		}
	}

	private static void deleteBehindTheApi(String stream) {
		database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = ?", stream);
	}

	@Test
	void anErrorOfTheDatabaseIsNotShownToTheClient() {
		writer.append("broken", "a");
		try (SseClient client = get("broken").awaitMessages(1)) {
			reader.opened("broken")
				.get(0)
				.handler()
				.onError(new DataAccessResourceFailureException("SELECT salary FROM secrets"));
			client.awaitEnd();
			assertThat(client.events()).last().extracting(Event::type).isEqualTo("error");
			assertThat(client.raw()).doesNotContain("salary");
		}
	}

	@Test
	void commentsKeepASilentResponseAlive() {
		writer.append("silent", "a");
		try (SseClient client = get("silent").awaitMessages(1)) {
			// Longer than the container takes to look for responses that have timed out
			Eventually.await(() -> client.comments() >= 50, client::toString);
			writer.append("silent", "b");
			client.awaitMessages(2);
			assertThat(client.events()).containsExactly(new Event("0", "message", "a"), new Event("1", "message", "b"));
			assertThat(client.raw()).contains("\n\n:\n\n");
		}
	}

	@Test
	void aClientThatLeavesWhileSomethingIsWrittenIsNotReadForAnyMore() {
		writer.append("left", "a");
		SseClient client = get("left").awaitMessages(1);
		assertThat(reader.active("left")).isOne();
		client.close();
		Eventually.await(() -> {
			writer.append("left", "b");
			return reader.active("left") == 0;
		}, () -> reader.opened("left"));
	}

	@Test
	void aClientThatLeavesInSilenceIsNotReadForAnyMore() {
		writer.append("left-in-silence", "a");
		SseClient client = get("left-in-silence").awaitMessages(1);
		assertThat(reader.active("left-in-silence")).isOne();
		client.close();
		reader.awaitActive("left-in-silence", 0);
	}

	@Test
	void nothingIsLeftOfManyClientsThatCameAndWent() {
		writer.append("many", "a");
		for (int i = 0; i < 50; i++) {
			get("many").awaitMessages(1).close();
		}
		reader.awaitActive("many", 0);
		assertThat(reader.opened("many")).hasSize(50);
		Eventually.await(() -> responses(instance) == 0, () -> responses(instance) + " responses");
	}

	/**
	 * Responses that heartbeats are sent to.
	 */
	private static int responses(Instance instance) {
		return ((DefaultSseStreams) instance.bean(SseStreams.class)).count();
	}

	@Test
	void anEmitterThatIsNotReturnedReadsNothing() {
		writer.append("unused", "a");
		ResponseEntity<SseEmitter> response = instance.bean(SseStreams.class).respond("unused", null);
		assertThat(response.getBody()).isNotNull();
		assertThat(reader.opened("unused")).isEmpty();
	}

	@Test
	void aClientThatReadsNothingBlocksNoOther() throws Exception {
		writer.append("slow", "0");
		try (Socket slow = connectWithoutReading(instance, "slow"); SseClient fast = get("slow")) {
			reader.awaitActive("slow", 2);
			for (int i = 0; i < 16; i++) {
				appendMegabyte("slow", i);
			}
			writer.append("slow", "last");
			fast.awaitMessages(66);
			writer.append("beside", "a");
			try (SseClient beside = get("beside").awaitMessages(1)) {
				assertThat(beside.messages()).containsExactly("a");
			}
			writer.complete("slow");
			fast.awaitEnd();
			assertThat(reader.active("slow")).as("readers of the stream").isOne();
		}
		reader.awaitActive("slow", 0);
	}

	private static void appendMegabyte(String stream, int i) {
		String quarter = String.valueOf((char) ('a' + i)).repeat(256 * 1024);
		for (int part = 0; part < 4; part++) {
			writer.append(stream, quarter);
		}
	}

	private static Socket connectWithoutReading(Instance instance, String stream) throws IOException {
		Socket socket = new Socket();
		socket.setReceiveBufferSize(4096);
		socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port(instance)));
		socket.getOutputStream()
			.write("GET /sse?stream=%s HTTP/1.1\r\nHost: localhost\r\n\r\n".formatted(stream)
				.getBytes(StandardCharsets.UTF_8));
		return socket;
	}

	@Test
	void closingTheContextEndsResponsesQuicklyAndWithoutAnError() {
		Instance closing = startInstance("server.shutdown=graceful", "spring.lifecycle.timeout-per-shutdown-phase=30s");
		List<SseClient> clients = new ArrayList<>();
		try (closing) {
			writer.append("closing", "a");
			for (int i = 0; i < 5; i++) {
				clients.add(get(closing, "closing", null).awaitMessages(1));
			}
			long start = System.nanoTime();
			closing.close();
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
		}
		for (SseClient client : clients) {
			client.awaitEnd();
			assertThat(client.events()).containsExactly(new Event("0", "message", "a"));
			client.close();
		}
	}

	@Test
	void aClientThatReadsNothingIsGivenUpAfterTheContainersTimeout() throws Exception {
		Instance closing = startInstance("server.tomcat.connection-timeout=500ms", "server.shutdown=graceful",
				"spring.lifecycle.timeout-per-shutdown-phase=30s");
		try (closing) {
			for (int i = 0; i < 16; i++) {
				appendMegabyte("stuck", i);
			}
			CountingReader reader = (CountingReader) closing.reader();
			try (Socket first = connectWithoutReading(closing, "stuck")) {
				Eventually.await(() -> reader.opened("stuck").size() == 1, () -> reader.opened("stuck"));
				reader.awaitActive("stuck", 0);
			}
			try (Socket second = connectWithoutReading(closing, "stuck")) {
				awaitBlockedWrite();
				long start = System.nanoTime();
				closing.close();
				assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
			}
		}
	}

	private static void awaitBlockedWrite() {
		Eventually.await(
				() -> Thread.getAllStackTraces()
					.entrySet()
					.stream()
					.anyMatch((thread) -> thread.getKey().getState() == Thread.State.TIMED_WAITING
							&& Stream.of(thread.getValue())
								.anyMatch((frame) -> frame.getClassName().equals(StreamEmitter.class.getName()))),
				Thread::getAllStackTraces);
	}

	@Test
	void aRequestThatComesWhileTheContextClosesIsEndedSoThatTheBrowserConnectsAgain() {
		Instance closing = startInstance(HEARTBEAT);
		try (closing) {
			writer.append("late", "a");
			Lifecycle readers = closing.context().getBean("durableNotifyLiveReaders", Lifecycle.class);
			readers.stop();
			try (SseClient client = get(closing, "late", null).awaitEnd()) {
				assertThat(client.status()).isEqualTo(200);
				assertThat(client.raw()).isEmpty();
			}
			Eventually.await(() -> responses(closing) == 0, () -> responses(closing) + " responses");
		}
	}

	/**
	 * Some of them end before Spring MVC has registered its callbacks. No heartbeat comes
	 * to clean up.
	 */
	@Test
	void nothingIsLeftOfResponsesThatEnded() {
		try (Instance quiet = startInstance("durable-notify.sse.heartbeat-interval=1h")) {
			writer.append("short", "a");
			writer.complete("short");
			for (int i = 0; i < 300; i++) {
				get(quiet, "short", null).awaitEnd().close();
			}
			assertThat(((CountingReader) quiet.reader()).active("short")).isZero();
			Eventually.await(() -> responses(quiet) == 0, () -> responses(quiet) + " responses");
		}
	}

	@Test
	void afterAStopAndAStartResponsesAreServedAgain() {
		Instance restarted = startInstance(HEARTBEAT);
		try (restarted) {
			writer.append("restarted", "a");
			try (SseClient before = get(restarted, "restarted", null).awaitMessages(1)) {
				restarted.context().stop();
				before.awaitEnd();
			}
			restarted.context().start();
			try (SseClient after = get(restarted, "restarted", null).awaitMessages(1)) {
				Eventually.await(() -> after.comments() >= 2, after::toString);
			}
		}
	}

	private static List<String> numbers(int start, int end) {
		return IntStream.range(start, end).mapToObj(String::valueOf).toList();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

		@Bean
		static BeanPostProcessor countingReader() {
			return new BeanPostProcessor() {

				@Override
				public Object postProcessAfterInitialization(Object bean, String beanName) {
					return (bean instanceof StreamReader reader) ? new CountingReader(reader) : bean;
				}

			};
		}

		@Bean
		Controller controller(SseStreams streams) {
			return new Controller(streams);
		}

	}

	@RestController
	static class Controller {

		private final SseStreams streams;

		Controller(SseStreams streams) {
			this.streams = streams;
		}

		@GetMapping("/sse")
		ResponseEntity<SseEmitter> sse(@RequestParam String stream,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			return this.streams.respond(stream, lastEventId);
		}

	}

}
