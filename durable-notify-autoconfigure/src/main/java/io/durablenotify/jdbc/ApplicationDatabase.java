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

package io.durablenotify.jdbc;

import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
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
import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.datasource.SimpleConnectionHandle;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcUtils;
import org.springframework.jdbc.support.SQLExceptionSubclassTranslator;
import org.springframework.jdbc.support.SQLExceptionTranslator;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;

/**
 * The application's database and the three ways to it: in the caller's transaction, apart
 * from it, and by a physical connection that belongs to no pool.
 * <p>
 * Works with pools that hand out connections with autocommit off: what runs outside a
 * transaction is committed statement by statement all the same.
 */
public final class ApplicationDatabase {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	/**
	 * How long the threads that all depend on wait for a server that keeps silent.
	 */
	public static final Duration PATIENCE = Duration.ofSeconds(30);

	/**
	 * How long is tried again at start-up where the server refuses connections for now.
	 */
	public static final Duration START_PATIENCE = Duration.ofSeconds(5);

	private static final Method IS_TRANSACTION_ACTIVE = isTransactionActiveMethod();

	private final DataSource dataSource;

	private final Supplier<@Nullable JdbcConnectionDetails> connectionDetails;

	private final SQLExceptionTranslator translator = new SQLExceptionSubclassTranslator();

	private final AtomicBoolean foreignTransactionLogged = new AtomicBoolean();

	/**
	 * Whether the pool hands out connections with autocommit off, learnt from the first.
	 */
	private volatile boolean manualCommit;

	/**
	 * Whether a physical connection has turned out to differ from the pool's.
	 */
	private volatile boolean pooledOnly;

	/**
	 * Create a new instance.
	 * @param dataSource the DataSource that the application's transactions bind
	 * @param connectionDetails the details that Boot built the pool from, asked for each
	 * physical connection where the pool does not tell; {@code null} where there are none
	 */
	public ApplicationDatabase(DataSource dataSource, Supplier<@Nullable JdbcConnectionDetails> connectionDetails) {
		this.dataSource = boundDataSource(dataSource);
		this.connectionDetails = connectionDetails;
	}

	/**
	 * Protected in {@link ConnectionHolder}.
	 */
	private static Method isTransactionActiveMethod() {
		Method method = ReflectionUtils.findMethod(ConnectionHolder.class, "isTransactionActive");
		Assert.state(method != null, "ConnectionHolder.isTransactionActive() not found");
		ReflectionUtils.makeAccessible(method);
		return method;
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
		if (isApart()) {
			return executeApart(task, work);
		}
		ConnectionHolder bound = (ConnectionHolder) TransactionSynchronizationManager.getResource(this.dataSource);
		boolean transaction = TransactionSynchronizationManager.isActualTransactionActive();
		boolean synchronization = TransactionSynchronizationManager.isSynchronizationActive();
		if (synchronization && transaction && this.manualCommit && !isBoundByTransaction(bound)) {
			// Nobody would commit what is written on a connection of this pool
			logForeignTransaction();
			return executeApart(task, work);
		}
		Connection connection = DataSourceUtils.getConnection(this.dataSource);
		try {
			if (synchronization && transaction) {
				if (!connection.getAutoCommit()) {
					return work.run(connection, true);
				}
				if (!isBoundByTransaction(bound)) {
					logForeignTransaction();
				}
			}
			// No transaction, or one that is over on this connection: in
			// afterCompletion(),
			// and with Hibernate in afterCommit()
			return inAutoCommit(connection, work);
		}
		catch (SQLException ex) {
			throw translate(task, ex);
		}
		finally {
			DataSourceUtils.releaseConnection(connection, this.dataSource);
		}
	}

	/**
	 * Run statements that only read in the caller's transaction where there is one, so
	 * that a pool of one does, and with a connection of their own in a transaction that
	 * has failed already.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails
	 */
	public <T extends @Nullable Object> T executeReading(String task, SessionWork<T> work) {
		if (isApart()) {
			return executeApart(task, PATIENCE, work);
		}
		try {
			return execute(task, work);
		}
		catch (DataAccessException ex) {
			if (SqlErrors.isFailedTransaction(ex)) {
				return executeApart(task, PATIENCE, work);
			}
			throw ex;
		}
	}

	/**
	 * Return whether the calling thread is in no transaction and has no connection bound,
	 * so that {@link #execute} does the same as {@link #executeApart}, on any thread.
	 * @return whether there is nothing to join
	 */
	public boolean isApart() {
		boolean transaction = TransactionSynchronizationManager.isActualTransactionActive();
		if (TransactionSynchronizationManager.isSynchronizationActive()) {
			return !transaction && !isBound();
		}
		return !transaction || !isBound();
	}

	private boolean isBound() {
		return TransactionSynchronizationManager.hasResource(this.dataSource);
	}

	/**
	 * Return whether a transaction manager has bound the connection, and not just
	 * {@link DataSourceUtils} for the time of somebody else's transaction.
	 */
	private static boolean isBoundByTransaction(@Nullable ConnectionHolder bound) {
		if (bound == null) {
			return false;
		}
		return !(bound.getConnectionHandle() instanceof SimpleConnectionHandle)
				|| Boolean.TRUE.equals(ReflectionUtils.invokeMethod(IS_TRANSACTION_ACTIVE, bound));
	}

	/**
	 * Refuse to write in a read-only transaction, before anything is sent that would
	 * break the transaction.
	 * @param refusal what cannot be written, to be followed by "in a read-only
	 * transaction"
	 * @throws InvalidDataAccessApiUsageException if the calling thread is in one
	 */
	public static void requireWritable(Supplier<String> refusal) {
		if (TransactionSynchronizationManager.isActualTransactionActive()
				&& TransactionSynchronizationManager.isCurrentTransactionReadOnly()) {
			throw new InvalidDataAccessApiUsageException(refusal.get() + " in a read-only transaction");
		}
	}

	/**
	 * Run statements on a connection of their own, in autocommit, whatever transaction
	 * the calling thread is in.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails; a
	 * {@link CannotGetJdbcConnectionException} tells that nothing was sent
	 */
	public <T extends @Nullable Object> T executeApart(String task, SessionWork<T> work) {
		Connection connection = getConnection();
		try {
			return inAutoCommit(connection, work);
		}
		catch (SQLException ex) {
			throw translate(task, ex);
		}
		finally {
			JdbcUtils.closeConnection(connection);
		}
	}

	/**
	 * Do the same with a limit to how long the server may keep silent, so that a thread
	 * that many depend on does not hang with a link that has died.
	 * @param <T> the result's type
	 * @param task what is being done, for exceptions
	 * @param silence how long the server may keep silent; the connection is lost then
	 * @param work the statements
	 * @return what the work returned
	 * @throws DataAccessException if the database fails
	 */
	public <T extends @Nullable Object> T executeApart(String task, Duration silence, SessionWork<T> work) {
		return executeApart(task, (connection, joined) -> {
			int before = silence(connection);
			int limit = (int) silence.toMillis();
			if (before > 0 && before <= limit) {
				return work.run(connection, joined);
			}
			limitSilence(connection, limit);
			try {
				return work.run(connection, joined);
			}
			finally {
				limitSilence(connection, before);
			}
		});
	}

	/**
	 * Warn of a time limit of ours that the driver does not let come to its end, since it
	 * gives up on a silent server before.
	 * @param limits the limits, by their properties
	 */
	public void checkSocketTimeout(Map<String, Duration> limits) {
		int silence = executeApart("look up the driver's socketTimeout", (connection, joined) -> silence(connection));
		Duration patience = LimitedStatement.patience(silence);
		limits.forEach((property, limit) -> {
			if (limit.compareTo(patience) > 0) {
				logger.warn(("%s=%s does not fit the driver's socketTimeout of %d ms: a lock is waited for %d ms at "
						+ "most. Raise socketTimeout, or lower %1$s")
					.formatted(property, limit.toMillis() + "ms", silence, patience.toMillis()));
			}
		});
	}

	static int silence(Connection connection) {
		try {
			return connection.getNetworkTimeout();
		}
		catch (SQLException ex) {
			logger.debug("The driver knows no network timeout", ex);
			return 0;
		}
	}

	private static void limitSilence(Connection connection, int millis) {
		try {
			connection.setNetworkTimeout(Runnable::run, millis);
		}
		catch (SQLException ex) {
			logger.debug("The network timeout could not be changed: the connection is lost, or the driver has none",
					ex);
		}
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
	}

	private static <T extends @Nullable Object> T inAutoCommit(Connection connection, SessionWork<T> work)
			throws SQLException {
		if (connection.getAutoCommit()) {
			return work.run(connection, false);
		}
		connection.setAutoCommit(true);
		try {
			return work.run(connection, false);
		}
		finally {
			restoreManualCommit(connection);
		}
	}

	private static void restoreManualCommit(Connection connection) {
		try {
			connection.setAutoCommit(false);
		}
		catch (SQLException ex) {
			logger.debug("Could not turn autocommit off again; the pool will find the connection broken", ex);
		}
	}

	private void logForeignTransaction() {
		if (this.foreignTransactionLogged.compareAndSet(false, true)) {
			logger.warn("A transaction is active, but not on durable-notify's DataSource: what durable-notify writes "
					+ "in it is committed at once and stays if that transaction rolls back");
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
	 * Return the product's name and version.
	 * @return such as {@code PostgreSQL 18.1}
	 */
	public String getProduct() {
		return executeApart("look up the database product", (connection, joined) -> {
			DatabaseMetaData metaData = connection.getMetaData();
			return metaData.getDatabaseProductName() + " " + metaData.getDatabaseProductVersion();
		});
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
		try {
			return getDriverConnectionDetails().properties();
		}
		catch (IllegalStateException ex) {
			return Map.of();
		}
	}

	/**
	 * Return where the pool connects to and as whom, for messages.
	 * @return such as {@code localhost:5432/orders as user 'app'}, or no more than
	 * {@code the database} where that cannot be derived
	 */
	public String getTarget() {
		try {
			return getDriverConnectionDetails().target();
		}
		catch (IllegalStateException ex) {
			return "the database";
		}
	}

	/**
	 * Return what opens a physical connection to the same database, as the pool does.
	 * @return the details, read again each time, since a pool's credentials may change
	 * @throws IllegalStateException if they cannot be derived
	 */
	public DriverConnectionDetails getDriverConnectionDetails() {
		return DriverConnectionDetails.of(this.dataSource, this.connectionDetails.get());
	}

	/**
	 * Return what opens a physical connection that can do what the pool's connections
	 * can.
	 * @return the details, read again each time
	 * @throws IllegalStateException if there are none, so that nothing but the pool's
	 * connections will do
	 */
	public DriverConnectionDetails getEquivalentConnectionDetails() {
		if (this.pooledOnly) {
			throw new IllegalStateException("Physical connections differ from the pool's");
		}
		return getDriverConnectionDetails();
	}

	/**
	 * Return a DataSource of physical connections that can do what the pool's can.
	 * @return a new DataSource, which asks for the details each time
	 * @throws IllegalStateException if there are no such connections
	 */
	public DataSource getPhysicalDataSource() {
		getEquivalentConnectionDetails();
		return new PhysicalDataSource(this::getEquivalentConnectionDetails);
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
		String pooled = executeApart("look up the role", PATIENCE, (connection, joined) -> role(connection));
		try (Connection connection = physical.getConnection()) {
			this.pooledOnly = !pooled.equals(role(connection));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isAuthorizationFailure(ex)) {
				throw ex;
			}
			logger.debug("The pool has other credentials than it tells", ex);
			this.pooledOnly = true;
		}
		return !this.pooledOnly;
	}

	private static String role(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("SELECT current_user, current_database()")) {
			result.next();
			return result.getString(1) + "@" + result.getString(2);
		}
	}

}
