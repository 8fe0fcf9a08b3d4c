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

package io.durablenotify.benchmarks.figure;

import java.sql.SQLException;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredStreams;

/**
 * A stream of 43,000 chunks and 350 MB, completed.
 *
 * @param id its id
 * @param chunks how many chunks it has
 */
record LargeStream(long id, int chunks) {

	static final String NAME = "large";

	private static final int CHUNK_BYTES = 8_140;

	static LargeStream store(Run run, Database database) throws SQLException {
		int chunks = run.size().pick(43_000, 43_000, 1_200);
		return new LargeStream(StoredStreams.store(database, NAME, chunks, Payload.chunk(CHUNK_BYTES), true), chunks);
	}

}
