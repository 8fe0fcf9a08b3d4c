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

import org.apache.commons.logging.LogFactory;

/**
 * Takes the chunks of one live reader. Calls come one after the other. Exactly one of
 * {@link #onComplete()} and {@link #onError(Throwable)} comes last, once, unless the
 * subscription was cancelled.
 */
@FunctionalInterface
public interface ChunkHandler {

	/**
	 * Take the next chunk.
	 * @param chunk the chunk
	 * @throws Exception ends this subscription, and no other, with
	 * {@link #onError(Throwable)}
	 */
	void onChunk(Chunk chunk) throws Exception;

	/**
	 * The stream was completed, and its last chunk was taken.
	 */
	default void onComplete() {
	}

	/**
	 * The reading has ended otherwise.
	 * @param error {@link StreamFailedException}, or its subtype
	 * {@link StreamCancelledException}, {@link StreamDeletedException},
	 * {@link StreamTruncatedException}, {@link ReaderStoppedException}, what
	 * {@link #onChunk(Chunk)} threw, or a
	 * {@link org.springframework.dao.DataAccessException} if this stream alone cannot be
	 * read. Unless overridden, logs a warning
	 */
	default void onError(Throwable error) {
		if (!(error instanceof ReaderStoppedException)) {
			LogFactory.getLog(ChunkHandler.class)
				.warn("A reader has ended, and its handler does not override onError", error);
		}
	}

}
