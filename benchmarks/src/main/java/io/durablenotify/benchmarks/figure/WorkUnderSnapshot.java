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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Sql;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.Enqueued;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Row 26: one thread enqueues, as fast as items are handled. What a snapshot costs grows
 * with the time it is held, so the last of that time is what counts.
 */
public final class WorkUnderSnapshot implements Figure {

	private static final int BATCH = 500;

	private static final int MOST_WAITING = 4 * BATCH;

	private int queues;

	@Override
	public int row() {
		return 26;
	}

	@Override
	public String title() {
		return "work enqueued and handled while another session holds a snapshot, beside the same without";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		Duration measured = run.size().time(8_000);
		Duration held = Duration.ofMillis(run.size().pick(52_000, 10_000, 200));
		Duration warmUp = run.size().time(2_000);
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			Rounds<Rates, Rates> rounds = Rounds.alternateCold(run, () -> work(database, instance, warmUp, measured),
					() -> {
						try (Connection connection = database.connect()) {
							connection.setAutoCommit(false);
							connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
							Sql.number(connection, "SELECT count(*) FROM durable_notify.work_items");
							return work(database, instance, held, measured);
						}
					});
			return List.of(
					rounds.line("at the end of %d s".formatted(held.plus(measured).toSeconds()), "items/s", Rates::last,
							Rates::last, Target.atLeast(0.8)),
					rounds.line("in its worst second", "items/s", Rates::worst, Rates::worst, null));
		}
	}

	private Rates work(Database database, Instance instance, Duration before, Duration measured) throws Exception {
		String queue = "held-" + ++this.queues;
		try (Connection connection = database.connect()) {
			// Only what has died since then may count; nothing that the snapshot needs
			// goes
			StoredItems.vacuum(connection);
		}
		Handled handled = new Handled();
		Subscription subscription = instance.bean(WorkListeners.class)
			.register(Backlog.listener(queue, 100), handled::handle);
		try {
			Enqueuer enqueuer = new Enqueuer(instance.bean(WorkQueue.class), queue, handled);
			List<Double> seconds = new ArrayList<>(enqueuer.enqueue(before));
			long start = System.nanoTime();
			long first = handled.count.get();
			seconds.addAll(enqueuer.enqueue(measured));
			double last = (handled.count.get() - first) * 1e9 / (System.nanoTime() - start);
			enqueuer.awaitAndCheck();
			// The first ones are those in which the listener begins
			return new Rates(last, Collections.min(seconds.subList(Math.min(1, seconds.size() - 1), seconds.size())));
		}
		finally {
			subscription.cancel();
		}
	}

	/**
	 * How many in a second.
	 */
	private record Rates(double last, double worst) {
	}

	private static final class Handled {

		private final AtomicLong count = new AtomicLong();

		private final AtomicLong ids = new AtomicLong();

		WorkOutcome handle(WorkItem item) {
			this.ids.addAndGet(item.id());
			this.count.incrementAndGet();
			return WorkOutcome.done();
		}

	}

	private static final class Enqueuer {

		private final WorkQueue workQueue;

		private final List<WorkRequest> batch;

		private final Handled handled;

		private long count;

		private long ids;

		Enqueuer(WorkQueue workQueue, String queue, Handled handled) {
			this.workQueue = workQueue;
			this.batch = Collections.nCopies(BATCH, WorkRequest.of(queue, Payload.chunk()));
			this.handled = handled;
		}

		/**
		 * Enqueue for a time.
		 * @return how many were handled in each second of it
		 */
		List<Double> enqueue(Duration time) throws InterruptedException {
			List<Double> perSecond = new ArrayList<>();
			long begin = System.nanoTime();
			long slot = begin;
			long handledBefore = this.handled.count.get();
			while (System.nanoTime() - begin < time.toNanos()) {
				if (this.count - this.handled.count.get() > MOST_WAITING) {
					Thread.sleep(1);
				}
				else {
					List<Enqueued> enqueued = this.workQueue.enqueueAll(this.batch);
					this.count += enqueued.size();
					enqueued.forEach((each) -> this.ids += each.id());
				}
				long now = System.nanoTime();
				if (now - slot >= Math.min(1_000_000_000L, time.toNanos() / 2)) {
					long handledNow = this.handled.count.get();
					perSecond.add((handledNow - handledBefore) * 1e9 / (now - slot));
					slot = now;
					handledBefore = handledNow;
				}
			}
			return perSecond;
		}

		void awaitAndCheck() throws InterruptedException {
			long start = System.nanoTime();
			while (this.handled.count.get() < this.count && System.nanoTime() - start < 30_000_000_000L) {
				Thread.sleep(1);
			}
			Check.equal("items handled", this.count, this.handled.count.get());
			Check.equal("the sum of their ids", this.ids, this.handled.ids.get());
		}

	}

}
