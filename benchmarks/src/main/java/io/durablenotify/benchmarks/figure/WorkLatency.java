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
import java.sql.PreparedStatement;
import java.util.List;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawItems;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Row 28. The clock is that of row 4.
 */
public final class WorkLatency implements Figure {

	private int queues;

	@Override
	public int row() {
		return 28;
	}

	@Override
	public String title() {
		return "`enqueue` → handler in another process, 200/s, beside raw INSERT + NOTIFY → receive + DELETE … RETURNING";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database rawDatabase = run.createDatabase();
				Database database = run.createDatabase();
				ChildProcess child = ChildProcess.start(run, OtherProcess.class);
				RawItems raw = RawItems.open(rawDatabase, 1);
				Instance instance = Instance.start(database)) {
			LatencyBetweenProcesses.requireCommonClock(child);
			child.ask("instances %s 1".formatted(database.url()));
			WorkQueue queue = instance.bean(WorkQueue.class);
			Rounds<FloorLatency, Latency> rounds = Rounds.alternatePaced(run,
					(pace) -> floor(pace, raw, rawDatabase, child), (pace) -> ours(pace, queue, child));
			return List.of(
					rounds.line("p50", "ms", (floor) -> floor.millis(50), Latency::p50,
							Target.atMost(1.3).andAtMostMore(200)),
					rounds.line("p99", "ms", (floor) -> floor.millis(99), Latency::p99, Target.atMost(2)));
		}
	}

	private Latency ours(Pace pace, WorkQueue workQueue, ChildProcess child) throws Exception {
		String queue = "latency-" + ++this.queues;
		child.ask("handle %s %d".formatted(queue, pace.count()));
		enqueue(pace, workQueue, queue);
		return Latency.decode(child.ask("report"));
	}

	static void enqueue(Pace pace, WorkQueue workQueue, String queue) throws Exception {
		pace.run((i) -> workQueue.enqueue(WorkRequest.of(queue, numbered(i))));
	}

	private static byte[] numbered(int i) {
		byte[] payload = Payload.stamped(System.nanoTime());
		ByteBuffer.wrap(payload).putInt(Long.BYTES, i);
		return payload;
	}

	private FloorLatency floor(Pace pace, RawItems raw, Database database, ChildProcess child) throws Exception {
		byte[] payload = Payload.chunk();
		Latency inserted = pace.time((i) -> raw.insert(payload));
		child.ask("listen %s bench %d".formatted(database.url(), pace.count()));
		try (PreparedStatement notify = raw.connection().prepareStatement("SELECT pg_notify('bench', ?)")) {
			pace.run((i) -> {
				notify.setString(1, String.valueOf(System.nanoTime()));
				notify.execute();
			});
		}
		Latency received = Latency.decode(child.ask("report"));
		Latency taken = pace.time((i) -> Check.equal("items taken", 1, raw.take()));
		return new FloorLatency(inserted, received, taken);
	}

}
