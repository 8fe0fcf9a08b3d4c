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

import org.jspecify.annotations.Nullable;

/**
 * What became of an {@link Addition} that the database has answered for.
 */
sealed interface AppendResult {

	/**
	 * Its chunks are stored.
	 *
	 * @param streamId the stream
	 * @param index the index of the first
	 * @param nextIndex the index behind the last
	 */
	record Stored(long streamId, long index, long nextIndex) implements AppendResult {
	}

	/**
	 * The stream has ended.
	 */
	record Ended(StreamState state, Instant endedAt, @Nullable String reason) implements AppendResult {
	}

	/**
	 * The stream was deleted: there is none of its name, or another one.
	 */
	record Gone() implements AppendResult {
	}

	/**
	 * The next index is not the expected one.
	 *
	 * @param nextIndex the index that the next chunk will have
	 */
	record Unexpected(long nextIndex) implements AppendResult {
	}

	/**
	 * Another transaction holds the stream, or creates it.
	 */
	record Locked() implements AppendResult {
	}

}
