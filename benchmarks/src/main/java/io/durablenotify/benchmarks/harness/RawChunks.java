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
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The floor: plain JDBC on one connection in autocommit, with prepared statements. It
 * uses a table of the same shape as ours.
 */
public final class RawChunks implements AutoCloseable {

	/**
	 * The floor's own table.
	 */
	public static final String TABLE = "raw_chunks";

	/**
	 * Our table, for the floor of reading the same rows.
	 */
	public static final String OURS = "durable_notify.stream_chunks";

	private final Connection connection;

	private final PreparedStatement insert;

	private final PreparedStatement page;

	/**
	 * Connect.
	 * @param url the JDBC URL
	 * @param table the table to read from
	 */
	public RawChunks(String url, String table) throws SQLException {
		this.connection = DriverManager.getConnection(url);
		this.insert = this.connection
			.prepareStatement("INSERT INTO raw_chunks (stream_id, chunk_index, data) VALUES (?, ?, ?)");
		this.page = this.connection.prepareStatement("SELECT chunk_index, created_at, data FROM " + table
				+ " WHERE stream_id = ? AND chunk_index >= ? ORDER BY chunk_index LIMIT ?");
	}

	public static RawChunks open(Database database) throws SQLException {
		return new RawChunks(database.url(), TABLE);
	}

	public static RawChunks openOurs(Database database) throws SQLException {
		return new RawChunks(database.url(), OURS);
	}

	public Connection connection() {
		return this.connection;
	}

	public void insert(long streamId, long index, byte[] data) throws SQLException {
		this.insert.setLong(1, streamId);
		this.insert.setLong(2, index);
		this.insert.setBytes(3, data);
		this.insert.executeUpdate();
	}

	/**
	 * Read a page and all of its columns.
	 * @return the index after the last row, which is {@code from} if there is none
	 */
	public long readPage(long streamId, long from, int limit) throws SQLException {
		this.page.setLong(1, streamId);
		this.page.setLong(2, from);
		this.page.setInt(3, limit);
		long next = from;
		try (ResultSet result = this.page.executeQuery()) {
			while (result.next()) {
				Check.equal("the index of a raw row", next, result.getLong(1));
				result.getTimestamp(2);
				result.getBytes(3);
				next++;
			}
		}
		return next;
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

}
