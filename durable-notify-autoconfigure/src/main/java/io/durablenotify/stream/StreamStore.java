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

import io.durablenotify.log.LogStore;

/**
 * The SQL of reading streams.
 */
interface StreamStore extends LogStore<Chunk> {

	/**
	 * Read some chunks of one stream, up to a number of bytes or to the first hole. The
	 * chunk that reaches that number is the last one.
	 * @throws StreamTruncatedException if it begins with a hole
	 */
	ChunkPage page(Connection connection, TailedStream stream, StreamPosition from, int limit, long maxBytes)
			throws SQLException;

}
