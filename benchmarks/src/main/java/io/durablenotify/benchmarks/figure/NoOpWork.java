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

import java.util.ArrayList;
import java.util.List;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.RawItems;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 23.
 */
public final class NoOpWork implements Figure {

	private int queues;

	@Override
	public int row() {
		return 23;
	}

	@Override
	public String title() {
		return "work whose handlers do nothing, one process, beside a loop of raw `DELETE … RETURNING`";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(150_000, 60_000, 1_000);
		List<Line> lines = new ArrayList<>();
		for (int batch : new int[] { 100, 500 }) {
			try (Database database = run.createDatabase();
					RawItems raw = RawItems.open(database, batch);
					Instance instance = Instance.start(database)) {
				lines.add(Rounds
					.alternate(run, () -> floor(database, raw, items), () -> ours(database, instance, batch, items))
					.line("%d at once".formatted(batch), "items/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast(0.65)));
			}
		}
		return lines;
	}

	private double ours(Database database, Instance instance, int batch, int items) throws Exception {
		String queue = "work-" + ++this.queues;
		long ids = StoredItems.store(database, queue, items);
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, instance, Backlog.listener(queue, batch), handler);
		handler.check(ids);
		return perSecond;
	}

	private static double floor(Database database, RawItems raw, int items) throws Exception {
		RawItems.store(database, items);
		return raw.takeAll(items);
	}

}
