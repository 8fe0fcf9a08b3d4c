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

/**
 * The conditions under which an append is stored. Checked in {@link AppendWrite} before a
 * missing stream is created, and again when the chunks are stored.
 *
 * @param streamId the id that the stream of that name must have, or {@link #ANY}
 * @param index the index that the first chunk must get, or {@link #ANY}
 */
public record AppendConditions(long streamId, long index) {

	/**
	 * For what is not restricted.
	 */
	public static final long ANY = -1;

	/**
	 * No condition.
	 */
	public static final AppendConditions NONE = new AppendConditions(ANY, ANY);

	boolean isStreamExpected() {
		return this.streamId != ANY;
	}

	boolean isIndexExpected() {
		return this.index != ANY;
	}

	/**
	 * Return whether appends with these conditions can share a statement, which knows
	 * those of the first only. Must compare every condition.
	 */
	boolean canShare(AppendConditions next) {
		return next.streamId == this.streamId && !isIndexExpected() && !next.isIndexExpected();
	}

}
