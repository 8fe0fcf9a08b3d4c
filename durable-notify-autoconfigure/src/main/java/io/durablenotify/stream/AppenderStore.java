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
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * The SQL of streams that are being written with a {@link StreamAppender}.
 */
interface AppenderStore {

	/**
	 * Name the instance that writes a stream from now on, creating the stream where it is
	 * missing.
	 * @param instanceId the instance, or {@code null} for none, as with an appender
	 * without a lease
	 * @return the stream, or {@code null} if it has ended, or the instance is gone
	 */
	@Nullable Claimed claim(Connection connection, boolean joined, String stream, @Nullable Long instanceId, Duration lockTimeout)
			throws SQLException;

	/**
	 * Fail those of some streams that are open and that no other transaction has locked.
	 * @return when those ended that were failed
	 */
	Map<Long, Instant> fail(Connection connection, Collection<Long> streamIds, String reason) throws SQLException;

	/**
	 * Return those of some streams that are open.
	 */
	Set<Long> findOpen(Connection connection, Collection<Long> streamIds) throws SQLException;

	/**
	 * Fail a slice of the streams that an instance was writing and that no other
	 * transaction has locked.
	 * @return when those ended that were failed
	 */
	Map<Long, Instant> failHeld(Connection connection, long instanceId, String reason) throws SQLException;

	/**
	 * Fail a stream of a name if it is open and an instance is writing it. Waits for
	 * another transaction that has locked it.
	 * @return when it ended, if it was failed
	 */
	Map<Long, Instant> failHeld(Connection connection, long instanceId, String stream, String reason)
			throws SQLException;

	/**
	 * Return whether an instance is writing a stream.
	 */
	boolean isHolder(Connection connection, long instanceId) throws SQLException;

	/**
	 * A stream that was claimed.
	 *
	 * @param created whether it was created
	 */
	record Claimed(long streamId, boolean created) {
	}

}
