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

import java.time.Instant;

import io.durablenotify.log.LogKind;
import io.durablenotify.log.TailedLog;
import org.jspecify.annotations.Nullable;

/**
 * A stream as one of its live readers sees it.
 *
 * @param name the full name, for the database and in messages
 * @param relativeName the name by which the reader's caller knows it, for the caller to
 * use
 * @param family the family that the reader is of, or {@code null}
 * @param bufferSize how many chunks the reader holds at most
 * @param firstIndex the index of the first chunk that the reader may be given: if it
 * begins with that, the one before is not compared
 */
record TailedStream(String name, String relativeName, @Nullable String family, int bufferSize,
		long firstIndex) implements TailedLog<Chunk> {

	static final String TOPIC = "streams";

	static final LogKind KIND = new LogKind(TOPIC, StreamReader.class, "stream", "chunk");

	@Override
	public long indexOf(Chunk chunk) {
		return chunk.index();
	}

	@Override
	public int sizeOf(Chunk chunk) {
		return chunk.data().length;
	}

	@Override
	public Instant createdAtOf(Chunk chunk) {
		return chunk.createdAt();
	}

	/**
	 * The writer of a chunk may call the stream by another name than this reader's
	 * caller.
	 */
	@Override
	public Chunk asSeen(Chunk chunk) {
		return (chunk.stream().equals(this.relativeName)) ? chunk
				: new Chunk(this.relativeName, chunk.index(), chunk.data(), chunk.createdAt());
	}

	@Override
	public RuntimeException stopped() {
		return new ReaderStoppedException(this);
	}

	@Override
	public RuntimeException deleted() {
		return new StreamDeletedException(this);
	}

	@Override
	public RuntimeException truncated(long expected, String found) {
		return new StreamTruncatedException(this, expected, found);
	}

	@Override
	public RuntimeException failed(String reason) {
		return new StreamFailedException(this, reason);
	}

	@Override
	public RuntimeException cancelled(String reason) {
		return new StreamCancelledException(this, reason);
	}

}
