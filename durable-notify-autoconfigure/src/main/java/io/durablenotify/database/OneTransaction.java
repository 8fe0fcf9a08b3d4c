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
import java.sql.SQLException;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.postgresql.jdbc.PgConnection;
import org.postgresql.jdbc.PreferQueryMode;

/**
 * Makes one transaction of several statements, on a connection that is in autocommit.
 * <p>
 * The server runs the statements of one text in one implicit transaction if the driver
 * sends no Sync between them. The driver sends one
 * <ul>
 * <li>between any two statements with {@code preferQueryMode=simple};</li>
 * <li>in the other modes, where the server has described a statement that returns a
 * column without a fixed width. The driver asks for that where a parameter has no type:
 * with {@code stringtype=unspecified}, or after {@code setObject(i, null)}.</li>
 * </ul>
 * In the first case, and where the driver's connection cannot be unwrapped, the
 * statements run between BEGIN and COMMIT, which takes a second round trip. To avoid the
 * second case, no text of several statements may return a column without a fixed width,
 * such as {@code text}, {@code bytea}, {@code numeric} or an array.
 */
public final class OneTransaction {

	private static final Log logger = LogFactory.getLog(OneTransaction.class);

	private OneTransaction() {
	}

	/**
	 * Prepare a text of several statements.
	 * @param connection the connection
	 * @param sql the statements between semicolons. None returns a column without a fixed
	 * width
	 * @return the statement, for {@link #execute}
	 * @throws SQLException if the database fails
	 */
	public static PreparedStatement prepare(Connection connection, String sql) throws SQLException {
		PgConnection driver = driverConnection(connection);
		if (driver == null || (!driver.getForceBinary() && driver.getPrepareThreshold() >= 0)) {
			return connection.prepareStatement(sql);
		}
		// With prepareThreshold=-1 the driver asks for all descriptions before the first
		// execution, and takes each for that of the first statement
		boolean forceBinary = driver.getForceBinary();
		int threshold = driver.getPrepareThreshold();
		driver.setForceBinary(false);
		driver.setPrepareThreshold(1);
		try {
			return connection.prepareStatement(sql);
		}
		finally {
			driver.setPrepareThreshold(threshold);
			driver.setForceBinary(forceBinary);
		}
	}

	/**
	 * Execute a text of several statements in one transaction. That is the one that the
	 * connection is in, else one that is committed when this returns.
	 * @param statement the statement that was prepared
	 * @throws SQLException if the database fails; outside a transaction nothing is stored
	 * then, unless the connection was lost
	 */
	public static void execute(PreparedStatement statement) throws SQLException {
		// By a cursor, a statement that locks would lock the first rows only
		statement.setFetchSize(0);
		Connection connection = statement.getConnection();
		if (!connection.getAutoCommit() || isSentTogether(connection)) {
			statement.execute();
		}
		else {
			run(connection, (session, joined) -> statement.execute());
		}
	}

	private static boolean isSentTogether(Connection connection) {
		PgConnection driver = driverConnection(connection);
		return driver != null && driver.getPreferQueryMode() != PreferQueryMode.SIMPLE;
	}

	/**
	 * Asked for each time, which costs nothing: the connections of a pool may differ.
	 */
	private static @Nullable PgConnection driverConnection(Connection connection) {
		try {
			return connection.unwrap(PgConnection.class);
		}
		catch (SQLException | RuntimeException ex) {
			logger.debug("The driver's connection is hidden", ex);
			return null;
		}
	}

	/**
	 * Run statements in a transaction, and commit it.
	 * @param <T> the result's type
	 * @param connection the connection, in autocommit
	 * @param work the statements, for which the connection is {@code joined}
	 * @return what the work returned
	 * @throws SQLException if the database fails
	 */
	public static <T extends @Nullable Object> T run(Connection connection, SessionWork<T> work) throws SQLException {
		connection.setAutoCommit(false);
		try {
			T result = work.run(connection, true);
			connection.commit();
			return result;
		}
		catch (Throwable ex) {
			rollback(connection);
			throw ex;
		}
		finally {
			restoreAutoCommit(connection);
		}
	}

	private static void rollback(Connection connection) {
		try {
			connection.rollback();
		}
		catch (SQLException ex) {
			logger.debug("Could not roll back: the connection is lost", ex);
		}
	}

	private static void restoreAutoCommit(Connection connection) {
		try {
			connection.setAutoCommit(true);
		}
		catch (SQLException ex) {
			logger.debug("Could not turn autocommit on again: the connection is lost", ex);
		}
	}

}
