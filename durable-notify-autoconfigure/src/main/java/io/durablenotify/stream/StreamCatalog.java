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
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

import org.jspecify.annotations.Nullable;

/**
 * Which streams there are: all SQL that creates, deletes and lists them.
 */
interface StreamCatalog {

	/**
	 * Create a stream unless there is one with the same options. One that has expired
	 * makes room. Waits for a foreign uncommitted create of the same name.
	 * @param joined whether the connection is in the caller's transaction, whose settings
	 * have to stay
	 * @throws StreamConflictException if there is one with other options
	 */
	Created create(Connection connection, boolean joined, String stream, StreamOptions options, Duration lockTimeout)
			throws SQLException;

	/**
	 * Delete a stream: from the commit on it is gone for readers and writers, and its
	 * chunks are left to the {@link StreamCleanup}. Waits for the head's lock.
	 * @param joined whether the connection is in the caller's transaction, whose settings
	 * have to stay
	 * @return the id of what was deleted, empty if there was none
	 */
	OptionalLong delete(Connection connection, boolean joined, String stream, Duration lockTimeout) throws SQLException;

	/**
	 * Find a stream.
	 */
	Optional<StreamInfo> find(Connection connection, String stream) throws SQLException;

	/**
	 * List streams in the order of their names' bytes, ascending or descending.
	 */
	List<StreamInfo> list(Connection connection, StreamQuery query) throws SQLException;

	/**
	 * What a create did.
	 *
	 * @param created the id of what was created, or {@code null} if it was there already
	 * @param replaced the id of the expired stream that was deleted for it, or
	 * {@code null}
	 */
	record Created(@Nullable Long created, @Nullable Long replaced) {
	}

}
