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

import io.durablenotify.testsupport.TestDatabase;

/**
 * Streams that are stored by SQL: at once, and without a wake-up.
 */
final class StoredStreams {

	private StoredStreams() {
	}

	/**
	 * Store streams.
	 * @param prefix of the names, which end in numbers from 0 on
	 * @param chunks how many each has
	 * @param bytes the size of each chunk
	 */
	static void store(TestDatabase database, String prefix, int streams, int chunks, int bytes) {
		database.jdbc()
			.update("INSERT INTO durable_notify.streams (name) SELECT ? || i FROM generate_series(0, ? - 1) AS i",
					prefix, streams);
		extend(database, prefix, 0, chunks, bytes);
	}

	/**
	 * Store more chunks of streams.
	 * @param first the first chunk's index
	 */
	static void extend(TestDatabase database, String prefix, int first, int chunks, int bytes) {
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
					+ "SELECT stream_id, i, ? FROM durable_notify.streams, generate_series(?, ? - 1) AS i "
					+ "WHERE starts_with(name, ?)", new byte[bytes], first, first + chunks, prefix);
	}

	static long id(TestDatabase database, String stream) {
		Long streamId = database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, stream);
		return (streamId != null) ? streamId : 0;
	}

}
