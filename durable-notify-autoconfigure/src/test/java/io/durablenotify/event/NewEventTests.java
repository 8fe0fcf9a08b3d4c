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

package io.durablenotify.event;

import java.time.Instant;
import java.util.Map;

import io.durablenotify.database.Texts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link NewEvent}.
 */
class NewEventTests {

	@Test
	void eachStepReturnsAnotherEvent() {
		NewEvent event = NewEvent.of("run", "type");
		NewEvent complete = event.correlationId("c").payload("{}").idempotencyKey("k");
		assertThat(event.correlationId()).isNull();
		assertThat(event.payload()).isNull();
		assertThat(event.idempotencyKey()).isNull();
		assertThat(complete.runId() + complete.type() + complete.correlationId() + complete.payload()
				+ complete.idempotencyKey())
			.isEqualTo("runtypec{}k");
	}

	@Test
	void neitherANewNorAStoredEventShowsItsPayload() {
		assertThat(NewEvent.of("run", "type").payload("\"secret\"")).asString()
			.doesNotContain("secret")
			.contains("8 bytes");
		assertThat(new StoredEvent("run", 1, "id", "type", null, "\"secret\"", null, Instant.EPOCH, Map.of()))
			.asString()
			.doesNotContain("secret")
			.contains("8 characters");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "a b", "a\tb", "a\u0000b", "a\u00a0b", "a\ud800b", "a\u007fb" })
	void aRunIdHasNoWhiteSpaceAndNoControlCharacters(String runId) {
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of(runId, "type"))
			.withMessageContaining("Run id '")
			.withMessageContaining("1 to 255 characters");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "a\u0000b", "a\ud800b", "\udc00" })
	void aTextHasNeitherNulNorHalfOfASurrogatePair(String text) {
		NewEvent event = NewEvent.of("run", "type");
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", text))
			.withMessageContaining("Type " + Texts.shown(text) + " must have 1 to 128 characters");
		assertThatIllegalArgumentException().isThrownBy(() -> event.correlationId(text))
			.withMessageContaining("Correlation id '");
		assertThatIllegalArgumentException().isThrownBy(() -> event.idempotencyKey(text))
			.withMessageContaining("Idempotency key '");
	}

	@Test
	void textsHaveALargestLengthInCharacters() {
		NewEvent event = NewEvent.of("😀".repeat(255), "😀".repeat(128))
			.correlationId("😀".repeat(255))
			.idempotencyKey("😀".repeat(255));
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("a".repeat(256), "type"));
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", "a".repeat(129)));
		assertThatIllegalArgumentException().isThrownBy(() -> event.correlationId("a".repeat(256)));
		assertThatIllegalArgumentException().isThrownBy(() -> event.idempotencyKey("a".repeat(256)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "{}", "[]", "null", "true", "-1.5e+10", "\"\"", " [1, {\"a\": \"\\u0000\\ud800\"}]\r\n\t",
			"\"ä😀\u007f\"", "{\"a\":1,\"a\":2}" })
	void aPayloadIsAnyJson(String json) {
		assertThat(NewEvent.of("run", "type").payload(json).payload()).isEqualTo(json);

	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
			{"secret": }          | is malformed at line 1, column 12
			[1,2                  | is malformed at line 1, column 5
			"secret               | is malformed at line 1, column 8
			secret                | is malformed at line 1
			{'secret':1}          | is malformed at line 1, column 2
			[01]                  | is malformed at line 1, column 3
			[NaN]                 | is malformed at line 1
			{"secret":1} x        | at line 1
			1 2                   | goes on after its value at line 1, column 3
			{"a":1}}              | at line 1
			{"secret":1,}         | is malformed at line 1, column 13
			["\\x"]               | is malformed at line 1
			["\\u12"]              | is malformed at line 1
			/* secret */ 1        | is malformed at line 1
			""")

	void aPayloadThatIsNotJsonIsRefusedAndNotShown(String text, String where) {
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", "type").payload(text))
			.withMessageContaining("Payload must be JSON, but ")
			.withMessageContaining(where)
			.withNoCause()
			.satisfies((ex) -> assertThat(ex.getMessage()).doesNotContain("secret"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "  ", "\ufeff1", "\"\u0000\"", "\u0000", "\"\n\"", "\u00a01" })
	void aPayloadHasAValueAndNoControlCharacters(String text) {
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", "type").payload(text))
			.withMessageStartingWith("Payload must be JSON, but ")
			.withNoCause();
	}

	@Test
	void aPayloadWithHalfOfASurrogatePairIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", "type").payload("\"a\ud83d\""))
			.withMessage("Payload must have no unpaired surrogate, but character 3 is one");
	}

	@Test
	void aPayloadIsNestedNoDeeperThanPostgresqlCanRead() {
		NewEvent.of("run", "type").payload("[".repeat(500) + "]".repeat(500));
		assertThatIllegalArgumentException()
			.isThrownBy(() -> NewEvent.of("run", "type").payload("[".repeat(501) + "]".repeat(501)))
			.withMessage("Payload must be nested at most 500 levels deep");
	}

	@Test
	void thePositionIsThatOfTheLine() {
		assertThatIllegalArgumentException().isThrownBy(() -> NewEvent.of("run", "type").payload("{\n\"a\": x}"))
			.withMessageContaining("at line 2, column ");
	}

}
