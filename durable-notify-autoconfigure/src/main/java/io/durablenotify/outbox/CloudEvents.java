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

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Events as CloudEvents 1.0.
 */
final class CloudEvents {

	static final String VERSION = "1.0";

	static final String STRUCTURED_TYPE = "application/cloudevents+json; charset=UTF-8";

	private CloudEvents() {
	}

	/**
	 * Return the attributes of an event, without the media type of its data. That is a
	 * header of its own in binary mode.
	 */
	static Map<String, String> attributes(OutboxMessage message) {
		Map<String, String> attributes = new LinkedHashMap<>();
		attributes.put("specversion", VERSION);
		attributes.put("id", message.id());
		attributes.put("type", message.type());
		attributes.put("source", message.source());
		if (message.subject() != null) {
			attributes.put("subject", message.subject());
		}
		if (message.time() != null) {
			attributes.put("time", message.time().toString());
		}
		attributes.putAll(message.extensions());
		return attributes;
	}

	/**
	 * Return a value as that of an HTTP header. What is not a printable character of
	 * ASCII, a blank, a quote and a percent sign are escaped, as section 3.1.3.2 of the
	 * HTTP binding demands.
	 */
	static String headerValue(String value) {
		StringBuilder header = new StringBuilder();
		for (byte octet : value.getBytes(StandardCharsets.UTF_8)) {
			if (octet > ' ' && octet < 0x7F && octet != '"' && octet != '%') {
				header.append((char) octet);
			}
			else {
				header.append("%%%02X".formatted(octet));
			}
		}
		return header.toString();
	}

}
