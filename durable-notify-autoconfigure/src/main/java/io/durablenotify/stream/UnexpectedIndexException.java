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

import org.springframework.dao.OptimisticLockingFailureException;

/**
 * Thrown when the index at which a chunk is to be appended is not the stream's next.
 * Nothing was stored. After a retry, an index that the stream has passed means that the
 * first attempt was stored, or that there is another writer.
 */
public final class UnexpectedIndexException extends OptimisticLockingFailureException {

	private final long expectedIndex;

	private final long nextIndex;

	UnexpectedIndexException(String stream, long expectedIndex, long nextIndex) {
		super("Chunk %d was to be appended to stream '%s', whose next index is %d; nothing was stored."
			.formatted(expectedIndex, stream, nextIndex));
		this.expectedIndex = expectedIndex;
		this.nextIndex = nextIndex;
	}

	/**
	 * Return the index that the chunk was to get.
	 * @return the index
	 */
	public long getExpectedIndex() {
		return this.expectedIndex;
	}

	/**
	 * Return the index that the stream's next chunk would have had.
	 * @return the index
	 */
	public long getNextIndex() {
		return this.nextIndex;
	}

}
