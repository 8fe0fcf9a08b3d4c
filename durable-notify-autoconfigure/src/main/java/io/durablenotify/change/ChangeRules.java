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

package io.durablenotify.change;

import org.jspecify.annotations.Nullable;

/**
 * The rules for what is published.
 */
final class ChangeRules {

	private static final int MAX_TOPIC = 255;

	private static final int MAX_KEY = 1_024;

	private static final int MAX_ORIGINATOR = 255;

	private static final int SHOWN = 60;

	private ChangeRules() {
	}

	static void requireTopic(String topic) {
		if (!isText(topic, MAX_TOPIC) || topic.codePoints().anyMatch(ChangeRules::isBlank)) {
			throw new IllegalArgumentException(
					"Topic %s is refused: 1 to %d characters are allowed, none of them white space or a control character."
						.formatted(shown(topic), MAX_TOPIC));
		}
	}

	static void requireKey(String key) {
		requireText("Key", key, MAX_KEY);
	}

	static void requireOriginator(@Nullable String originator) {
		if (originator != null) {
			requireText("Originator", originator, MAX_ORIGINATOR);
		}
	}

	private static void requireText(String what, String text, int maxLength) {
		if (!isText(text, maxLength)) {
			throw new IllegalArgumentException(
					"%s %s is refused: 1 to %d characters are allowed, none of them NUL or half a surrogate pair."
						.formatted(what, shown(text), maxLength));
		}
	}

	/**
	 * What PostgreSQL can store.
	 */
	private static boolean isText(String text, int maxLength) {
		int length = (text != null) ? text.codePointCount(0, text.length()) : 0;
		return length >= 1 && length <= maxLength && text.codePoints()
			.noneMatch((codePoint) -> codePoint == 0 || Character.getType(codePoint) == Character.SURROGATE);
	}

	private static boolean isBlank(int codePoint) {
		return Character.isWhitespace(codePoint) || Character.isSpaceChar(codePoint)
				|| Character.isISOControl(codePoint);
	}

	private static String shown(String text) {
		if (text == null) {
			return "null";
		}
		return (text.length() <= SHOWN) ? "'" + text + "'" : "'" + text.substring(0, SHOWN) + "…'";
	}

}
