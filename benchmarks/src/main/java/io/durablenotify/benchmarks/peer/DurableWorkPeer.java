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

package io.durablenotify.benchmarks.peer;

import java.util.Collections;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Our work, beside peers: eight handlers, and up to a hundred items claimed at once.
 */
final class DurableWorkPeer implements WorkPeer {

	private static final int HANDLERS = 8;

	private static final int CLAIMED = 100;

	private static final int BATCH = 1_000;

	private final Instance instance;

	private int queues;

	DurableWorkPeer(Database database) {
		this.instance = Instance.start(database);
	}

	@Override
	public double handle(int items) throws Exception {
		String queue = "peer-" + ++this.queues;
		WorkRequest request = WorkRequest.of(queue, Payload.chunk());
		for (int stored = 0; stored < items; stored += BATCH) {
			this.instance.bean(WorkQueue.class)
				.enqueueAll(Collections.nCopies(Math.min(BATCH, items - stored), request));
		}
		Count count = new Count(items);
		Subscription subscription = this.instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(queue).concurrency(HANDLERS).prefetch(CLAIMED - HANDLERS), (item) -> {
				count.handled();
				return WorkOutcome.done();
			});
		try {
			return count.awaitPerSecond();
		}
		finally {
			subscription.cancel();
		}
	}

	@Override
	public double enqueue(int items) {
		WorkRequest request = WorkRequest.of("enqueued", Payload.chunk());
		WorkQueue queue = this.instance.bean(WorkQueue.class);
		long start = System.nanoTime();
		for (int i = 0; i < items; i++) {
			queue.enqueue(request);
		}
		return items * 1e9 / (System.nanoTime() - start);
	}

	@Override
	public void close() {
		this.instance.close();
	}

}
