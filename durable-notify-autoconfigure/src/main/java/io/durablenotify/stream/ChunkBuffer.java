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

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * A bounded buffer between the thread that fetches and the one that calls the handler.
 * Bounded by a number of chunks and their bytes; a single larger chunk fits an empty one.
 * Not thread-safe: guarded by its reader's lock.
 */
final class ChunkBuffer {

	private final int maxChunks;

	private final long maxBytes;

	private final Deque<Chunk> chunks = new ArrayDeque<>(0);

	private long bytes;

	/**
	 * The size of the chunk that did not fit, or 0.
	 */
	private int refusedBytes;

	ChunkBuffer(int maxChunks, long maxBytes) {
		this.maxChunks = maxChunks;
		this.maxBytes = maxBytes;
	}

	/**
	 * Return whether a fetch is worth its while: when half of the buffer is free, and
	 * what did not fit would fit.
	 */
	boolean hasRoom() {
		return this.chunks.isEmpty() || (this.chunks.size() <= this.maxChunks / 2 && this.bytes <= this.maxBytes / 2
				&& this.bytes + this.refusedBytes <= this.maxBytes);
	}

	/**
	 * Add a chunk.
	 * @return whether it fitted
	 */
	boolean offer(Chunk chunk) {
		int size = chunk.data().length;
		boolean fits = this.chunks.size() < this.maxChunks && this.bytes + size <= this.maxBytes;
		if (!fits && !this.chunks.isEmpty()) {
			this.refusedBytes = size;
			return false;
		}
		this.refusedBytes = 0;
		this.chunks.add(chunk);
		this.bytes += size;
		return true;
	}

	/**
	 * Return the first chunks.
	 */
	List<Chunk> peek(int max) {
		if (this.chunks.isEmpty()) {
			return List.of();
		}
		List<Chunk> first = new ArrayList<>(Math.min(max, this.chunks.size()));
		for (Chunk chunk : this.chunks) {
			if (first.size() == max) {
				break;
			}
			first.add(chunk);
		}
		return first;
	}

	boolean isEmpty() {
		return this.chunks.isEmpty();
	}

	/**
	 * Remove the first chunks, which were taken.
	 */
	void remove(int count) {
		for (int i = 0; i < count; i++) {
			this.bytes -= this.chunks.remove().data().length;
		}
	}

	void clear() {
		this.chunks.clear();
		this.bytes = 0;
		this.refusedBytes = 0;
	}

	int size() {
		return this.chunks.size();
	}

}
