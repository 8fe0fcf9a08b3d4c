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

import java.io.IOException;
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
import io.durablenotify.benchmarks.harness.RawChunks;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 4. Times are of {@link System#nanoTime()} in both processes: on Linux that is
 * CLOCK_MONOTONIC, one clock for all of them. Elsewhere it need not be, so that is
 * checked first.
 */
public final class LatencyBetweenProcesses implements Figure {

	private int streams;

	@Override
	public int row() {
		return 4;
	}

	@Override
	public String title() {
		return "`append` → `onChunk` in another process, 200/s, beside raw INSERT + NOTIFY → receive + SELECT";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		// The floor's NOTIFYs go by no listener of ours: those of another database are
		// not signalled
		try (Database rawDatabase = run.createDatabase();
				Database database = run.createDatabase();
				ChildProcess child = ChildProcess.start(run, OtherProcess.class);
				RawChunks raw = RawChunks.open(rawDatabase);
				Instance instance = Instance.start(database)) {
			requireCommonClock(child);
			child.ask("instances %s 1".formatted(database.url()));
			Rounds<FloorLatency, Latency> rounds = Rounds.alternatePaced(run,
					(pace) -> floor(pace, raw, rawDatabase, child), (pace) -> ours(pace, instance, child));
			return List.of(
					rounds.line("p50", "ms", (floor) -> floor.millis(50), Latency::p50,
							Target.atMost(1.5).andAtMostMore(200)),
					rounds.line("p99", "ms", (floor) -> floor.millis(99), Latency::p99, Target.atMost(2)));
		}
	}

	static void requireCommonClock(ChildProcess child) throws IOException {
		long before = System.nanoTime();
		long there = Long.parseLong(child.ask("clock"));
		Check.that(before <= there && there <= System.nanoTime(),
				"System.nanoTime() of two processes cannot be compared on this system");
	}

	private Latency ours(Pace pace, Instance instance, ChildProcess child) throws Exception {
		String stream = "latency-" + ++this.streams;
		child.ask("subscribe %s %d".formatted(stream, pace.count()));
		PacedAppends.append(pace, instance.writer(), stream);
		return Latency.decode(child.ask("report"));
	}

	private FloorLatency floor(Pace pace, RawChunks raw, Database database, ChildProcess child) throws Exception {
		long streamId = ++this.streams;
		Latency insert = PacedAppends.insert(pace, raw, streamId);
		child.ask("listen %s bench %d".formatted(database.url(), pace.count()));
		try (PreparedStatement notify = raw.connection().prepareStatement("SELECT pg_notify('bench', ?)")) {
			pace.run((i) -> {
				notify.setString(1, String.valueOf(System.nanoTime()));
				notify.execute();
			});
		}
		Latency received = Latency.decode(child.ask("report"));
		Latency select = pace.time((i) -> Check.equal("the next index", i + 1, raw.readPage(streamId, i, 1)));
		return new FloorLatency(insert, received, select);
	}

}
