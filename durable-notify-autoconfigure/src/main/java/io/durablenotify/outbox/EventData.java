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
package io.durablenotify.outbox;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

import io.durablenotify.StreamCodec;
import io.durablenotify.database.StoredJson;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

import org.springframework.util.MimeType;
import org.springframework.util.MimeTypeUtils;

/**
 * The data of an event with its media type. It is a member of a JSON object, as in
 * CloudEvents. JSON as it is, text as a string, and anything else in Base64.
 *
 * @param contentType the media type, {@code null} if there is no data
 * @param bytes the data
 */
record EventData(@Nullable String contentType, byte[] bytes) {

	private static final String MEMBER = "data";

	private static final String BASE64_MEMBER = "data_base64";

	static final EventData NONE = new EventData(null, new byte[0]);

	static final int MAX_DEPTH = 500;

	private static final JsonFactory FACTORY = StoredJson.factory(MAX_DEPTH);

	/**
	 * The first byte of that in UTF-8, which parsers skip.
	 */
	private static final byte BYTE_ORDER_MARK = (byte) 0xEF;

	private static final String JSON = "application/json";

	/**
	 * Create from what an application publishes.
	 * @param contentType the media type, or {@code null} for the default
	 * @param json writes values as JSON
	 * @throws IllegalArgumentException if it is no JSON and should be
	 */
	static EventData of(@Nullable Object data, @Nullable String contentType, JsonWriter json) {
		if (data == null) {
			return NONE;
		}
		if (data instanceof byte[] bytes) {
			return checked(
					new EventData((contentType != null) ? contentType : "application/octet-stream", bytes.clone()));
		}
		if (data instanceof String text) {
			String type = (contentType != null) ? contentType : "text/plain;charset=UTF-8";
			return checked(new EventData(type, encode(text, type)));
		}
		String type = (contentType != null) ? contentType : JSON;
		if (!isJson(type)) {
			throw new IllegalArgumentException(
					"Data of %s is written as JSON, which %s is not".formatted(data.getClass().getName(), type));
		}
		return checked(new EventData(type, json.write(data)));
	}

	private static byte[] encode(String text, String contentType) {
		Charset charset = MimeTypeUtils.parseMimeType(contentType).getCharset();
		return (charset != null && !isJson(contentType)) ? text.getBytes(charset) : StreamCodec.text().encode(text);
	}

	/**
	 * Its member of a JSON object must not end that.
	 */
	private static EventData checked(EventData data) {
		if (data.isJson() && !isJson(data.bytes)) {
			throw new IllegalArgumentException("The data of an event of type %s must be JSON of %d levels at most"
				.formatted(data.contentType, MAX_DEPTH));
		}
		return data;
	}

	private static boolean isJson(byte[] bytes) {
		if (bytes.length > 0 && bytes[0] == BYTE_ORDER_MARK) {
			return false;
		}
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), bytes)) {
			boolean value = parser.nextToken() != null;
			parser.skipChildren();
			parser.finishToken();
			return value && parser.nextToken() == null && parser.currentLocation().getByteOffset() >= 0;
		}
		catch (JacksonException ex) {
			return false;
		}
	}

	boolean isJson() {
		return this.contentType != null && isJson(this.contentType);
	}

	private static boolean isJson(String contentType) {
		MimeType type = MimeTypeUtils.parseMimeType(contentType);
		String subtype = type.getSubtype().toLowerCase(Locale.ROOT);
		return subtype.equals("json") || subtype.endsWith("+json");
	}

	/**
	 * Write as a member of the current object, if there is any data.
	 */
	void write(JsonGenerator generator) {
		if (this.contentType == null) {
			return;
		}
		String text = text();
		if (text == null) {
			generator.writeBinaryProperty(BASE64_MEMBER, this.bytes);
		}
		else if (isJson()) {
			generator.writeName(MEMBER).writeRawValue(text);
		}
		else {
			generator.writeStringProperty(MEMBER, text);
		}
	}

	/**
	 * Return the data as text, {@code null} if it is none in UTF-8.
	 */
	private @Nullable String text() {
		if (this.contentType == null || !(isJson() || isText(this.contentType))) {
			return null;
		}
		try {
			return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(this.bytes)).toString();
		}
		catch (CharacterCodingException ex) {
			return null;
		}
	}

	private static boolean isText(String contentType) {
		MimeType type = MimeTypeUtils.parseMimeType(contentType);
		return type.getType().equals("text")
				&& (type.getCharset() == null || type.getCharset().equals(StandardCharsets.UTF_8));
	}

	/**
	 * Create from what is stored.
	 * @param contentType the media type, {@code null} for JSON
	 * @throws org.springframework.util.InvalidMimeTypeException if it is none
	 */
	static EventData of(@Nullable String contentType, Member member) {
		String type = (contentType != null) ? contentType : JSON;
		boolean json = isJson(type);
		String text = member.text();
		return new EventData(type, (text != null && !json) ? text.getBytes(StandardCharsets.UTF_8) : member.bytes());
	}

	/**
	 * Return whether a member of an object has the data.
	 */
	static boolean isMember(String name) {
		return name.equals(MEMBER) || name.equals(BASE64_MEMBER);
	}

	/**
	 * Writes values as JSON.
	 */
	interface JsonWriter {

		byte[] write(Object value);

	}

	/**
	 * A member of an object that has the data.
	 *
	 * @param bytes the bytes: those of the JSON as it stands, or what was in Base64
	 * @param text the text, if it is a string
	 */
	record Member(byte[] bytes, @Nullable String text) {

		/**
		 * Read the member whose name the parser has just read.
		 * @param json what is parsed
		 * @return the data, {@code null} if there is none
		 */
		static @Nullable Member read(JsonParser parser, byte[] json) {
			boolean base64 = BASE64_MEMBER.equals(parser.currentName());
			JsonToken token = parser.nextToken();
			if (base64) {
				return (token != JsonToken.VALUE_NULL) ? new Member(parser.getBinaryValue(), null) : null;
			}
			int start = Math.toIntExact(parser.currentTokenLocation().getByteOffset());
			parser.skipChildren();
			parser.finishToken();
			int end = Math.toIntExact(parser.currentLocation().getByteOffset());
			return new Member(Arrays.copyOfRange(json, start, end),
					(token == JsonToken.VALUE_STRING) ? parser.getString() : null);
		}

	}

}
