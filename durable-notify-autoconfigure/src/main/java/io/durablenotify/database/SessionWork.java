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

import org.jspecify.annotations.Nullable;

/**
 * Statements to run on a connection that the caller opens and closes.
 *
 * @param <T> the result's type
 */
@FunctionalInterface
public interface SessionWork<T extends @Nullable Object> {

	/**
	 * Run the statements.
	 * @param connection the connection: in autocommit unless {@code joined}
	 * @param joined whether this runs in the caller's transaction, so that nothing is
	 * visible to others before that commits
	 * @return the result
	 * @throws SQLException from the driver, translated by the caller
	 */
	T run(Connection connection, boolean joined) throws SQLException;

}
