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
 * Row 23. Each instance is a separate application, in this process.
 */
public final class NoOpWork implements Figure {

	private int queues;

	@Override
	public int row() {
		return 23;
	}

	@Override
	public String title() {
		return "work whose handlers do nothing, beside a loop of raw `DELETE … RETURNING`";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		List<Line> lines = new ArrayList<>();
		for (int batch : new int[] { 100, 500 }) {
			try (Database database = run.createDatabase();
					RawItems raw = RawItems.open(database, batch);
					Instance instance = Instance.start(database)) {
				String atOnce = "%d at once".formatted(batch);
				lines.add(line(run, atOnce, database, List.of(raw), List.of(instance), batch));
				try (RawItems secondRaw = RawItems.open(database, batch); Instance second = Instance.start(database)) {
					lines.add(line(run, atOnce + ", 2 instances, beside 2 connections", database,
							List.of(raw, secondRaw), List.of(instance, second), batch));
				}
			}
		}
		return lines;
	}

	private Line line(Run run, String what, Database database, List<RawItems> raw, List<Instance> instances, int batch)
			throws Exception {
		int items = run.size().pick(150_000, 60_000, 1_000);
		return Rounds.alternate(run, () -> floor(database, raw, items), () -> ours(database, instances, batch, items))
			.line(what, "items/s", Double::doubleValue, Double::doubleValue, Target.atLeast(0.65));
	}

	private double ours(Database database, List<Instance> instances, int batch, int items) throws Exception {
		String queue = "work-" + ++this.queues;
		long ids = StoredItems.store(database, queue, items);
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, instances, Backlog.listener(queue, batch), handler);
		handler.check(ids);
		return perSecond;
	}

	private static double floor(Database database, List<RawItems> raw, int items) throws Exception {
		RawItems.store(database, items);
		return RawItems.takeAll(raw, items);
	}

}
