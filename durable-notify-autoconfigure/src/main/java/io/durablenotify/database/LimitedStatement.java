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
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * A statement with a lock timeout, which costs no further round trip. In a transaction of
 * the caller's the timeout is restored after it.
 * <p>
 * Outside a transaction of the caller's that is the only limit: a
 * {@code statement_timeout} of the role or the database, which would cut the wait short,
 * does not count. In one it does, since it is the caller's.
 */
public final class LimitedStatement {

	/**
	 * Local to the transaction that {@link OneTransaction} makes of it, or to one of
	 * ours. The server takes the time of each statement from its beginning.
	 */
	private static final String SEPARATE = """
			SELECT set_config('lock_timeout', ?, true) IS NOT NULL, set_config('statement_timeout', '0', true) IS NOT NULL;
			%s
			""";

	private static final String JOINED = """
			SELECT set_config('durable_notify.lock_timeout', current_setting('lock_timeout'), true),
				set_config('lock_timeout', ?, true);
			%s;
			SELECT set_config('lock_timeout', current_setting('durable_notify.lock_timeout'), true)
			""";

	private final String separate;

	private final String joined;

	/**
	 * Create a new instance.
	 * @param sql one statement, or several between semicolons; none returns a column
	 * without a fixed width
	 */
	public LimitedStatement(String sql) {
		this.separate = SEPARATE.formatted(sql);
		this.joined = JOINED.formatted(sql);
	}

	/**
	 * Prepare the statement, whose own parameters begin with the second.
	 * @param connection the connection
	 * @param joined whether the connection is in the caller's transaction, whose settings
	 * have to stay; not in one of ours
	 * @param lockTimeout how long it waits for each lock
	 * @return the statement
	 * @throws SQLException if the database fails
	 */
	public PreparedStatement prepare(Connection connection, boolean joined, Duration lockTimeout) throws SQLException {
		PreparedStatement statement = OneTransaction.prepare(connection, (joined) ? this.joined : this.separate);
		statement.setString(1, limit(connection, lockTimeout).toMillis() + "ms");
		return statement;
	}

	/**
	 * Return how long a statement may wait for a lock. The server's answer then comes
	 * before the driver gives the connection up.
	 * @param connection the connection
	 * @param lockTimeout how long it is to wait
	 * @return that, or less
	 * @throws SQLException if the driver fails
	 */
	public static Duration limit(Connection connection, Duration lockTimeout) throws SQLException {
		Duration longest = NetworkTimeout.lockWait(NetworkTimeout.of(connection));
		return (lockTimeout.compareTo(longest) < 0) ? lockTimeout : longest;
	}

	/**
	 * Execute it, in one transaction.
	 * @param statement the statement that was prepared
	 * @param index the number of the statement of {@code sql} that has the result, from 0
	 * @return the result
	 * @throws SQLException if the database fails; if it waited too long, with SQLSTATE
	 * 55P03
	 */
	public static ResultSet executeForResult(PreparedStatement statement, int index) throws SQLException {
		OneTransaction.execute(statement);
		for (int i = 0; i <= index; i++) {
			statement.getMoreResults();
		}
		return statement.getResultSet();
	}

	/**
	 * Execute it for a single number.
	 * @param statement the statement that was prepared, from a single one
	 * @return the first row's first column, {@code null} without a row
	 * @throws SQLException if the database fails; if it waited too long, with SQLSTATE
	 * 55P03
	 */
	public static @Nullable Long executeForLong(PreparedStatement statement) throws SQLException {
		ResultSet result = executeForResult(statement, 0);
		return (result.next()) ? result.getLong(1) : null;
	}

}
