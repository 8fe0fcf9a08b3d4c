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
 * several chunks comes with the last of these. Bytes that are no UTF-8 become U+FFFD. A
 * line feed is left out if the chunk before ended with a carriage return, which was sent
 * as the end of a line.
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
	 * Whether the last character was a carriage return.
	 */
	private boolean afterReturn;

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
		byte[] data = chunk.data();
		int from = Math.min(this.skipped, data.length);
		this.skipped = 0;
		if (from > 0) {
			this.afterReturn = data[from - 1] == '\r';
		}
		ByteBuffer bytes = ByteBuffer.allocate(this.incomplete.length + data.length - from)
			.put(this.incomplete)
			.put(data, from, data.length - from)
			.flip();
		int length = bytes.limit();
		int complete = length - incompleteAtEnd(bytes);
		this.incomplete = new byte[length - complete];
		bytes.get(complete, this.incomplete);
		String text = withoutDividedLineEnd(new String(bytes.array(), 0, complete, StandardCharsets.UTF_8));
		this.sent = id(chunk.index(), data.length);
		if (text.isEmpty() && from + length > 0) {
			return null;
		}
		return new SseEvent(this.sent.toString(), this.eventName, text);
	}

	private String withoutDividedLineEnd(String text) {
		if (text.isEmpty()) {
			return text;
		}
		boolean divided = this.afterReturn && text.charAt(0) == '\n';
		this.afterReturn = text.charAt(text.length() - 1) == '\r';
		return (divided) ? text.substring(1) : text;
	}

	/**
	 * Return how far a client has read that has received a chunk's text. After a carriage
	 * return it begins at the end of the chunk, and not after the chunk, so that it is
	 * known what was before.
	 */
	private EventId id(long index, int length) {
		int begin = length - this.incomplete.length;
		if (this.incomplete.length == 0 && !this.afterReturn) {
			return EventId.of(index, this.identity);
		}
		return (this.sent != null && (begin < 0 || length == 0)) ? this.sent
				: EventId.of(index - 1, this.identity).withBytes(begin);
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
