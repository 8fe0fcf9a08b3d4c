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
import java.time.Duration;
import java.util.Map;
import java.util.function.Supplier;

import javax.sql.DataSource;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.UncategorizedSQLException;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcUtils;
import org.springframework.jdbc.support.SQLExceptionSubclassTranslator;
import org.springframework.jdbc.support.SQLExceptionTranslator;

/**
 * Runs SQL in the caller's transaction or on a separate pooled connection, and opens
 * unpooled connections.
 * <p>
 * Works with pools that hand out connections with autocommit off: what runs outside a
 * transaction is committed statement by statement all the same.
 */
public final class ApplicationDatabase {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	/**
	 * Network timeout of background threads and of short reads.
	 */
	public static final Duration SOCKET_TIMEOUT = Duration.ofSeconds(30);

	/**
	 * The time for which a refused connection is retried at start-up.
	 */
	public static final Duration START_TIMEOUT = Duration.ofSeconds(5);

	private final DataSource dataSource;

	private final TransactionJoin join;

	private final PhysicalConnections physicalConnections;

	private final SQLExceptionTranslator translator = new SQLExceptionSubclassTranslator();

	/**
	 * Whether the pool hands out connections with autocommit off, learnt from the first.
	 */
	private volatile boolean manualCommit;

	/**
	 * Create a new instance.
	 * @param dataSource the DataSource that the application's transactions bind
	 * @param connectionDetails the details that Boot built the pool from, asked for each
	 * physical connection where the pool does not expose them; {@code null} where there
	 * are none
	 */
	public ApplicationDatabase(DataSource dataSource, Supplier<@Nullable JdbcConnectionDetails> connectionDetails) {
		this.dataSource = boundDataSource(dataSource);
		this.join = new TransactionJoin(this.dataSource);
		this.physicalConnections = new PhysicalConnections(this.dataSource, connectionDetails);
	}

	/**
	 * A transaction manager binds the target, never the proxy.
	 */
	private static DataSource boundDataSource(DataSource dataSource) {
		if (dataSource instanceof TransactionAwareDataSourceProxy proxy && proxy.getTargetDataSource() != null) {
			return boundDataSource(proxy.getTargetDataSource());
		}
		return dataSource;
	}

	/**
	 * Return the DataSource under which transactions bind their connection.
	 * @return the DataSource
	 */
	public DataSource getDataSource() {
		return this.dataSource;
	}

	/**
	 * Run statements in the caller's transaction where there is one on this DataSource,
	 * else in autocommit. Never takes a second connection on a thread that has one bound
	 * by Spring.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails
	 */
	public <T extends @Nullable Object> T execute(String task, SessionWork<T> work) {
		if (!this.join.isPossible(this.manualCommit)) {
			return executeSeparately(task, work);
		}
		try {
			return this.join.run(work);
		}
		catch (SQLException ex) {
			throw translate(task, ex);
		}
	}

	/**
	 * Run statements that only read in the caller's transaction where there is one. A
	 * pool of one connection is enough then. In a transaction that has failed already,
	 * they run on a separate connection. Outside a transaction they are repeated after a
	 * conflict with another one.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails
	 */
	public <T extends @Nullable Object> T executeReading(String task, SessionWork<T> work) {
		SessionWork<T> repeated = Conflicts.repeat(work);
		if (!isInTransaction()) {
			return executeSeparately(task, SOCKET_TIMEOUT, repeated);
		}
		try {
			return execute(task, work);
		}
		catch (DataAccessException ex) {
			if (SqlErrors.isFailedTransaction(ex)) {
				return executeSeparately(task, SOCKET_TIMEOUT, repeated);
			}
			throw ex;
		}
	}

	/**
	 * Return whether the calling thread is in a transaction or has a connection bound. If
	 * not, {@link #execute} does the same as {@link #executeSeparately}, on any thread.
	 * @return whether there is something to join
	 */
	public boolean isInTransaction() {
		return this.join.isInTransaction();
	}

	/**
	 * Return whether the calling thread is in a transaction whose callbacks are still to
	 * come. That may be one of ours which another manager's has suspended: our connection
	 * stays bound.
	 * @return whether it is
	 */
	public boolean isTransactionOpen() {
		return this.join.isOpen();
	}

	/**
	 * Return whether the transaction has come to its commit, so that nothing can become
	 * part of it any more. Not known of a transaction whose manager is no bean.
	 * @return whether it has
	 * @throws IllegalStateException if there is none that is open
	 */
	public boolean isTransactionCommitting() {
		SuspendedTransaction suspended = suspended();
		return (suspended != null) ? suspended.isPast() : CommitListener.isPast();
	}

	@Nullable SuspendedTransaction suspended() {
		return this.join.suspended();
	}

	/**
	 * Return whether what {@link #execute} has written just now is part of the caller's
	 * transaction, and not committed at once, as beside that of another DataSource.
	 * @return whether it commits and rolls back with it
	 */
	public boolean isJoined() {
		try {
			return isTransactionOpen() && execute("find the transaction", (connection, joined) -> joined);
		}
		catch (DataAccessException ex) {
			// The caller's transaction has its connection
			return false;
		}
	}

	/**
	 * Refuse to write in a read-only transaction, before anything is sent that would
	 * break the transaction.
	 * @param refusal what cannot be written, to be followed by "in a read-only
	 * transaction"
	 * @throws InvalidDataAccessApiUsageException if the calling thread is in one
	 */
	public void requireWritable(Supplier<String> refusal) {
		requireWritable(isReadOnly(), refusal);
	}

	/**
	 * Refuse to do something in a read-only transaction.
	 * @param readOnly whether the calling thread is in one
	 * @param refusal what cannot be done, to be followed by "in a read-only transaction"
	 * @throws InvalidDataAccessApiUsageException if it is
	 */
	public static void requireWritable(boolean readOnly, Supplier<String> refusal) {
		if (readOnly) {
			throw new InvalidDataAccessApiUsageException(refusal.get() + " in a read-only transaction");
		}
	}

	/**
	 * Return whether {@link #execute} must not write, since its transaction is read-only.
	 * @return whether the calling thread is in a read-only transaction
	 */
	public boolean isReadOnly() {
		SuspendedTransaction suspended = suspended();
		return (suspended != null) ? suspended.isReadOnly() : TransactionBuffer.isReadOnly();
	}

	/**
	 * Run statements on a separate connection, in autocommit, regardless of the
	 * transaction that the calling thread is in.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails; a
	 * {@link CannotGetJdbcConnectionException} means that nothing was sent
	 */
	public <T extends @Nullable Object> T executeSeparately(String task, SessionWork<T> work) {
		Connection connection = getConnection();
		try {
			return AutoCommit.run(connection, work);
		}
		catch (SQLException ex) {
			throw translate(task, ex);
		}
		finally {
			JdbcUtils.closeConnection(connection);
		}
	}

	/**
	 * Do the same with a network timeout. A thread that many depend on then does not hang
	 * on a dead connection.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param timeout how long the server may take to answer; the connection is lost then
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails
	 */
	public <T extends @Nullable Object> T executeSeparately(String task, Duration timeout, SessionWork<T> work) {
		return executeSeparately(task, (connection, joined) -> NetworkTimeout.limit(connection, timeout, work));
	}

	/**
	 * Warn of a time limit of ours that is longer than the driver's socket timeout. After
	 * that the driver gives up the connection.
	 * @param limits the limits, by their properties
	 */
	public void checkSocketTimeout(Map<String, Duration> limits) {
		int socketTimeout = executeSeparately("look up the driver's socketTimeout",
				(connection, joined) -> NetworkTimeout.of(connection));
		Duration longest = NetworkTimeout.lockWait(socketTimeout);
		limits.forEach((property, limit) -> {
			if (limit.compareTo(longest) > 0) {
				logger.warn(("%s=%s does not fit the driver's socketTimeout of %d ms: a lock is waited for %d ms at "
						+ "most. Raise socketTimeout, or lower %1$s")
					.formatted(property, limit.toMillis() + "ms", socketTimeout, longest.toMillis()));
			}
		});
	}

	private Connection getConnection() {
		Connection connection = null;
		try {
			connection = this.dataSource.getConnection();
			this.manualCommit = !connection.getAutoCommit();
			return connection;
		}
		catch (SQLException ex) {
			// The pool can have handed out one that is closed
			JdbcUtils.closeConnection(connection);
			throw new CannotGetJdbcConnectionException("Failed to obtain JDBC Connection", ex);
		}
		catch (Throwable ex) {
			JdbcUtils.closeConnection(connection);
			throw ex;
		}
	}

	private DataAccessException translate(String task, SQLException exception) {
		DataAccessException translated = this.translator.translate(task, null, exception);
		if (translated == null && SqlErrors.isConnectionLost(exception)) {
			return new DataAccessResourceFailureException(task, exception);
		}
		return (translated != null) ? translated : new UncategorizedSQLException(task, null, exception);
	}

	/**
	 * Return the DataSource that chooses among several databases for each connection, by
	 * what the calling thread does.
	 * @return the DataSource, within others perhaps, or {@code null} if there is none
	 */
	public @Nullable DataSource getRoutingDataSource() {
		return DataSources.routing(this.dataSource);
	}

	/**
	 * Return the properties that the pool hands to its driver.
	 * @return the properties, none if the pool is not known to have any
	 */
	public Map<String, String> getDriverProperties() {
		DriverConnectionDetails details = this.physicalConnections.detailsIfKnown();
		return (details != null) ? details.properties() : Map.of();
	}

	/**
	 * Return where the pool connects to and as whom, for messages.
	 * @return such as {@code localhost:5432/orders as user 'app'}, or no more than
	 * {@code the database} where that cannot be derived
	 */
	public String getTarget() {
		DriverConnectionDetails details = this.physicalConnections.detailsIfKnown();
		return (details != null) ? details.target() : "the database";
	}

	/**
	 * Return what opens a physical connection to the same database, as the pool does.
	 * @return the details, read again each time, since a pool's credentials may change
	 * @throws IllegalStateException if they cannot be derived
	 */
	public DriverConnectionDetails getDriverConnectionDetails() {
		return this.physicalConnections.details();
	}

	/**
	 * Return what opens a physical connection that can do what the pool's connections
	 * can.
	 * @return the details, read again each time
	 * @throws IllegalStateException if there are none, so that nothing but the pool's
	 * connections will do
	 */
	public DriverConnectionDetails getEquivalentConnectionDetails() {
		return this.physicalConnections.equivalentDetails();
	}

	/**
	 * Return a DataSource of physical connections that can do what the pool's can.
	 * @return a new DataSource, which asks for the details each time
	 * @throws IllegalStateException if there are no such connections
	 */
	public DataSource getPhysicalDataSource() {
		return this.physicalConnections.dataSource();
	}

	/**
	 * Find out whether physical connections have the role and the database of the pool's.
	 * They have not where a wrapper that cannot be seen through sets either of them, or
	 * the credentials; then there are none but pooled connections from now on.
	 * @param physical opens physical connections
	 * @return whether they have
	 * @throws SQLException if no physical connection can be opened
	 * @throws DataAccessException if the pool fails
	 */
	public boolean isEquivalent(DataSource physical) throws SQLException {
		String pooled = executeSeparately("look up the role", SOCKET_TIMEOUT,
				(connection, joined) -> PhysicalConnections.role(connection));
		return this.physicalConnections.isEquivalent(pooled, physical);
	}

}
