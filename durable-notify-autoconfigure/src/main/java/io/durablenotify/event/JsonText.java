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

import io.durablenotify.database.StoredJson;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;

/**
 * A JSON text that has been checked, so that no statement can fail for it.
 *
 * @param text the text
 * @param bytes its size in UTF-8
 */
record JsonText(String text, long bytes) {

	private static final int MAX_DEPTH = 500;

	private static final JsonFactory FACTORY = StoredJson.factory(MAX_DEPTH);

	static JsonText require(String text) {
		long bytes = bytes(text);
		requireJson(text);
		return new JsonText(text, bytes);
	}

	private static long bytes(String text) {
		long bytes = 0;
		int codePoint;
		for (int i = 0; i < text.length(); i += Character.charCount(codePoint)) {
			codePoint = text.codePointAt(i);
			if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
				throw new IllegalArgumentException(
						"Payload must have no unpaired surrogate, but character %d is one".formatted(i + 1));
			}
			bytes += (codePoint < 0x80) ? 1 : (codePoint < 0x800) ? 2 : (codePoint < 0x10000) ? 3 : 4;
		}
		return bytes;
	}

	/**
	 * The parser's own messages show what they stumble over: neither they nor the
	 * exceptions get any further.
	 */
	private static void requireJson(String text) {
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
			JsonToken token = parser.nextToken();
			if (token == null || text.charAt(0) == '\uFEFF') {
				throw invalid("has no value", 1, 1);
			}
			parser.skipChildren();
			if (parser.nextToken() != null) {
				TokenStreamLocation location = parser.currentTokenLocation();
				throw invalid("goes on after its value", location.getLineNr(), location.getColumnNr());
			}
		}
		catch (StreamConstraintsException ex) {
			throw new IllegalArgumentException("Payload must be nested at most %d levels deep".formatted(MAX_DEPTH));
		}
		catch (JacksonException ex) {
			throw invalid("is malformed", ex.getLocation().getLineNr(), ex.getLocation().getColumnNr());
		}
	}

	private static IllegalArgumentException invalid(String problem, int line, int column) {
		return new IllegalArgumentException(
				"Payload must be JSON, but %s at line %d, column %d".formatted(problem, line, column));
	}

}
