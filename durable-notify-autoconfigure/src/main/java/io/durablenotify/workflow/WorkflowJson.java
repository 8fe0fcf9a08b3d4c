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

package io.durablenotify.workflow;

import java.io.StringWriter;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkItem;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * The payloads of resumptions and timers, which other engines write and read too. Without
 * the application's mapper, which may be set up to write names and times in another way.
 * Fields that are not known are left out.
 */
final class WorkflowJson {

	private static final JsonFactory FACTORY = new JsonFactory();

	private static final String INSTANCE_ID = "instance_id";

	private static final String WORKFLOW_NAME = "workflow_name";

	private static final String TIMER_ID = "timer_id";

	private static final String EXPIRES_AT = "expires_at";

	private WorkflowJson() {
	}

	static String resumption(String workflowName, String instanceId) {
		Map<String, String> fields = new LinkedHashMap<>();
		fields.put(INSTANCE_ID, instanceId);
		fields.put(WORKFLOW_NAME, workflowName);
		return write(fields);
	}

	static Resumption resumption(WorkItem item) {
		Map<String, String> fields = read(item);
		return new Resumption(field(item, fields, WORKFLOW_NAME), field(item, fields, INSTANCE_ID), item);
	}

	static String timer(String instanceId, String timerId, Instant expiresAt) {
		Map<String, String> fields = new LinkedHashMap<>();
		fields.put(INSTANCE_ID, instanceId);
		fields.put(TIMER_ID, timerId);
		fields.put(EXPIRES_AT, expiresAt.toString());
		return write(fields);
	}

	static Timer timer(WorkItem item) {
		Map<String, String> fields = read(item);
		try {
			return new Timer(field(item, fields, INSTANCE_ID), field(item, fields, TIMER_ID),
					Instant.parse(field(item, fields, EXPIRES_AT)), item);
		}
		catch (DateTimeException ex) {
			throw unreadable(item, "'%s' is no time such as 2030-01-31T12:00:00Z".formatted(EXPIRES_AT));
		}
	}

	private static String write(Map<String, String> fields) {
		StringWriter json = new StringWriter();
		try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), json)) {
			generator.writeStartObject();
			fields.forEach(generator::writeStringProperty);
			generator.writeEndObject();
		}
		return json.toString();
	}

	private static Map<String, String> read(WorkItem item) {
		Map<String, String> fields = new HashMap<>();
		try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), item.payload())) {
			if (parser.nextToken() != JsonToken.START_OBJECT) {
				throw unreadable(item, "it is no JSON object");
			}
			while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
				String name = parser.currentName();
				if (parser.nextToken() == JsonToken.VALUE_STRING) {
					fields.put(name, parser.getString());
				}
				parser.skipChildren();
			}
			return fields;
		}
		catch (JacksonException ex) {
			// Its message shows what it stumbled over
			throw unreadable(item, "it is no JSON");
		}
	}

	private static String field(WorkItem item, Map<String, String> fields, String name) {
		String value = fields.get(name);
		if (value == null) {
			throw unreadable(item, "it has no text '%s'".formatted(name));
		}
		return value;
	}

	private static PermanentFailureException unreadable(WorkItem item, String reason) {
		return new PermanentFailureException(
				"Payload of item %d of queue '%s' cannot be read: %s".formatted(item.id(), item.queue(), reason));
	}

}
