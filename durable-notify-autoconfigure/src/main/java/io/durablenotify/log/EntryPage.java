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

import java.util.List;

/**
 * The entries that a fetch found of a log, with the sums of their sizes. The log's
 * readers share it, and take any number of its entries at the same cost.
 *
 * @param <E> the entries' type
 */
final class EntryPage<E> {

	private final List<E> entries;

	/**
	 * How many bytes the entries before each have together; one more for the end.
	 */
	private final long[] bytesBefore;

	/**
	 * The index of the first entry, if there is one.
	 */
	private final long firstIndex;

	/**
	 * How many entries there are from the first one on without a hole.
	 */
	private final int successive;

	EntryPage(TailedLog<E> log, List<E> entries) {
		this.entries = entries;
		this.bytesBefore = new long[entries.size() + 1];
		this.firstIndex = (entries.isEmpty()) ? 0 : log.indexOf(entries.get(0));
		int successive = 0;
		for (int i = 0; i < entries.size(); i++) {
			E entry = entries.get(i);
			this.bytesBefore[i + 1] = this.bytesBefore[i] + log.sizeOf(entry);
			if (successive == i && log.indexOf(entry) == this.firstIndex + i) {
				successive++;
			}
		}
		this.successive = successive;
	}

	int size() {
		return this.entries.size();
	}

	E get(int offset) {
		return this.entries.get(offset);
	}

	/**
	 * Return entries. A reference to them keeps the whole page in memory.
	 */
	List<E> entries(int from, int to) {
		return this.entries.subList(from, to);
	}

	long bytes(int from, int to) {
		return this.bytesBefore[to] - this.bytesBefore[from];
	}

	/**
	 * Return how many entries there are from an offset on without a hole. None if the
	 * first of them has another index than the given one.
	 */
	int successive(int from, long index) {
		return (this.firstIndex + from == index) ? Math.max(0, this.successive - from) : 0;
	}

	/**
	 * Return how many of the entries from an offset on have so many bytes at most.
	 */
	int fitting(int from, int to, long maxBytes) {
		if (bytes(from, to) <= maxBytes) {
			return to - from;
		}
		int fitting = from;
		while (fitting < to && bytes(from, fitting + 1) <= maxBytes) {
			fitting++;
		}
		return fitting - from;
	}

}
