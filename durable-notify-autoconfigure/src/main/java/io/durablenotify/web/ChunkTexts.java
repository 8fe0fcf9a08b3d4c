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

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

import io.durablenotify.stream.Chunk;
import org.jspecify.annotations.Nullable;

/**
 * Decodes the chunks of a stream as one UTF-8 text. A character whose bytes are in
 * several chunks comes with the last of these. Bytes that are no UTF-8 become U+FFFD.
 */
final class ChunkTexts implements SseMapper<Chunk> {

	private final @Nullable String identity;

	private final @Nullable String eventName;

	/**
	 * How many bytes of the first chunk the client has.
	 */
	private int skipped;

	/**
	 * The first bytes of a character.
	 */
	private byte[] incomplete = {};

	/**
	 * Up to where everything was sent.
	 */
	private @Nullable EventId sent;

	ChunkTexts(@Nullable String identity, @Nullable String eventName, @Nullable EventId received) {
		this.identity = identity;
		this.eventName = eventName;
		this.skipped = (received != null) ? received.bytes() : 0;
	}

	@Override
	public @Nullable SseEvent map(Chunk chunk) {
		int from = Math.min(this.skipped, chunk.data().length);
		this.skipped = 0;
		ByteBuffer bytes = ByteBuffer.allocate(this.incomplete.length + chunk.data().length - from)
			.put(this.incomplete)
			.put(chunk.data(), from, chunk.data().length - from)
			.flip();
		int length = bytes.limit();
		int complete = length - incompleteAtEnd(bytes);
		EventId id = EventId.of(chunk.index(), this.identity);
		int held = length - complete;
		if (held > 0) {
			int begin = chunk.data().length - held;
			id = (begin < 0 && this.sent != null) ? this.sent
					: EventId.of(chunk.index() - 1, this.identity).withBytes(begin);
		}
		this.incomplete = new byte[held];
		bytes.get(complete, this.incomplete);
		this.sent = id;
		if (complete == 0 && length > 0) {
			return null;
		}
		String text = StandardCharsets.UTF_8.decode(bytes.limit(complete)).toString();
		return new SseEvent(id.toString(), this.eventName, text);
	}

	/**
	 * Return how many bytes at the end are the beginning of a character.
	 */
	private static int incompleteAtEnd(ByteBuffer bytes) {
		int limit = bytes.limit();
		for (int count = 1; count <= Math.min(3, limit); count++) {
			int value = bytes.get(limit - count) & 0xFF;
			if (value < 0x80) {
				return 0;
			}
			if (value >= 0xC0) {
				int needed = (value < 0xE0) ? 2 : (value < 0xF0) ? 3 : (value < 0xF8) ? 4 : 1;
				return (count < needed) ? count : 0;
			}
		}
		return 0;
	}

	@Override
	public @Nullable SseEvent rest() {
		return (this.incomplete.length > 0)
				? new SseEvent(null, this.eventName, new String(this.incomplete, StandardCharsets.UTF_8)) : null;
	}

}
