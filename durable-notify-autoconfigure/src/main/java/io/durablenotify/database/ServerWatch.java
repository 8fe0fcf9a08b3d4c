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
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Asks the server what may need attention, and logs that once until it is over.
 * Thread-safe. A background task asks about once a minute; metrics do more often, while
 * they are read.
 */
public final class ServerWatch {

	private static final Log logger = LogFactory.getLog(ServerWatch.class);

	/**
	 * An older answer is none.
	 */
	private static final Duration MAX_AGE = Duration.ofMinutes(2);

	private static final double QUEUE = 0.1;

	private static final Duration CLOCK = Duration.ofSeconds(30);

	private static final String NOTIFICATION_QUEUE = "SELECT pg_notification_queue_usage()";

	private static final String TIME = "SELECT date_part('epoch', clock_timestamp())";

	/**
	 * PostgreSQL does not show which sessions listen. A role that is no member of
	 * {@code pg_read_all_stats} sees only its sessions' transactions.
	 */
	private static final String OLDEST_TRANSACTION = """
			SELECT pid, usename, datname, application_name, state, xact_start
			FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
			ORDER BY xact_start LIMIT 1
			""";

	private final InstantSource clock;

	private volatile @Nullable Answer last;

	/**
	 * Written under {@code this}.
	 */
	private volatile boolean queueLogged;

	/**
	 * Guarded by {@code this}.
	 */
	private boolean clockLogged;

	/**
	 * Create a new instance, which has asked nothing yet.
	 * @param clock this machine's
	 */
	public ServerWatch(InstantSource clock) {
		this.clock = clock;
	}

	/**
	 * Ask the server.
	 * @param connection a connection outside of transactions
	 * @return what it says
	 * @throws SQLException if the connection is lost
	 */
	public ServerState check(Connection connection) throws SQLException {
		Double queue = number(connection, NOTIFICATION_QUEUE);
		ServerState state = new ServerState((queue != null) ? Math.round(queue * 10_000) / 10_000.0 : null,
				clockDifference(connection));
		this.last = new Answer(state, System.nanoTime());
		log(state, connection);
		return state;
	}

	/**
	 * Return the last answer.
	 * @return the answer, of the last two minutes
	 */
	public ServerState last() {
		Answer last = this.last;
		return (last != null && System.nanoTime() - last.at() < MAX_AGE.toNanos()) ? last.state() : ServerState.UNKNOWN;
	}

	private @Nullable Duration clockDifference(Connection connection) throws SQLException {
		Instant before = this.clock.instant();
		Double time = number(connection, TIME);
		if (time == null) {
			return null;
		}
		Duration half = Duration.between(before, this.clock.instant()).dividedBy(2);
		return Duration.between(before.plus(half), Instant.ofEpochMilli(Math.round(time * 1_000)))
			.truncatedTo(ChronoUnit.MILLIS);
	}

	/**
	 * Ask for a number.
	 * @param connection a connection outside of transactions
	 * @param sql the query
	 * @return the number, {@code null} if a managed server refuses it, or there is none
	 * @throws SQLException if the connection is lost
	 */
	public static @Nullable Double number(Connection connection, String sql) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(sql)) {
			ResultSet result = statement.executeQuery();
			double value = (result.next()) ? result.getDouble(1) : Double.NaN;
			return (result.wasNull() || Double.isNaN(value)) ? null : Double.valueOf(value);
		}
		catch (SQLException ex) {
			tolerate(ex);
			return null;
		}
	}

	/**
	 * Say which session has the oldest transaction of the server.
	 * @param connection a connection
	 * @return a sentence
	 * @throws SQLException if the connection is lost
	 */
	public static String oldestTransaction(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery(OLDEST_TRANSACTION)) {
			if (result.next()) {
				return "The oldest transaction that this role can see is that of pid %s (role '%s', database '%s', application '%s', %s since %s)"
					.formatted(result.getString(1), result.getString(2), result.getString(3), result.getString(4),
							result.getString(5), result.getString(6));
			}
		}
		catch (SQLException ex) {
			tolerate(ex);
		}
		return "End the session with the oldest transaction in pg_stat_activity, which this role may not see";
	}

	private static void tolerate(SQLException refusal) throws SQLException {
		if (SqlErrors.isConnectionLost(refusal)) {
			throw refusal;
		}
		logger.debug("The server refuses to say what it was asked for", refusal);
	}

	void log(ServerState state, Connection connection) throws SQLException {
		Double queue = state.notificationQueue();
		// Without the lock, for which others would wait as long as for the server
		String oldest = (queue != null && queue > QUEUE && !this.queueLogged) ? oldestTransaction(connection) : null;
		synchronized (this) {
			if (queue != null) {
				logQueue(queue, oldest);
			}
			if (state.clockDifference() != null) {
				logClock(state.clockDifference().abs());
			}
		}
	}

	private void logQueue(double used, @Nullable String oldest) {
		if (oldest != null && !this.queueLogged) {
			this.queueLogged = true;
			logger.warn(("The server's queue of notifications is %d%% full: a session that listens does not read, or "
					+ "has an old transaction. When it is full, no notifications can be sent. %s")
				.formatted(Math.round(used * 100), oldest));
		}
		else if (used < QUEUE / 2 && this.queueLogged) {
			this.queueLogged = false;
			logger.info("The server's queue of notifications is nearly empty again");
		}
	}

	private void logClock(Duration difference) {
		if (difference.compareTo(CLOCK) > 0 && !this.clockLogged) {
			this.clockLogged = true;
			logger.warn(("The database's clock differs from this machine's by %ds: times that the database has "
					+ "stored are wrong here by that much")
				.formatted(difference.toSeconds()));
		}
		else if (difference.compareTo(CLOCK.dividedBy(2)) < 0 && this.clockLogged) {
			this.clockLogged = false;
			logger.info("The database's clock agrees with this machine's again");
		}
	}

	/**
	 * An answer of the server.
	 *
	 * @param at when it came, by {@link System#nanoTime()}
	 */
	private record Answer(ServerState state, long at) {
	}

}
