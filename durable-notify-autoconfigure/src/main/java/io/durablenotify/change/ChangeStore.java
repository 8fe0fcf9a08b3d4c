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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The SQL of changes.
 */
interface ChangeStore {

	/**
	 * Store a change in the connection's transaction.
	 */
	void insert(Connection connection, String topic, String key, @Nullable String originator) throws SQLException;

	/**
	 * Take the present as position. Removes what was stored by another cluster first: its
	 * transactions have nothing to do with this one's.
	 * @param connection a connection in autocommit
	 */
	Arrival arrive(Connection connection) throws SQLException;

	/**
	 * Read what has become visible since a position.
	 * @param connection a connection in autocommit
	 * @param target the snapshot up to which to read if the position has none, or
	 * {@code null} for the present
	 * @param topics the topics
	 * @param limit the largest number of changes
	 */
	Page read(Connection connection, ChangePosition position, @Nullable String target, Collection<String> topics,
			int limit) throws SQLException;

	/**
	 * The present.
	 *
	 * @param position the position
	 * @param durable the highest number of a transaction that is known to be on disk
	 */
	record Arrival(ChangePosition position, long durable) {
	}

	/**
	 * Some changes.
	 *
	 * @param startedAt when the server was started that answered
	 * @param lifetime what stays the same until that server crashes
	 * @param target the snapshot up to which it was read
	 * @param durable the highest number of a transaction that is known to be on disk,
	 * apart from those of the changes
	 * @param expired whether changes behind the position may have been deleted
	 * @param rows the changes, by transaction and id
	 */
	record Page(String startedAt, String lifetime, String target, long durable, boolean expired, List<ChangeRow> rows) {
	}

}
