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

package io.durablenotify.sample;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Words}.
 */
class WordsTests {

	@Test
	void wordsKeepTheWhiteSpaceBeforeThem() {
		assertThat(Words.of("one two\n    three")).containsExactly("one", " two", "\n    three");
	}

	@Test
	void whiteSpaceAtTheEndIsOnItsOwn() {
		assertThat(Words.of("one\n\n")).containsExactly("one", "\n\n");
	}

	@ParameterizedTest
	@ValueSource(
			strings = { "word", "  leading", "trailing  ", "\n\n\tboth \r\n", "🙂 👩‍👩‍👧\u00a0x", "\u2003 wide" })
	void wordsTogetherAreTheText(String text) {
		assertThat(String.join("", Words.of(text))).isEqualTo(text);
	}

}
