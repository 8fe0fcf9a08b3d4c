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

import java.util.List;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Measurement;
import io.durablenotify.benchmarks.harness.RawItems;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 31. Without full pages: there is no checkpoint from the enqueueing on.
 */
public final class WalOfWork implements Figure {

	private static final int BATCH = 100;

	private static final double LIMIT = 80;

	private int queues;

	@Override
	public int row() {
		return 31;
	}

	@Override
	public String title() {
		return "WAL of claiming and completing work, %d items at once, beside what it is to be and raw `DELETE … RETURNING`"
			.formatted(BATCH);
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(50_000, 20_000, 500);
		try (Database database = run.createDatabase();
				RawItems raw = RawItems.open(database, BATCH);
				Instance instance = Instance.start(database)) {
			Rounds<Double, Double> rounds = Rounds.alternate(run, () -> {
				RawItems.store(database, items);
				return written(database, items, () -> RawItems.takeAll(List.of(raw), items));
			}, () -> {
				String queue = "wal-" + ++this.queues;
				StoredItems.store(database, queue, items);
				CountingHandler handler = new CountingHandler(items);
				return written(database, items,
						() -> Backlog.handle(database, instance, Backlog.listener(queue, BATCH), handler));
			});
			return List.of(Line.limited("an item", "bytes", LIMIT, rounds.ours(), Target.atMost(1)), rounds
				.line("the same beside `DELETE … RETURNING`", "bytes", Double::doubleValue, Double::doubleValue, null));
		}
	}

	private static double written(Database database, int items, Measurement<Double> work) throws Exception {
		String position = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
		long before = database.number(position);
		work.measure();
		return (double) (database.number(position) - before) / items;
	}

}
