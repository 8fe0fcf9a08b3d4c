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

import java.util.concurrent.locks.LockSupport;

/**
 * A steady rate. What takes too long is followed at once by what has become due in that
 * time.
 *
 * @param count how many times
 * @param perSecond how many times a second
 */
public record Pace(int count, int perSecond) {

	/**
	 * Return the pace of all latencies that are measured.
	 */
	static Pace measured(Run run) {
		return new Pace(run.size().pick(800, 400, 40), 200);
	}

	/**
	 * Return the pace of rounds before those, in which the JVMs compile what they
	 * execute. HotSpot compiles for good what was called 5,000 to 15,000 times, and five
	 * of these rounds call what is called once for each append 40,000 times.
	 */
	static Pace warmUp(Run run) {
		return new Pace(run.size().pick(8_000, 8_000, 40), 2_000);
	}

	/**
	 * Return the pace of processes that were started just now. A quick run has less than
	 * a minute of it.
	 */
	public static Pace firstMinute(Run run) {
		return new Pace(run.size().pick(12_000, 4_000, 40), 200);
	}

	/**
	 * Do something so often.
	 */
	public void run(Step step) throws Exception {
		long period = 1_000_000_000L / this.perSecond;
		long due = System.nanoTime();
		for (int i = 0; i < this.count; i++) {
			for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
				LockSupport.parkNanos(wait);
			}
			step.run(i);
			due += period;
		}
	}

	/**
	 * Do something so often, and time each step.
	 */
	public Latency time(Step step) throws Exception {
		Latency latency = new Latency();
		run((i) -> {
			long start = System.nanoTime();
			step.run(i);
			latency.record(System.nanoTime() - start);
		});
		return latency;
	}

	/**
	 * One of them.
	 */
	@FunctionalInterface
	public interface Step {

		void run(int i) throws Exception;

	}

	/**
	 * What is measured at a pace.
	 */
	@FunctionalInterface
	public interface Measurement<T> {

		T measure(Pace pace) throws Exception;

	}

}
