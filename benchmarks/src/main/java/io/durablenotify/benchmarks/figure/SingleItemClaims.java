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
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.RawItems;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.WorkListenerSpec;

/**
 * Row 34: the weak spot of claims that come one after the other. Each instance is a
 * separate application, in this process.
 */
public final class SingleItemClaims implements Figure {

	private static final int INSTANCES = 8;

	private int queues;

	@Override
	public int row() {
		return 34;
	}

	@Override
	public String title() {
		return "8 instances that claim one item at a time, beside 8 connections that UPDATE … SKIP LOCKED one and DELETE it";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(8_000, 4_000, 100);
		List<Instance> instances = new ArrayList<>();
		try (Database database = run.createDatabase()) {
			for (int i = 0; i < INSTANCES; i++) {
				instances.add(Instance.start(database, "spring.datasource.hikari.maximum-pool-size=3"));
			}
			return List.of(Rounds.alternate(run, () -> floor(database, items), () -> ours(database, instances, items))
				.line("items", "/s", Double::doubleValue, Double::doubleValue, Target.atLeast(0.6)));
		}
		finally {
			instances.forEach(Instance::close);
		}
	}

	private double ours(Database database, List<Instance> instances, int items) throws Exception {
		String queue = "single-" + ++this.queues;
		long ids = StoredItems.store(database, queue, items);
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, instances, WorkListenerSpec.of(queue).concurrency(1).prefetch(0),
				handler);
		handler.check(ids);
		return perSecond;
	}

	private static double floor(Database database, int items) throws Exception {
		RawItems.store(database, items);
		ExecutorService executor = Executors.newFixedThreadPool(INSTANCES);
		try {
			long start = System.nanoTime();
			List<Future<Integer>> results = new ArrayList<>();
			for (int i = 0; i < INSTANCES; i++) {
				Callable<Integer> claimer = () -> claimAll(database);
				results.add(executor.submit(claimer));
			}
			int count = 0;
			for (Future<Integer> result : results) {
				count += result.get();
			}
			Check.equal("items of the floor", items, count);
			return count * 1e9 / (System.nanoTime() - start);
		}
		finally {
			executor.shutdownNow();
		}
	}

	private static int claimAll(Database database) throws SQLException {
		try (Connection connection = database.connect();
				PreparedStatement claim = connection.prepareStatement("""
						UPDATE raw_items SET suspect = true, token = token + 1 WHERE item_id = (
							SELECT item_id FROM raw_items WHERE queue_id = 1 AND due_at <= now() AND NOT suspect
								ORDER BY due_at, item_id LIMIT 1 FOR UPDATE SKIP LOCKED)
							RETURNING item_id, token, payload
						""");
				PreparedStatement delete = connection
					.prepareStatement("DELETE FROM raw_items WHERE item_id = ? AND token = ?")) {
			int count = 0;
			while (true) {
				try (ResultSet result = claim.executeQuery()) {
					if (!result.next()) {
						return count;
					}
					result.getBytes(3);
					delete.setLong(1, result.getLong(1));
					delete.setInt(2, result.getInt(2));
				}
				Check.equal("rows deleted", 1, delete.executeUpdate());
				count++;
			}
		}
	}

}
