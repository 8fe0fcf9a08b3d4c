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
import io.durablenotify.benchmarks.harness.Worked;

/**
 * Row 23. Each instance is a separate application, in this process.
 */
public final class NoOpWork implements Figure {

	/**
	 * The share of the items that both sides take before it counts.
	 */
	private static final int WARM_UP = 10;

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
				lines.addAll(lines(run, atOnce, database, List.of(raw), List.of(instance), batch));
				try (RawItems secondRaw = RawItems.open(database, batch); Instance second = Instance.start(database)) {
					lines.addAll(lines(run, atOnce + ", 2 instances, beside 2 connections", database,
							List.of(raw, secondRaw), List.of(instance, second), batch));
				}
			}
		}
		return lines;
	}

	private List<Line> lines(Run run, String what, Database database, List<RawItems> raw, List<Instance> instances,
			int batch) throws Exception {
		int items = run.size().pick(150_000, 60_000, 1_000);
		return Worked.lines(
				Rounds.alternate(run, () -> floor(database, raw, items), () -> ours(database, instances, batch, items)),
				what, "items/s", Target.atLeast(0.65));
	}

	private Worked ours(Database database, List<Instance> instances, int batch, int items) throws Exception {
		String before = "before-" + ++this.queues;
		String queue = "work-" + this.queues;
		StoredItems.store(database, before, items / WARM_UP);
		long ids = StoredItems.store(database, queue, items);
		Backlog.handle(database, instances, Backlog.listener(before, batch), new CountingHandler(items / WARM_UP));
		CountingHandler handler = new CountingHandler(items);
		Worked worked = Worked.of(database, items,
				() -> Backlog.handle(database, instances, Backlog.listener(queue, batch), handler));
		handler.check(ids);
		return worked;
	}

	private static Worked floor(Database database, List<RawItems> raw, int items) throws Exception {
		RawItems.store(database, items / WARM_UP + items);
		int left = items / WARM_UP + items;
		while (left > items) {
			for (RawItems connection : raw) {
				left -= connection.take();
			}
		}
		int counted = left;
		return Worked.of(database, counted, () -> RawItems.takeAll(raw, counted));
	}

}
