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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;

/**
 * Row 32. Each listener holds a thousand items, of which the first runs.
 */
public final class LeaseRenewal implements Figure {

	private static final int LISTENERS = 10;

	private static final Duration LEASE = Duration.ofSeconds(30);

	@Override
	public int row() {
		return 32;
	}

	@Override
	public String title() {
		return "renewal of the lease with 10,000 claimed items, beside a raw UPDATE of one row";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int each = run.size().pick(1_000, 1_000, 20);
		int renewals = run.size().pick(500, 200, 5);
		CountDownLatch end = new CountDownLatch(1);
		List<Subscription> subscriptions = new ArrayList<>();
		ExecutorService other = Executors.newSingleThreadExecutor();
		try (Database database = run.createDatabase();
				Connection connection = database.connect();
				Instance instance = Instance.start(database)) {
			try {
				for (int i = 0; i < LISTENERS; i++) {
					String queue = "held-" + i;
					StoredItems.store(database, queue, each);
					subscriptions.add(instance.bean(WorkListeners.class)
						.register(WorkListenerSpec.of(queue).concurrency(1).prefetch(each - 1), (item) -> {
							end.await();
							return WorkOutcome.done();
						}));
				}
				awaitClaimed(database, LISTENERS * each);
				Lease lease = instance.bean(Instances.class).lease(LEASE);
				database.execute("CREATE TABLE raw_lease (instance_id bigint PRIMARY KEY, lease_until timestamptz) "
						+ "WITH (fillfactor = 20)");
				database.execute("INSERT INTO raw_lease VALUES (1, now())");
				try (PreparedStatement update = connection.prepareStatement(
						"UPDATE raw_lease SET lease_until = clock_timestamp() + interval '30 s' WHERE instance_id = 1")) {
					Renewal raw = () -> Check.equal("rows", 1, update.executeUpdate());
					Renewal renewal = () -> Check.that(lease.awaitRenewed(LEASE), "The lease was not renewed");
					Line byThread = Rounds.alternate(run, () -> time(renewals, () -> other.submit(() -> {
						raw.run();
						return null;
					}).get()), () -> time(renewals, renewal))
						.line("p50, both by another thread", "ms", Latency::p50, Latency::p50, Target.atMost(1.5));
					Line alone = Rounds.alternate(run, () -> time(renewals, raw), () -> time(renewals, renewal))
						.line("p50, the UPDATE by the thread that waits for it", "ms", Latency::p50, Latency::p50,
								null);
					awaitClaimed(database, LISTENERS * each);
					return List.of(byThread, alone);
				}
			}
			finally {
				end.countDown();
				other.shutdownNow();
				subscriptions.forEach(Subscription::cancel);
			}
		}
	}

	private static Latency time(int times, Renewal renewal) throws Exception {
		Latency latency = new Latency();
		for (int i = 0; i < times; i++) {
			long start = System.nanoTime();
			renewal.run();
			latency.record(System.nanoTime() - start);
		}
		return latency;
	}

	static void awaitClaimed(Database database, int expected) throws Exception {
		long start = System.nanoTime();
		long claimed = 0;
		while (claimed != expected && System.nanoTime() - start < 30_000_000_000L) {
			Thread.sleep(20);
			claimed = database.number("SELECT coalesce(sum(cardinality(item_ids)), 0) FROM durable_notify.work_claims");
		}
		Check.equal("items claimed", expected, claimed);
	}

	/**
	 * One of them.
	 */
	private interface Renewal {

		void run() throws Exception;

	}

}
