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

import java.sql.DatabaseMetaData;
import java.sql.SQLException;

/**
 * The database product of the application's DataSource, looked up when the first bean
 * needs to know.
 *
 * @param description name and version, such as {@code PostgreSQL 18.1}, and in brackets
 * whose it is, if that shows
 */
public record DatabaseProduct(String description) {

	/**
	 * Return the product as the driver knows it.
	 */
	static DatabaseProduct of(DatabaseMetaData driver) throws SQLException {
		return new DatabaseProduct(driver.getDatabaseProductName() + " " + driver.getDatabaseProductVersion());
	}

	/**
	 * Return whether this is PostgreSQL, which everything but changes within one JVM
	 * needs.
	 * @return whether it is
	 */
	public boolean isPostgres() {
		return this.description.startsWith("PostgreSQL");
	}

}
