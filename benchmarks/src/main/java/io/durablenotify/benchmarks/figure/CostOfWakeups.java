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

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.stream.StreamWriter;

/**
 * Row 10. The other instances are in another process, on their own connections, and
 * listen while both sides are measured.
 */
public final class CostOfWakeups implements Figure {

	private int trials;

	@Override
	public int row() {
		return 10;
	}

	@Override
	public String title() {
		return "`append` with wake-ups, beside the same with `wakeup.mode=none`";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		List<Line> lines = new ArrayList<>();
		try (Database database = run.createDatabase()) {
			lines.addAll(measure(run, database, "", 0.95));
			try (ChildProcess child = ChildProcess.start(run, OtherProcess.class)) {
				int others = run.size().pick(20, 20, 2);
				child.ask("instances %s %d".formatted(database.url(), others));
				lines.addAll(measure(run, database, ", %d others listening".formatted(others), 0.85));
			}
		}
		return lines;
	}

	private List<Line> measure(Run run, Database database, String circumstances, double target) throws Exception {
		List<Line> lines = new ArrayList<>();
		for (int writers : new int[] { 16, 64 }) {
			lines.add(Rounds
				.alternate(run, () -> append(run, database, writers, "none"),
						() -> append(run, database, writers, "after-commit"))
				.line("%d writers%s".formatted(writers, circumstances), "chunks/s", Double::doubleValue,
						Double::doubleValue, Target.atLeast(target)));
		}
		return lines;
	}

	private double append(Run run, Database database, int writers, String mode) throws Exception {
		int trial = ++this.trials;
		byte[] chunk = Payload.chunk();
		try (Instance instance = Instance.start(database, "durable-notify.wakeup.mode=" + mode)) {
			StreamWriter writer = instance.writer();
			Throughput.Done done = Throughput.of(writers, run.size().time(700), run.size().time(2_000),
					(thread) -> writer.append("wakeups-%d-%d".formatted(trial, thread), chunk));
			long stored = 0;
			for (int thread = 0; thread < writers; thread++) {
				stored += instance.reader().info("wakeups-%d-%d".formatted(trial, thread)).orElseThrow().nextIndex();
			}
			Check.equal("chunks", done.count(), stored);
			return done.perSecond();
		}
	}

}
