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
package io.durablenotify.outbox;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.outbox.OutboxProperties.Http;
import io.durablenotify.outbox.OutboxProperties.Mode;
import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.EventReceiver.Request;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.RetryLaterException;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for the sender of CloudEvents over HTTP, with a receiver that misbehaves.
 */
class HttpOutboxTests {

	private static final Instant NOW = Instant.parse("2026-11-29T10:15:30Z");

	@Fixture
	private static TestDatabase database;

	private final EventReceiver receiver = EventReceiver.start();

	@AfterEach
	void close() {
		this.receiver.close();
	}

	private static OutboxMessage message(String id) {
		return new OutboxMessage(id, "order.placed", "/shop", "Bestellung 7 für €", NOW, "application/json",
				"{\"id\": 7}".getBytes(StandardCharsets.UTF_8), "bob", Map.of("traceparent", "00-a"), 1);
	}

	private HttpOutboxSender sender(Mode mode) {
		return sender(this.receiver.url(), mode, List.of());
	}

	private static HttpOutboxSender sender(String url, Mode mode, List<OutboxHttpCustomizer> customizers) {
		return HttpSenders
			.of(Map.of("orders", new Http(url, mode, Duration.ofSeconds(5), Duration.ofSeconds(2))), customizers,
					Clock.fixed(NOW, ZoneOffset.UTC))
			.senders()
			.get(0);
	}

	@Test
	void inBinaryModeTheAttributesAreHeaders() {
		sender(Mode.BINARY).send(message("7"));
		Request request = this.receiver.requests().get(0);
		assertThat(request.text()).isEqualTo("{\"id\": 7}");
		assertThat(request.headers()).containsEntry("content-type", "application/json")
			.containsEntry("ce-specversion", "1.0")
			.containsEntry("ce-id", "7")
			.containsEntry("ce-type", "order.placed")
			.containsEntry("ce-source", "/shop")
			.containsEntry("ce-subject", "Bestellung%207%20f%C3%BCr%20%E2%82%AC")
			.containsEntry("ce-time", "2026-11-29T10:15:30Z")
			.containsEntry("ce-traceparent", "00-a")
			.doesNotContainKeys("ce-datacontenttype", "upgrade");
	}

	@Test
	void inStructuredModeTheAttributesAreInTheBody() {
		sender(Mode.STRUCTURED).send(message("7"));
		Request request = this.receiver.requests().get(0);
		assertThat(request.headers()).containsEntry("content-type", "application/cloudevents+json; charset=UTF-8")
			.doesNotContainKey("ce-id");
		assertThat(request.text()).isEqualTo("{\"specversion\":\"1.0\",\"id\":\"7\",\"type\":\"order.placed\","
				+ "\"source\":\"/shop\",\"subject\":\"Bestellung 7 für €\",\"time\":\"2026-11-29T10:15:30Z\","
				+ "\"datacontenttype\":\"application/json\",\"traceparent\":\"00-a\",\"data\":{\"id\": 7}}");
	}

	@Test
	void anEventWithoutDataHasNoBody() {
		sender(Mode.BINARY).send(new OutboxMessage("7", "t", "/s", null, null, null, new byte[0], null, Map.of(), 1));
		Request request = this.receiver.requests().get(0);
		assertThat(request.body()).isEmpty();
		assertThat(request.headers()).doesNotContainKeys("content-type", "ce-time", "ce-subject");
	}

	@ParameterizedTest
	@ValueSource(ints = { 200, 201, 202, 204, 299 })
	void anAnswerOf2xxIsADelivery(int status) {
		this.receiver.answer(status);
		assertThatCode(() -> sender(Mode.BINARY).send(message("7"))).doesNotThrowAnyException();
	}

	@ParameterizedTest
	@ValueSource(ints = { 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 451, 499 })
	void anAnswerOf4xxIsFinal(int status) {
		this.receiver.answer(status);
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> sender(Mode.BINARY).send(message("7")))
			.withMessage("The receiver of sender 'orders' has answered %d", status);
	}

	@ParameterizedTest
	@ValueSource(ints = { 300, 301, 302, 303, 304, 307, 308, 408, 429, 500, 501, 502, 503, 504, 599 })
	void anyOtherAnswerIsRetried(int status) {
		this.receiver.answer((request, exchange) -> {
			exchange.getResponseHeaders().set("Location", this.receiver.url() + "/elsewhere");
			EventReceiver.answer(exchange, status);
		});
		assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender(Mode.BINARY).send(message("7")))
			.withMessageStartingWith("The receiver of sender 'orders' has answered " + status);
		assertThat(this.receiver.requests()).hasSize(1);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			120                           |                               | 120
			0                             |                               | 0
			99999999999999                |                               | 2147483647
			Sun, 29 Nov 2026 10:16:30 GMT |                               | 60
			Sun, 29 Nov 2026 10:16:30 GMT | Sun, 29 Nov 2026 10:16:25 GMT | 5
			Sun, 29 Nov 2026 09:00:00 GMT |                               | 0
			Sun, 29 Nov 2026 10:16:30 GMT | 1                             | 60
			Sunday, 29-Nov-26 10:16:30 GMT |                              | 60
			Sun Nov 29 10:16:30 2026      |                               | 60
			Mon, 29 Nov 9999 10:16:30 GMT |                               | 251603539260
			""")
	void theReceiverSaysWhenToTryAgain(String retryAfter, String date, long seconds) throws Exception {
		for (int status : new int[] { 408, 429, 500, 503 }) {
			answered(
					"HTTP/1.1 %d Busy\r\nRetry-After: %s\r\n%sContent-Length: 0\r\n\r\n".formatted(status, retryAfter,
							(date != null) ? "Date: " + date + "\r\n" : ""),
					(sender) -> assertThatExceptionOfType(RetryLaterException.class)
						.isThrownBy(() -> sender.send(message("7")))
						.satisfies((ex) -> assertThat(ex.delay()).hasSeconds(seconds)));
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "soon", "-1", "1.5", "Sun, 31 Nov 2026 10:16:30 GMT" })
	void aRetryAfterThatIsNoneIsLeftOut(String retryAfter) {
		this.receiver.answer((request, exchange) -> {
			exchange.getResponseHeaders().set("Retry-After", retryAfter);
			EventReceiver.answer(exchange, 503);
		});
		assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender(Mode.BINARY).send(message("7")));
	}

	@Test
	void aReceiverThatIsAwayIsNamedWithoutItsUrl() {
		this.receiver.goAway();
		assertThatExceptionOfType(SendFailedException.class)
			.isThrownBy(() -> sender(this.receiver.url() + "?token=secret", Mode.BINARY, List.of()).send(message("7")))
			.withMessageStartingWith("The receiver of sender 'orders' has not answered: java.net.ConnectException")
			.withMessageNotContaining("secret")
			.withMessageNotContaining("127.0.0.1")
			.withNoCause();
	}

	@Test
	void aHostThatIsUnknownIsSaidToBe() {
		assertThatExceptionOfType(SendFailedException.class)
			.isThrownBy(() -> sender("http://no-such-host.invalid/", Mode.BINARY, List.of()).send(message("7")))
			.withMessageContaining("UnresolvedAddressException");
	}

	@Test
	void aReceiverThatIsSlowIsNotWaitedForLongerThanTheTimeout() {
		CountDownLatch over = new CountDownLatch(1);
		this.receiver.answer((request, exchange) -> await(over));
		assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender(Mode.BINARY).send(message("7")))
			.withMessageContaining("HttpTimeoutException");
		over.countDown();
	}

	@Test
	void aBodyThatNeverEndsIsNotWaitedForLongerThanTheTimeout() {
		CountDownLatch over = new CountDownLatch(1);
		this.receiver.answer((request, exchange) -> {
			exchange.sendResponseHeaders(200, 0);
			exchange.getResponseBody().write('a');
			exchange.getResponseBody().flush();
			await(over);
		});
		assertThatCode(() -> sender(Mode.BINARY).send(message("7"))).doesNotThrowAnyException();
		over.countDown();
	}

	@Test
	void aLongBodyIsNotReadToItsEnd() {
		AtomicLong written = new AtomicLong();
		this.receiver.answer((request, exchange) -> {
			exchange.sendResponseHeaders(200, 0);
			byte[] part = new byte[65_536];
			// Ends when the connection does
			while (written.addAndGet(part.length) < 1_000_000_000) {
				exchange.getResponseBody().write(part);
			}
		});
		sender(Mode.BINARY).send(message("7"));
		assertThat(written).hasValueLessThan(1_000_000_000);
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void aReceiverThatAnswersByteByByteIsNotWaitedForLongerThanTheTimeout() throws Exception {
		long start = System.nanoTime();
		answered(endless("HTTP/1.1 200 OK\r\nX: "),
				(sender) -> assertThatExceptionOfType(SendFailedException.class)
					.isThrownBy(() -> sender.send(message("7")))
					.withMessageContaining("HttpTimeoutException"));
		answered(endless("HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n"),
				(sender) -> assertThatCode(() -> sender.send(message("7"))).doesNotThrowAnyException());
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
	}

	private static Answer endless(String begin) {
		return (socket) -> {
			socket.getOutputStream().write(begin.getBytes(StandardCharsets.US_ASCII));
			try {
				while (true) {
					socket.getOutputStream().write('x');
					LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
				}
			}
			catch (IOException ex) {
				// The sender has left
			}
		};
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le" })
	void aConnectionThatIsResetIsRetried(String answer) throws Exception {
		answered((socket) -> {
			socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
			socket.setSoLinger(true, 0);
		}, (sender) -> assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender.send(message("7")))
			.withMessageContaining("has not answered"));
	}

	@ParameterizedTest
	@ValueSource(ints = { 100, 102, 103 })
	void anAnswerThatAnotherFollowsIsNoAnswer(int status) throws Exception {
		answered("HTTP/1.1 %d Wait\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".formatted(status),
				(sender) -> assertThatCode(() -> sender.send(message("7"))).doesNotThrowAnyException());
		answered("HTTP/1.1 %d Wait\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".formatted(status),
				(sender) -> assertThatExceptionOfType(PermanentFailureException.class)
					.isThrownBy(() -> sender.send(message("7"))));
	}

	@ParameterizedTest
	@ValueSource(strings = { "0", "099", "101", "600", "999", "1000", "-200", "abc" })
	void aStatusThatMeansNothingIsRetried(String status) throws Exception {
		answered("HTTP/1.1 %s Strange\r\nContent-Length: 0\r\n\r\n".formatted(status),
				(sender) -> assertThatExceptionOfType(SendFailedException.class)
					.isThrownBy(() -> sender.send(message("7")))
					.withMessageNotContaining("127.0.0.1"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le", "nonsense\r\n\r\n" })
	void anAnswerThatIsCutIsRetried(String answer) throws Exception {
		answered(answer,
				(sender) -> assertThatExceptionOfType(SendFailedException.class)
					.isThrownBy(() -> sender.send(message("7")))
					.withMessageContaining("has not answered"));
	}

	@Test
	void anAnswerOf2xxWhoseBodyIsCutIsADelivery() throws Exception {
		answered("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
				(sender) -> assertThatCode(() -> sender.send(message("7"))).doesNotThrowAnyException());
	}

	/**
	 * Send to a receiver that answers with bytes, and closes.
	 */
	private static void answered(String answer, Consumer<HttpOutboxSender> test) throws Exception {
		answered((socket) -> socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII)), test);
	}

	private static void answered(Answer answer, Consumer<HttpOutboxSender> test) throws Exception {
		try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
			Thread thread = new Thread(() -> cut(server, answer));
			thread.start();
			test.accept(sender("http://127.0.0.1:%d".formatted(server.getLocalPort()), Mode.BINARY, List.of()));
			server.close();
			thread.join();
		}
	}

	/**
	 * Read what there is of a request, and close after a part of an answer.
	 */
	private static void cut(ServerSocket server, Answer answer) {
		while (!server.isClosed()) {
			try (Socket socket = server.accept()) {
				socket.getInputStream().read(new byte[65_536]);
				answer.write(socket);
			}
			catch (IOException ex) {
				if (!server.isClosed()) {
					throw new UncheckedIOException(ex);
				}
			}
		}
	}

	@Test
	void aCustomizerAddsCredentials() {
		OutboxHttpCustomizer customizer = (name, builder) -> builder.defaultHeader("Authorization", "Bearer " + name);
		sender(this.receiver.url(), Mode.BINARY, List.of(customizer)).send(message("7"));
		assertThat(this.receiver.requests().get(0).headers()).containsEntry("authorization", "Bearer orders");
	}

	static Stream<Arguments> requestsThatCannotBeMade() {
		return Stream.of(
				Arguments.of(IllegalArgumentException.class,
						(OutboxHttpCustomizer) (name, builder) -> builder.defaultHeader("Authorization",
								"Bearer s3cr3t\n")),
				Arguments.of(WordyException.class, (OutboxHttpCustomizer) (name, builder) -> builder
					.requestInterceptor((request, body, execution) -> {
						throw new WordyException("Bearer s3cr3t");
					})),
				Arguments.of(WordyException.class,
						(OutboxHttpCustomizer) (name, builder) -> builder.requestInitializer((request) -> {
							throw new WordyException("Bearer s3cr3t");
						})));
	}

	@ParameterizedTest
	@MethodSource("requestsThatCannotBeMade")
	void aRequestThatCannotBeMadeIsRetriedAndItsCredentialsAreNotShown(Class<?> failure,
			OutboxHttpCustomizer customizer) {
		List<Throwable> observed = new ArrayList<>();
		ObservationRegistry registry = ObservationRegistry.create();
		registry.observationConfig().observationHandler(new ObservationHandler<>() {

			@Override
			public void onError(Observation.Context context) {
				observed.add(context.getError());
			}

			@Override
			public boolean supportsContext(Observation.Context context) {
				return true;
			}

		});
		HttpOutboxSender sender = sender(this.receiver.url(), Mode.BINARY,
				List.of((name, builder) -> builder.observationRegistry(registry), customizer));
		assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender.send(message("7")))
			.withMessageStartingWith(
					"The request of sender 'orders' could not be made: %s at ".formatted(failure.getName()))
			.satisfies(observed::add);
		assertThat(observed).allSatisfy((each) -> {
			StringWriter trace = new StringWriter();
			each.printStackTrace(new PrintWriter(trace));
			assertThat(trace.toString()).doesNotContain("s3cr3t");
		});
		assertThat(this.receiver.requests()).isEmpty();
	}

	@Test
	void anInterceptorMaySayWhatBecomesOfTheEvent() {
		for (RuntimeException outcome : List.of(new PermanentFailureException("no tenant"),
				new RetryLaterException("no token yet", Duration.ofMinutes(1)))) {
			OutboxHttpCustomizer customizer = (name, builder) -> builder
				.requestInterceptor((request, body, execution) -> {
					throw outcome;
				});
			assertThatExceptionOfType(outcome.getClass())
				.isThrownBy(() -> sender(this.receiver.url(), Mode.BINARY, List.of(customizer)).send(message("7")))
				.isSameAs(outcome);
		}
	}

	@Test
	void whatPropertiesConfigureSendsWhatIsPublishedAlsoIfTheReceiverIsAwayAtFirst() {
		this.receiver.goAway();
		try (Instance instance = Instance.start(database, (application) -> application.sources(Customized.class),
				"durable-notify.outbox.http.orders.url=" + this.receiver.url(), "durable-notify.outbox.source=/shop",
				"durable-notify.outbox.circuit.interval=50ms", "durable-notify.outbox.circuit.max-interval=100ms",
				"durable-notify.work.backoff.delay=50ms")) {
			instance.transaction().executeWithoutResult((status) -> {
				for (int i = 0; i < 20; i++) {
					instance.bean(Outbox.class)
						.publish(OutboxEvent.of("order.placed", Map.of("id", i)).id("" + i).orderingKey("bob"));
				}
			});
			// It fails altogether
			Eventually.await(
					() -> database.jdbc()
						.queryForObject("SELECT count(*) FROM durable_notify.work_probes WHERE failures >= 3",
								Integer.class) == 1,
					() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_probes"));
			this.receiver.open();
			this.receiver.awaitRequests(20);
			Eventually.await(
					() -> database.jdbc()
						.queryForObject("SELECT count(*) FROM durable_notify.work_items", Integer.class) == 0,
					this.receiver::toString);
			assertThat(this.receiver.ids()).hasSize(20)
				.isEqualTo(IntStream.range(0, 20).mapToObj(String::valueOf).toList());
			assertThat(this.receiver.requests().get(0).headers()).containsEntry("x-sender", "orders")
				.containsEntry("ce-source", "/shop");
		}
	}

	/**
	 * Shows more than it should.
	 */
	@SuppressWarnings("serial")
	private static final class WordyException extends RuntimeException {

		private WordyException(String message) {
			super(message);
		}

	}

	/**
	 * Writes what a receiver answers.
	 */
	@FunctionalInterface
	private interface Answer {

		void write(Socket socket) throws IOException;

	}

	@Configuration(proxyBeanMethods = false)
	@Import(JacksonAutoConfiguration.class)
	static class Customized {

		@Bean
		OutboxHttpCustomizer customizer() {
			return (sender, builder) -> builder.defaultHeader("X-Sender", sender);
		}

	}

}
