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

import java.io.ByteArrayOutputStream;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.Map;

import io.durablenotify.database.StoredJson;
import io.durablenotify.outbox.EventData.Member;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkItem;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

import org.springframework.util.InvalidMimeTypeException;

/**
 * Events as JSON: as they are stored, which other writers do too, and as CloudEvents in
 * structured mode. Without the application's mapper, which may be set up to write names
 * and times in another way. Fields that are not known are left out.
 */
final class OutboxJson {

	/**
	 * The data is one level deeper than it was published.
	 */
	private static final JsonFactory FACTORY = StoredJson.factory(EventData.MAX_DEPTH + 1);

	/**
	 * In UTF-16.
	 */
	private static final int MAX_LENGTH = 2 * OutboxEvent.MAX_LENGTH;

	private static final String EVENT_ID = "event_id";

	private static final String TYPE = "type";

	private static final String SOURCE = "source";

	private static final String SUBJECT = "subject";

	private static final String TIME = "time";

	private static final String DATA_CONTENT_TYPE = "data_content_type";

	private static final String EXTENSIONS = "extensions";

	private OutboxJson() {
	}

	/**
	 * Return an event as it is stored.
	 */
	static byte[] write(OutboxMessage message) {
		return write((generator) -> {
			generator.writeStringProperty(EVENT_ID, message.id());
			writeAttributes(generator, message, DATA_CONTENT_TYPE);
			if (!message.extensions().isEmpty()) {
				generator.writeObjectPropertyStart(EXTENSIONS);
				message.extensions().forEach(generator::writeStringProperty);
				generator.writeEndObject();
			}
		}, message);
	}

	/**
	 * Return an event as a CloudEvent in structured mode.
	 */
	static byte[] writeCloudEvent(OutboxMessage message) {
		return write((generator) -> {
			generator.writeStringProperty("specversion", CloudEvents.VERSION);
			generator.writeStringProperty("id", message.id());
			writeAttributes(generator, message, "datacontenttype");
			message.extensions().forEach(generator::writeStringProperty);
		}, message);
	}

	private static byte[] write(Attributes attributes, OutboxMessage message) {
		ByteArrayOutputStream json = new ByteArrayOutputStream();
		try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), json)) {
			generator.writeStartObject();
			attributes.write(generator);
			new EventData(message.dataContentType(), message.data()).write(generator);
			generator.writeEndObject();
		}
		return json.toByteArray();
	}

	private static void writeAttributes(JsonGenerator generator, OutboxMessage message, String contentType) {
		generator.writeStringProperty(TYPE, message.type());
		generator.writeStringProperty(SOURCE, message.source());
		write(generator, SUBJECT, message.subject());
		write(generator, TIME, (message.time() != null) ? message.time().toString() : null);
		write(generator, contentType, message.dataContentType());
	}

	private static void write(JsonGenerator generator, String name, @Nullable String value) {
		if (value != null) {
			generator.writeStringProperty(name, value);
		}
	}

	/**
	 * Return the event that is stored as an item of work.
	 * @param source the source of an event that has none
	 * @throws PermanentFailureException if it is none. It names the item, and shows
	 * nothing of the payload
	 */
	static OutboxMessage read(WorkItem item, String source) {
		Map<String, String> fields = new HashMap<>();
		Map<String, String> extensions = new HashMap<>();
		Member member = null;
		byte[] json = item.payload();
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
			if (parser.nextToken() != JsonToken.START_OBJECT) {
				throw unreadable(item, "it is no JSON object");
			}
			while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
				String name = parser.currentName();
				if (EventData.isMember(name)) {
					Member read = Member.read(parser, json);
					member = (read != null) ? read : member;
				}
				else if (parser.nextToken() == JsonToken.VALUE_STRING) {
					fields.put(name, parser.getString());
				}
				else if (name.equals(EXTENSIONS) && parser.currentToken() == JsonToken.START_OBJECT) {
					readExtensions(parser, extensions);
				}
				parser.skipChildren();
			}
		}
		catch (JacksonException | ArithmeticException ex) {
			// Its message shows what it stumbled over
			throw unreadable(item, "it is no JSON in UTF-8");
		}
		return message(item, fields, extensions, member, source);
	}

	private static void readExtensions(JsonParser parser, Map<String, String> extensions) {
		while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
			String name = parser.currentName();
			JsonToken value = parser.nextToken();
			if (value.isScalarValue() && value != JsonToken.VALUE_NULL && OutboxEvent.isExtension(name)) {
				extensions.put(name, String.valueOf(parser.getString()));
			}
			parser.skipChildren();
		}
	}

	private static OutboxMessage message(WorkItem item, Map<String, String> fields, Map<String, String> extensions,
			@Nullable Member member, String source) {
		try {
			String contentType = fields.get(DATA_CONTENT_TYPE);
			if (contentType != null) {
				OutboxEvent.requireMediaType(contentType);
			}
			EventData data = (member != null) ? EventData.of(contentType, member) : EventData.NONE;
			return new OutboxMessage(field(item, fields, EVENT_ID), field(item, fields, TYPE),
					fields.getOrDefault(SOURCE, source), fields.get(SUBJECT), time(fields.get(TIME)),
					data.contentType(), data.bytes(), item.key(), Map.copyOf(extensions), item.attempt());
		}
		catch (DateTimeException ex) {
			throw unreadable(item, "'%s' is no time such as 2030-01-31T12:00:00Z".formatted(TIME));
		}
		catch (InvalidMimeTypeException ex) {
			throw unreadable(item, "'%s' is no media type".formatted(DATA_CONTENT_TYPE));
		}
	}

	/**
	 * Also as PostgreSQL writes a time into JSON.
	 */
	private static @Nullable Instant time(@Nullable String time) {
		return (time != null) ? OffsetDateTime.parse(time).toInstant() : null;
	}

	private static String field(WorkItem item, Map<String, String> fields, String name) {
		String value = fields.get(name);
		if (value == null || value.isEmpty() || value.length() > MAX_LENGTH) {
			throw unreadable(item, "it has no text '%s' of up to %d characters".formatted(name, MAX_LENGTH));
		}
		return value;
	}

	private static PermanentFailureException unreadable(WorkItem item, String reason) {
		return new PermanentFailureException(
				"Payload of item %d of queue '%s' cannot be read: %s".formatted(item.id(), item.queue(), reason));
	}

	/**
	 * Writes the attributes of an event.
	 */
	private interface Attributes {

		void write(JsonGenerator generator);

	}

}
