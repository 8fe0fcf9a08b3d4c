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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Supplier;

import javax.sql.DataSource;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;

/**
 * Opens unpooled connections as the pool opens its own. Knows whether they can do the
 * same as the pool's.
 */
final class PhysicalConnections {

	private static final Log logger = LogFactory.getLog(ApplicationDatabase.class);

	private final DataSource pool;

	private final Supplier<@Nullable JdbcConnectionDetails> connectionDetails;

	/**
	 * Whether a physical connection has turned out to differ from the pool's.
	 */
	private volatile boolean pooledOnly;

	PhysicalConnections(DataSource pool, Supplier<@Nullable JdbcConnectionDetails> connectionDetails) {
		this.pool = pool;
		this.connectionDetails = connectionDetails;
	}

	DriverConnectionDetails details() {
		return DriverConnectionDetails.of(this.pool, this.connectionDetails.get());
	}

	@Nullable DriverConnectionDetails detailsIfKnown() {
		try {
			return details();
		}
		catch (IllegalStateException ex) {
			return null;
		}
	}

	DriverConnectionDetails equivalentDetails() {
		if (this.pooledOnly) {
			throw new IllegalStateException("Physical connections differ from the pool's");
		}
		return details();
	}

	DataSource dataSource() {
		equivalentDetails();
		return new PhysicalDataSource(this::equivalentDetails);
	}

	/**
	 * Compare a physical connection with a pooled one; if they differ, there are no
	 * equivalent ones from now on.
	 * @param pooled the {@link #role} of a pooled connection
	 */
	boolean isEquivalent(String pooled, DataSource physical) throws SQLException {
		try (Connection connection = physical.getConnection()) {
			this.pooledOnly = !pooled.equals(role(connection));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isAuthorizationFailure(ex)) {
				throw ex;
			}
			logger.debug("The pool has other credentials than it exposes", ex);
			this.pooledOnly = true;
		}
		return !this.pooledOnly;
	}

	static String role(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("SELECT current_user, current_database()")) {
			result.next();
			return result.getString(1) + "@" + result.getString(2);
		}
	}

}
