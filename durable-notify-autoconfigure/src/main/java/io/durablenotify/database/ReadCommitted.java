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

package io.durablenotify.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

import org.jspecify.annotations.Nullable;

/**
 * Runs statements that are correct in READ COMMITTED only, and say so. Where the database
 * or the role has another default they get a transaction, which costs two round trips
 * more.
 */
public final class ReadCommitted {

	/**
	 * The first statement of a text of several, which costs no round trip. It counts for
	 * the text's transaction only. Unlike SET TRANSACTION, it has the server log no
	 * warning where the text itself is the transaction.
	 */
	public static final String FIRST = "SET transaction_isolation = 'read committed'";

	/**
	 * What our functions fail with in another transaction.
	 */
	private static final String REQUIRED = "DN002";

	private static final String BEGIN = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

	private volatile boolean isDefault = true;

	/**
	 * Run a statement.
	 * @param <T> the result's type
	 * @param connection the connection, in autocommit
	 * @param work the statement
	 * @return its result
	 * @throws SQLException if the database fails
	 */
	public <T extends @Nullable Object> T run(Connection connection, SessionWork<T> work) throws SQLException {
		if (this.isDefault || !connection.getAutoCommit()) {
			try {
				return work.run(connection, false);
			}
			catch (SQLException ex) {
				if (!SqlErrors.state(ex).equals(REQUIRED) || !connection.getAutoCommit()) {
					throw ex;
				}
				this.isDefault = false;
			}
		}
		return runInTransaction(connection, work);
	}

	/**
	 * Run statements in a READ COMMITTED transaction, and commit it.
	 * @param <T> the result's type
	 * @param connection the connection, in autocommit
	 * @param work the statements
	 * @return their result
	 * @throws SQLException if the database fails
	 */
	public static <T extends @Nullable Object> T runInTransaction(Connection connection, SessionWork<T> work)
			throws SQLException {
		return OneTransaction.run(connection, (session, joined) -> {
			begin(session);
			return work.run(session, joined);
		});
	}

	/**
	 * Make a transaction of ours READ COMMITTED.
	 * @param connection the connection, in a transaction without a statement
	 * @throws SQLException if the database fails
	 */
	public static void begin(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute(BEGIN);
		}
	}

}
