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
import java.util.function.Supplier;

import org.springframework.jdbc.datasource.AbstractDataSource;

/**
 * Opens a physical connection each time, by details that it asks for each time.
 */
final class PhysicalDataSource extends AbstractDataSource {

	private final Supplier<DriverConnectionDetails> details;

	PhysicalDataSource(Supplier<DriverConnectionDetails> details) {
		this.details = details;
	}

	@Override
	public Connection getConnection() throws SQLException {
		return this.details.get().open();
	}

	@Override
	public Connection getConnection(String username, String password) throws SQLException {
		return this.details.get().withCredentials(username, password).open();
	}

}
