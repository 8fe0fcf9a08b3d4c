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

package io.durablenotify.stream;

import io.durablenotify.jdbc.Texts;

/**
 * The rules for names of streams.
 */
final class StreamNames {

	private static final int MAX_LENGTH = 512;

	private StreamNames() {
	}

	static String require(String name) {
		if (!Texts.isName(name, MAX_LENGTH)) {
			throw new IllegalArgumentException(
					("Stream name %s is refused: 1 to %d characters are allowed, none of them white space or a control "
							+ "character. If this is the text, the arguments are swapped: append(stream, text).")
						.formatted(Texts.shown(name), MAX_LENGTH));
		}
		return name;
	}

	/**
	 * Return whether names can begin with a prefix: it leaves room for one character.
	 */
	static boolean isValidPrefix(String prefix) {
		return Texts.isName(prefix, MAX_LENGTH - 1);
	}

}
