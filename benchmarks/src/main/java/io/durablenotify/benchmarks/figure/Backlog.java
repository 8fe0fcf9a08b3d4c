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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;

/**
 * What is stored in a queue when its listener begins.
 */
final class Backlog {

	private static final int HANDLERS = 8;

	private static final long TIMEOUT_SECONDS = 30;

	private Backlog() {
	}

	/**
	 * Return the specification of a listener.
	 * @param items how many items it has claimed at once, at most
	 */
	static WorkListenerSpec listener(String queue, int items) {
		return WorkListenerSpec.of(queue).concurrency(HANDLERS).prefetch(items - HANDLERS);
	}

	/**
	 * Have the items of a queue handled.
	 * @return how many a second, from the registration of the listener until nothing of
	 * them is left
	 */
	static double handle(Database database, Instance instance, WorkListenerSpec spec, CountingHandler handler)
			throws Exception {
		return handle(database, List.of(instance), spec, handler);
	}

	/**
	 * Have the items of a queue handled by several instances.
	 */
	static double handle(Database database, List<Instance> instances, WorkListenerSpec spec, CountingHandler handler)
			throws Exception {
		return handle(database, spec.queues().get(0),
				() -> instances.stream()
					.map((instance) -> instance.bean(WorkListeners.class).register(spec, handler))
					.toList(),
				handler);
	}

	/**
	 * Have the items of a queue handled.
	 * @param listeners registers what handles them
	 */
	static double handle(Database database, String queue, Supplier<List<Subscription>> listeners,
			CountingHandler handler) throws Exception {
		List<Subscription> subscriptions = List.of();
		try (Connection connection = database.connect(); PreparedStatement left = connection.prepareStatement("""
				SELECT count(*) FROM durable_notify.work_claims c
					JOIN durable_notify.work_queues q ON q.queue_id = c.queue_id
				WHERE q.name = ?
				""")) {
			left.setString(1, queue);
			long start = System.nanoTime();
			subscriptions = listeners.get();
			handler.await();
			awaitNone(left);
			long took = System.nanoTime() - start;
			Check.equal("items handled", handler.expected(), handler.count());
			Check.equal("items left", 0, database.number("""
					SELECT count(*) FROM durable_notify.work_items i
						JOIN durable_notify.work_queues q ON q.queue_id = i.queue_id
					WHERE q.name = '%s' AND i.due_at <= clock_timestamp()
					""".formatted(queue)));
			return handler.expected() * 1e9 / took;
		}
		finally {
			subscriptions.forEach(Subscription::cancel);
		}
	}

	/**
	 * Wait until all is settled: a claim is removed with its last item.
	 */
	private static void awaitNone(PreparedStatement left) throws SQLException, InterruptedException {
		long start = System.nanoTime();
		long count = count(left);
		while (count > 0) {
			Check.that(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS),
					"claims that are never removed: " + count);
			Thread.sleep(1);
			count = count(left);
		}
	}

	private static long count(PreparedStatement left) throws SQLException {
		try (ResultSet result = left.executeQuery()) {
			result.next();
			return result.getLong(1);
		}
	}

}
