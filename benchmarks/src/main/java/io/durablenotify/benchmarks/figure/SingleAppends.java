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

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;

/**
 * Row 1.
 */
public final class SingleAppends implements Figure {

	@Override
	public int row() {
		return 1;
	}

	@Override
	public String title() {
		return "`append`, one thread, one stream, beside raw autocommit INSERT";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		return List.of(measure(run, "1 thread, 1 stream", 1, 1, 0.85));
	}

	static Line measure(Run run, String what, int threads, int streams, double target) throws Exception {
		try (Database database = run.createDatabase()) {
			return Rounds
				.alternate(run, () -> Jmh.run(RawInsertBenchmark.class, database, threads, streams, run.size()),
						() -> Jmh.run(AppendBenchmark.class, database, threads, streams, run.size()))
				.line(what, "chunks/s", Double::doubleValue, Double::doubleValue, Target.atLeast(target));
		}
	}

}
