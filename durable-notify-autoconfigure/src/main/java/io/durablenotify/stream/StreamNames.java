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

import java.nio.charset.StandardCharsets;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The rules for names of streams.
 */
final class StreamNames {

	private static final int MAX_LENGTH = 512;

	/**
	 * An entry of the index by owner and name has 2,704 bytes at most, some of them its
	 * own. Names alone cannot reach that.
	 */
	private static final int MAX_BYTES_WITH_OWNER = 2_600;

	private StreamNames() {
	}

	static String require(String name) {
		if (!Texts.isName(name, MAX_LENGTH)) {
			throw new IllegalArgumentException(
					("Stream name %s must have 1 to %d characters, none of them white space or a control character. "
							+ "If this is the text, the arguments are swapped: append(stream, text).")
						.formatted(Texts.shown(name), MAX_LENGTH));
		}
		return name;
	}

	/**
	 * Require a name and an owner that are not too long together.
	 */
	static void requireIndexable(String name, @Nullable String owner) {
		int bytes = (owner != null) ? utf8Length(name) + utf8Length(owner) : 0;
		Assert.isTrue(bytes <= MAX_BYTES_WITH_OWNER,
				() -> "Stream name %s and owner %s must have at most %d bytes in UTF-8 together, but have %d"
					.formatted(Texts.shown(name), Texts.shown(owner), MAX_BYTES_WITH_OWNER, bytes));
	}

	private static int utf8Length(String text) {
		return text.getBytes(StandardCharsets.UTF_8).length;
	}

	/**
	 * Return whether names can begin with a prefix: it leaves room for one character.
	 */
	static boolean isValidPrefix(String prefix) {
		return Texts.isName(prefix, MAX_LENGTH - 1);
	}

}
