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

package io.durablenotify.log;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * A bounded buffer between the thread that fetches and the one that calls the handler.
 * Bounded by a number of entries and their bytes; a single larger entry fits an empty
 * one. Holds parts of pages, which readers of the same log share. Not thread-safe:
 * guarded by its reader's lock.
 */
final class EntryBuffer<E> {

	private final TailedLog<E> log;

	private final long maxBytes;

	private final Deque<Part<E>> parts = new ArrayDeque<>(0);

	private int size;

	private long bytes;

	/**
	 * The size of the entry that did not fit, or 0.
	 */
	private long refusedBytes;

	/**
	 * Successive entries of a page.
	 *
	 * @param page the page
	 * @param from the offset of the first entry
	 * @param to the offset after the last entry
	 */
	private record Part<E>(EntryPage<E> page, int from, int to) {

		int size() {
			return this.to - this.from;
		}

		List<E> entries(int max) {
			return this.page.entries(this.from, Math.min(this.to, this.from + max));
		}

		long bytes(int count) {
			return this.page.bytes(this.from, this.from + count);
		}

	}

	EntryBuffer(TailedLog<E> log, long maxBytes) {
		this.log = log;
		this.maxBytes = maxBytes;
	}

	/**
	 * Return whether a fetch is worth its while. That is when half of the buffer is free,
	 * and what did not fit would fit.
	 */
	boolean hasRoom() {
		return this.size == 0 || (this.size <= this.log.bufferSize() / 2 && this.bytes <= this.maxBytes / 2
				&& this.bytes + this.refusedBytes <= this.maxBytes);
	}

	/**
	 * Add entries of a page, as many as fit.
	 * @param from the offset of the first
	 * @param to the offset after the last
	 * @return how many fitted
	 */
	int offer(EntryPage<E> page, int from, int to) {
		int room = from + Math.min(to - from, this.log.bufferSize() - this.size);
		int count = page.fitting(from, room, this.maxBytes - this.bytes);
		if (count == 0 && this.size == 0 && from < to) {
			count = 1;
		}
		this.refusedBytes = (from + count < to) ? page.bytes(from + count, from + count + 1) : 0;
		if (count > 0) {
			dropWhatWasTaken();
			this.parts.add(part(page, from, from + count));
			this.size += count;
			this.bytes += page.bytes(from, from + count);
		}
		return count;
	}

	/**
	 * What was taken of a page is kept with what is left of it, but never more than that.
	 */
	private void dropWhatWasTaken() {
		Part<E> first = this.parts.peek();
		if (first != null && first.from() > first.size()) {
			this.parts.remove();
			this.parts.addFirst(part(first.page(), first.from(), first.to()));
		}
	}

	/**
	 * What did not fit is not kept with what did.
	 */
	private Part<E> part(EntryPage<E> page, int from, int to) {
		if (from == 0 && to == page.size()) {
			return new Part<>(page, from, to);
		}
		return new Part<>(new EntryPage<>(this.log, List.copyOf(page.entries(from, to))), 0, to - from);
	}

	/**
	 * Return the first entries.
	 */
	List<E> peek(int max) {
		Part<E> first = this.parts.peek();
		if (first == null) {
			return List.of();
		}
		if (first.size() >= max || first.size() == this.size) {
			return first.entries(max);
		}
		List<E> entries = new ArrayList<>(Math.min(max, this.size));
		for (Part<E> part : this.parts) {
			if (entries.size() == max) {
				break;
			}
			entries.addAll(part.entries(max - entries.size()));
		}
		return entries;
	}

	boolean isEmpty() {
		return this.size == 0;
	}

	/**
	 * Remove the first entries, which were taken.
	 */
	void remove(int count) {
		int left = count;
		while (left > 0) {
			Part<E> first = this.parts.remove();
			int removed = Math.min(left, first.size());
			if (removed < first.size()) {
				this.parts.addFirst(new Part<>(first.page(), first.from() + removed, first.to()));
			}
			this.bytes -= first.bytes(removed);
			this.size -= removed;
			left -= removed;
		}
	}

	void clear() {
		this.parts.clear();
		this.size = 0;
		this.bytes = 0;
		this.refusedBytes = 0;
	}

	int size() {
		return this.size;
	}

	long bytes() {
		return this.bytes;
	}

	@Override
	public String toString() {
		return "%d of %d (%d of %d bytes)".formatted(this.size, this.log.bufferSize(), this.bytes, this.maxBytes);
	}

}
