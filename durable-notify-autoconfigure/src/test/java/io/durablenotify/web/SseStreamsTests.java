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
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser.Event;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

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
import org.springframework.http.client.ReactorResourceFactory;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SseStreams} and {@link ReactiveSseStreams} with a web server and a
 * client that reads as a browser does.
 */
@ParameterizedClass
@EnumSource(WebServer.class)
class SseStreamsTests {

	SseStreamsTests(WebServer server) {
	}

	private static final String HEARTBEAT = "durable-notify.sse.heartbeat-interval=50ms";

	private static TestDatabase database;

	private static WebServer server;

	private static Instance instance;

	/**
	 * Sends no heartbeat.
	 */
	private static Instance quiet;

	private static StreamWriter writer;

	private static CountingReader reader;

	@BeforeParameterizedClassInvocation
	static void start(WebServer server) {
		SseStreamsTests.server = server;
		database = PostgresServer.shared().createDatabase();
		instance = startInstance(HEARTBEAT, "durable-notify.sse.write-timeout=10m",
				"durable-notify.delivery.max-threads=16", "server.tomcat.threads.max=16",
				"server.jetty.threads.max=16");
		quiet = startInstance("durable-notify.sse.heartbeat-interval=1h");
		writer = instance.writer();
		reader = (CountingReader) instance.reader();
	}

	private static Instance startInstance(String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		all.add(server.property());
		all.add("server.port=0");
		all.add("server.address=127.0.0.1");
		all.add("durable-notify.poll.interval=200ms");
		all.add("spring.mvc.async.request-timeout=100ms");
		all.add("spring.mvc.problemdetails.enabled=true");
		all.add("spring.webflux.problemdetails.enabled=true");
		return Instance.start(database,
				(application) -> application.web(server.type())
					.sources((isReactive()) ? ReactiveApplication.class : WebApplication.class),
				all.toArray(String[]::new));
	}

	private static boolean isReactive() {
		return server.type() == WebApplicationType.REACTIVE;
	}

	@AfterParameterizedClassInvocation
	static void stop() {
		quiet.close();
		instance.close();
	}

	@Test
	void theServerIsTheOneThatWasChosen() {
		assertThat(((WebServerApplicationContext) instance.context()).getWebServer().getClass().getSimpleName())
			.startsWithIgnoringCase(server.name());
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
		try (SseClient client = get(quiet, "whole", null).awaitEnd()) {
			assertThat(client.status()).isEqualTo(200);
			assertThat(client.header("Content-Type"))
				.hasValueSatisfying((type) -> assertThat(type).startsWith("text/event-stream"));
			assertThat(client.header("Cache-Control")).hasValue("no-store");
			assertThat(client.header("X-Accel-Buffering")).hasValue("no");
			String identity = identity("whole");
			assertThat(client.raw()).isEqualTo("""
					:

					id:0@%1$s
					data: Hello

					id:1@%1$s
					data:  world
					data:   and
					data:\s
					data: all

					id:end@%1$s
					event:complete
					data:\s

					""".formatted(identity));
			assertThat(plain(client)).containsExactly(new Event("0", "message", "Hello"),
					new Event("1", "message", " world\n  and\n\nall"), new Event("end", "complete", ""));
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
	void aLineEndThatIsDividedBetweenChunksArrivesAsOne() {
		for (String chunk : List.of("a\r", "\nb\r", "\n", "c")) {
			writer.append("divided", chunk);
		}
		writer.complete("divided");
		List<String> ids;
		try (SseClient client = get("divided").awaitEnd()) {
			assertThat(client.messages()).containsExactly("a\n", "b\n", "c");
			ids = client.events().stream().map(Event::lastEventId).toList();
		}
		try (SseClient client = get("divided", ids.get(0)).awaitEnd()) {
			assertThat(client.messages()).containsExactly("b\n", "c");
		}
		try (SseClient client = get("divided", ids.get(1)).awaitEnd()) {
			assertThat(client.messages()).containsExactly("c");
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
			assertThat(plain(client)).last().extracting(Event::type).isEqualTo("complete");
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
	void onlyAClientThatHasReceivedTheEndHasNoContent() {
		writer.append("over", "a");
		writer.append("over", "b");
		writer.complete("over");
		writer.complete("over-and-empty");
		writer.fail("failed-and-empty", "nothing to say");
		writer.fail("failed-and-read", "nothing more");
		for (String stream : List.of("over", "over-and-empty", "failed-and-empty", "failed-and-read")) {
			String end;
			try (SseClient client = get(stream).awaitEnd()) {
				assertThat(client.status()).isEqualTo(200);
				end = client.events().get(client.events().size() - 1).lastEventId();
			}
			assertThat(end).isEqualTo("end@" + identity(stream));
			assertThat(statusOf(stream, end)).isEqualTo(204);
		}
		try (SseClient client = get("over", "0").awaitEnd()) {
			assertThat(plain(client)).containsExactly(new Event("1", "message", "b"), new Event("end", "complete", ""));
		}
		try (SseClient client = get("over", "1").awaitEnd()) {
			assertThat(plain(client)).containsExactly(new Event("end", "complete", ""));
		}
		try (SseClient client = get("failed-and-empty").awaitEnd()) {
			assertThat(plain(client)).containsExactly(new Event("end", "error", "nothing to say"));
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anotherStreamOfTheNameIsAnErrorToAClientOfTheOneBefore(boolean ended) {
		String stream = "again/" + ended;
		IntStream.range(0, 50).forEach((i) -> writer.append(stream, "old " + i));
		String last;
		try (SseClient client = get(stream).awaitMessages(50)) {
			last = client.events().get(49).lastEventId();
		}
		deleteBehindTheApi(stream);
		IntStream.range(0, 60).forEach((i) -> writer.append(stream, "new " + i));
		if (ended) {
			writer.complete(stream);
		}
		String told;
		try (SseClient client = get(stream, last).awaitEnd()) {
			assertThat(client.messages()).isEmpty();
			assertThat(client.events()).singleElement().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("'" + stream + "'").contains("another one has its name");
			});
			told = client.events().get(0).lastEventId();
		}
		assertThat(statusOf(stream, told)).isEqualTo(204);
		try (SseClient client = get(stream).awaitMessages(60)) {
			assertThat(client.messages()).startsWith("new 0");
		}
	}

	@Test
	void anEndOfAStreamThatIsGoneHasNoContent() {
		writer.complete("gone");
		String end = "end@" + identity("gone");
		deleteBehindTheApi("gone");
		assertThat(statusOf("gone", end)).isEqualTo(204);
		assertThat(statusOf("gone", "4@" + end.substring(4))).isEqualTo(404);
		writer.append("gone", "another");
		try (SseClient client = get("gone", end).awaitEnd()) {
			assertThat(client.events()).singleElement().extracting(Event::type).isEqualTo("error");
		}
	}

	@Test
	void aCharacterInSeveralChunksIsSentWithTheLastOfThem() {
		byte[] bytes = "Grüße 🌍 你好".getBytes(StandardCharsets.UTF_8);
		for (int size : new int[] { 1, 2, 3, 5 }) {
			String stream = "split/" + size;
			for (int i = 0; i < bytes.length; i += size) {
				writer.append(stream, Arrays.copyOfRange(bytes, i, Math.min(bytes.length, i + size)));
			}
			writer.complete(stream);
			List<String> ids;
			try (SseClient client = get(stream).awaitEnd()) {
				assertThat(String.join("", client.messages())).isEqualTo("Grüße 🌍 你好");
				ids = client.events().stream().map(Event::lastEventId).toList();
			}
			// Wherever a client has left, it has every character once
			for (int i = 0; i < ids.size() - 1; i++) {
				try (SseClient before = get(stream).awaitEnd(); SseClient after = get(stream, ids.get(i)).awaitEnd()) {
					assertThat(String.join("", before.messages().subList(0, i + 1)) + String.join("", after.messages()))
						.as("after %s", ids.get(i))
						.isEqualTo("Grüße 🌍 你好");
				}
			}
		}
	}

	@Test
	void bytesThatAreNoTextAreReplaced() {
		writer.append("binary", new byte[] { 'a', (byte) 0xFF, 'b' });
		writer.append("binary", new byte[] { 'c', (byte) 0xE2, (byte) 0x82 });
		writer.complete("binary");
		try (SseClient client = get("binary").awaitEnd()) {
			assertThat(client.messages()).containsExactly("a\uFFFDb", "c", "\uFFFD");
		}
	}

	@Test
	void theHeadersAndACommentComeAtOnce() {
		writer.create("quiet", StreamOptions.none());
		try (SseClient client = get(quiet, "quiet", null)) {
			Eventually.await(() -> client.comments() >= 1, client::toString);
			assertThat(client.status()).isEqualTo(200);
			writer.complete("quiet");
			client.awaitEnd();
		}
	}

	@Test
	void aHeadRequestHasNoReader() throws Exception {
		writer.append("head", "a");
		HttpClient client = HttpClient.newHttpClient();
		HttpRequest request = HttpRequest
			.newBuilder(URI.create("http://127.0.0.1:%d/sse?stream=head".formatted(port(instance))))
			.method("HEAD", HttpRequest.BodyPublishers.noBody())
			.build();
		for (int i = 0; i < 5; i++) {
			HttpResponse<Void> response = client.send(request, HttpResponse.BodyHandlers.discarding());
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.headers().firstValue("Content-Type"))
				.hasValueSatisfying((type) -> assertThat(type).startsWith("text/event-stream"));
		}
		assertThat(reader.opened("head")).isEmpty();
		Eventually.await(() -> responses(instance) == 0, () -> responses(instance));
	}

	@Test
	void aStreamThatDoesNotExistYetIsWaitedForOnRequest() {
		try (SseClient client = get("awaited&wait=true")) {
			Eventually.await(() -> client.comments() >= 1, client::toString);
			assertThat(client.status()).isEqualTo(200);
			writer.append("awaited", "a");
			client.awaitMessages(1);
			assertThat(client.events().get(0).lastEventId()).isEqualTo("0@" + identity("awaited"));
			writer.complete("awaited");
			client.awaitEnd();
			assertThat(plain(client)).containsExactly(new Event("0", "message", "a"), new Event("end", "complete", ""));
		}
		try (SseClient client = get("awaited-and-empty&wait=true")) {
			Eventually.await(() -> client.comments() >= 1, client::toString);
			writer.fail("awaited-and-empty", "nothing to say");
			client.awaitEnd();
			assertThat(plain(client)).containsExactly(new Event("end", "error", "nothing to say"));
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 1, 3 })
	void aClientThatBeginsAtTheEndAndComesBackBeforeAnEventMissesNothing(int before) {
		String stream = "from-end/" + before;
		writer.create(stream, StreamOptions.none());
		numbers(0, before).forEach((chunk) -> writer.append(stream, chunk));
		String id = idBeforeAnEvent(stream + "&from=end");
		assertThat(id).isEqualTo((before - 1) + ".0@" + identity(stream));
		numbers(before, before + 3).forEach((chunk) -> writer.append(stream, chunk));
		try (SseClient client = get(stream + "&from=end", id).awaitMessages(3)) {
			assertThat(client.messages()).containsExactlyElementsOf(numbers(before, before + 3));
		}
	}

	@Test
	void aClientThatWaitsFromTheEndAndComesBackBeforeAnEventMissesNothing() {
		String id = idBeforeAnEvent("awaited-from-end&wait=true&from=end");
		try (SseClient still = get("awaited-from-end&wait=true&from=end", id)) {
			Eventually.await(() -> still.comments() > 0, still::toString);
			numbers(0, 2).forEach((chunk) -> writer.append("awaited-from-end", chunk));
			assertThat(still.awaitMessages(2).messages()).containsExactly("0", "1");
		}
		try (SseClient later = get("awaited-from-end&wait=true&from=end", id).awaitMessages(2)) {
			assertThat(later.messages()).containsExactly("0", "1");
		}
	}

	private static String idBeforeAnEvent(String stream) {
		try (SseClient client = get(stream)) {
			Eventually.await(() -> client.raw().endsWith("\n\n"), client::toString);
			assertThat(client.raw()).matches("id:\\S+\n\n(:\n\n)*");
			return client.raw().substring("id:".length(), client.raw().indexOf('\n'));
		}
	}

	@Test
	void aClientThatBeginsBeforeTheEndGetsWhatIsLeftOfThat() {
		numbers(0, 10).forEach((chunk) -> writer.append("trimmed", chunk));
		trim("trimmed", 9);
		try (SseClient client = get("trimmed&from=last").awaitMessages(1)) {
			writer.append("trimmed", "10");
			assertThat(client.awaitMessages(2).messages()).containsExactly("9", "10");
			assertThat(client.raw()).startsWith("id:8.0@" + identity("trimmed") + "\n\n");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "last", "end" })
	void aClientThatComesBackBeforeAnEventGetsWhatIsLeft(String from) {
		String stream = "trimmed-before-an-event/" + from;
		numbers(0, 10).forEach((chunk) -> writer.append(stream, chunk));
		String id;
		try (SseClient client = get(stream + "&from=" + from)) {
			Eventually.await(() -> client.raw().contains("\n\n"), client::toString);
			id = client.raw().substring("id:".length(), client.raw().indexOf('\n'));
		}
		assertThat(id).isEqualTo(((from.equals("end")) ? "9" : "4") + ".0@" + identity(stream));
		numbers(10, 13).forEach((chunk) -> writer.append(stream, chunk));
		trim(stream, 12);
		try (SseClient client = get(stream + "&from=" + from, id).awaitMessages(1)) {
			writer.append(stream, "13");
			assertThat(client.awaitMessages(2).messages()).containsExactly("12", "13");
		}
	}

	@Test
	void aClientThatWaitedAndComesBackBeforeAnEventGetsWhatIsLeft() {
		String id = idBeforeAnEvent("trimmed-while-awaited&wait=true&from=end");
		numbers(0, 10).forEach((chunk) -> writer.append("trimmed-while-awaited", chunk));
		trim("trimmed-while-awaited", 9);
		try (SseClient client = get("trimmed-while-awaited&wait=true&from=end", id).awaitMessages(1)) {
			assertThat(client.messages()).containsExactly("9");
		}
	}

	private static void trim(String stream, long chunks) {
		assertThat(database.jdbc()
			.queryForObject("SELECT durable_notify.trim_stream(?, interval '1 hour')", Long.class, stream))
			.isEqualTo(chunks);
	}

	@Test
	void anOpenStreamWithNothingLeftIsWaitedFor() {
		writer.append("open", "a");
		try (SseClient client = get("open", "0")) {
			assertThat(client.status()).isEqualTo(200);
			reader.awaitActive("open", 1);
			writer.append("open", "b");
			client.awaitMessages(1);
			assertThat(plain(client)).containsExactly(new Event("1", "message", "b"));
		}
	}

	private static String identity(String stream) {
		return instance.reader().info(stream).orElseThrow().identity();
	}

	/**
	 * Return events with the identity left out of their ids.
	 */
	private static List<Event> plain(SseClient client) {
		return client.events()
			.stream()
			.map((event) -> new Event(event.lastEventId().replaceAll("@.*", ""), event.type(), event.data()))
			.toList();
	}

	private static int statusOf(String stream, String lastEventId) {
		try (SseClient client = get(stream, lastEventId)) {
			return client.status();
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "-1", "-2", "1.5.2", "@a", "1@", "1@A_B", "99999999999999999999" })
	void aBadLastEventIdIsABadRequest(String lastEventId) {
		writer.append("known", "a");
		try (SseClient client = get("known", lastEventId).awaitEnd()) {
			assertThat(client.status()).isEqualTo(400);
			assertThat(client.raw()).contains(lastEventId).contains("must be the id of an event");
		}
	}

	@Test
	void aBadNameIsABadRequest() {
		try (SseClient client = get("a%20b").awaitEnd()) {
			assertThat(client.status()).isEqualTo(400);
			assertThat(client.raw()).contains("'a b'").contains("1 to 512 characters");
		}
		assertThatExceptionOfType(ResponseStatusException.class).isThrownBy(() -> respond(""))
			.satisfies((ex) -> assertThat(ex.getStatusCode().value()).isEqualTo(400))
			.satisfies((ex) -> assertThat(ex.getReason()).contains("1 to 512 characters"));
	}

	private static ResponseEntity<?> respond(String stream) {
		return (isReactive()) ? instance.bean(ReactiveSseStreams.class).respond(stream, null).block()
				: instance.bean(SseStreams.class).respond(stream, null);
	}

	@Test
	void aFailedStreamEndsWithItsReason() {
		writer.append("failed", "a");
		writer.fail("failed", "out of words:\n  the\r\n\r\nmodel");
		try (SseClient client = get("failed").awaitEnd()) {
			assertThat(plain(client)).containsExactly(new Event("0", "message", "a"),
					new Event("end", "error", "out of words:\n  the\n\nmodel"));
		}
	}

	@Test
	void aCancelledStreamEndsLikeOneThatFailed() {
		writer.append("cancelled", "a");
		try (SseClient client = get("cancelled").awaitMessages(1)) {
			writer.cancel("cancelled", "stopped by the reader");
			client.awaitEnd();
			assertThat(plain(client)).containsExactly(new Event("0", "message", "a"),
					new Event("end", "error", "stopped by the reader"));
		}
		assertThat(statusOf("cancelled", "end@" + identity("cancelled"))).isEqualTo(204);
	}

	@Test
	void aStreamThatIsDeletedDuringTheResponseEndsWithAnError() {
		writer.append("deleted", "a");
		try (SseClient client = get("deleted").awaitMessages(1)) {
			deleteBehindTheApi("deleted");
			client.awaitEnd();
			assertThat(plain(client)).last().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("'deleted'");
			});
		}
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
			assertThat(plain(client)).last().satisfies((event) -> {
				assertThat(event.type()).isEqualTo("error");
				assertThat(event.data()).contains("has lost chunks");
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
				.subscriber()
				.onError(new DataAccessResourceFailureException("SELECT salary FROM secrets"));
			client.awaitEnd();
			// It connects again, and continues
			assertThat(plain(client)).containsExactly(new Event("0", "message", "a"));
			assertThat(client.raw()).doesNotContain("salary");
		}
	}

	@Test
	void aClientThatComesBackWhileTheDatabaseDoesNotAnswerIsToComeAgain() {
		writer.append("unavailable", "a");
		reader.fail("unavailable");
		try (SseClient client = get("unavailable", "0").awaitEnd()) {
			assertThat(client.status()).isEqualTo(200);
			assertThat(client.header("Content-Type"))
				.hasValueSatisfying((type) -> assertThat(type).startsWith("text/event-stream"));
			assertThat(client.raw()).isEmpty();
		}
		try (SseClient client = get("unavailable").awaitEnd()) {
			assertThat(client.status()).isEqualTo(500);
		}
		assertThat(reader.opened("unavailable")).isEmpty();
	}

	@Test
	void commentsKeepASilentResponseAlive() {
		writer.append("silent", "a");
		try (SseClient client = get("silent").awaitMessages(1)) {
			// Longer than the container takes to look for responses that have timed out
			Eventually.await(() -> client.comments() >= 50, client::toString);
			writer.append("silent", "b");
			client.awaitMessages(2);
			assertThat(plain(client)).containsExactly(new Event("0", "message", "a"), new Event("1", "message", "b"));
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
		return (isReactive()) ? instance.bean(ReactiveSseResponses.class).count()
				: instance.bean(SseConnections.class).count();
	}

	@Test
	void anEmitterThatIsNotReturnedReadsNothing() {
		writer.append("unused", "a");
		assertThat(respond("unused").getBody()).isNotNull();
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

	/**
	 * More than there are threads.
	 */
	@Test
	void manyClientsThatReadNothingHoldNoThread() throws Exception {
		int clients = 50;
		for (int i = 0; i < 4; i++) {
			appendMegabyte("stuck-many", i);
		}
		List<Socket> stuck = new ArrayList<>();
		try {
			for (int i = 0; i < clients; i++) {
				stuck.add(connectWithoutReading(instance, "stuck-many"));
			}
			reader.awaitActive("stuck-many", clients);
			writer.append("beside-many", "a");
			try (SseClient beside = get("beside-many").awaitMessages(1)) {
				for (int i = 1; i < 20; i++) {
					writer.append("beside-many", "a");
					beside.awaitMessages(i + 1);
				}
			}
			assertThat(reader.active("stuck-many")).isEqualTo(clients);
			Eventually.await(() -> busyThreads() == 0, SseStreamsTests::busyThreads);
		}
		finally {
			for (Socket socket : stuck) {
				socket.close();
			}
		}
		reader.awaitActive("stuck-many", 0);
	}

	/**
	 * Return which threads are in the middle of a write.
	 */
	private static int busyThreads() {
		return (int) Thread.getAllStackTraces()
			.values()
			.stream()
			.filter((trace) -> Stream.of(trace)
				.anyMatch((frame) -> frame.getClassName().equals(SseConnection.class.getName())))
			.count();
	}

	/**
	 * Before, some of them left an asynchronous request forever, and a graceful shutdown
	 * waited for these.
	 */
	@Test
	void nothingIsLeftOfClientsThatLeaveAtAnyMoment() throws Exception {
		Instance closing = startInstance(HEARTBEAT, "server.shutdown=graceful",
				"spring.lifecycle.timeout-per-shutdown-phase=30s");
		try (closing) {
			writer.append("hasty", "a");
			for (int i = 0; i < 300; i++) {
				Socket socket = connectWithoutReading(closing, "hasty");
				if (i % 3 == 0) {
					// With a reset
					socket.setSoLinger(true, 0);
				}
				LockSupport.parkNanos((i % 30) * 1_000_000L / 3);
				socket.close();
			}
			CountingReader reader = (CountingReader) closing.reader();
			Eventually.await(() -> responses(closing) == 0, () -> responses(closing));
			reader.awaitActive("hasty", 0);
			long start = System.nanoTime();
			closing.close();
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
		}
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
			for (SseClient client : clients) {
				client.awaitEnd();
				assertThat(plain(client)).containsExactly(new Event("0", "message", "a"));
			}
		}
		finally {
			clients.forEach(SseClient::close);
		}
	}

	@Test
	void aClientThatTakesNothingIsDisconnectedAfterTheWriteTimeout() throws Exception {
		Instance closing = startInstance("durable-notify.sse.write-timeout=500ms", "server.shutdown=graceful",
				"spring.lifecycle.timeout-per-shutdown-phase=30s");
		try (closing) {
			for (int i = 0; i < 16; i++) {
				appendMegabyte("stuck", i);
			}
			CountingReader reader = (CountingReader) closing.reader();
			try (Socket first = connectWithoutReading(closing, "stuck")) {
				Eventually.await(() -> reader.opened("stuck").size() == 1, () -> reader.opened("stuck"));
				reader.awaitActive("stuck", 0);
				Eventually.await(() -> responses(closing) == 0, () -> responses(closing));
			}
			try (Socket second = connectWithoutReading(closing, "stuck")) {
				Eventually.await(() -> responses(closing) > 0, () -> responses(closing));
				long start = System.nanoTime();
				closing.close();
				assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
			}
		}
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
				assertThat(client.events()).isEmpty();
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
		writer.append("short", "a");
		writer.complete("short");
		for (int i = 0; i < 60; i++) {
			get(quiet, "short", null).awaitEnd().close();
		}
		assertThat(((CountingReader) quiet.reader()).active("short")).isZero();
		Eventually.await(() -> responses(quiet) == 0, () -> responses(quiet) + " responses");
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

	private static SseOptions<Chunk> options(boolean wait, String from) {
		StreamPosition position = (from == null) ? StreamPosition.start()
				: (from.equals("end")) ? StreamPosition.end() : StreamPosition.last(5);
		SseOptions<Chunk> options = SseOptions.ofStream(position);
		return (wait) ? options.waiting() : options;
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

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class ReactiveApplication {

		@Bean
		static BeanPostProcessor countingReader() {
			return WebApplication.countingReader();
		}

		@Bean
		static BeanPostProcessor noBlockingCalls() {
			return new BeanPostProcessor() {

				@Override
				public Object postProcessAfterInitialization(Object bean, String beanName) {
					return (bean instanceof DataSource dataSource) ? new NonBlockingDataSource(dataSource) : bean;
				}

			};
		}

		/**
		 * Otherwise the first context that closes would stop the servers of all.
		 */
		@Bean
		ReactorResourceFactory reactorResources() {
			ReactorResourceFactory resources = new ReactorResourceFactory();
			resources.setUseGlobalResources(false);
			return resources;
		}

		@Bean
		ReactiveController controller(ReactiveSseStreams streams) {
			return new ReactiveController(streams);
		}

	}

	@RestController
	record ReactiveController(ReactiveSseStreams streams) {

		@GetMapping("/sse")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> sse(@RequestParam String stream,
				@RequestParam(defaultValue = "false") boolean wait, @RequestParam(required = false) String from,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			return (wait || from != null) ? this.streams.respond(stream, lastEventId, options(wait, from))
					: this.streams.respond(stream, lastEventId);
		}

	}

	@RestController
	static class Controller {

		private final SseStreams streams;

		Controller(SseStreams streams) {
			this.streams = streams;
		}

		@GetMapping("/sse")
		ResponseEntity<SseEmitter> sse(@RequestParam String stream, @RequestParam(defaultValue = "false") boolean wait,
				@RequestParam(required = false) String from,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			return (wait || from != null) ? this.streams.respond(stream, lastEventId, options(wait, from))
					: this.streams.respond(stream, lastEventId);
		}

	}

}
