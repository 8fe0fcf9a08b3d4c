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

package io.durablenotify.work;

import java.lang.reflect.Type;

import io.durablenotify.StreamCodec;
import org.jspecify.annotations.Nullable;

/**
 * Payloads as they are stored, without the name of a class. They are text in UTF-8, bytes
 * as they are, nothing for {@code null}, and any other value as JSON. An item need not
 * have a payload: a handler is given {@code null} for none.
 */
final class WorkPayloads {

	private static final byte[] NONE = {};

	private final PayloadJson json;

	private final long maxBytes;

	WorkPayloads(PayloadJson json, long maxBytes) {
		this.json = json;
		this.maxBytes = maxBytes;
	}

	/**
	 * Return the payload of a request, which later changes of the caller's value do not
	 * reach.
	 * @throws IllegalArgumentException if it cannot be written, or is too large
	 */
	byte[] encode(WorkRequest request) {
		byte[] bytes = bytes(request);
		requireSize("Payload", request, bytes.length);
		return bytes;
	}

	/**
	 * Require that a part of a request is not too large.
	 */
	void requireSize(String part, WorkRequest request, long bytes) {
		if (bytes > this.maxBytes) {
			throw new IllegalArgumentException(
					("%s for queue '%s' must have at most %d bytes (durable-notify.work.max-payload-size), but has %d. "
							+ "Store it elsewhere and refer to it, or raise the limit")
						.formatted(part, request.queue(), this.maxBytes, bytes));
		}
	}

	private byte[] bytes(WorkRequest request) {
		Object payload = request.payload();
		if (payload == null) {
			return NONE;
		}
		if (payload instanceof byte[] bytes) {
			return bytes.clone();
		}
		if (payload instanceof String text) {
			try {
				return StreamCodec.text().encode(text);
			}
			catch (RuntimeException ex) {
				throw new IllegalArgumentException(subject(request, payload)
						+ " cannot be written: it has half a surrogate pair, and was cut in the middle of a character",
						ex);
			}
		}
		return this.json.encode(payload, () -> subject(request, payload));
	}

	private static String subject(WorkRequest request, Object payload) {
		return "Payload of type %s for queue '%s'".formatted(payload.getClass().getName(), request.queue());
	}

	/**
	 * Return the payload of an item as the value that its handler takes.
	 * @param type the type of the value: {@code String} and {@code byte[]} are as stored,
	 * any other is read from JSON
	 * @return the value; {@code null} if nothing is stored for a type that is neither
	 * @throws PermanentFailureException if it is no such value. It names the item and the
	 * type, and shows nothing of the payload
	 */
	@Nullable Object decode(WorkItem item, Type type) {
		byte[] payload = item.payload();
		if (type == byte[].class) {
			return payload;
		}
		try {
			if (type == String.class) {
				return StreamCodec.text().decode(payload);
			}
			if (payload.length > 0) {
				return this.json.decode(payload, type);
			}
		}
		catch (RuntimeException ex) {
			// Jackson's messages and those of constructors may show values
			throw undecodable(item, type, (type == String.class) ? "it is no text in UTF-8" : PayloadJson.reason(ex));
		}
		if (type instanceof Class<?> primitive && primitive.isPrimitive()) {
			throw undecodable(item, type, "it is empty");
		}
		return null;
	}

	private static PermanentFailureException undecodable(WorkItem item, Type type, String reason) {
		return new PermanentFailureException("Payload of item %d of queue '%s' cannot be read as %s: %s"
			.formatted(item.id(), item.queue(), type.getTypeName(), reason));
	}

}
