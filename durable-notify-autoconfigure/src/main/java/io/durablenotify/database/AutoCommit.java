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

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Runs statements in autocommit, and then restores the pool's default on the connection.
 */
final class AutoCommit {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	private AutoCommit() {
	}

	static <T extends @Nullable Object> T run(Connection connection, SessionWork<T> work) throws SQLException {
		if (connection.getAutoCommit()) {
			return work.run(connection, false);
		}
		connection.setAutoCommit(true);
		try {
			return work.run(connection, false);
		}
		finally {
			turnOff(connection);
		}
	}

	private static void turnOff(Connection connection) {
		try {
			connection.setAutoCommit(false);
		}
		catch (SQLException ex) {
			logger.debug("Could not turn autocommit off again; the pool will find the connection broken", ex);
		}
	}

}
