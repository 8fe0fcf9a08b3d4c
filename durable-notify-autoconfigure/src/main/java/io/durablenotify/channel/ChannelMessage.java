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

import java.util.LinkedHashMap;
import java.util.Map;

import io.durablenotify.database.Texts;

import org.springframework.util.Assert;

/**
 * A message to be sent: a payload with headers. Immutable.
 *
 * @param payload a {@code String}, a {@code byte[]}, or a value that is written as JSON;
 * not {@code null}
 * @param headers the headers
 */
public record ChannelMessage(Object payload, Map<String, String> headers) {

	private static final int MAX_HEADER_LENGTH = 255;

	/**
	 * Create a message.
	 * @param payload the payload
	 * @param headers the headers, whose names have 1 to 255 characters without white
	 * space
	 */
	public ChannelMessage {
		Assert.notNull(payload, "'payload' must not be null: send an empty text where there is nothing to say");
		headers.forEach((name, value) -> {
			Texts.requireName("Header", name, MAX_HEADER_LENGTH);
			Assert.notNull(value, () -> "Header '%s' must have a value".formatted(name));
		});
		headers = Map.copyOf(headers);
	}

	/**
	 * Create a message without headers.
	 * @param payload the payload
	 * @return the message; the payload itself if it is one
	 */
	public static ChannelMessage of(Object payload) {
		return (payload instanceof ChannelMessage message) ? message : new ChannelMessage(payload, Map.of());
	}

	/**
	 * Add a header.
	 * @param name the name
	 * @param value the value, not {@code null}
	 * @return the new message
	 */
	public ChannelMessage header(String name, String value) {
		Map<String, String> headers = new LinkedHashMap<>(this.headers);
		headers.put(name, value);
		return new ChannelMessage(this.payload, headers);
	}

	/**
	 * Show nothing of the payload.
	 */
	@Override
	public String toString() {
		return "ChannelMessage[%s, headers=%s]".formatted(this.payload.getClass().getName(), this.headers.keySet());
	}

}
