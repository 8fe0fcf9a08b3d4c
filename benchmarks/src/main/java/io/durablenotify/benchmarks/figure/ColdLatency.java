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
 * Row 39: rows 4, 18 and 28 with two JVMs that were started just now, in each round and
 * on both sides.
 */
public final class ColdLatency implements Figure {

	private static final String NAME = "cold";

	@Override
	public int row() {
		return 39;
	}

	@Override
	public String title() {
		return "rows 4, 18 and 28 by processes that were started just now, beside a floor whose processes are as new";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (ChildProcess child = ChildProcess.start(run, OtherProcess.class)) {
			LatencyBetweenProcesses.requireCommonClock(child);
		}
		List<Line> lines = new ArrayList<>();
		lines.addAll(measure(run, "`append` → `onChunk`", "chunks", "subscribe", "append"));
		lines.addAll(measure(run, "`publish` → `onChange`", "changes", "receive", "publish"));
		lines.addAll(measure(run, "`enqueue` → handler", "items", "handle", "enqueue"));
		return lines;
	}

	/**
	 * Measure.
	 * @param table the floor's table
	 * @param receive what our reader is asked
	 * @param send what our writer is asked
	 */
	private static List<Line> measure(Run run, String what, String table, String receive, String send)
			throws Exception {
		Pace pace = Pace.firstMinute(run);
		Rounds<Latency, Latency> rounds = Rounds.alternateCold(run, () -> floor(run, pace, table),
				() -> ours(run, pace, receive, send));
		String when = "%s, the first %d s, ".formatted(what, pace.count() / pace.perSecond());
		return List.of(rounds.line(when + "p50", "ms", Latency::p50, Latency::p50, null),
				rounds.line(when + "p99", "ms", Latency::p99, Latency::p99, Target.atMost(4)));
	}

	private static Latency ours(Run run, Pace pace, String receive, String send) throws Exception {
		try (Database database = run.createDatabase();
				ChildProcess reader = ChildProcess.start(run, OtherProcess.class);
				ChildProcess writer = ChildProcess.start(run, OtherProcess.class)) {
			reader.ask("instances %s 1".formatted(database.url()));
			writer.ask("instances %s 1".formatted(database.url()));
			reader.ask("%s %s %d".formatted(receive, NAME, pace.count()));
			writer.ask("%s %s %d %d".formatted(send, NAME, pace.count(), pace.perSecond()));
			return Latency.decode(reader.ask("report"));
		}
	}

	private static Latency floor(Run run, Pace pace, String table) throws Exception {
		try (Database database = run.createDatabase();
				ChildProcess reader = ChildProcess.start(run, OtherProcess.class);
				ChildProcess writer = ChildProcess.start(run, OtherProcess.class)) {
			reader.ask("follow %s %s %s %d".formatted(table, database.url(), NAME, pace.count()));
			writer.ask("insert %s %s %s %d %d".formatted(table, database.url(), NAME, pace.count(), pace.perSecond()));
			return Latency.decode(reader.ask("report"));
		}
	}

}
