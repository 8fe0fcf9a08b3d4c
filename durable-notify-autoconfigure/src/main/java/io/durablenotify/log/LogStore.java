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

package io.durablenotify.log;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

import org.jspecify.annotations.Nullable;

/**
 * The SQL of reading the logs of one feature. A log has a name, which its readers know,
 * and an id, which wake-ups carry and its entries are found by. What is visible of it is
 * always a prefix without gaps.
 *
 * @param <E> the entries' type
 */
public interface LogStore<E> {

	/**
	 * Find a log's head.
	 * @param connection the connection
	 * @param name the log's name
	 * @return the head, empty if there is no such log
	 * @throws SQLException if the database fails
	 */
	Optional<Head> head(Connection connection, String name) throws SQLException;

	/**
	 * Find the committed end of a log: what is appended, but not committed, is after its
	 * end.
	 * @param connection the connection
	 * @param joined whether the connection is in a transaction of the caller's, which may
	 * have appended to the log
	 * @param name the log's name
	 * @param count how many entries before the end are wanted
	 * @return the end, empty if there is no such log
	 * @throws SQLException if the database fails
	 */
	default Optional<Tail> tail(Connection connection, boolean joined, String name, long count) throws SQLException {
		return head(connection, name)
			.map((head) -> new Tail(head.id(), true, head.nextIndex(), Math.max(0, head.nextIndex() - count)));
	}

	/**
	 * Find which of many logs have moved, and which of many names exist, in one
	 * statement.
	 * @param connection the connection
	 * @param watched the logs
	 * @param names the names
	 * @return those to fetch from
	 * @throws SQLException if the database fails
	 */
	Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException;

	/**
	 * Read the next entries of many logs, and their ends, in one statement. A result with
	 * the end has the last entry too.
	 * @param connection the connection
	 * @param targets where to read on
	 * @param budget how much to bring
	 * @return for each target, in the same order, what was found, or {@code null} where
	 * the statement's budget was used up before
	 * @throws SQLException if the database fails
	 */
	List<@Nullable Found<E>> fetch(Connection connection, List<Target> targets, Budget budget) throws SQLException;

	/**
	 * Read the first entries that a reader asks for, of a log that it knows by name only.
	 * A feature whose readers should have them one round trip earlier does it in one
	 * statement.
	 * @param connection the connection
	 * @param name the log's name
	 * @param index the index of the first entry
	 * @param budget how much to bring, for a target that is the only one
	 * @return what was found, without a head if there is no such log
	 * @throws SQLException if the database fails
	 */
	default Found<E> fetchFirst(Connection connection, String name, long index, Budget budget) throws SQLException {
		Head head = head(connection, name).orElse(null);
		if (head == null) {
			return new Found<>(null, List.of());
		}
		Found<E> found = fetch(connection, List.of(new Target(head.id(), index)), budget).get(0);
		return (found != null) ? found : new Found<>(head, List.of());
	}

	/**
	 * A log as such.
	 *
	 * @param id the id. Ids are given away again after a failover to a server that lagged
	 * @param name the name
	 * @param createdAt with the id, identifies this log
	 * @param nextIndex the index that its next entry will have
	 * @param end how it ended, or {@code null} while more may come
	 * @param server the run of the server that answered, from one crash to the next: a
	 * later run may lack rows that an earlier one has returned
	 */
	record Head(long id, String name, Instant createdAt, long nextIndex, @Nullable End end, String server) {

		/**
		 * Return what tells this log from any other.
		 * @return the identity
		 */
		public LogIdentity identity() {
			return new LogIdentity(this.id, this.createdAt);
		}

		/**
		 * Return whether a server that reports this may report the same after a crash.
		 */
		static boolean isUncertain(String server) {
			return server.endsWith("?");
		}

	}

	/**
	 * Where a log ends.
	 *
	 * @param id the log's id
	 * @param visible whether others can see the log. If the transaction that asks has
	 * created it, or ended it, they may know it by its name only, or not yet
	 * @param nextIndex the index after the last entry that is committed
	 * @param startIndex the index of the first of those that are wanted and left, or the
	 * next index if there is none
	 */
	record Tail(long id, boolean visible, long nextIndex, long startIndex) {
	}

	/**
	 * How a log ended.
	 *
	 * @param failure why it failed, or {@code null} if it is complete
	 * @param cancelled whether it failed because it was cancelled
	 */
	record End(@Nullable String failure, boolean cancelled) {
	}

	/**
	 * A log whose readers wait.
	 *
	 * @param id the log's id
	 * @param next the lowest index that a reader waits for
	 * @param received the index after the last entry that any of them has received, or 0;
	 * a reader that received it waits for it, so that {@code next} is not above it
	 */
	record Watched(long id, long next, long received) {
	}

	/**
	 * Logs to fetch from.
	 *
	 * @param ids the watched logs that have moved beyond what is waited for, ended,
	 * shrunk below what was received, or gone
	 * @param names the names that exist
	 * @param server which run of the server answered, as with a head
	 */
	record Moved(List<Long> ids, List<Named> names, String server) {

		/**
		 * Ask by a statement.
		 * @param statement the statement. Its parameters are arrays of the logs' ids, of
		 * what is next and of what was received, and of the names; its columns are an id
		 * and a name: of a log to fetch from only the id, of a name that exists both, and
		 * once only the server
		 * @param watched the logs
		 * @param names the names
		 * @return the answer
		 * @throws SQLException if the database fails
		 */
		public static Moved ask(PreparedStatement statement, List<Watched> watched, Collection<String> names)
				throws SQLException {
			statement.setObject(1, watched.stream().mapToLong(Watched::id).toArray());
			statement.setObject(2, watched.stream().mapToLong(Watched::next).toArray());
			statement.setObject(3, watched.stream().mapToLong(Watched::received).toArray());
			statement.setObject(4, names.toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			List<Long> ids = new ArrayList<>();
			List<Named> found = new ArrayList<>();
			String server = "";
			while (result.next()) {
				String name = result.getString(2);
				long id = result.getLong(1);
				if (result.wasNull()) {
					server = name;
				}
				else if (name != null) {
					found.add(new Named(name, id));
				}
				else {
					ids.add(id);
				}
			}
			return new Moved(ids, found, server);
		}

	}

	/**
	 * A name that exists.
	 *
	 * @param name the name
	 * @param id the log's id
	 */
	record Named(String name, long id) {
	}

	/**
	 * Where to read on.
	 *
	 * @param id the log's id
	 * @param index the index of the next entry
	 */
	record Target(long id, long index) {
	}

	/**
	 * How much a fetch may bring.
	 *
	 * @param entriesPerTarget the largest number of entries per target
	 * @param bytesPerTarget what a target's entries may have together, but for the last
	 * @param bytesPerStatement what all entries may have together, but for the last
	 * @param entriesAlone the largest number of entries for a target that is the only one
	 * @param bytesAlone what the entries of a target may have that is the only one
	 */
	record Budget(int entriesPerTarget, long bytesPerTarget, long bytesPerStatement, int entriesAlone,
			long bytesAlone) {
	}

	/**
	 * What a fetch from a log found, in one snapshot.
	 *
	 * @param <E> the entries' type
	 * @param head the head, or {@code null} if the log is gone
	 * @param entries the next entries, which readers share
	 */
	record Found<E>(@Nullable Head head, List<E> entries) {
	}

}
