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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;

import io.durablenotify.database.SqlErrors;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The flavour of PostgreSQL, for a log line; other databases that only resemble it are
 * rejected. Nothing else depends on a name: what a server can do is found out by asking
 * for it.
 */
final class DatabaseFlavour {

	private static final Log logger = LogFactory.getLog(DatabaseFlavour.class);

	/**
	 * By what its version contains, what is missing.
	 */
	private static final Map<String, String> REFUSED = Map.of("CockroachDB",
			"has no LISTEN/NOTIFY, no snapshots of transactions and not PostgreSQL's locks", "-YB-",
			"has no numbers and snapshots of transactions as PostgreSQL has, and LISTEN/NOTIFY only where it is turned on",
			"Redshift", "has no LISTEN/NOTIFY and no row locks", "Materialize", "has no LISTEN/NOTIFY and no row locks",
			"RisingWave", "has no LISTEN/NOTIFY and no row locks", "CrateDB",
			"has no LISTEN/NOTIFY and no transactions", "QuestDB", "has no LISTEN/NOTIFY and no transactions");

	private static final Map<String, String> NAMES = Map.of("-YB-", "YugabyteDB, ", "Redshift", "Amazon Redshift, ");

	/**
	 * Without a schema: what stands before {@code pg_catalog} in the path takes its
	 * place.
	 */
	private static final String VERSION = "SELECT version()";

	/**
	 * Settings that only one provider has.
	 */
	private static final String FLAVOUR = """
			SELECT CASE
				WHEN current_setting('rds.extensions', true) LIKE '%aurora_stat_utils%' THEN 'Amazon Aurora'
				WHEN current_setting('rds.extensions', true) <> '' THEN 'Amazon RDS'
				WHEN current_setting('neon.timeline_id', true) <> '' THEN 'Neon'
				WHEN current_setting('azure.extensions', true) IS NOT NULL THEN 'Azure'
				WHEN EXISTS (SELECT FROM pg_settings WHERE name LIKE 'alloydb.%') THEN 'AlloyDB'
				WHEN EXISTS (SELECT FROM pg_settings WHERE name LIKE 'cloudsql.%') THEN 'Cloud SQL'
				WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN 'Citus' END
			""";

	private DatabaseFlavour() {
	}

	/**
	 * Find out what a server is that calls itself PostgreSQL.
	 * @param driver its name and version, as the driver knows them
	 * @param connection a connection in autocommit
	 * @throws UnsupportedServerException if it is something else
	 */
	static DatabaseProduct of(DatabaseProduct driver, Connection connection) throws SQLException {
		String version = ask(connection, VERSION);
		for (Map.Entry<String, String> refused : REFUSED.entrySet()) {
			if (version != null && version.contains(refused.getKey())) {
				throw new UnsupportedServerException(NAMES.getOrDefault(refused.getKey(), "") + shorten(version),
						refused.getValue());
			}
		}
		String flavour = (version != null && version.contains("EnterpriseDB")) ? "EnterpriseDB"
				: ask(connection, FLAVOUR);
		return (flavour != null) ? new DatabaseProduct("%s (%s)".formatted(driver.description(), flavour)) : driver;
	}

	private static @Nullable String ask(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery(sql)) {
			result.next();
			return result.getString(1);
		}
		catch (SQLException ex) {
			if (!SqlErrors.isWithheld(ex)) {
				throw ex;
			}
			logger.debug("The server does not report what it is", ex);
			return null;
		}
	}

	/**
	 * Leave out what it was compiled for, and by what.
	 */
	private static String shorten(String version) {
		return version.split(" on | \\(|,", 2)[0];
	}

}
