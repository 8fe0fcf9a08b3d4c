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

package io.durablenotify.channel;

import java.io.StringWriter;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

import io.durablenotify.channel.StoredMessage.Type;
import io.durablenotify.database.StoredJson;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/**
 * Messages as they are stored: a JSON object, in which the payload is a text.
 */
final class ChannelJson {

	private static final JsonFactory FACTORY = StoredJson.factory(StreamReadConstraints.DEFAULT_MAX_DEPTH);

	private static final String CHANNEL_NAME = "channel_name";

	private static final String MESSAGE_ID = "message_id";

	private static final String TARGET_INSTANCE_ID = "target_instance_id";

	private static final String HEADERS = "headers";

	private static final String PAYLOAD_TYPE = "payload_type";

	private static final String PAYLOAD = "payload";

	private ChannelJson() {
	}

	static String write(StoredMessage message) {
		StringWriter json = new StringWriter();
		try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), json)) {
			generator.writeStartObject();
			generator.writeStringProperty(CHANNEL_NAME, message.channel());
			generator.writeStringProperty(MESSAGE_ID, message.id());
			if (message.address() != null) {
				generator.writeStringProperty(TARGET_INSTANCE_ID, message.address());
			}
			else {
				generator.writeNullProperty(TARGET_INSTANCE_ID);
			}
			if (!message.headers().isEmpty()) {
				generator.writeObjectPropertyStart(HEADERS);
				new TreeMap<>(message.headers()).forEach(generator::writeStringProperty);
				generator.writeEndObject();
			}
			generator.writeStringProperty(PAYLOAD_TYPE, message.type().name().toLowerCase(Locale.ROOT));
			generator.writeStringProperty(PAYLOAD, message.payload());
			generator.writeEndObject();
		}
		return json.toString();
	}

	/**
	 * Read a message.
	 * @throws IllegalArgumentException if it is none. Shows nothing of it
	 */
	static StoredMessage read(byte[] json) {
		String channel = null;
		String id = null;
		String address = null;
		String type = null;
		String payload = null;
		Map<String, String> headers = Map.of();
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
			if (parser.nextToken() != JsonToken.START_OBJECT) {
				throw new IllegalArgumentException("it is no JSON object");
			}
			while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
				String name = parser.currentName();
				parser.nextToken();
				switch (name) {
					case CHANNEL_NAME -> channel = text(parser);
					case MESSAGE_ID -> id = text(parser);
					case TARGET_INSTANCE_ID -> address = text(parser);
					case PAYLOAD_TYPE -> type = text(parser);
					case PAYLOAD -> payload = text(parser);
					case HEADERS -> headers = readHeaders(parser);
					default -> parser.skipChildren();
				}
			}
		}
		catch (JacksonException ex) {
			// Its message shows what it stumbled over
			throw new IllegalArgumentException("it is no JSON");
		}
		return new StoredMessage(required(channel, CHANNEL_NAME), required(id, MESSAGE_ID), address, headers,
				type(type), required(payload, PAYLOAD));
	}

	private static @Nullable String text(JsonParser parser) {
		if (parser.hasToken(JsonToken.VALUE_STRING)) {
			return parser.getString();
		}
		parser.skipChildren();
		return null;
	}

	private static Map<String, String> readHeaders(JsonParser parser) {
		if (!parser.hasToken(JsonToken.START_OBJECT)) {
			parser.skipChildren();
			return Map.of();
		}
		Map<String, String> headers = new HashMap<>();
		while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
			String name = parser.currentName();
			parser.nextToken();
			String value = text(parser);
			if (value != null) {
				headers.put(name, value);
			}
		}
		return Map.copyOf(headers);
	}

	private static String required(@Nullable String value, String name) {
		if (value == null) {
			throw new IllegalArgumentException("it has no text '%s'".formatted(name));
		}
		return value;
	}

	/**
	 * Other writers may leave it out.
	 */
	private static Type type(@Nullable String name) {
		for (Type type : Type.values()) {
			if (type.name().equalsIgnoreCase(name)) {
				return type;
			}
		}
		return Type.TEXT;
	}

}
