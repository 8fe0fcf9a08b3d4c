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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * The SQL of reading streams.
 */
interface StreamStore {

	/**
	 * Return whether a statement failed for the data that it met or was given, so that it
	 * will fail again, and others will not.
	 */
	boolean isDataFailure(DataAccessException exception);

	/**
	 * Find a stream's head.
	 */
	Optional<Head> head(Connection connection, String stream) throws SQLException;

	/**
	 * Read some chunks of one stream.
	 */
	ChunkPage page(Connection connection, String stream, StreamPosition from, int limit, long maxBytes)
			throws SQLException;

	/**
	 * Tell which of many streams a reader should look at, and which of many names exist,
	 * in one statement.
	 */
	Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException;

	/**
	 * Read the next chunks of many streams, and their ends, in one statement: whoever
	 * sees an end sees the last chunk.
	 * @return for each target, in the same order, what was found, or {@code null} where
	 * the statement's budget was used up before
	 */
	List<@Nullable Found> fetch(Connection connection, List<Target> targets, Budget budget) throws SQLException;

	/**
	 * A stream's head with the index that its next chunk will have.
	 */
	record Head(long streamId, String stream, StreamState state, long nextIndex, Instant createdAt,
			@Nullable Instant endedAt, @Nullable String endReason) {
	}

	/**
	 * A stream whose readers wait.
	 *
	 * @param streamId the stream
	 * @param next the lowest index that a reader waits for
	 * @param received the index behind the last chunk that any of them has received, or
	 * 0; whoever received it waits for it, so that {@code next} is not above it
	 */
	record Watched(long streamId, long next, long received) {
	}

	/**
	 * Streams to look at.
	 *
	 * @param streamIds the watched streams that have moved, ended, shrunk or gone
	 * @param names the names that exist
	 */
	record Moved(List<Long> streamIds, List<Named> names) {
	}

	/**
	 * A name that exists.
	 */
	record Named(String stream, long streamId) {
	}

	/**
	 * Where to read on.
	 */
	record Target(long streamId, long index) {
	}

	/**
	 * How much a fetch may bring.
	 *
	 * @param chunksPerTarget the largest number of chunks per target
	 * @param bytesPerTarget what a target's chunks may have together, but for the last
	 * @param bytesPerStatement what all chunks may have together, but for the last
	 * @param chunksAlone the largest number of chunks for a target that is the only one
	 * @param bytesAlone what the chunks of a target may have that is the only one
	 */
	record Budget(int chunksPerTarget, long bytesPerTarget, long bytesPerStatement, int chunksAlone, long bytesAlone) {
	}

	/**
	 * What a look at a stream found, in one snapshot.
	 *
	 * @param head the head, or {@code null} if the stream is gone
	 * @param chunks the next chunks
	 */
	record Found(@Nullable Head head, List<StoredChunk> chunks) {
	}

	/**
	 * A chunk as it is stored.
	 */
	record StoredChunk(long index, byte[] data, Instant createdAt) {
	}

}
