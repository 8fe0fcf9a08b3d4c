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

import java.time.Instant;

/**
 * Receives chunks right after their commit, on the thread that appended them.
 */
public interface CommittedChunks {

	/**
	 * Return whether chunks of a stream are wanted. Asked before each append, so it must
	 * be cheap.
	 * @param streamId the stream's id
	 * @return whether they are wanted
	 */
	boolean isWanted(long streamId);

	/**
	 * Receive a chunk that was committed. What it throws is logged.
	 * @param streamId the stream's id
	 * @param stream the stream's full name
	 * @param index the chunk's index
	 * @param data the chunk's data, which the caller may change later
	 * @param committed when and where it was stored
	 */
	void committed(long streamId, String stream, long index, byte[] data, Committed committed);

	/**
	 * When and where a chunk was stored.
	 *
	 * @param createdAt the time by the server's clock
	 * @param server which run of the server stored it
	 */
	record Committed(Instant createdAt, String server) {
	}

}
