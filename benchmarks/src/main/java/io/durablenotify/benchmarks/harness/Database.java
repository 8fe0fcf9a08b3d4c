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

package io.durablenotify.benchmarks.harness;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * A database of one figure, dropped with it.
 *
 * @param server the server
 * @param name the name
 * @param url the JDBC URL, with the user
 */
public record Database(PostgresServer server, String name, String url) implements AutoCloseable {

	public Connection connect() throws SQLException {
		return DriverManager.getConnection(this.url);
	}

	/**
	 * Execute a statement, on a separate connection.
	 */
	public void execute(String sql) throws SQLException {
		try (Connection connection = connect(); Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	/**
	 * Query a number, on a separate connection.
	 */
	public long number(String sql) throws SQLException {
		try (Connection connection = connect()) {
			return Sql.number(connection, sql);
		}
	}

	@Override
	public void close() {
		this.server.drop(this.name);
	}

}
