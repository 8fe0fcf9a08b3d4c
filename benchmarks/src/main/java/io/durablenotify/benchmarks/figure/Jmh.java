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

import java.util.Collection;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Size;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs one trial of a JMH benchmark in this JVM, so that trials of both sides can take
 * turns. (Forks would spend most of a round on starting: here the server does the work,
 * and what the compiler knows of the caller matters little.)
 */
final class Jmh {

	private static final int WARM_UP_MILLIS = 1_000;

	private static final int MEASURED_MILLIS = 2_000;

	private Jmh() {
	}

	/**
	 * Return operations per second.
	 */
	static double run(Class<?> benchmark, Database database, int threads, int streams, Size size)
			throws RunnerException {
		// Another run on this machine is no reason to refuse
		System.setProperty("jmh.ignoreLock", "true");
		Collection<RunResult> results = new Runner(
				new OptionsBuilder().include("^" + benchmark.getName().replace(".", "\\.") + "\\.")
					.forks(0)
					.threads(threads)
					.param("url", database.url())
					.param("streams", String.valueOf(streams))
					.warmupIterations(1)
					.warmupTime(TimeValue.milliseconds(size.time(WARM_UP_MILLIS).toMillis()))
					.measurementIterations(1)
					.measurementTime(TimeValue.milliseconds(size.time(MEASURED_MILLIS).toMillis()))
					.verbosity(VerboseMode.SILENT)
					.shouldFailOnError(true)
					.build())
			.run();
		return results.iterator().next().getPrimaryResult().getScore();
	}

}
