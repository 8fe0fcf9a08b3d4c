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

package io.durablenotify.tail;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * A bounded buffer between the thread that fetches and the one that calls the handler.
 * Bounded by a number of entries and their bytes; a single larger entry fits an empty
 * one. Not thread-safe: guarded by its reader's lock.
 */
final class EntryBuffer<E> {

	private final TailedLog<E> log;

	private final long maxBytes;

	private final Deque<E> entries = new ArrayDeque<>(0);

	private long bytes;

	/**
	 * The size of the entry that did not fit, or 0.
	 */
	private int refusedBytes;

	EntryBuffer(TailedLog<E> log, long maxBytes) {
		this.log = log;
		this.maxBytes = maxBytes;
	}

	/**
	 * Return whether a fetch is worth its while: when half of the buffer is free, and
	 * what did not fit would fit.
	 */
	boolean hasRoom() {
		return this.entries.isEmpty() || (this.entries.size() <= this.log.bufferSize() / 2
				&& this.bytes <= this.maxBytes / 2 && this.bytes + this.refusedBytes <= this.maxBytes);
	}

	/**
	 * Add an entry.
	 * @return whether it fitted
	 */
	boolean offer(E entry) {
		int size = this.log.sizeOf(entry);
		boolean fits = this.entries.size() < this.log.bufferSize() && this.bytes + size <= this.maxBytes;
		if (!fits && !this.entries.isEmpty()) {
			this.refusedBytes = size;
			return false;
		}
		this.refusedBytes = 0;
		this.entries.add(entry);
		this.bytes += size;
		return true;
	}

	/**
	 * Return the first entries.
	 */
	List<E> peek(int max) {
		if (this.entries.isEmpty()) {
			return List.of();
		}
		List<E> first = new ArrayList<>(Math.min(max, this.entries.size()));
		for (E entry : this.entries) {
			if (first.size() == max) {
				break;
			}
			first.add(entry);
		}
		return first;
	}

	boolean isEmpty() {
		return this.entries.isEmpty();
	}

	/**
	 * Remove the first entries, which were taken.
	 */
	void remove(int count) {
		for (int i = 0; i < count; i++) {
			this.bytes -= this.log.sizeOf(this.entries.remove());
		}
	}

	void clear() {
		this.entries.clear();
		this.bytes = 0;
		this.refusedBytes = 0;
	}

	int size() {
		return this.entries.size();
	}

}
