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

package io.durablenotify.web;

import java.io.StringWriter;

import io.durablenotify.event.StoredEvent;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * An event of a run as JSON. Written by hand: the application's mapper may be set up to
 * write names and times in another way.
 */
final class RunEventJson {

	private static final JsonFactory FACTORY = new JsonFactory();

	private RunEventJson() {
	}

	static String write(StoredEvent event) {
		StringWriter json = new StringWriter();
		try (JsonGenerator generator = FACTORY.createGenerator(ObjectWriteContext.empty(), json)) {
			generator.writeStartObject();
			generator.writeNumberProperty("sequence", event.sequence());
			write(generator, "eventId", event.eventId());
			write(generator, "type", event.type());
			write(generator, "correlationId", event.correlationId());
			if (event.payload() != null) {
				generator.writeName("payload");
				// JSON as it was appended
				generator.writeRawValue(event.payload());
			}
			write(generator, "createdAt", event.createdAt().toString());
			generator.writeEndObject();
		}
		return json.toString();
	}

	private static void write(JsonGenerator generator, String name, @Nullable String value) {
		if (value != null) {
			generator.writeStringProperty(name, value);
		}
	}

}
