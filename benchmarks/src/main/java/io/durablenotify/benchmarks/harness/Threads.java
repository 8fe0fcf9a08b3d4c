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

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.stream.Stream;

/**
 * How many threads this process has.
 */
public final class Threads {

	private Threads() {
	}

	public static int count() {
		return ManagementFactory.getThreadMXBean().getThreadCount();
	}

	/**
	 * Return how many threads there are beside those of pools that wait for a task.
	 */
	public static int countBusy() {
		ThreadInfo[] threads = ManagementFactory.getThreadMXBean().dumpAllThreads(false, false);
		return (int) Stream.of(threads).filter((thread) -> !awaitsTask(thread)).count();
	}

	private static boolean awaitsTask(ThreadInfo thread) {
		return Stream.of(thread.getStackTrace()).anyMatch((frame) -> frame.getMethodName().equals("getTask"));
	}

	/**
	 * Wait until threads that pools keep for a while are gone, but not for longer.
	 */
	public static void awaitAtMost(int count, int millis) throws InterruptedException {
		long start = System.nanoTime();
		while (count() > count && System.nanoTime() - start < millis * 1_000_000L) {
			Thread.sleep(100);
		}
	}

}
