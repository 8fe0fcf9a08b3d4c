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

import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicBoolean;

import javax.sql.DataSource;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.datasource.SimpleConnectionHandle;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;

/**
 * Runs statements in the transaction that Spring has bound to the calling thread, on its
 * connection.
 */
final class TransactionJoin {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	private static final Method IS_TRANSACTION_ACTIVE = isTransactionActiveMethod();

	private final DataSource dataSource;

	private final AtomicBoolean foreignTransactionLogged = new AtomicBoolean();

	TransactionJoin(DataSource dataSource) {
		this.dataSource = dataSource;
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
	 * Return the suspended transaction whose connection is bound still.
	 */
	@Nullable SuspendedTransaction suspended() {
		return SuspendedTransaction.of(this.dataSource);
	}

	/**
	 * Return whether there is a transaction whose callbacks are still to come.
	 */
	boolean isOpen() {
		return TransactionBuffer.isAvailable() || suspended() != null;
	}

	/**
	 * Return whether there is something to join: a transaction or a bound connection.
	 */
	boolean isInTransaction() {
		boolean transaction = TransactionSynchronizationManager.isActualTransactionActive();
		boolean bound = TransactionSynchronizationManager.hasResource(this.dataSource);
		boolean joinable = (TransactionSynchronizationManager.isSynchronizationActive()) ? transaction || bound
				: transaction && bound;
		return joinable || suspended() != null;
	}

	/**
	 * Return whether {@link #run} can be used. A connection with autocommit off must not
	 * be used in the transaction of another DataSource, which would not commit it.
	 * @param manualCommit whether the pool hands out connections with autocommit off
	 */
	boolean isPossible(boolean manualCommit) {
		if (!isInTransaction()) {
			return false;
		}
		if (manualCommit && isForeign(bound())) {
			logForeignTransaction();
			return false;
		}
		return true;
	}

	/**
	 * Run statements on the bound connection, or on one that is released again. Without a
	 * transaction on it, or after it is over (in {@code afterCompletion}, also within
	 * another transaction, and with Hibernate in {@code afterCommit}), they run in
	 * autocommit.
	 */
	<T extends @Nullable Object> T run(SessionWork<T> work) throws SQLException {
		ConnectionHolder bound = bound();
		boolean transaction = isOpen() && !FinishedConnections.contains(bound);
		// Before getConnection, which binds a connection to another DataSource's
		// transaction too
		boolean foreign = isForeign(bound);
		Connection connection = DataSourceUtils.getConnection(this.dataSource);
		try {
			if (transaction && !connection.getAutoCommit()) {
				return work.run(connection, true);
			}
			if (foreign) {
				logForeignTransaction();
			}
			return AutoCommit.run(connection, work);
		}
		finally {
			DataSourceUtils.releaseConnection(connection, this.dataSource);
		}
	}

	/**
	 * Return whether a transaction is active, but of another DataSource: no transaction
	 * manager has bound a connection of this one.
	 */
	private static boolean isForeign(@Nullable ConnectionHolder bound) {
		return TransactionBuffer.isAvailable() && !isBoundByTransaction(bound);
	}

	private @Nullable ConnectionHolder bound() {
		return (ConnectionHolder) TransactionSynchronizationManager.getResource(this.dataSource);
	}

	/**
	 * {@link DataSourceUtils} also binds connections, by a simple handle and without
	 * beginning a transaction.
	 */
	private static boolean isBoundByTransaction(@Nullable ConnectionHolder bound) {
		return bound != null && (!(bound.getConnectionHandle() instanceof SimpleConnectionHandle) || isActive(bound));
	}

	static boolean isActive(ConnectionHolder connection) {
		return Boolean.TRUE.equals(ReflectionUtils.invokeMethod(IS_TRANSACTION_ACTIVE, connection));
	}

	private void logForeignTransaction() {
		if (this.foreignTransactionLogged.compareAndSet(false, true)) {
			logger.warn("A transaction is active, but not on durable-notify's DataSource: what durable-notify writes "
					+ "in it is committed at once and stays if that transaction rolls back");
		}
	}

}
