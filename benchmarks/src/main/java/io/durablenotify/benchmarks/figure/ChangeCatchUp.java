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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.RawChanges;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.change.ChangeNotifier;

/**
 * Row 19. An instance that was notified of no change is notified of the last one.
 */
public final class ChangeCatchUp implements Figure {

	@Override
	public int row() {
		return 19;
	}

	@Override
	public String title() {
		return "catch-up of changes, beside one raw SELECT of the same rows";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int count = run.size().pick(100_000, 50_000, 3_000);
		try (Database database = run.createDatabase();
				RawChanges raw = RawChanges.open(database);
				Instance instance = Instance.start(database, "durable-notify.poll.interval=1h",
						"durable-notify.poll.degraded-interval=0")) {
			return List
				.of(Rounds.alternate(run, () -> select(raw, database, count), () -> catchUp(instance, database, count))
					.line("%,d changes".formatted(count), "/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast(0.5)));
		}
	}

	private static double select(RawChanges raw, Database database, int count) throws Exception {
		store(database, count);
		long start = System.nanoTime();
		long read = raw.readAllOfOurs();
		long took = System.nanoTime() - start;
		Check.equal("raw changes", count, read);
		return count * 1e9 / took;
	}

	private static double catchUp(Instance instance, Database database, int count) throws Exception {
		ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
		CountDownLatch ready = new CountDownLatch(1);
		CountDownLatch missing = new CountDownLatch(count);
		AtomicLong last = new AtomicLong();
		Subscription subscription = notifier.subscribe("topic", (change) -> {
			if (change.key().equals("ready")) {
				ready.countDown();
				return;
			}
			Check.that(last.getAndSet(change.id()) < change.id(), "changes came out of order");
			missing.countDown();
		});
		notifier.publish("topic", "ready");
		Check.that(ready.await(30, TimeUnit.SECONDS), "the subscription receives nothing");
		store(database, count - 1);
		long start = System.nanoTime();
		notifier.publish("topic", "last");
		Check.that(missing.await(60, TimeUnit.SECONDS), "missing changes: " + missing.getCount());
		long took = System.nanoTime() - start;
		subscription.cancel();
		return count * 1e9 / took;
	}

	/**
	 * As many transactions of a few changes would have left them, without wake-ups.
	 */
	private static void store(Database database, int count) throws Exception {
		database.execute("TRUNCATE durable_notify.changes");
		database.execute("""
				DO $$ BEGIN
					FOR i IN 0..%d - 1 LOOP
						INSERT INTO durable_notify.changes (topic, key) VALUES ('topic', 'key ' || i);
						IF i %% 100 = 99 THEN COMMIT; END IF;
					END LOOP;
				END $$
				""".formatted(count));
		database.execute("VACUUM ANALYZE durable_notify.changes");
	}

}
