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

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Texts}.
 */
class TextsTests {

	@Test
	void aTextIsShownOnOneLine() {
		assertThat(Texts.shown("a\nFAKE\r\u0000\u0085\u2028")).isEqualTo("'a\\u000aFAKE\\u000d\\u0000\\u0085\\u2028'");
		assertThat(Texts.shown("grün 😀")).isEqualTo("'grün 😀'");
		assertThat(Texts.shown("\ud800")).isEqualTo("'\\ud800'");
	}

	@Test
	void aLongTextIsCut() {
		assertThat(Texts.shown("a".repeat(61))).isEqualTo("'" + "a".repeat(60) + "…'");
	}

}
