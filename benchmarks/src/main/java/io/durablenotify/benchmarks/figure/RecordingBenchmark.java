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

import java.util.concurrent.TimeUnit;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * What is recorded of one operation: its time by its outcome, and a count.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RecordingBenchmark {

	@Benchmark
	public void record(Recording recording) {
		long start = recording.timings.of(TimeUnit.SECONDS).start();
		recording.timings.of(TimeUnit.MINUTES).end(start);
		recording.tally.increment();
	}

	/**
	 * The measures, which all threads share.
	 */
	@State(Scope.Benchmark)
	public static class Recording {

		@Param("false")
		public boolean metrics;

		private final Outcomes<TimeUnit, Timing> timings = Outcomes.timed(TimeUnit.class);

		private final Tally tally = new Tally();

		@Setup
		public void bind() {
			if (this.metrics) {
				SimpleMeterRegistry registry = new SimpleMeterRegistry();
				this.timings.forEach((outcome, timing) -> {
					Timer timer = Timer.builder("recorded").tag("outcome", outcome.name()).register(registry);
					timing.recordBy((nanos) -> timer.record(nanos, TimeUnit.NANOSECONDS));
				});
			}
		}

	}

}
