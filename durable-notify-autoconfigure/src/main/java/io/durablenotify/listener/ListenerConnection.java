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

package io.durablenotify.listener;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Pattern;

import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.database.Spelling;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.listener.ListenerException.Problem;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGProperty;

import org.springframework.jdbc.support.JdbcUtils;

/**
 * A physical connection that listens. Used by the listener's thread alone, but for
 * {@link #close()}, which unblocks that thread at once.
 */
final class ListenerConnection implements AutoCloseable {

	/**
	 * The URL of a driver that wraps PostgreSQL's.
	 */
	private static final Pattern WRAPPED_URL = Pattern.compile("^jdbc[\\w-]*:(?:[\\w-]+:)?postgresql:");

	private final Connection connection;

	private final PGConnection postgres;

	private final String address;

	private int backendPid;

	private boolean statementRun;

	private ListenerConnection(Connection connection, String address) {
		this.connection = connection;
		this.postgres = unwrap(connection);
		this.address = address;
	}

	private static PGConnection unwrap(Connection connection) {
		try {
			return connection.unwrap(PGConnection.class);
		}
		catch (SQLException | RuntimeException | LinkageError ex) {
			throw new ListenerException(Problem.CONNECT,
					"the connection of type %s cannot be listened on: set durable-notify.listener.url to the jdbc:postgresql: one"
						.formatted(connection.getClass().getName()),
					ex);
		}
	}

	static ListenerConnection open(DriverConnectionDetails details, ListenerProperties settings, String name)
			throws SQLException {
		String timeout = String.valueOf(seconds(settings.connectTimeout()));
		Map<String, String> properties = new HashMap<>();
		properties.put(PGProperty.CONNECT_TIMEOUT.getName(), timeout);
		properties.put(PGProperty.SOCKET_TIMEOUT.getName(), timeout);
		properties.put(PGProperty.TCP_KEEP_ALIVE.getName(), "true");
		// The server would have to spell it
		String applicationName = Spelling.plain(name);
		properties.put(PGProperty.APPLICATION_NAME.getName(), applicationName);
		if (settings.promptSocket() && !hasSocketFactory(details)) {
			properties.put(PGProperty.SOCKET_FACTORY.getName(), PromptSocketFactory.class.getName());
		}
		Connection connection = details.withProperties(properties).open();
		try {
			connection.setAutoCommit(true);
			// What the URL says of these counts more than properties do
			connection.setClientInfo(PGProperty.APPLICATION_NAME.getName(), applicationName);
			connection.setNetworkTimeout(Runnable::run, (int) settings.connectTimeout().toMillis());
			return new ListenerConnection(connection, address(details));
		}
		catch (Throwable ex) {
			JdbcUtils.closeConnection(connection);
			throw ex;
		}
	}

	/**
	 * The driver takes whole seconds.
	 */
	private static int seconds(Duration duration) {
		return (int) Math.max(1, (duration.toMillis() + 999) / 1000);
	}

	private static boolean hasSocketFactory(DriverConnectionDetails details) {
		Properties parsed = parse(details);
		return parsed != null && PGProperty.SOCKET_FACTORY.getOrDefault(parsed) != null;
	}

	/**
	 * Return where a URL leads, without secrets.
	 */
	static String address(DriverConnectionDetails details) {
		Properties parsed = parse(details);
		if (parsed == null) {
			return "the database";
		}
		return "%s:%s/%s".formatted(PGProperty.PG_HOST.getOrDefault(parsed), PGProperty.PG_PORT.getOrDefault(parsed),
				PGProperty.PG_DBNAME.getOrDefault(parsed));
	}

	/**
	 * Parse what PostgreSQL's driver gets, also from drivers that wrap it.
	 */
	private static @Nullable Properties parse(DriverConnectionDetails details) {
		String url = WRAPPED_URL.matcher(details.url()).replaceFirst("jdbc:postgresql:");
		return Driver.parseURL(url, details.toProperties());
	}

	/**
	 * Make sure that the server can be listened to, and learn which backend serves us.
	 * Who listens is idle: a role's time limit for that is for others.
	 */
	void requirePrimary() throws SQLException {
		try (Statement statement = this.connection.createStatement();
				ResultSet result = statement
					.executeQuery("SELECT pg_backend_pid(), current_setting('in_hot_standby', true) = 'on', "
							+ "set_config('idle_session_timeout', '0', false)")) {
			result.next();
			this.backendPid = result.getInt(1);
			if (result.getBoolean(2)) {
				throw new ListenerException(Problem.STANDBY,
						"%s is a standby, which cannot be listened to".formatted(this.address));
			}
		}
	}

	void listen(String channel) throws SQLException {
		execute("LISTEN " + quoted(channel));
	}

	void unlisten(String channel) throws SQLException {
		execute("UNLISTEN " + quoted(channel));
	}

	private static String quoted(String channel) {
		return '"' + channel.replace("\"", "\"\"") + '"';
	}

	private void execute(String sql) throws SQLException {
		this.statementRun = true;
		try (Statement statement = this.connection.createStatement()) {
			statement.execute(sql);
		}
	}

	/**
	 * Wait for notifications, rounded up to whole milliseconds: zero would mean forever.
	 */
	List<PGNotification> await(Duration timeout) throws SQLException {
		return list(this.postgres.getNotifications((int) timeout.toMillis() + 1));
	}

	/**
	 * Take what arrived while statements of ours were in flight.
	 */
	List<PGNotification> takeHeardInStatements() throws SQLException {
		if (!this.statementRun) {
			return List.of();
		}
		this.statementRun = false;
		return list(this.postgres.getNotifications());
	}

	private static List<PGNotification> list(PGNotification @Nullable [] notifications) {
		return (notifications != null) ? List.of(notifications) : List.of();
	}

	/**
	 * Ask the server for a sign of life. This is the only check that notices a link that
	 * went silent or a frozen server.
	 */
	void requireAnswer(Duration timeout) throws SQLException {
		this.statementRun = true;
		if (!this.connection.isValid(seconds(timeout))) {
			throw new SQLException("it did not answer within " + Durations.format(timeout),
					SqlErrors.CONNECTION_FAILURE);
		}
	}

	/**
	 * Have the server drop what all listening sessions have read. PostgreSQL does that
	 * only when something is sent or asks for it: a queue that is full stays full after
	 * the session has gone that held it up.
	 */
	void freeQueue() throws SQLException {
		execute(NotificationQueue.FREE);
	}

	/**
	 * Return why nothing can be sent.
	 */
	String queueFull() {
		return NotificationQueue.describeFull(this.address);
	}

	/**
	 * Return which session is the likely cause of that, of whichever application.
	 */
	String oldestTransaction() throws SQLException {
		this.statementRun = true;
		return ServerWatch.oldestTransaction(this.connection);
	}

	/**
	 * Return the process id of the session in the server.
	 */
	int backend() {
		return this.backendPid;
	}

	boolean isOwn(PGNotification notification) {
		return notification.getPID() == this.backendPid;
	}

	ListenerException deaf(Duration timeout) {
		int reportedPid = this.postgres.getBackendPID();
		String message = "durable-notify cannot hear notifications on %s: one sent from another connection did not arrive within %s"
			.formatted(this.address, Durations.format(timeout));
		if (reportedPid != this.backendPid) {
			message += ", and the backend changed from pid %d to %d. A connection pooler in transaction mode stands between."
				.formatted(reportedPid, this.backendPid);
		}
		else {
			message += ". Either a connection pooler in transaction mode stands between, or the application's DataSource "
					+ "leads to another database.";
		}
		return new ListenerException(Problem.DEAF, message);
	}

	boolean isClosed() {
		try {
			return this.connection.isClosed();
		}
		catch (SQLException | RuntimeException ex) {
			return true;
		}
	}

	@Override
	public void close() {
		JdbcUtils.closeConnection(this.connection);
	}

}
