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

import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Row 38.
 */
public final class RecordingPrice implements Figure {

	private static final double LIMIT_NANOS = 1_000;

	private static final int THREADS = 2;

	private static final int MILLIS = 1_000;

	@Override
	public int row() {
		return 38;
	}

	@Override
	public String title() {
		return "Recording an operation for meters, beside 1 µs";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		return List.of(measure(run, false, 1), measure(run, true, 1), measure(run, true, THREADS));
	}

	private static Line measure(Run run, boolean metrics, int threads) throws Exception {
		System.setProperty("jmh.ignoreLock", "true");
		TimeValue time = TimeValue.milliseconds(run.size().time(MILLIS).toMillis());
		List<Double> nanos = new ArrayList<>();
		for (int round = 0; round < run.rounds(); round++) {
			nanos.add(new Runner(
					new OptionsBuilder().include("^" + RecordingBenchmark.class.getName().replace(".", "\\.") + "\\.")
						.forks(0)
						.threads(threads)
						.param("metrics", String.valueOf(metrics))
						.warmupIterations(1)
						.warmupTime(time)
						.measurementIterations(1)
						.measurementTime(time)
						.verbosity(VerboseMode.SILENT)
						.shouldFailOnError(true)
						.build())
				.run()
				.iterator()
				.next()
				.getPrimaryResult()
				.getScore());
		}
		String what = "%s, %d thread%s".formatted((metrics) ? "with a registry" : "without a registry", threads,
				(threads > 1) ? "s" : "");
		return Line.limited(what, "ns", LIMIT_NANOS, nanos, Target.atMost(1));
	}

}
