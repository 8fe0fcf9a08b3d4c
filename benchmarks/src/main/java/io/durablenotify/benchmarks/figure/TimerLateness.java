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

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Size;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Row 29. The server runs on this machine: its clock is that of the JVM.
 */
public final class TimerLateness implements Figure {

	private static final int PER_SECOND = 167;

	private static final Duration EARLY = Duration.ofMillis(1);

	private int queues;

	@Override
	public int row() {
		return 29;
	}

	@Override
	public String title() {
		return "lateness of timers, set and fired by two instances, beside what is promised";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int count = run.size().pick(10_000, 2_000, 50);
		int ahead = run.size().pick(1_000, 1_000, 100);
		try (Database database = run.createDatabase();
				Instance one = Instance.start(database);
				Instance other = Instance.start(database)) {
			if (run.size() != Size.SMOKE) {
				fire(one, other, count / 4, ahead);
			}
			List<Double> p50 = new ArrayList<>();
			List<Double> p99 = new ArrayList<>();
			for (int round = 0; round < run.rounds(); round++) {
				Latency lateness = fire(one, other, count, ahead);
				p50.add(lateness.p50());
				p99.add(lateness.p99());
			}
			String of = " of %,d in %d s".formatted(count, Math.round((double) count / PER_SECOND));
			return List.of(Line.limited("p50" + of, "ms", 5, p50, Target.atMost(1)),
					Line.limited("p99" + of, "ms", 50, p99, Target.atMost(1)));
		}
	}

	private Latency fire(Instance one, Instance other, int count, int aheadMillis) throws Exception {
		String queue = "timers-" + ++this.queues;
		Timers timers = new Timers(count);
		List<Subscription> subscriptions = List.of(
				one.bean(WorkListeners.class).register(WorkListenerSpec.of(queue), timers),
				other.bean(WorkListeners.class).register(WorkListenerSpec.of(queue), timers));
		try {
			WorkQueue workQueue = one.bean(WorkQueue.class);
			new Pace(count, PER_SECOND).run((i) -> {
				long delay = ThreadLocalRandom.current().nextLong(aheadMillis * 1_000L, 2 * aheadMillis * 1_000L);
				Instant dueAt = Instant.now().truncatedTo(ChronoUnit.MICROS).plus(delay, ChronoUnit.MICROS);
				workQueue.enqueue(WorkRequest.of(queue, dueAt.toString()).key("timer-" + i).replacing().dueAt(dueAt));
			});
			return timers.await();
		}
		finally {
			subscriptions.forEach(Subscription::cancel);
		}
	}

	/**
	 * Records how late timers fire.
	 */
	private static final class Timers implements WorkHandler {

		private final int expected;

		private final Latency lateness = new Latency();

		private final CountDownLatch missing;

		private boolean early;

		Timers(int count) {
			this.expected = count;
			this.missing = new CountDownLatch(count);
		}

		@Override
		public WorkOutcome handle(WorkItem item) {
			Duration lateness = Duration.between(dueAt(item), Instant.now());
			synchronized (this) {
				this.early |= lateness.plus(EARLY).isNegative();
				this.lateness.record(lateness.toNanos());
			}
			this.missing.countDown();
			return WorkOutcome.done();
		}

		private static Instant dueAt(WorkItem item) {
			String payload = new String(item.payload(), StandardCharsets.UTF_8);
			return Instant.parse(payload.replace("\"", ""));
		}

		Latency await() throws InterruptedException {
			Check.that(this.missing.await(30, TimeUnit.SECONDS), "missing timers: " + this.missing.getCount());
			synchronized (this) {
				Check.that(!this.early, "a timer has fired early");
				Check.equal("timers fired", this.expected, this.lateness.count());
			}
			return this.lateness;
		}

	}

}
