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

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkOutcome;

/**
 * Row 27. So few items are handled in no time, so several such queues are worked off, one
 * after the other.
 */
public final class OrderedWork implements Figure {

	private int queues;

	@Override
	public int row() {
		return 27;
	}

	@Override
	public String title() {
		return "work in the order of its keys, beside the same without";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int times = run.size().pick(4, 2, 1);
		List<Line> lines = new ArrayList<>();
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			for (int keys : new int[] { 1_000, 10 }) {
				int each = run.size().pick(20_000, 20_000, 2_000) / keys;
				lines.add(Rounds
					.alternate(run, () -> perSecond(database, instance, keys, each, false, times),
							() -> perSecond(database, instance, keys, each, true, times))
					.line("%,d keys × %,d".formatted(keys, each), "items/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast(0.9)));
			}
		}
		return lines;
	}

	private double perSecond(Database database, Instance instance, int keys, int each, boolean ordered, int times)
			throws Exception {
		double seconds = 0;
		for (int i = 0; i < times; i++) {
			String queue = "ordered-" + ++this.queues;
			StoredItems.storeNumbered(database, queue, keys, each, ordered);
			OrderedHandler handler = new OrderedHandler(keys, each);
			seconds += keys * each / Backlog.handle(database, instance, Backlog.listener(queue, 100), handler);
			Check.that(!ordered || !handler.outOfOrder, "items of a key came out of order");
		}
		return (double) keys * each * times / seconds;
	}

	/**
	 * Knows which item of a key has to come next.
	 */
	private static final class OrderedHandler extends CountingHandler {

		private final AtomicIntegerArray next;

		private volatile boolean outOfOrder;

		OrderedHandler(int keys, int each) {
			super(keys * each);
			this.next = new AtomicIntegerArray(keys);
		}

		@Override
		public WorkOutcome handle(WorkItem item) throws Exception {
			ByteBuffer payload = ByteBuffer.wrap(item.payload());
			int key = payload.getInt();
			if (this.next.getAndIncrement(key) != payload.getInt()) {
				this.outOfOrder = true;
			}
			return super.handle(item);
		}

	}

}
