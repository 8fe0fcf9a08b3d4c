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

import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Appends that are to be written together. Not thread-safe.
 */
final class AppendBatch {

	private static final int MAX_CHUNKS = 1_000;

	private static final long MAX_BYTES = 4 * 1024 * 1024;

	/**
	 * What a stream may put in before others have had their turn.
	 */
	private static final int CHUNKS_PER_TURN = 64;

	private final List<PendingAppend> appends = new ArrayList<>();

	/**
	 * By stream.
	 */
	private final Map<String, Addition> first = new HashMap<>();

	private int chunks;

	private long bytes;

	private boolean full;

	/**
	 * Take what a stream may put in.
	 * @param waiting the stream's appends, in order
	 * @return whether anything was taken
	 */
	boolean take(Deque<PendingAppend> waiting) {
		int before = this.chunks;
		PendingAppend append = waiting.peek();
		while (append != null && this.chunks - before < CHUNKS_PER_TURN && take(append)) {
			waiting.remove();
			append = waiting.peek();
		}
		return this.chunks > before;
	}

	private boolean take(PendingAppend append) {
		int chunks = append.addition().chunks().size();
		if (!this.appends.isEmpty() && (this.chunks + chunks > MAX_CHUNKS || this.bytes + append.bytes() > MAX_BYTES)) {
			this.full = true;
			return false;
		}
		Addition first = this.first.putIfAbsent(append.stream(), append.addition());
		if (first != null && !first.canBeFollowedBy(append.addition())) {
			return false;
		}
		this.appends.add(append);
		this.chunks += chunks;
		this.bytes += append.bytes();
		return true;
	}

	boolean isFull() {
		return this.full;
	}

	List<PendingAppend> appends() {
		return this.appends;
	}

}
