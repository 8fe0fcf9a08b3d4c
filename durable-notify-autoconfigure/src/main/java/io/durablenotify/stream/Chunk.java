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

package io.durablenotify.stream;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * A chunk of a stream. Equal by content; {@link #toString()} never shows the payload.
 *
 * @param stream the stream's name
 * @param index the chunk's index, from 0 without gaps
 * @param data the bytes, shared between readers: not to be modified
 * @param createdAt when it was stored, by the database's clock
 */
public record Chunk(String stream, long index, byte[] data, Instant createdAt) {

	/**
	 * Return the bytes as UTF-8 text.
	 * @return the text; bytes that are none become U+FFFD
	 */
	public String text() {
		return new String(this.data, StandardCharsets.UTF_8);
	}

	@Override
	public boolean equals(@Nullable Object other) {
		return other instanceof Chunk chunk && this.index == chunk.index && this.stream.equals(chunk.stream)
				&& this.createdAt.equals(chunk.createdAt) && Arrays.equals(this.data, chunk.data);
	}

	@Override
	public int hashCode() {
		return Objects.hash(this.stream, this.index, this.createdAt, Arrays.hashCode(this.data));
	}

	@Override
	public String toString() {
		return "Chunk[stream=%s, index=%d, bytes=%d, createdAt=%s]".formatted(this.stream, this.index, this.data.length,
				this.createdAt);
	}

}
