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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.OptionalLong;

import io.durablenotify.schema.SchemaName;

/**
 * Deletes streams on a test's connection, for tests in other packages.
 */
public final class StreamDeletion {

	private static final StreamCatalog catalog = new StreamCatalog(new SchemaName("durable_notify"));

	private StreamDeletion() {
	}

	/**
	 * Delete a stream in the connection's transaction.
	 * @return the id of what was deleted
	 */
	public static OptionalLong delete(Connection connection, String stream, Duration lockTimeout) throws SQLException {
		return catalog.delete(connection, true, stream, lockTimeout);
	}

}
