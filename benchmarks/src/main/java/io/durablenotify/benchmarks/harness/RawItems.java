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
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The floor of work: a queue as it is written by hand. It is plain JDBC on one connection
 * in autocommit, on a table of the same shape as ours. What is taken is gone, also if it
 * is not handled. Several connections can take at once. Each searches from where it ended
 * before, as ours does.
 */
public final class RawItems implements AutoCloseable {

	private static final String TAKE = """
			WITH c AS MATERIALIZED (SELECT item_id FROM raw_items
				WHERE queue_id = 1 AND due_at >= ? AND due_at <= now()
				ORDER BY due_at, item_id LIMIT %d FOR UPDATE SKIP LOCKED)
			DELETE FROM raw_items r USING c WHERE r.item_id = c.item_id RETURNING r.item_id, r.due_at, r.payload
			""";

	private final Connection connection;

	private final PreparedStatement insert;

	private final PreparedStatement take;

	private OffsetDateTime from = OffsetDateTime.MIN;

	private long sum;

	/**
	 * Connect.
	 * @param url the JDBC URL
	 * @param batch how many items are taken at once
	 */
	public RawItems(String url, int batch) throws SQLException {
		this.connection = DriverManager.getConnection(url);
		this.insert = this.connection.prepareStatement("INSERT INTO raw_items (queue_id, payload) VALUES (1, ?)");
		// A limit that the planner knows
		this.take = this.connection.prepareStatement(TAKE.formatted(batch));
	}

	/**
	 * Connect.
	 * @param batch how many items are taken at once
	 */
	public static RawItems open(Database database, int batch) throws SQLException {
		return new RawItems(database.url(), batch);
	}

	/**
	 * Store items, beside those that are there.
	 */
	public static void store(Database database, int count) throws SQLException {
		try (Connection connection = database.connect()) {
			try (PreparedStatement insert = connection
				.prepareStatement("INSERT INTO raw_items (queue_id, payload) SELECT 1, ? FROM generate_series(1, ?)")) {
				insert.setBytes(1, Payload.chunk());
				insert.setInt(2, count);
				insert.executeUpdate();
			}
			Sql.execute(connection, "VACUUM (ANALYZE) raw_items");
		}
	}

	public Connection connection() {
		return this.connection;
	}

	public void insert(byte[] payload) throws SQLException {
		this.insert.setBytes(1, payload);
		this.insert.executeUpdate();
	}

	/**
	 * Take the next items, and read all of their columns.
	 * @return how many there were
	 */
	public int take() throws SQLException {
		this.take.setObject(1, this.from);
		int count = 0;
		try (ResultSet result = this.take.executeQuery()) {
			while (result.next()) {
				this.sum += result.getLong(1) + result.getBytes(3).length;
				if (count++ % 50 == 0) {
					this.from = result.getObject(2, OffsetDateTime.class);
				}
			}
		}
		return count;
	}

	/**
	 * Take all items, by several connections at once.
	 * @return how many a second
	 */
	public static double takeAll(List<RawItems> connections, int expected) throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(connections.size());
		try {
			long start = System.nanoTime();
			List<Future<Long>> results = new ArrayList<>();
			for (RawItems connection : connections) {
				results.add(executor.submit(connection::takeRest));
			}
			long count = 0;
			for (Future<Long> result : results) {
				count += result.get();
			}
			Check.equal("items of the floor", expected, count);
			return count * 1e9 / (System.nanoTime() - start);
		}
		finally {
			executor.shutdownNow();
		}
	}

	private long takeRest() throws SQLException {
		long count = 0;
		for (int taken = take(); taken > 0; taken = take()) {
			count += taken;
		}
		return count;
	}

	/**
	 * Return the sum of what was read, so that it has to be.
	 */
	public long sum() {
		return this.sum;
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

}
