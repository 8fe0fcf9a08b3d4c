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
package io.durablenotify.benchmarks.harness;

import java.util.List;

/**
 * How fast something was done.
 *
 * @param perSecond how often in a second
 * @param cpuMicros the CPU time that each took, in microseconds
 */
public record Worked(double perSecond, double cpuMicros) {

	/**
	 * Measure something that is done a number of times.
	 */
	public static Worked of(Database database, long times, Measurement<Double> perSecond) throws Exception {
		CpuTime cpu = CpuTime.start(database.server());
		double measured = perSecond.measure();
		return new Worked(measured, cpu.micros(times));
	}

	/**
	 * Compare how often in a second, and report the CPU time of each.
	 * @param unit of what there are so many in a second, with a slash and an s
	 */
	public static List<Line> lines(Rounds<Worked, Worked> rounds, String what, String unit, Target target) {
		return List.of(rounds.line(what, unit, Worked::perSecond, Worked::perSecond, target),
				rounds.line(what + ", CPU time of each", "µs", Worked::cpuMicros, Worked::cpuMicros, null));
	}

}
