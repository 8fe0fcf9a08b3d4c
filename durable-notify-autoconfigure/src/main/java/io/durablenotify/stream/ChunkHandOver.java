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

import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.stream.append.CommittedChunks;

/**
 * Hands committed chunks to the readers in this process, which saves them a fetch.
 */
final class ChunkHandOver implements CommittedChunks {

	private final LogSubscriptions<Chunk> readers;

	ChunkHandOver(LogSubscriptions<Chunk> readers) {
		this.readers = readers;
	}

	@Override
	public boolean isWanted(long streamId) {
		return this.readers.awaitHandOver(streamId);
	}

	@Override
	public void committed(long streamId, String stream, long index, byte[] data, Committed committed) {
		// The caller may use its array again
		this.readers.handOver(streamId, new Chunk(stream, index, data.clone(), committed.createdAt()),
				committed.server());
	}

}
