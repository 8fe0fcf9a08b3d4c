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
 * The floor of changes: plain JDBC on one connection in autocommit, with prepared
 * statements. It uses a table of the same shape as ours.
 */
public final class RawChanges implements AutoCloseable {

	private final Connection connection;

	private final PreparedStatement insert;

	private final PreparedStatement next;

	/**
	 * Connect.
	 * @param url the JDBC URL
	 */
	public RawChanges(String url) throws SQLException {
		this.connection = DriverManager.getConnection(url);
		this.insert = this.connection
			.prepareStatement("INSERT INTO raw_changes (instance, topic, key, originator) VALUES (?, ?, ?, ?)");
		this.next = this.connection.prepareStatement("SELECT xact, id, created_at, instance, topic, key, originator "
				+ "FROM raw_changes WHERE (xact, id) > (?::text::xid8, ?) ORDER BY xact, id LIMIT 1");
	}

	public static RawChanges open(Database database) throws SQLException {
		return new RawChanges(database.url());
	}

	public Connection connection() {
		return this.connection;
	}

	public void insert(String topic, String key) throws SQLException {
		this.insert.setLong(1, 1);
		this.insert.setString(2, topic);
		this.insert.setString(3, key);
		this.insert.setString(4, null);
		this.insert.executeUpdate();
	}

	/**
	 * Read the row after another, and all of its columns.
	 * @param xact the other's transaction
	 * @param id the other's id
	 * @return the row's transaction and id
	 */
	public Row readNext(String xact, long id) throws SQLException {
		this.next.setString(1, xact);
		this.next.setLong(2, id);
		try (ResultSet result = this.next.executeQuery()) {
			Check.that(result.next(), "a raw change is missing");
			return readRow(result);
		}
	}

	/**
	 * Read all rows of our table at once, and all of their columns.
	 * @return how many there are
	 */
	public long readAllOfOurs() throws SQLException {
		try (PreparedStatement select = this.connection
			.prepareStatement("SELECT xact, id, created_at, instance, topic, key, originator "
					+ "FROM durable_notify.changes ORDER BY xact, id");
				ResultSet result = select.executeQuery()) {
			long count = 0;
			while (result.next()) {
				readRow(result);
				count++;
			}
			return count;
		}
	}

	private static Row readRow(ResultSet result) throws SQLException {
		result.getTimestamp(3);
		result.getLong(4);
		result.getString(5);
		result.getString(6);
		result.getString(7);
		return new Row(result.getString(1), result.getLong(2));
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

	/**
	 * Where a row is.
	 */
	public record Row(String xact, long id) {

		/**
		 * Before all rows.
		 */
		public static final Row FIRST = new Row("0", 0);

	}

}
