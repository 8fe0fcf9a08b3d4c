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

package io.durablenotify.channel;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import io.durablenotify.channel.StoredMessage.Type;
import io.durablenotify.work.PayloadJson;
import io.durablenotify.work.PermanentFailureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link ChannelJson} and {@link ChannelPayloads}.
 */
class ChannelJsonTests {

	private final ChannelPayloads payloads = new ChannelPayloads(new PayloadJson(new JsonMapper()));

	private StoredMessage stored(Object payload) {
		StoredMessage message = this.payloads.encode("orders", null, ChannelMessage.of(payload));
		return ChannelJson.read(ChannelJson.write(message).getBytes(StandardCharsets.UTF_8));
	}

	@Test
	void aMessageIsJsonWithTheNamesOfItsParts() {
		StoredMessage message = new StoredMessage("orders", "42", "run/1 \"ü\"", Map.of("b", "2", "a", "1"), Type.TEXT,
				"hello");
		String json = ChannelJson.write(message);
		assertThat(json).isEqualTo("{\"channel_name\":\"orders\",\"message_id\":\"42\","
				+ "\"target_instance_id\":\"run/1 \\\"ü\\\"\",\"headers\":{\"a\":\"1\",\"b\":\"2\"},"
				+ "\"payload_type\":\"text\",\"payload\":\"hello\"}");
		assertThat(ChannelJson.read(json.getBytes(StandardCharsets.UTF_8))).isEqualTo(message);
	}

	@Test
	void aMessageWithoutAddressHasItAsNull() {
		StoredMessage message = new StoredMessage("orders", "42", null, Map.of(), Type.JSON, "{}");
		String json = ChannelJson.write(message);
		assertThat(json).contains("\"target_instance_id\":null").doesNotContain("headers");
		assertThat(ChannelJson.read(json.getBytes(StandardCharsets.UTF_8))).isEqualTo(message);
	}

	@Test
	void whatOtherWritersAddOrLeaveOutIsNoMatter() {
		assertThat(ChannelJson.read("""
				{"more": [1, {"payload": "no"}], "payload": "yes", "message_id": "1", "channel_name": "c",
				"headers": {"a": "1", "b": {"c": "no"}, "d": 2}, "target_instance_id": 7}
				""".getBytes(StandardCharsets.UTF_8)))
			.isEqualTo(new StoredMessage("c", "1", null, Map.of("a", "1"), Type.TEXT, "yes"));
	}

	@ParameterizedTest
	@ValueSource(
			strings = { "", "secret", "[\"secret\"]", "{\"payload\": \"secret\"}", "{\"channel_name\": \"secret\"" })
	void whatIsNoMessageIsNotShown(String text) {
		assertThatIllegalArgumentException().isThrownBy(() -> ChannelJson.read(text.getBytes(StandardCharsets.UTF_8)))
			.withMessageStartingWith("it ")
			.withMessageNotContaining("secret");
	}

	@Test
	void payloadsAreReadAsTheyWereSent() {
		assertThat(this.payloads.decode(stored("Grüße \"🌍\""), String.class)).isEqualTo("Grüße \"🌍\"");
		assertThat(this.payloads.decode(stored(""), String.class)).isEmpty();
		byte[] bytes = { 0, (byte) 0xff, 10, '"' };
		assertThat(this.payloads.decode(stored(bytes), byte[].class)).isEqualTo(bytes);
		Order order = new Order("7", List.of("a", "b"));
		assertThat(this.payloads.decode(stored(order), Order.class)).isEqualTo(order);
		assertThat(this.payloads.decode(stored(order), String.class))
			.isEqualTo("{\"id\":\"7\",\"lines\":[\"a\",\"b\"]}");
		assertThat(this.payloads.decode(stored("{\"id\":\"7\",\"lines\":[]}"), Order.class))
			.isEqualTo(new Order("7", List.of()));
		assertThat(this.payloads.decode(stored("ü".getBytes(StandardCharsets.UTF_8)), String.class)).isEqualTo("ü");
		assertThat(this.payloads.decode(stored("ü"), byte[].class)).isEqualTo("ü".getBytes(StandardCharsets.UTF_8));
	}

	record Order(String id, List<String> lines) {
	}

	@Test
	void whatCannotBeReadIsNamedAndNotShown() {
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> this.payloads.decode(stored("secret"), Order.class))
			.withMessageStartingWith("Payload of message ")
			.withMessageContaining("of channel 'orders' cannot be read as " + Order.class.getTypeName())
			.withMessageNotContaining("secret");
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> this.payloads.decode(stored(new byte[] { (byte) 0xff }), String.class));
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> this.payloads.decode(stored("null"), Order.class))
			.withMessageEndingWith("it is null");
	}

	@Test
	void whatCannotBeWrittenIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> stored(new Object() {

			@SuppressWarnings("unused")
			public String getValue() {
				throw new IllegalStateException("secret");
			}

		})).withMessageEndingWith("for channel 'orders' cannot be written as JSON");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> new ChannelPayloads(new PayloadJson(null)).encode("orders", null, ChannelMessage.of(7)))
			.withMessageContaining("JsonMapper");
		assertThatIllegalArgumentException().isThrownBy(() -> ChannelMessage.of(null));
		assertThatIllegalArgumentException().isThrownBy(() -> ChannelMessage.of("x").header("a b", "c"));
	}

}
