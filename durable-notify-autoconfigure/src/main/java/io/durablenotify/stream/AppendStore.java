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
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * The SQL of appending to streams and ending them. Connections are in autocommit, or in a
 * transaction of the caller's ({@code joined}), whose settings have to stay, or in one of
 * ours.
 */
interface AppendStore {

	/**
	 * Find streams by their names.
	 */
	Map<String, Long> find(Connection connection, Collection<String> names) throws SQLException;

	/**
	 * Create streams, in the order of their names. Waits for a foreign uncommitted create
	 * of the same name.
	 * @return those that did not exist
	 */
	Map<String, Long> create(Connection connection, boolean joined, Collection<String> names, Duration lockTimeout)
			throws SQLException;

	/**
	 * Append one chunk to a stream whose next index is known, unless anything about that
	 * is wrong or the stream is locked.
	 * @param lockTimeout how long to wait for somebody who writes to that index without
	 * the lock
	 * @return whether it was appended
	 */
	boolean appendNext(Connection connection, boolean joined, Duration lockTimeout, long streamId, String stream,
			long index, byte[] data) throws SQLException;

	/**
	 * Do the same, and tell when and where.
	 * @return when and where it was appended, or {@code null} if it was not
	 */
	@Nullable StoredNext appendNextAndTell(Connection connection, Duration lockTimeout, long streamId, String stream, long index,
			byte[] data) throws SQLException;

	/**
	 * Append to streams at their ends. The streams are locked until the transaction ends.
	 * @return by stream, the index that the next chunk had before; what is not there has
	 * ended or is gone
	 */
	Map<Long, Long> append(Connection connection, boolean joined, List<Located> additions, Duration lockTimeout)
			throws SQLException;

	/**
	 * Lock those streams that nobody else has locked, in a transaction of ours.
	 */
	Set<Long> lockUnlocked(Connection connection, Collection<Long> streamIds) throws SQLException;

	/**
	 * Tell how streams stand that could not be appended to.
	 */
	Map<String, Standing> standing(Connection connection, Collection<String> names) throws SQLException;

	/**
	 * End a stream, creating it where it is missing.
	 * @return the id of what was ended, empty if it had ended already
	 */
	OptionalLong end(Connection connection, boolean joined, String stream, StreamState state, @Nullable String reason,
			Duration lockTimeout) throws SQLException;

	/**
	 * End a stream of a certain id.
	 * @return whether this was done: it was open, and there
	 */
	boolean end(Connection connection, boolean joined, long streamId, String stream, StreamState state,
			@Nullable String reason, Duration lockTimeout) throws SQLException;

	/**
	 * Return whether a statement met another transaction that its snapshot could not see,
	 * or that waited for it, so that it can succeed when it is repeated.
	 */
	boolean isConflict(SQLException exception);

	/**
	 * A chunk that was appended.
	 *
	 * @param createdAt when
	 * @param server which run of the server has stored it
	 */
	record StoredNext(Instant createdAt, String server) {
	}

	/**
	 * An addition to a stream that was found.
	 *
	 * @param streamId the stream
	 * @param hint an index that its next chunk has reached, for all that is known: a
	 * stream that ends before is left out
	 * @param addition the addition
	 */
	record Located(long streamId, long hint, Addition addition) {
	}

	/**
	 * How a stream stands.
	 *
	 * @param endedAt when it ended, or {@code null} while it is open
	 */
	record Standing(long streamId, StreamState state, @Nullable Instant endedAt, @Nullable String reason) {
	}

}
