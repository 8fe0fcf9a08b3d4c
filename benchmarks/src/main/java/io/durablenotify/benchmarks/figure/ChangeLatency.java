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
import io.durablenotify.benchmarks.harness.RawChanges;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.change.ChangeNotifier;

/**
 * Row 18. The clock is that of row 4.
 */
public final class ChangeLatency implements Figure {

	private int topics;

	@Override
	public int row() {
		return 18;
	}

	@Override
	public String title() {
		return "`publish` → `onChange` in another process, 200/s, beside raw INSERT + NOTIFY → receive + SELECT";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database rawDatabase = run.createDatabase();
				Database database = run.createDatabase();
				ChildProcess child = ChildProcess.start(run, OtherProcess.class);
				RawChanges raw = RawChanges.open(rawDatabase);
				Instance instance = Instance.start(database)) {
			LatencyBetweenProcesses.requireCommonClock(child);
			child.ask("instances %s 1".formatted(database.url()));
			ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
			Rounds<FloorLatency, Latency> rounds = Rounds.alternatePaced(run,
					(pace) -> floor(pace, raw, rawDatabase, child), (pace) -> ours(pace, notifier, child));
			return List.of(
					rounds.line("p50", "ms", (floor) -> floor.millis(50), Latency::p50,
							Target.atMost(1.5).andAtMostMore(200)),
					rounds.line("p99", "ms", (floor) -> floor.millis(99), Latency::p99, Target.atMost(2)));
		}
	}

	private Latency ours(Pace pace, ChangeNotifier notifier, ChildProcess child) throws Exception {
		String topic = "latency-" + ++this.topics;
		child.ask("receive %s %d".formatted(topic, pace.count()));
		publish(pace, notifier, topic);
		return Latency.decode(child.ask("report"));
	}

	static void publish(Pace pace, ChangeNotifier notifier, String topic) throws Exception {
		pace.run((i) -> notifier.publish(topic, i + ":" + System.nanoTime()));
	}

	private FloorLatency floor(Pace pace, RawChanges raw, Database database, ChildProcess child) throws Exception {
		long before = database.number("SELECT coalesce(max(id), 0) FROM raw_changes");
		Latency insert = pace.time((i) -> raw.insert("topic", i + ":" + before));
		child.ask("listen %s bench %d".formatted(database.url(), pace.count()));
		try (PreparedStatement notify = raw.connection().prepareStatement("SELECT pg_notify('bench', ?)")) {
			pace.run((i) -> {
				notify.setString(1, String.valueOf(System.nanoTime()));
				notify.execute();
			});
		}
		Latency received = Latency.decode(child.ask("report"));
		RawChanges.Row[] row = { RawChanges.Row.FIRST };
		Latency select = pace.time((i) -> {
			RawChanges.Row next = raw.readNext(row[0].xact(), row[0].id());
			Check.that(next.id() > row[0].id(), "the next id");
			row[0] = next;
		});
		return new FloorLatency(insert, received, select);
	}

}
