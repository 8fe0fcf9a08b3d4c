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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Counts how often threads get something done in a time.
 */
public final class Throughput {

	private Throughput() {
	}

	/**
	 * Let threads work.
	 * @param warmUp how long before it counts
	 * @param time how long it counts
	 * @param work what the thread of a number does, over and over
	 * @return how often all of them did it, and how often in a second while it counted
	 */
	public static Done of(int threads, Duration warmUp, Duration time, Work work) throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(threads);
		try {
			CyclicBarrier start = new CyclicBarrier(threads);
			List<Future<Done>> results = new ArrayList<>();
			for (int i = 0; i < threads; i++) {
				int thread = i;
				Callable<Done> task = () -> {
					start.await();
					long warmedUp = loop(warmUp, thread, work);
					long begin = System.nanoTime();
					long done = loop(time, thread, work);
					return new Done(warmedUp + done, done * 1e9 / (System.nanoTime() - begin));
				};
				results.add(executor.submit(task));
			}
			long count = 0;
			double perSecond = 0;
			for (Future<Done> result : results) {
				count += result.get().count();
				perSecond += result.get().perSecond();
			}
			return new Done(count, perSecond);
		}
		finally {
			executor.shutdownNow();
		}
	}

	private static long loop(Duration time, int thread, Work work) throws Exception {
		long end = System.nanoTime() + time.toNanos();
		long count = 0;
		while (System.nanoTime() - end < 0) {
			work.run(thread);
			count++;
		}
		return count;
	}

	/**
	 * What was done.
	 *
	 * @param count how often in all
	 * @param perSecond how often in a second, while it counted
	 */
	public record Done(long count, double perSecond) {
	}

	/**
	 * What a thread does.
	 */
	@FunctionalInterface
	public interface Work {

		void run(int thread) throws Exception;

	}

}
