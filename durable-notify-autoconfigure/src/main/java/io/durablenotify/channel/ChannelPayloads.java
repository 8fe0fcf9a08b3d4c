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

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;

import io.durablenotify.StreamCodec;
import io.durablenotify.channel.StoredMessage.Type;
import io.durablenotify.work.PayloadJson;
import io.durablenotify.work.PermanentFailureException;
import org.jspecify.annotations.Nullable;

/**
 * Payloads as they are stored, without the name of a class. A message has a payload, so
 * that {@code null} is none, other than that of work.
 */
final class ChannelPayloads {

	private final PayloadJson json;

	ChannelPayloads(PayloadJson json) {
		this.json = json;
	}

	/**
	 * Return what is stored of a message, which later changes of the caller's value do
	 * not reach.
	 * @throws IllegalArgumentException if the payload cannot be written
	 */
	StoredMessage encode(String channel, @Nullable String address, ChannelMessage message) {
		Object payload = message.payload();
		Type type = (payload instanceof String) ? Type.TEXT : (payload instanceof byte[]) ? Type.BYTES : Type.JSON;
		return new StoredMessage(channel, UUID.randomUUID().toString(), address, message.headers(), type,
				encode(channel, payload));
	}

	private String encode(String channel, Object payload) {
		if (payload instanceof byte[] bytes) {
			return Base64.getEncoder().encodeToString(bytes);
		}
		if (payload instanceof String text) {
			return text;
		}
		byte[] json = this.json.encode(payload,
				() -> "Payload of type %s for channel '%s'".formatted(payload.getClass().getName(), channel));
		return new String(json, StandardCharsets.UTF_8);
	}

	/**
	 * Return the payload of a message.
	 * @throws PermanentFailureException if it is no such value
	 */
	@SuppressWarnings("unchecked")
	<T> T decode(StoredMessage message, Class<T> type) {
		try {
			if (type == byte[].class) {
				return type.cast(bytes(message));
			}
			String text = (message.type() == Type.BYTES) ? StreamCodec.text().decode(bytes(message))
					: message.payload();
			if (type == String.class) {
				return type.cast(text);
			}
			Object value = this.json.decode(text.getBytes(StandardCharsets.UTF_8), type);
			if (value == null) {
				throw undecodable(message, type, "it is null");
			}
			return (T) value;
		}
		catch (PermanentFailureException ex) {
			throw ex;
		}
		catch (RuntimeException ex) {
			// Jackson's messages and those of constructors may show values
			throw undecodable(message, type, (type == String.class || type == byte[].class)
					? "it is no such text in UTF-8" : PayloadJson.reason(ex));
		}
	}

	private static byte[] bytes(StoredMessage message) {
		return (message.type() == Type.BYTES) ? Base64.getDecoder().decode(message.payload())
				: StreamCodec.text().encode(message.payload());
	}

	private static PermanentFailureException undecodable(StoredMessage message, Class<?> type, String reason) {
		return new PermanentFailureException("Payload of message %s of channel '%s' cannot be read as %s: %s"
			.formatted(message.id(), message.channel(), type.getTypeName(), reason));
	}

}
