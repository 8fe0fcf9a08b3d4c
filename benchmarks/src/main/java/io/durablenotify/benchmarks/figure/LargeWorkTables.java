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

package io.durablenotify.benchmarks.figure;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Spread;
import io.durablenotify.benchmarks.harness.Sql;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 30. The other items are of the same queue.
 */
public final class LargeWorkTables implements Figure {

	private static final String QUEUE = "work";

	private static final int BATCH = 100;

	@Override
	public int row() {
		return 30;
	}

	@Override
	public String title() {
		return "work with large tables, beside the same with empty ones";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int finished = run.size().pick(10_000_000, 1_000_000, 2_000);
		int items = run.size().pick(20_000, 10_000, 600);
		try (Database full = run.createDatabase(); Database empty = run.createDatabase()) {
			StoredItems.storeOthers(full, QUEUE, finished, finished / 10, finished / 100);
			try (Claims ofEmpty = new Claims(empty);
					Claims ofFull = new Claims(full);
					Instance emptyInstance = Instance.start(empty);
					Instance fullInstance = Instance.start(full)) {
				Line claims = Rounds
					.alternate(run, () -> ofEmpty.medianMillis(items / 2), () -> ofFull.medianMillis(items / 2))
					.line("claim of %d with %,d finished, %,d future and %,d dead items".formatted(BATCH, finished,
							finished / 10, finished / 100), "ms", Double::doubleValue, Double::doubleValue,
							Target.atMost(1.2));
				Line handled = Rounds
					.alternate(run, () -> microsEach(empty, emptyInstance, items),
							() -> microsEach(full, fullInstance, items))
					.line("handle an item with as many", "µs", Double::doubleValue, Double::doubleValue,
							Target.atMost(1.2));
				return List.of(claims, handled);
			}
		}
	}

	private static double microsEach(Database database, Instance instance, int items) throws Exception {
		long ids = StoredItems.store(database, QUEUE, items);
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, instance, Backlog.listener(QUEUE, BATCH), handler);
		handler.check(ids);
		return 1e6 / perSecond;
	}

	/**
	 * Claims by the function that the engine calls, in the name of an instance that does
	 * nothing else.
	 */
	private static final class Claims implements AutoCloseable {

		private final Database database;

		private final Connection connection;

		private final PreparedStatement claim;

		private final PreparedStatement complete;

		Claims(Database database) throws SQLException {
			this.database = database;
			this.connection = database.connect();
			long queue = StoredItems.createQueue(this.connection, QUEUE);
			long instance = Sql.number(this.connection,
					"INSERT INTO durable_notify.instances (lease_until) VALUES (now() + interval '1 day') RETURNING instance_id");
			this.claim = this.connection.prepareStatement(
					"SELECT * FROM durable_notify.work_claim(%d, %d, %d, ?, ?)".formatted(queue, instance, BATCH));
			this.complete = this.connection.prepareStatement("""
					WITH d AS (DELETE FROM durable_notify.work_items WHERE item_id = ANY (?))
					DELETE FROM durable_notify.work_claims WHERE claim_id = ?
					""");
		}

		/**
		 * Claim and complete, and return what the claims took.
		 */
		double medianMillis(int items) throws SQLException {
			StoredItems.store(this.database, QUEUE, items);
			List<Double> millis = new ArrayList<>();
			long low = Long.MIN_VALUE;
			int count = 0;
			while (count < items) {
				List<Long> ids = new ArrayList<>();
				long claimId = 0;
				long start = System.nanoTime();
				this.claim.setLong(1, low);
				this.claim.setLong(2, Long.MAX_VALUE);
				try (ResultSet result = this.claim.executeQuery()) {
					while (result.next()) {
						claimId = result.getLong("claim_id");
						long id = result.getLong("item_id");
						if (result.wasNull()) {
							low = result.getLong("frontier");
						}
						else {
							ids.add(id);
						}
					}
				}
				millis.add((System.nanoTime() - start) / 1e6);
				Check.equal("items claimed", BATCH, ids.size());
				count += ids.size();
				this.complete.setArray(1, this.connection.createArrayOf("bigint", ids.toArray()));
				this.complete.setLong(2, claimId);
				Check.equal("claims removed", 1, this.complete.executeUpdate());
			}
			return Spread.of(millis).median();
		}

		@Override
		public void close() throws SQLException {
			this.connection.close();
		}

	}

}
