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
import java.time.Instant;
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
	 * Take the present as position. Removes what was stored by another cluster first,
	 * whose transactions have nothing to do with this one's, and puts back the rows that
	 * somebody has removed.
	 * @param connection a connection in autocommit
	 */
	Arrival arrive(Connection connection) throws SQLException;

	/**
	 * Take the present as position in a transaction of the caller's, as that sees it, and
	 * write nothing: what the transaction has published, or will, comes after it.
	 * @return the present, or {@code null} if something is to be put in order first, by
	 * {@link #arrive}
	 */
	@Nullable Arrival arriveJoined(Connection connection) throws SQLException;

	/**
	 * Read what has become visible since a position, and prove what was known before.
	 * Looks at a limited number of changes, of whatever topics: what others publish must
	 * not make it a long statement, which a timeout would have begin again each time.
	 * @param connection a connection in autocommit
	 * @param known what is known of the run of the server that the position is of
	 * @param target the snapshot up to which to read if the position has none, or
	 * {@code null} for the present
	 * @param topics the topics
	 * @param limit the largest number of changes
	 */
	Page read(Connection connection, ChangePosition position, Known known, @Nullable String target,
			Collection<String> topics, int limit) throws SQLException;

	/**
	 * Tell whether all of some changes are still there, but for those that were deleted
	 * because of their age.
	 */
	boolean has(Connection connection, Collection<Identity> changes) throws SQLException;

	/**
	 * The present.
	 *
	 * @param position the position
	 * @param known what is known of it
	 * @param shared whether others may begin there too: a transaction's own snapshot may
	 * be old
	 */
	record Arrival(ChangePosition position, Known known, boolean shared) {
	}

	/**
	 * What is known of the numbers of transactions, and proves itself.
	 *
	 * @param last the change with the highest transaction among those that are visible,
	 * whatever its topic is, or {@code null} if there is none
	 * @param deleted up to which transaction changes may have been deleted because of
	 * their age, or 0
	 */
	record Known(@Nullable Identity last, long deleted) {

		/**
		 * Of a position that nothing else is known of.
		 */
		static final Known NOTHING = new Known(null, Long.MAX_VALUE - 1);

		/**
		 * Return up to which number none is given away again while the last change is
		 * there. No change that was read has a higher one.
		 */
		long durable() {
			return (this.last != null) ? Math.max(this.last.xact(), this.deleted) : this.deleted;
		}

		/**
		 * Return what is known after something later, or no earlier, was learned.
		 */
		Known and(Known other) {
			long deleted = Math.max(this.deleted, other.deleted);
			Identity last = this.last;
			// One that may be deleted by now proves nothing any more
			boolean replaced = last == null || last.xact() <= deleted
					|| other.last != null && other.last.xact() >= last.xact();
			return new Known((replaced) ? other.last : last, deleted);
		}

	}

	/**
	 * What tells a change from any other, also from one that got its number when the
	 * server gave that away again.
	 *
	 * @param xact the number of the transaction that committed it
	 * @param id its id
	 * @param createdAt when it was published
	 */
	record Identity(long xact, long id, Instant createdAt) {
	}

	/**
	 * Some changes.
	 *
	 * @param startedAt which run of the server has answered
	 * @param log the id of the row that says what was deleted, empty if that is gone
	 * @param target the snapshot up to which it was read
	 * @param known what is known now, or, but for what was deleted, nothing if the target
	 * is an earlier one
	 * @param lost whether the last change that was known is gone, and not because of its
	 * age
	 * @param expired whether changes after the position may have been deleted because of
	 * their age
	 * @param rows the changes, by transaction and id
	 * @param end up to where it was read, or {@code null} if there is nothing after it
	 */
	record Page(String startedAt, String log, String target, Known known, boolean lost, boolean expired,
			List<ChangeRow> rows, @Nullable Place end) {

		/**
		 * Return whether what was known before is still so.
		 */
		boolean proves(Known before) {
			return !this.lost && (before == Known.NOTHING || this.known.deleted() >= before.deleted());
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
