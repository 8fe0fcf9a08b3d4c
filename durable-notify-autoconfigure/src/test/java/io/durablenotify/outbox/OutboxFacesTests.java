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

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;

import io.durablenotify.observation.Observations;
import io.durablenotify.testsupport.RecordingWork;
import io.durablenotify.testsupport.TestItem;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.http.MediaType;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for how events are stored and written, without the engine.
 */
class OutboxFacesTests {

	private static final Instant TIME = Instant.parse("2026-11-29T10:15:30.123456Z");

	private final RecordingWork work = new RecordingWork();

	private final DefaultOutbox outbox = outbox(true, "orders");

	private DefaultOutbox outbox(boolean inTransaction, String... senders) {
		return new DefaultOutbox(this.work, () -> inTransaction, () -> List.of(senders),
				JsonMapper.shared()::writeValueAsBytes, "/shop", Clock.fixed(TIME, ZoneOffset.UTC), Observations.NONE);
	}

	record Order(String id, int amount) {
	}

	private String payload() {
		return new String((byte[]) this.work.requests().get(0).payload(), StandardCharsets.UTF_8);
	}

	private OutboxMessage published(OutboxEvent event) {
		this.work.requests().clear();
		this.outbox.publish(event);
		WorkRequest request = this.work.requests().get(0);
		return read(payload(), request.orderingKey());
	}

	private static OutboxMessage read(String json) {
		return read(json, null);
	}

	private static OutboxMessage read(String json, String orderingKey) {
		return OutboxJson.read(new TestItem("outbox/orders").payload(json).key(orderingKey), "/default");
	}

	private static String text(OutboxMessage message) {
		return new String(message.data(), StandardCharsets.UTF_8);
	}

	@Test
	void anEventIsAnItemOfItsSendersQueueWithItsOrderingKey() {
		String id = this.outbox.publish(OutboxEvent.of("order.placed", new Order("7", 3)).id("e-1").orderingKey("bob"));
		assertThat(id).isEqualTo("e-1");
		WorkRequest request = this.work.requests().get(0);
		assertThat(request.queue()).isEqualTo("outbox/orders");
		assertThat(request.orderingKey()).isEqualTo("bob");
		assertThat(request.key()).isNull();
		assertThat(payload()).isEqualTo("{\"event_id\":\"e-1\",\"type\":\"order.placed\",\"source\":\"/shop\","
				+ "\"time\":\"2026-11-29T10:15:30.123456Z\",\"data_content_type\":\"application/json\","
				+ "\"data\":{\"id\":\"7\",\"amount\":3}}");
	}

	@Test
	void attributesAreStored() {
		OutboxMessage message = published(OutboxEvent.of("t", "x")
			.source("/other")
			.subject("Ünïcode \"7\"")
			.time(Instant.EPOCH)
			.extension("traceparent", "00-a")
			.orderingKey("k"));
		assertThat(message.id()).hasSize(36);
		assertThat(message).usingRecursiveComparison()
			.isEqualTo(new OutboxMessage(message.id(), "t", "/other", "Ünïcode \"7\"", Instant.EPOCH,
					"text/plain;charset=UTF-8", new byte[] { 'x' }, "k", Map.of("traceparent", "00-a"), 1));
	}

	@Test
	void eachEventHasAnIdOfItsOwn() {
		OutboxEvent event = OutboxEvent.of("t", null);
		assertThat(this.outbox.publish(event)).isNotEqualTo(this.outbox.publish(event));
	}

	@Test
	void dataComesBackAsItWas() {
		String json = " {\"b\": 1.50, \"a\" : [\"ü\\u0041\", null, 12345678901234567890.5e3]} ";
		OutboxMessage message = published(OutboxEvent.of("t", json).dataContentType("application/cloudevents+json"));
		assertThat(text(message)).isEqualTo(json.strip());
		assertThat(text(published(OutboxEvent.of("t", "\"a\"").dataContentType("application/json"))))
			.isEqualTo("\"a\"");
		assertThat(text(published(OutboxEvent.of("t", "12.50").dataContentType("application/json"))))
			.isEqualTo("12.50");
		assertThat(text(published(OutboxEvent.of("t", "true").dataContentType("application/json")))).isEqualTo("true");
		assertThat(text(published(OutboxEvent.of("t", "a \"quote\"\n日本")))).isEqualTo("a \"quote\"\n日本");
		byte[] bytes = { 0, -1, 34, 92, 10 };
		message = published(OutboxEvent.of("t", bytes));
		assertThat(message.data()).isEqualTo(bytes);
		assertThat(message.dataContentType()).isEqualTo("application/octet-stream");
		assertThat(published(OutboxEvent.of("t", "é").dataContentType("text/plain;charset=ISO-8859-1")).data())
			.isEqualTo(new byte[] { (byte) 0xE9 });
		message = published(OutboxEvent.of("t", null));
		assertThat(message.data()).isEmpty();
		assertThat(message.dataContentType()).isNull();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "{", "{} {}", "{}, \"event_id\": \"secret\"", "\uFEFF{}", "a", "\"a" })
	void whatIsToBeJsonMustBeJson(String data) {
		OutboxEvent event = OutboxEvent.of("t", data).dataContentType("application/json");
		assertThatIllegalArgumentException().isThrownBy(() -> this.outbox.publish(event))
			.withMessage("The data of an event of type application/json must be JSON of 500 levels at most");
		assertThatIllegalArgumentException().isThrownBy(() -> this.outbox
			.publish(OutboxEvent.of("t", data.getBytes(StandardCharsets.UTF_16)).dataContentType("text/x+json")));
	}

	@Test
	void jsonOfAnySizeIsSent() {
		String number = "7".repeat(1_500);
		Map<String, Object> value = Map.of("n".repeat(60_000), new BigInteger(number));
		String json = "{\"" + "n".repeat(60_000) + "\":" + number + "}";
		assertThat(text(published(OutboxEvent.of("t", value)))).isEqualTo(json);
		assertThat(text(published(OutboxEvent.of("t", json).dataContentType("application/json")))).isEqualTo(json);
	}

	@Test
	void theDepthOfJsonIsLimitedWhenItIsPublished() {
		Object value = List.of();
		for (int depth = 1; depth < 500; depth++) {
			value = List.of(value);
		}
		String json = "[".repeat(500) + "]".repeat(500);
		assertThat(text(published(OutboxEvent.of("t", value)))).isEqualTo(json);
		OutboxEvent deeper = OutboxEvent.of("t", "[" + json + "]").dataContentType("application/json");
		assertThatIllegalArgumentException().isThrownBy(() -> this.outbox.publish(deeper))
			.withMessage("The data of an event of type application/json must be JSON of 500 levels at most");
	}

	@Test
	void aValueMustBeWrittenAsJson() {
		assertThatIllegalArgumentException()
			.isThrownBy(() -> this.outbox.publish(OutboxEvent.of("t", new Order("7", 1)).dataContentType("text/plain")))
			.withMessageEndingWith("is written as JSON, which text/plain is not");
	}

	@Test
	void otherWritersMayUseTheJsonOfPostgres() {
		OutboxMessage message = read("{\"data\": {\"a\": \"b\"}, \"time\": \"2026-11-29T10:15:30.123456+00:00\", "
				+ "\"type\": \"t\", \"other\": [{\"type\": \"u\"}], \"event_id\": \"7\"}");
		assertThat(message.id()).isEqualTo("7");
		assertThat(message.type()).isEqualTo("t");
		assertThat(message.source()).isEqualTo("/default");
		assertThat(message.time()).isEqualTo(TIME);
		assertThat(message.dataContentType()).isEqualTo("application/json");
		assertThat(text(message)).isEqualTo("{\"a\": \"b\"}");
		assertThat(text(read(
				"{\"data\": \"a\", \"event_id\": \"7\", \"type\": \"t\", " + "\"data_content_type\": \"text/plain\"}")))
			.isEqualTo("a");
		assertThat(text(read("{\"data\": \"a\", \"event_id\": \"7\", \"type\": \"t\"}"))).isEqualTo("\"a\"");
		assertThat(read("{\"data_base64\": null, \"event_id\": \"7\", \"type\": \"t\"}").dataContentType()).isNull();
		assertThat(text(read("{\"data\": 1, \"data_base64\": null, \"event_id\": \"7\", \"type\": \"t\"}")))
			.isEqualTo("1");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "secret", "[]", "{\"secret\":", "{\"type\": \"secret\"}", "{\"event_id\": \"secret\"}",
			"{\"event_id\": 1, \"type\": \"secret\"}",
			"{\"event_id\": \"secret\", \"type\": \"t\", \"time\": \"secret\"}",
			"{\"event_id\": \"secret\", \"type\": \"t\", \"data\": 1, \"data_content_type\": \"secret\"}",
			"{\"event_id\": \"\", \"type\": \"secret\"}" })
	void aPayloadOfAnotherShapeIsDeadAtOnceAndNotShown(String payload) {
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> read(payload))
			.withMessageStartingWith("Payload of item 7 of queue 'outbox/orders' cannot be read: ")
			.withMessageNotContaining("secret")
			.withNoCause();
	}

	@Test
	void aCloudEventHasItsAttributesAndItsData() {
		OutboxEvent event = OutboxEvent.of("t", "{\"a\": 1}").id("7").subject("s").extension("tenant", "x");
		assertThat(cloudEvent(event.dataContentType("application/json")))
			.isEqualTo("{\"specversion\":\"1.0\",\"id\":\"7\",\"type\":\"t\",\"source\":\"/shop\",\"subject\":\"s\","
					+ "\"time\":\"2026-11-29T10:15:30.123456Z\",\"datacontenttype\":\"application/json\","
					+ "\"tenant\":\"x\",\"data\":{\"a\": 1}}");
		assertThat(cloudEvent(event)).endsWith("\"data\":\"{\\\"a\\\": 1}\"}");
		assertThat(cloudEvent(OutboxEvent.of("t", new byte[] { 1, 2 })))
			.endsWith("\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"AQI=\"}");
		assertThat(cloudEvent(OutboxEvent.of("t", null))).endsWith("Z\"}");
	}

	private String cloudEvent(OutboxEvent event) {
		return new String(OutboxJson.writeCloudEvent(published(event)), StandardCharsets.UTF_8);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
			a/b?c=d&e  | a/b?c=d&e
			a b        | a%20b
			50%        | 50%25
			"a"        | %22a%22
			Euro € 😀   | Euro%20%E2%82%AC%20%F0%9F%98%80
			""")
	void aHeaderHasPrintableAsciiOnly(String value, String header) {
		assertThat(CloudEvents.headerValue(value)).isEqualTo(header);
		assertThat(CloudEvents.headerValue("a\r\nb: c")).isEqualTo("a%0D%0Ab:%20c");
	}

	@Test
	void anEventOutsideOfATransactionIsRefusedWithTheRemedy() {
		assertThatIllegalStateException()
			.isThrownBy(() -> outbox(false, "orders").publish(OutboxEvent.of("order.placed", null)))
			.withMessageStartingWith(
					"The event of type 'order.placed' was published outside of a transaction, or after "
							+ "its commit, and is not stored.")
			.withMessageContaining("@Transactional");
		assertThat(this.work.requests()).isEmpty();
	}

	@Test
	void anEventNamesItsSenderUnlessThereIsOneOnly() {
		OutboxEvent event = OutboxEvent.of("t", null);
		assertThatIllegalStateException().isThrownBy(() -> outbox(true).publish(event))
			.withMessage("The event of type 't' names no sender, and this application context has none; one of a child "
					+ "context must be named. Name one by sender(…)");
		assertThatIllegalStateException().isThrownBy(() -> outbox(true, "a", "b").publish(event))
			.withMessageContaining("has several: [a, b]");
		outbox(true, "a", "b").publish(event.sender("c"));
		assertThat(this.work.requests().get(0).queue()).isEqualTo("outbox/c");
	}

	@Test
	void attributesThatAreNotValidAreRefused() {
		OutboxEvent event = OutboxEvent.of("t", null);
		assertThatIllegalArgumentException().isThrownBy(() -> OutboxEvent.of("", null));
		assertThatIllegalArgumentException().isThrownBy(() -> event.id(""));
		assertThatIllegalArgumentException().isThrownBy(() -> event.id("a".repeat(513)));
		assertThatIllegalArgumentException().isThrownBy(() -> event.sender("a b"));
		assertThatIllegalArgumentException().isThrownBy(() -> event.sender("a".repeat(249)));
		for (String mediaType : List.of("json", "text/plain;a=\"\u00fc\"", "text/plain;a=" + "a".repeat(512),
				"text/plain;q=2", "text/plain;q=-1", "text/plain;q=x", "text/plain;q=\"1.5\"", "text/plain;q=NaN")) {
			assertThatIllegalArgumentException().isThrownBy(() -> event.dataContentType(mediaType));
		}
		for (String quality : List.of("0", "1", "0.5", "1.0", "\"0.25\"", ".5")) {
			String mediaType = "text/plain;q=" + quality;
			assertThat(event.dataContentType(mediaType).dataContentType()).isEqualTo(mediaType);
			assertThatCode(() -> MediaType.parseMediaType(mediaType)).doesNotThrowAnyException();
		}
		for (String source : List.of("", "a b", "%zz", "a\nb", "a".repeat(513))) {
			assertThatIllegalArgumentException().isThrownBy(() -> event.source(source));
		}
		for (String name : List.of("", "A", "a-b", "a".repeat(21), "id", "specversion", "data", "datacontenttype")) {
			assertThatIllegalArgumentException().isThrownBy(() -> event.extension(name, "x"))
				.withMessageStartingWith("Extension '" + name);
		}
	}

	@Externalized(sender = "orders", type = "order.placed", subject = "id()", orderingKey = "customer().name()")
	record OrderPlaced(String id, Customer customer) {
	}

	record Customer(String name) {
	}

	@Externalized
	record Plain(String id) {
	}

	@Externalized(orderingKey = "nothing()")
	record WrongKey(String id) {
	}

	@Externalized(subject = "(")
	record WrongExpression(String id) {
	}

	@Test
	void anExternalizedClassSaysHowItsEventsArePublished() {
		OutboxEvent event = ExternalizedType.of(OrderPlaced.class).event(new OrderPlaced("7", new Customer("bob")));
		assertThat(event.type()).isEqualTo("order.placed");
		assertThat(event.sender()).isEqualTo("orders");
		assertThat(event.subject()).isEqualTo("7");
		assertThat(event.orderingKey()).isEqualTo("bob");
		assertThat(text(published(event))).isEqualTo("{\"id\":\"7\",\"customer\":{\"name\":\"bob\"}}");
		event = ExternalizedType.of(Plain.class).event(new Plain("7"));
		assertThat(event.type()).isEqualTo(Plain.class.getName());
		assertThat(event.sender()).isNull();
		assertThat(event.subject()).isNull();
		assertThat(event.orderingKey()).isNull();
		assertThat(ExternalizedType.of(OrderPlaced.class).event(new OrderPlaced("7", new Customer(null))).orderingKey())
			.isNull();
	}

	@Test
	void anExpressionThatFailsIsNamed() {
		assertThatIllegalStateException().isThrownBy(() -> ExternalizedType.of(WrongKey.class).event(new WrongKey("7")))
			.withMessageStartingWith("The orderingKey of @Externalized on %s cannot be evaluated: 'nothing()'.",
					WrongKey.class.getName());
		assertThatIllegalStateException().isThrownBy(() -> ExternalizedType.of(WrongExpression.class))
			.withMessageContaining("subject");
	}

}
