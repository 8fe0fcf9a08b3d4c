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

package io.durablenotify.work;

import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.core.ParameterizedTypeReference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link WorkPayloads}.
 */
class WorkPayloadsTests {

	private final WorkPayloads payloads = new WorkPayloads(new PayloadJson(JsonMapper.shared()), 100);

	private final WorkPayloads withoutMapper = new WorkPayloads(new PayloadJson(null), 100);

	record Mail(String to, int attempts) {

		Mail {
			if (attempts < 0) {
				throw new IllegalArgumentException("Secret " + to);
			}
		}

	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static WorkItem item(byte[] payload) {
		WorkItem item = mock(WorkItem.class);
		given(item.id()).willReturn(7L);
		given(item.queue()).willReturn("mail");
		given(item.payload()).willReturn(payload);
		return item;
	}

	private byte[] encode(@Nullable Object payload) {
		return this.payloads.encode(WorkRequest.of("mail", payload));
	}

	private @Nullable Object decode(byte[] payload, Type type) {
		return this.payloads.decode(item(payload), type);
	}

	@Test
	void textIsStoredAsItIs() {
		assertThat(encode("größe")).isEqualTo(bytes("größe"));
		assertThat(decode(bytes("größe"), String.class)).isEqualTo("größe");
		assertThat(encode("")).isEmpty();
		assertThat(decode(new byte[0], String.class)).isEqualTo("");
	}

	@Test
	void bytesAreStoredAsTheyAreAndAreNotTheCallers() {
		byte[] payload = { 0, -1 };
		byte[] stored = encode(payload);
		payload[0] = 1;
		assertThat(stored).containsExactly(0, -1);
		assertThat(decode(stored, byte[].class)).isEqualTo(new byte[] { 0, -1 });
	}

	@Test
	void nothingIsStoredForNull() {
		assertThat(encode(null)).isEmpty();
		assertThat(decode(new byte[0], Mail.class)).isNull();
		assertThat(decode(new byte[0], byte[].class)).isEqualTo(new byte[0]);
	}

	@Test
	void anyOtherValueIsJson() {
		assertThat(encode(new Mail("a", 1))).isEqualTo(bytes("{\"to\":\"a\",\"attempts\":1}"));
		assertThat(decode(bytes("{\"to\":\"a\",\"attempts\":1}"), Mail.class)).isEqualTo(new Mail("a", 1));
		assertThat(encode(7)).isEqualTo(bytes("7"));
		assertThat(decode(bytes("7"), int.class)).isEqualTo(7);
		Type list = new ParameterizedTypeReference<List<Mail>>() {
		}.getType();
		assertThat(decode(encode(List.of(new Mail("a", 1))), list)).isEqualTo(List.of(new Mail("a", 1)));
	}

	@Test
	void withoutAMapperTextAndBytesAreStored() {
		assertThat(this.withoutMapper.encode(WorkRequest.of("mail", "a"))).isEqualTo(bytes("a"));
		assertThat(this.withoutMapper.encode(WorkRequest.of("mail", new byte[1]))).hasSize(1);
		assertThat(this.withoutMapper.encode(WorkRequest.of("mail", null))).isEmpty();
		assertThat(this.withoutMapper.decode(item(bytes("a")), String.class)).isEqualTo("a");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> this.withoutMapper.encode(WorkRequest.of("mail", Map.of())))
			.withMessageContaining("for queue 'mail'")
			.withMessageContaining("JsonMapper")
			.withMessageContaining("Add spring-boot-starter-jackson")
			.withMessageContaining("use String or byte[]");
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> this.withoutMapper.decode(item(bytes("{}")), Map.class))
			.withMessageStartingWith("Payload of item 7 of queue 'mail' cannot be read as java.util.Map: ")
			.withMessageContaining("JsonMapper");
	}

	@Test
	void aPayloadMayHaveTheMaximumSizeAndNoMore() {
		assertThat(encode("a".repeat(100))).hasSize(100);
		assertThatIllegalArgumentException().isThrownBy(() -> encode("é".repeat(51)))
			.withMessage("Payload for queue 'mail' must have at most 100 bytes "
					+ "(durable-notify.work.max-payload-size), but has 102. "
					+ "Store it elsewhere and refer to it, or raise the limit");
	}

	@Test
	void halfASurrogatePairIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> encode("\ud83d"))
			.withMessageContaining("for queue 'mail'")
			.withMessageContaining("cut in the middle of a character");
	}

	@Test
	void whatCannotBeWrittenIsRefusedByItsType() {
		assertThatIllegalArgumentException().isThrownBy(() -> encode(new Object() {

			@SuppressWarnings("unused")
			public String getSecret() {
				throw new IllegalStateException();
			}

		})).withMessageContaining("for queue 'mail' cannot be written as JSON");
	}

	@ParameterizedTest
	@ValueSource(strings = { "{\"to\":\"Secret\",\"attempts\":\"Secret\"}", "{\"to\":\"Secret\",\"attempts\":-1}",
			"{\"Secret\":1}", "\"Secret\"", "Secret", "{\"to\":\"Secret", "[1]" })
	void whatCannotBeReadIsNamedAndNotShown(String payload) {
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> decode(bytes(payload), Mail.class))
			.withMessageStartingWith("Payload of item 7 of queue 'mail' cannot be read as " + Mail.class.getName())
			.withMessageContaining("at line 1, column ")
			.withNoCause()
			.satisfies((ex) -> assertThat(ex.getMessage()).doesNotContain("Secret"));
	}

	@Test
	void whatIsNoTextIsNoString() {
		assertThatExceptionOfType(PermanentFailureException.class)
			.isThrownBy(() -> decode(new byte[] { -1 }, String.class))
			.withMessage(
					"Payload of item 7 of queue 'mail' cannot be read as java.lang.String: it is no text in UTF-8");
	}

	@Test
	void nothingIsNoNumber() {
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> decode(new byte[0], int.class))
			.withMessageEndingWith("cannot be read as int: it is empty");
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> decode(bytes("null"), int.class));
	}

}
