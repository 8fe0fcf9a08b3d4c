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
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;

/**
 * Row 33.
 */
public final class LostProcess implements Figure {

	private static final double LEASE_SECONDS = 2;

	private static final String LEASE = "durable-notify.work.lease-duration=2s";

	private int queues;

	@Override
	public int row() {
		return 33;
	}

	@Override
	public String title() {
		return "work of a process that was ended by SIGKILL with 1,000 claimed items, beside its lease of 2 s + 1 s";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(1_000, 1_000, 20);
		List<Double> first = new ArrayList<>();
		List<Double> last = new ArrayList<>();
		// What the survivor has been connected for before it takes over is as long as its
		// streams' lease
		try (Database database = run.createDatabase();
				Instance instance = Instance.start(database, LEASE, "durable-notify.streams.lease=2s")) {
			for (int round = 0; round < run.rounds(); round++) {
				String queue = "lost-" + ++this.queues;
				long ids = StoredItems.store(database, queue, items);
				FirstHandler handler = new FirstHandler(items);
				try (ChildProcess child = ChildProcess.start(run, OtherProcess.class)) {
					child.ask("hold %s %s %d %s".formatted(database.url(), queue, items, LEASE));
					LeaseRenewal.awaitClaimed(database, items);
					Subscription subscription = instance.bean(WorkListeners.class)
						.register(Backlog.listener(queue, 100), handler);
					try {
						long killed = System.nanoTime();
						child.kill();
						handler.await();
						last.add((System.nanoTime() - killed) / 1e9);
						first.add((handler.first.get() - killed) / 1e9);
						handler.check(ids);
					}
					finally {
						subscription.cancel();
					}
				}
			}
		}
		return List.of(Line.limited("until the first item is handled", "s", LEASE_SECONDS + 1, first, Target.atMost(1)),
				Line.limited("until the last one is", "s", LEASE_SECONDS + 1, last, Target.atMost(1)));
	}

	private static final class FirstHandler extends CountingHandler {

		private final AtomicLong first = new AtomicLong();

		FirstHandler(int expected) {
			super(expected);
		}

		@Override
		public WorkOutcome handle(WorkItem item) throws Exception {
			this.first.compareAndSet(0, System.nanoTime());
			return super.handle(item);
		}

	}

}
