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

package io.durablenotify.instance;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.Spelling;
import io.durablenotify.database.SqlErrors;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.support.JdbcUtils;

/**
 * The connection on which leases are renewed: a separate physical one, which a busy pool
 * does not delay. Where only the pool leads to the database, a pooled one each time. Used
 * by one thread, but for {@link #close()}.
 * <p>
 * It is replaced from time to time, and after the listener's: the pool may lead to
 * another database by now, while the one from before still answers.
 */
final class InstanceConnection implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(Instances.class);

	/**
	 * The maximum age of a connection, as HikariCP's default. All are up to a tenth
	 * younger, so that not all instances connect at once.
	 */
	static final Duration MAX_AGE = Duration.ofMinutes(30);

	/**
	 * The delay before another attempt to replace the connection.
	 */
	private static final Duration RETRY = Duration.ofMinutes(1);

	/**
	 * Which part of a renewal's time a replacement may take, so that the next renewal is
	 * not late.
	 */
	private static final int REPLACEMENT_SHARE = 4;

	private final ApplicationDatabase database;

	private final String name;

	/**
	 * Returns how often the listener has connected again.
	 */
	private final LongSupplier reconnects;

	private final LongSupplier nanoTime;

	private volatile @Nullable Connection connection;

	/**
	 * When to replace the connection, by {@link #nanoTime}.
	 */
	private long replaceAt;

	/**
	 * The reconnects after which the connection was opened.
	 */
	private long openedAfter;

	private volatile boolean closed;

	InstanceConnection(ApplicationDatabase database, String name, LongSupplier reconnects) {
		this(database, name, reconnects, System::nanoTime);
	}

	/**
	 * Create a new instance.
	 * @param nanoTime {@link System#nanoTime()}, or that of a test
	 */
	InstanceConnection(ApplicationDatabase database, String name, LongSupplier reconnects, LongSupplier nanoTime) {
		this.database = database;
		// The server would have to spell it
		this.name = Spelling.plain(name);
		this.reconnects = reconnects;
		this.nanoTime = nanoTime;
	}

	/**
	 * Run statements in autocommit. If they fail, the next ones get a new connection.
	 * @param timeout how long the server may take to answer
	 */
	<T> T execute(Duration timeout, SessionWork<T> work) throws SQLException {
		T result;
		try {
			Connection connection = connection(timeout);
			if (connection == null) {
				return this.database.executeSeparately("renew leases", timeout, work);
			}
			connection.setNetworkTimeout(Runnable::run, (int) timeout.toMillis());
			result = work.run(connection, false);
		}
		catch (Throwable ex) {
			disconnect();
			throw ex;
		}
		if (this.openedAfter != this.reconnects.getAsLong() || this.nanoTime.getAsLong() - this.replaceAt >= 0) {
			replace(timeout.dividedBy(REPLACEMENT_SHARE));
		}
		return result;
	}

	private @Nullable Connection connection(Duration timeout) throws SQLException {
		Connection current = this.connection;
		return (current != null) ? current : connect(timeout);
	}

	/**
	 * Connect for the next statements. The leases have just been renewed, and the
	 * connection from before goes on if that fails.
	 */
	private void replace(Duration timeout) {
		Connection current = this.connection;
		try {
			connect(timeout);
		}
		catch (SQLException | RuntimeException ex) {
			logger.debug("Leases are renewed on the connection from before: there is no other for now", ex);
			this.replaceAt = this.nanoTime.getAsLong() + RETRY.toNanos();
			if (ex instanceof SQLException failure && SqlErrors.TOO_MANY_CONNECTIONS.equals(failure.getSQLState())) {
				// The role may have no more than this one
				disconnect();
			}
		}
		finally {
			if (this.connection != current) {
				JdbcUtils.closeConnection(current);
			}
		}
	}

	private @Nullable Connection connect(Duration timeout) throws SQLException {
		this.openedAfter = this.reconnects.getAsLong();
		Connection opened = open(timeout);
		this.replaceAt = this.nanoTime.getAsLong()
				+ (long) (MAX_AGE.toNanos() * (1 - ThreadLocalRandom.current().nextDouble() / 10));
		this.connection = opened;
		if (this.closed) {
			// close() may have seen none
			JdbcUtils.closeConnection(opened);
			throw new SQLException("The application context has closed");
		}
		return opened;
	}

	private @Nullable Connection open(Duration timeout) throws SQLException {
		DriverConnectionDetails details = physical();
		if (details == null) {
			return null;
		}
		String seconds = String.valueOf(Math.max(1, timeout.toSeconds()));
		Connection opened = open(details.withProperties(Map.of("connectTimeout", seconds, "socketTimeout", seconds,
				"tcpKeepAlive", "true", "ApplicationName", this.name)));
		try {
			opened.setAutoCommit(true);
			// What the URL says of it counts more than the property
			opened.setClientInfo("ApplicationName", this.name);
			try (Statement statement = opened.createStatement()) {
				// It is idle between two renewals
				statement.execute("SET idle_session_timeout = 0");
			}
			return opened;
		}
		catch (Throwable ex) {
			JdbcUtils.closeConnection(opened);
			throw ex;
		}
	}

	private static Connection open(DriverConnectionDetails details) throws SQLException {
		try {
			return details.open();
		}
		catch (SQLException ex) {
			// Without its cause: the driver may show the URL, and a password in it
			throw new SQLException(details.mask(ex.getMessage()), ex.getSQLState());
		}
	}

	private @Nullable DriverConnectionDetails physical() {
		try {
			return this.database.getEquivalentConnectionDetails();
		}
		catch (IllegalStateException ex) {
			logger.debug("Leases are renewed on pooled connections", ex);
			return null;
		}
	}

	/**
	 * Close the connection that there is, and the one that is being opened.
	 */
	@Override
	public void close() {
		this.closed = true;
		disconnect();
	}

	private void disconnect() {
		JdbcUtils.closeConnection(this.connection);
		this.connection = null;
	}

}
