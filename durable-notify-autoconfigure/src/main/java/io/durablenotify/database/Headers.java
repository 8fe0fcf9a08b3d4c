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

import java.io.StringWriter;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/**
 * Headers as they are stored: a JSON object of strings.
 */
public final class Headers {

	/**
	 * What is not ASCII is escaped: databases in any encoding can store it.
	 */
	private static final JsonFactory FACTORY = JsonFactory.builder()
		.enable(JsonWriteFeature.ESCAPE_NON_ASCII)
		.streamReadConstraints(StreamReadConstraints.builder()
			.maxStringLength(Integer.MAX_VALUE)
			.maxNameLength(Integer.MAX_VALUE)
			.build())
		.build();

	private Headers() {
	}

	/**
	 * Return headers as a text, of which the second ones replace the first ones.
	 * @param defaults the first ones
	 * @param headers the second ones
	 * @return the text, {@code null} if there are no headers
	 */
	public static @Nullable String write(Map<String, String> defaults, Map<String, String> headers) {
		if (defaults.isEmpty()) {
			return write(headers);
		}
		Map<String, String> all = new HashMap<>(defaults);
		all.putAll(headers);
		return write(all);
	}

	/**
	 * Return headers as a text.
	 * @param headers the headers
	 * @return the text, {@code null} if there are no headers
	 */
	public static @Nullable String write(Map<String, String> headers) {
		if (headers.isEmpty()) {
			return null;
		}
		StringWriter text = new StringWriter();
		try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
			generator.writeStartObject();
			new TreeMap<>(headers).forEach(generator::writeStringProperty);
			generator.writeEndObject();
		}
		return text.toString();
	}

	/**
	 * Return the headers of a text. What other writers have stored may be no headers, and
	 * is left out.
	 * @param text the text, or {@code null}
	 * @return the headers
	 */
	public static Map<String, String> parse(@Nullable String text) {
		Map<String, String> headers = new LinkedHashMap<>();
		if (text == null) {
			return headers;
		}
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
			if (parser.nextToken() == JsonToken.START_OBJECT) {
				while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
					String name = parser.currentName();
					if (parser.nextToken().isScalarValue() && !parser.hasToken(JsonToken.VALUE_NULL)) {
						headers.put(name, parser.getString());
					}
					parser.skipChildren();
				}
			}
			return headers;
		}
		catch (JacksonException ex) {
			return headers;
		}
	}

}
