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
	 * Take the present as position in a transaction of the caller's, as that sees it, and
	 * write nothing: what the transaction has published, or will, comes after it.
	 * @return the present, or {@code null} if what another cluster has stored is to be
	 * removed first
	 */
	@Nullable Arrival arriveJoined(Connection connection) throws SQLException;

	/**
	 * Read what has become visible since a position. Looks at a limited number of
	 * changes, of whatever topics: what others publish must not make it a long statement,
	 * which a timeout would have begin again each time.
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
	 * @param shared whether others may begin there too: a transaction's own snapshot may
	 * be old
	 */
	record Arrival(ChangePosition position, long durable, boolean shared) {
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
	 * @param end up to where it was read, or {@code null} if there is nothing after it
	 */
	record Page(String startedAt, String lifetime, String target, long durable, boolean expired, List<ChangeRow> rows,
			@Nullable Place end) {

		/**
		 * Return the highest number of a transaction that is known to be on disk, those
		 * of what was read included.
		 */
		long highestDurable() {
			long last = (this.rows.isEmpty()) ? 0 : this.rows.get(this.rows.size() - 1).xact();
			return Math.max(this.durable, (this.end != null) ? this.end.xact() : last);
		}

	}

	/**
	 * The place of a change among all.
	 *
	 * @param xact the number of the transaction that committed it
	 * @param id its id
	 */
	record Place(long xact, long id) {
	}

}
