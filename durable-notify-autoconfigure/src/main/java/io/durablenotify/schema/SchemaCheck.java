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

package io.durablenotify.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaException.Problem;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.dao.DataAccessException;

/**
 * Checks a schema that has all migrations, once per start. Raises the sequences that are
 * below the ids in use, as after logical replication, which copies no sequences, warns of
 * an encoding that lacks characters, and makes sure that bytes arrive as they are.
 */
final class SchemaCheck {

	private static final Log logger = LogFactory.getLog(SchemaMigrator.class);

	private static final String CHECK = """
			SELECT ${schema}.raise_ids(), getdatabaseencoding(), current_setting('standard_conforming_strings') = 'off'
			""";

	private static final String CHECK_BYTES = "SELECT ?::bytea = decode('4142', 'hex')";

	private static final String UTF_8 = "UTF8";

	private final ApplicationDatabase database;

	private final SchemaName schema;

	SchemaCheck(ApplicationDatabase database, SchemaName schema) {
		this.database = database;
		this.schema = schema;
	}

	/**
	 * Check the schema.
	 * @throws SchemaException if sequences are below the ids in use and cannot be raised
	 */
	void run() {
		try {
			this.database.executeSeparately("check schema '%s'".formatted(this.schema),
					ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> run(connection));
		}
		catch (DataAccessException ex) {
			throw failure(ex);
		}
	}

	private boolean run(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery(this.schema.qualify(CHECK))) {
			result.next();
			if (result.getInt(1) > 0) {
				logger.warn(("%d sequence(s) of schema '%s' were below the ids in use, as after logical replication or "
						+ "a restore, and have been raised")
					.formatted(result.getInt(1), this.schema));
			}
			String encoding = result.getString(2);
			if (!UTF_8.equals(encoding)) {
				logger.warn(
						("The database's encoding is %s: names, topics and other texts must not have characters that it "
								+ "lacks; a database with ENCODING 'UTF8' has them all")
							.formatted(encoding));
			}
			if (result.getBoolean(3)) {
				requireSameBytes(connection);
			}
			return true;
		}
	}

	/**
	 * In the simple mode the driver writes bytes as a hexadecimal literal, which the
	 * server then takes for an escape.
	 */
	private void requireSameBytes(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(CHECK_BYTES)) {
			statement.setBytes(1, new byte[] { 0x41, 0x42 });
			ResultSet result = statement.executeQuery();
			result.next();
			if (!result.getBoolean(1)) {
				throw new SchemaException(Problem.FAILED, this.schema,
						"The driver would store other bytes than it is given: with standard_conforming_strings=off "
								+ "it must not use preferQueryMode=simple.");
			}
		}
	}

	private SchemaException failure(DataAccessException exception) {
		if (SqlErrors.isConnectFailure(exception)) {
			return SchemaException.unreachable(this.schema, this.database.getTarget(), exception);
		}
		Problem problem = (SqlErrors.isInsufficientPrivilege(exception)) ? Problem.RIGHTS : Problem.FAILED;
		return new SchemaException(problem, this.schema,
				("Sequences of schema '%1$s' may be below the ids in use and could not be raised: %2$s. Its owner can, "
						+ "by SELECT \"%1$s\".raise_ids()")
					.formatted(this.schema, SqlErrors.reason(exception)),
				exception);
	}

}
