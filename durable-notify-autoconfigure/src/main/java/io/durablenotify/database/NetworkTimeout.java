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

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The time that the driver waits for an answer of the server on one connection. After it
 * the connection is lost. It is the driver's {@code socketTimeout}, or a limit of ours.
 */
final class NetworkTimeout {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	private NetworkTimeout() {
	}

	/**
	 * Return the timeout in milliseconds, 0 for none.
	 */
	static int of(Connection connection) {
		try {
			return connection.getNetworkTimeout();
		}
		catch (SQLException ex) {
			logger.debug("The driver knows no network timeout", ex);
			return 0;
		}
	}

	/**
	 * Return how long a statement may wait for a lock, while the server does not answer.
	 * That is a fourth less than a timeout, so that the answer comes in time.
	 * @param millis the timeout in milliseconds, 0 for none
	 */
	static Duration lockWait(int millis) {
		return Duration.ofMillis((millis > 0) ? Math.max(1, millis * 3L / 4) : Integer.MAX_VALUE);
	}

	/**
	 * Run statements in autocommit, with a timeout that is no longer than a limit.
	 */
	static <T extends @Nullable Object> T limit(Connection connection, Duration limit, SessionWork<T> work)
			throws SQLException {
		int before = of(connection);
		int millis = (int) limit.toMillis();
		if (before > 0 && before <= millis) {
			return work.run(connection, false);
		}
		set(connection, millis);
		try {
			return work.run(connection, false);
		}
		finally {
			set(connection, before);
		}
	}

	private static void set(Connection connection, int millis) {
		try {
			connection.setNetworkTimeout(Runnable::run, millis);
		}
		catch (SQLException ex) {
			logger.debug("The network timeout could not be changed: the connection is lost, or the driver has none",
					ex);
		}
	}

}
