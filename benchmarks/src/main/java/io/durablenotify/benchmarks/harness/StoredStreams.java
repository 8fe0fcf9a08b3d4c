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
import java.sql.PreparedStatement;
import java.sql.SQLException;

/**
 * Puts streams into the tables by SQL, where writing them is not what is measured.
 */
public final class StoredStreams {

	private StoredStreams() {
	}

	/**
	 * Store one stream.
	 * @return its id
	 */
	public static long store(Database database, String name, int chunks, byte[] data, boolean completed)
			throws SQLException {
		try (Connection connection = database.connect()) {
			long id = Sql.number(connection,
					"INSERT INTO durable_notify.streams (name) VALUES ('%s') RETURNING stream_id".formatted(name));
			try (PreparedStatement insert = connection
				.prepareStatement("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
						+ "SELECT ?, i, ? FROM generate_series(0, ? - 1) AS i")) {
				insert.setLong(1, id);
				insert.setBytes(2, data);
				insert.setInt(3, chunks);
				insert.executeUpdate();
			}
			if (completed) {
				try (PreparedStatement end = connection
					.prepareStatement("UPDATE durable_notify.streams SET ended_at = clock_timestamp(), "
							+ "end_state = 'completed' WHERE stream_id = ?")) {
					end.setLong(1, id);
					end.executeUpdate();
				}
			}
			vacuum(connection);
			return id;
		}
	}

	/**
	 * Store many open streams, named by a prefix and a number from 0. They were written
	 * at the same time: chunks of one are far from each other.
	 */
	public static void storeMany(Database database, String prefix, int streams, int chunksEach, byte[] data)
			throws SQLException {
		try (Connection connection = database.connect()) {
			try (PreparedStatement insert = connection.prepareStatement(
					"INSERT INTO durable_notify.streams (name) SELECT ? || i FROM generate_series(0, ? - 1) AS i")) {
				insert.setString(1, prefix);
				insert.setInt(2, streams);
				insert.executeUpdate();
			}
			Sql.execute(connection, "ALTER TABLE durable_notify.stream_chunks DROP CONSTRAINT stream_chunks_pkey");
			try (PreparedStatement insert = connection
				.prepareStatement("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
						+ "SELECT stream_id, ?, ? FROM durable_notify.streams")) {
				for (int i = 0; i < chunksEach; i++) {
					insert.setInt(1, i);
					insert.setBytes(2, data);
					insert.executeUpdate();
				}
			}
			// Built at once rather than row by row, which would take a minute longer
			Sql.execute(connection, "SET maintenance_work_mem = '512MB'");
			Sql.execute(connection, "ALTER TABLE durable_notify.stream_chunks "
					+ "ADD CONSTRAINT stream_chunks_pkey PRIMARY KEY (stream_id, chunk_index)");
			vacuum(connection);
		}
		database.server().checkpoint();
	}

	private static void vacuum(Connection connection) throws SQLException {
		Sql.execute(connection, "VACUUM (ANALYZE) durable_notify.streams, durable_notify.stream_chunks");
	}

}
