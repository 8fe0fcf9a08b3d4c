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

import io.durablenotify.wakeup.Wakeup;
import org.jspecify.annotations.Nullable;

/**
 * The rules for the texts of events, which keep index entries below the size that
 * PostgreSQL takes.
 */
final class EventTexts {

	static final int MAX_ID_LENGTH = 255;

	static final int MAX_TYPE_LENGTH = 128;

	private static final int SHOWN = 60;

	private EventTexts() {
	}

	static String requireRunId(String runId) {
		if (!Wakeup.isName(runId, MAX_ID_LENGTH)) {
			throw new IllegalArgumentException(
					("Run id %s is refused: 1 to %d characters are allowed, none of them white space or a control "
							+ "character")
						.formatted(shown(runId), MAX_ID_LENGTH));
		}
		return runId;
	}

	static String require(String what, String text, int maxLength) {
		int length = (text != null) ? text.codePointCount(0, text.length()) : 0;
		if (text == null || length < 1 || length > maxLength || !isStorable(text)) {
			throw new IllegalArgumentException(
					("%s %s is refused: 1 to %d characters are allowed, none of them NUL or half a surrogate pair")
						.formatted(what, shown(text), maxLength));
		}
		return text;
	}

	/**
	 * PostgreSQL's text knows no NUL, and UTF-8 no surrogates.
	 */
	private static boolean isStorable(String text) {
		return text.codePoints()
			.noneMatch((codePoint) -> codePoint == 0 || Character.getType(codePoint) == Character.SURROGATE);
	}

	private static String shown(@Nullable String text) {
		if (text == null) {
			return "null";
		}
		return (text.length() <= SHOWN) ? "'" + text + "'" : "'" + text.substring(0, SHOWN) + "…'";
	}

}
