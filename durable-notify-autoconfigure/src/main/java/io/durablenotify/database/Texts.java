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

import java.util.function.IntPredicate;

import org.jspecify.annotations.Nullable;

/**
 * The rules for texts that users give and PostgreSQL stores.
 */
public final class Texts {

	private static final int SHOWN = 60;

	private static final int DELETE_CHARACTER = 0x7f;

	private Texts() {
	}

	/**
	 * Return whether a text can be a name, which notifications carry. It has no white
	 * space, no control characters and no unpaired surrogates.
	 * @param text the text
	 * @param maxLength how many characters it may have
	 * @return whether it is one
	 */
	public static boolean isName(@Nullable String text, int maxLength) {
		return text != null && hasLength(text, maxLength) && consistsOf(text, Texts::isNameCharacter);
	}

	private static boolean isNameCharacter(int codePoint) {
		if (codePoint > ' ' && codePoint < DELETE_CHARACTER) {
			return true;
		}
		return !Character.isWhitespace(codePoint) && !Character.isSpaceChar(codePoint)
				&& !Character.isISOControl(codePoint) && Character.getType(codePoint) != Character.SURROGATE;
	}

	/**
	 * Return whether a text can be stored: PostgreSQL's text knows no NUL, and UTF-8 no
	 * surrogates.
	 * @param text the text
	 * @param maxLength how many characters it may have
	 * @return whether it can
	 */
	public static boolean isStorable(@Nullable String text, int maxLength) {
		return text != null && hasLength(text, maxLength) && consistsOf(text, Texts::isStorable);
	}

	/**
	 * Require a text that {@link #isStorable can be stored}.
	 * @param what what it is, for the message
	 * @param text the text
	 * @param maxLength how many characters it may have
	 * @return the text
	 * @throws IllegalArgumentException if it is empty, too long or cannot be stored
	 */
	public static String require(String what, @Nullable String text, int maxLength) {
		if (text == null || !isStorable(text, maxLength)) {
			throw new IllegalArgumentException(
					"%s %s must have 1 to %d characters, none of them NUL or half a surrogate pair.".formatted(what,
							shown(text), maxLength));
		}
		return text;
	}

	/**
	 * Require a {@link #isName name}.
	 * @param what what it is, for the message
	 * @param text the text
	 * @param maxLength how many characters it may have
	 * @return the text
	 * @throws IllegalArgumentException if it is no name
	 */
	public static String requireName(String what, @Nullable String text, int maxLength) {
		if (text == null || !isName(text, maxLength)) {
			throw new IllegalArgumentException(
					"%s %s must have 1 to %d characters, none of them white space or a control character."
						.formatted(what, shown(text), maxLength));
		}
		return text;
	}

	private static boolean hasLength(String text, int maxLength) {
		int length = text.codePointCount(0, text.length());
		return length >= 1 && length <= maxLength;
	}

	/**
	 * A loop, since each name is checked with each request, and {@code java.util.stream}
	 * costs more than all characters.
	 */
	private static boolean consistsOf(String text, IntPredicate codePoints) {
		int next = 0;
		while (next < text.length()) {
			int codePoint = text.codePointAt(next);
			if (!codePoints.test(codePoint)) {
				return false;
			}
			next += Character.charCount(codePoint);
		}
		return true;
	}

	private static boolean isStorable(int codePoint) {
		return codePoint != 0 && Character.getType(codePoint) != Character.SURROGATE;
	}

	/**
	 * Show a text in a message, cut if it is long, and with control characters escaped.
	 * No text can begin a line of a log.
	 * @param text the text
	 * @return the text between quotes, or {@code null} as such
	 */
	public static String shown(@Nullable String text) {
		if (text == null) {
			return "null";
		}
		String start = (text.length() <= SHOWN) ? text : text.substring(0, SHOWN) + "…";
		StringBuilder shown = new StringBuilder("'");
		start.codePoints().forEach((codePoint) -> {
			if (isLineSafe(codePoint)) {
				shown.appendCodePoint(codePoint);
			}
			else {
				shown.append("\\u%04x".formatted(codePoint));
			}
		});
		return shown.append('\'').toString();
	}

	private static boolean isLineSafe(int codePoint) {
		int type = Character.getType(codePoint);
		return type != Character.CONTROL && type != Character.LINE_SEPARATOR && type != Character.PARAGRAPH_SEPARATOR
				&& type != Character.SURROGATE;
	}

}
