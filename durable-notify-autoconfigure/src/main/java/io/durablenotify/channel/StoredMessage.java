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

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What is stored of a message.
 *
 * @param channel the channel
 * @param id the message's id
 * @param address the address, or {@code null}
 * @param headers the headers
 * @param type what the payload is
 * @param payload the text, the JSON of the value, or the bytes in Base64
 */
record StoredMessage(String channel, String id, @Nullable String address, Map<String, String> headers, Type type,
		String payload) {

	/**
	 * What a payload is.
	 */
	enum Type {

		TEXT, JSON, BYTES

	}

}
