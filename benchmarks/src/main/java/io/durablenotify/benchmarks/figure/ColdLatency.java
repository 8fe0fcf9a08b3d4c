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

import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 39: row 4 with two JVMs that were started just now, in each round and on both
 * sides.
 */
public final class ColdLatency implements Figure {

	@Override
	public int row() {
		return 39;
	}

	@Override
	public String title() {
		return "row 4 in the first minute of both processes, beside a floor whose processes are as new";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		Pace pace = Pace.firstMinute(run);
		try (ChildProcess child = ChildProcess.start(run, OtherProcess.class)) {
			LatencyBetweenProcesses.requireCommonClock(child);
		}
		Rounds<Latency, Latency> rounds = Rounds.alternateCold(run, () -> floor(run, pace), () -> ours(run, pace));
		return List.of(rounds.line("p50", "ms", Latency::p50, Latency::p50, null),
				rounds.line("p99", "ms", Latency::p99, Latency::p99, Target.atMost(4)));
	}

	private static Latency ours(Run run, Pace pace) throws Exception {
		try (Database database = run.createDatabase();
				ChildProcess reader = ChildProcess.start(run, OtherProcess.class);
				ChildProcess writer = ChildProcess.start(run, OtherProcess.class)) {
			reader.ask("instances %s 1".formatted(database.url()));
			writer.ask("instances %s 1".formatted(database.url()));
			reader.ask("subscribe cold %d".formatted(pace.count()));
			writer.ask("append cold %d %d".formatted(pace.count(), pace.perSecond()));
			return Latency.decode(reader.ask("report"));
		}
	}

	private static Latency floor(Run run, Pace pace) throws Exception {
		try (Database database = run.createDatabase();
				ChildProcess reader = ChildProcess.start(run, OtherProcess.class);
				ChildProcess writer = ChildProcess.start(run, OtherProcess.class)) {
			reader.ask("follow %s cold %d".formatted(database.url(), pace.count()));
			writer.ask("insert %s cold %d %d".formatted(database.url(), pace.count(), pace.perSecond()));
			return Latency.decode(reader.ask("report"));
		}
	}

}
