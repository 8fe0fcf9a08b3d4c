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

package io.durablenotify.testsupport;

import java.sql.Connection;
import java.sql.SQLException;

import javax.sql.DataSource;

import org.springframework.jdbc.datasource.AbstractDataSource;

/**
 * Wraps a DataSource and does not show it.
 */
public final class OpaqueDataSource extends AbstractDataSource {

	private final DataSource wrapped;

	public OpaqueDataSource(DataSource wrapped) {
		this.wrapped = wrapped;
	}

	@Override
	public Connection getConnection() throws SQLException {
		return this.wrapped.getConnection();
	}

	@Override
	public Connection getConnection(String username, String password) throws SQLException {
		return this.wrapped.getConnection(username, password);
	}

}
