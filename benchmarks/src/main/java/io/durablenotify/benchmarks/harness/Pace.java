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
 * Does something at a steady rate. One that takes too long is followed at once by those
 * that have become due meanwhile.
 */
public final class Pace {

	private Pace() {
	}

	public static void run(int count, int perSecond, Step step) throws Exception {
		long period = 1_000_000_000L / perSecond;
		long due = System.nanoTime();
		for (int i = 0; i < count; i++) {
			for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
				LockSupport.parkNanos(wait);
			}
			step.run(i);
			due += period;
		}
	}

	/**
	 * Time each step.
	 */
	public static Latency time(int count, int perSecond, Step step) throws Exception {
		Latency latency = new Latency();
		run(count, perSecond, (i) -> {
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

}
