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

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.RawChanges;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.change.ChangeNotifier;

/**
 * Row 17.
 */
public final class ChangePublishing implements Figure {

	private static final int WARM_UP_MILLIS = 1_000;

	private static final int MEASURED_MILLIS = 2_000;

	@Override
	public int row() {
		return 17;
	}

	@Override
	public String title() {
		return "`publish`, one thread, beside raw autocommit INSERT of the same row";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database database = run.createDatabase();
				RawChanges raw = RawChanges.open(database);
				Instance instance = Instance.start(database)) {
			ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
			long[] published = new long[1];
			Line line = Rounds
				.alternate(run, () -> perSecond(run, (thread) -> raw.insert("topic", "key"), new long[1]),
						() -> perSecond(run, (thread) -> notifier.publish("topic", "key"), published))
				.line("1 thread", "changes/s", Double::doubleValue, Double::doubleValue, Target.atLeast(0.8));
			Check.equal("changes", published[0], database.number("SELECT count(*) FROM durable_notify.changes"));
			return List.of(line);
		}
	}

	private static double perSecond(Run run, Throughput.Work work, long[] count) throws Exception {
		Throughput.Done done = Throughput.of(1, run.size().time(WARM_UP_MILLIS), run.size().time(MEASURED_MILLIS),
				work);
		count[0] += done.count();
		return done.perSecond();
	}

}
