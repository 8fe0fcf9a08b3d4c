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

package io.durablenotify.stream.append;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Appends that are to be written together, grouped by stream. Not thread-safe.
 */
final class AppendBatch {

	private static final int MAX_CHUNKS = 1_000;

	private static final long MAX_BYTES = 4 * 1024 * 1024;

	/**
	 * How many chunks of a stream are taken before those of the next.
	 */
	private static final int QUOTA = 64;

	private final Map<String, AppendGroup> groups = new LinkedHashMap<>();

	private int chunks;

	private long bytes;

	private boolean full;

	/**
	 * Group appends that must all be written together.
	 * @param appends appends without conditions, or one per stream
	 */
	static List<AppendGroup> group(Collection<Append> appends) {
		AppendBatch batch = new AppendBatch();
		for (Append append : appends) {
			if (!batch.add(append)) {
				throw new IllegalArgumentException(
						"Appends to stream '%s' cannot share a statement".formatted(append.stream()));
			}
		}
		return batch.groups();
	}

	/**
	 * Take a stream's quota, as far as it can be written together with what is there.
	 * @param waiting the stream's appends, in order, from which it is removed
	 * @return whether anything was taken
	 */
	boolean take(Deque<Append> waiting) {
		int before = this.chunks;
		Append append = waiting.peek();
		while (append != null && this.chunks - before < QUOTA && hasRoom(append) && add(append)) {
			waiting.remove();
			append = waiting.peek();
		}
		return this.chunks > before;
	}

	private boolean hasRoom(Append append) {
		this.full = !this.groups.isEmpty() && (this.chunks + append.chunks().size() > MAX_CHUNKS
				|| this.bytes + append.bufferedBytes() > MAX_BYTES);
		return !this.full;
	}

	private boolean add(Append append) {
		AppendGroup group = this.groups.get(append.stream());
		if (group == null) {
			this.groups.put(append.stream(), new AppendGroup(append));
		}
		else if (!group.add(append)) {
			return false;
		}
		this.chunks += append.chunks().size();
		this.bytes += append.bufferedBytes();
		return true;
	}

	boolean isFull() {
		return this.full;
	}

	List<AppendGroup> groups() {
		return List.copyOf(this.groups.values());
	}

}
