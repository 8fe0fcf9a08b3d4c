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

import java.util.List;

/**
 * Chunks that are to be appended to a stream, adjacent, all or none.
 *
 * @param stream the stream's name
 * @param streamId the id that the stream of that name must have, or {@link #ANY_STREAM}
 * @param expectedIndex the index that the first of them must get, or {@link #ANY_INDEX}
 * @param chunks the chunks, at least one
 */
record Addition(String stream, long streamId, long expectedIndex, List<byte[]> chunks) {

	static final long ANY_STREAM = -1;

	static final long ANY_INDEX = -1;

	Addition(String stream, long expectedIndex, List<byte[]> chunks) {
		this(stream, ANY_STREAM, expectedIndex, chunks);
	}

	boolean isStreamExpected() {
		return this.streamId != ANY_STREAM;
	}

	boolean isIndexExpected() {
		return this.expectedIndex != ANY_INDEX;
	}

	/**
	 * Return whether the chunks of another one can follow in the same statement.
	 */
	boolean canBeFollowedBy(Addition next) {
		return next.streamId == this.streamId && !isIndexExpected() && !next.isIndexExpected();
	}

	long bytes() {
		long bytes = 0;
		for (byte[] chunk : this.chunks) {
			bytes += chunk.length;
		}
		return bytes;
	}

}
