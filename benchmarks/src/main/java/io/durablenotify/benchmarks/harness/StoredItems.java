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
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * Puts items of work into the tables by SQL, where enqueueing them is not what is
 * measured.
 */
public final class StoredItems {

	private StoredItems() {
	}

	/**
	 * Store items that are due.
	 * @return the sum of their ids
	 */
	public static long store(Database database, String queue, int count) throws SQLException {
		try (Connection connection = database.connect()) {
			long queueId = createQueue(connection, queue);
			try (PreparedStatement insert = connection.prepareStatement("""
					WITH i AS (INSERT INTO durable_notify.work_items (queue_id, payload)
						SELECT ?, ? FROM generate_series(1, ?) RETURNING item_id)
					SELECT sum(item_id)::bigint FROM i
					""")) {
				insert.setInt(1, (int) queueId);
				insert.setBytes(2, Payload.chunk());
				insert.setInt(3, count);
				try (ResultSet result = insert.executeQuery()) {
					result.next();
					return result.getLong(1);
				}
			}
			finally {
				vacuum(connection);
			}
		}
	}

	/**
	 * Store items that are due.
	 * @param payload the SQL of an item's payload, in which {@code n} is its number, from
	 * 1
	 */
	public static void store(Database database, String queue, int count, String payload) throws SQLException {
		try (Connection connection = database.connect()) {
			Sql.execute(connection, """
					INSERT INTO durable_notify.work_items (queue_id, payload)
						SELECT %d, %s FROM generate_series(1, %d) AS n
					""".formatted(createQueue(connection, queue), payload, count));
			vacuum(connection);
		}
	}

	/**
	 * Store items that are due, each of which has the number of its key and its own
	 * number in that.
	 * @param keys how many keys
	 * @param each how many items each has
	 * @param ordered whether the key is an ordering key, or only in the payload
	 */
	public static void storeNumbered(Database database, String queue, int keys, int each, boolean ordered)
			throws SQLException {
		try (Connection connection = database.connect()) {
			long stored = Sql.number(connection, """
					SELECT count(durable_notify.enqueue('%s', int4send(k) || int4send(n),
						ordering_key => CASE WHEN %s THEN 'key-' || k END, wake => false))
					FROM (SELECT k, n FROM generate_series(0, %d - 1) AS k, generate_series(0, %d - 1) AS n
						ORDER BY n, k) AS numbers
					""".formatted(queue, ordered, keys, each));
			Check.equal("items stored", (long) keys * each, stored);
			vacuum(connection);
		}
	}

	/**
	 * Store what has been done, is to be done much later, and cannot be done.
	 */
	public static void storeOthers(Database database, String queue, int finished, int future, int dead)
			throws SQLException {
		try (Connection connection = database.connect()) {
			long id = createQueue(connection, queue);
			Sql.execute(connection, """
					INSERT INTO durable_notify.work_finished (item_id, lane, queue_id, enqueued_at, failures)
						SELECT -i, false, %d, now(), 0 FROM generate_series(1, %d) AS i
					""".formatted(id, finished));
			Sql.execute(connection, """
					INSERT INTO durable_notify.work_items (queue_id, due_at, payload)
						SELECT %d, now() + interval '1 day' + i * interval '1 ms', convert_to(repeat('x', 100), 'UTF8')
						FROM generate_series(1, %d) AS i
					""".formatted(id, future));
			Sql.execute(connection,
					"""
							INSERT INTO durable_notify.work_dead (item_id, lane, queue_id, enqueued_at, failures, token, payload)
								SELECT -i, false, %d, now(), 10, 10, convert_to(repeat('x', 100), 'UTF8')
								FROM generate_series(1, %d) AS i
							"""
						.formatted(id, dead));
			Sql.execute(connection,
					"VACUUM (ANALYZE) durable_notify.work_finished, durable_notify.work_items, durable_notify.work_dead");
		}
		database.server().checkpoint();
	}

	/**
	 * Create a queue, if there is none of the name.
	 * @return its id
	 */
	public static long createQueue(Connection connection, String queue) throws SQLException {
		Sql.execute(connection,
				"INSERT INTO durable_notify.work_queues (name) VALUES ('%s') ON CONFLICT DO NOTHING".formatted(queue));
		return Sql.number(connection,
				"SELECT queue_id FROM durable_notify.work_queues WHERE name = '%s'".formatted(queue));
	}

	/**
	 * Remove what is dead before it is measured how much of it something else leaves.
	 */
	public static void vacuum(Connection connection) throws SQLException {
		Sql.execute(connection, "VACUUM (ANALYZE) durable_notify.work_items, durable_notify.work_lane_items");
		Sql.execute(connection, "VACUUM durable_notify.work_claims, durable_notify.work_queues");
	}

}
