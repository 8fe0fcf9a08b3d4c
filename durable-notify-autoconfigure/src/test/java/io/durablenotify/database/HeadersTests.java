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

package io.durablenotify.database;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Headers}.
 */
class HeadersTests {

	@Test
	void headersAreThoseThatWereWritten() {
		Map<String, String> headers = Map.of("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
				"quoted", "a \"b\" \\ c\n\t", "größe", "\u0000 é 😀", "empty", "");
		String text = Headers.write(headers);
		assertThat(text).isNotNull().isASCII();
		assertThat(Headers.parse(text)).isEqualTo(headers);
		assertThat(JsonMapper.shared().readTree(text).get("quoted").asString()).isEqualTo(headers.get("quoted"));
	}

	@Test
	void nothingIsStoredForNone() {
		assertThat(Headers.write(Map.of())).isNull();
		assertThat(Headers.parse(null)).isEmpty();
	}

	@Test
	void whatAnotherWriterStoredIsReadAsFarAsItIsHeaders() {
		assertThat(
				Headers.parse("{\"a\": \"b\", \"n\": 7, \"t\": true, \"x\": null, \"o\": {\"p\": [1]}, \"z\": \"y\"}"))
			.isEqualTo(Map.of("a", "b", "n", "7", "t", "true", "z", "y"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "no JSON", "[\"a\"]", "7", "{", "{\"a\"", "\"" })
	void whatIsNoObjectIsNoHeaders(String text) {
		assertThat(Headers.parse(text)).isEmpty();
	}

}
