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

/**
 * The server's queue of notifications, which all databases share. It is full when a
 * session that listens has not read it for long, which no session does in a transaction.
 * Every NOTIFY fails then, at its commit.
 */
final class NotificationQueue {

	static final String FREE = "SELECT pg_notification_queue_usage()";

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

	private NotificationQueue() {
	}

	static String describeFull(Connection connection, String address) throws SQLException {
		return "No notification can be sent on %s: the server's NOTIFY queue is full, because a session that listens, of any of its databases, has not read it. %s"
			.formatted(address, oldestTransaction(connection));
	}

	private static String oldestTransaction(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery(OLDEST_TRANSACTION)) {
			if (!result.next()) {
				return "End the session with the oldest transaction in pg_stat_activity, which this role may not see";
			}
			return "The oldest transaction is that of pid %s (role '%s', database '%s', application '%s', %s since %s): end it"
				.formatted(result.getString(1), result.getString(2), result.getString(3), result.getString(4),
						result.getString(5), result.getString(6));
		}
	}

}
