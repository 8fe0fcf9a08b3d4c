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

import io.durablenotify.Subscription;
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
import io.durablenotify.stream.StreamPosition;

/**
 * Row 5.
 */
public final class LatencyInOneProcess implements Figure {

	private int streams;

	@Override
	public int row() {
		return 5;
	}

	@Override
	public String title() {
		return "`append` → `onChunk` in the same process, 200/s, beside raw INSERT";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database database = run.createDatabase();
				RawChunks raw = RawChunks.open(database);
				Instance instance = Instance.start(database)) {
			Rounds<Latency, Latency> rounds = Rounds.alternatePaced(run,
					(pace) -> PacedAppends.insert(pace, raw, ++this.streams), (pace) -> ours(pace, instance));
			return List.of(rounds.line("p50", "ms", Latency::p50, Latency::p50, Target.atMost(1.5).andAtMostMore(100)),
					rounds.line("p99", "ms", Latency::p99, Latency::p99, null));
		}
	}

	private Latency ours(Pace pace, Instance instance) throws Exception {
		String stream = "latency-" + ++this.streams;
		LatencyHandler handler = new LatencyHandler(pace.count());
		Subscription subscription = instance.reader().subscribe(stream, StreamPosition.start(), handler);
		PacedAppends.append(pace, instance.writer(), stream);
		Latency latency = handler.await();
		subscription.cancel();
		return latency;
	}

}
