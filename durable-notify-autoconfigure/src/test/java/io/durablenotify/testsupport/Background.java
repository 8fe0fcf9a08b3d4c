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

package io.durablenotify.testsupport;

import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Threads for what a test does at the same time, one for each. (The common pool, which
 * futures use by default, has a single thread on two cores, and tests block theirs.)
 */
public final class Background {

	private Background() {
	}

	public static CompletableFuture<Void> run(Runnable task) {
		return CompletableFuture.runAsync(task, Background::start);
	}

	public static <T> CompletableFuture<T> supply(Supplier<T> task) {
		return CompletableFuture.supplyAsync(task, Background::start);
	}

	/**
	 * Return whether a thread is in a method.
	 */
	public static boolean isIn(Thread thread, String method) {
		return Stream.of(thread.getStackTrace()).anyMatch((frame) -> frame.getMethodName().equals(method));
	}

	/**
	 * Wait until a thread is in a method.
	 */
	public static void awaitIn(String method) {
		Eventually.await(() -> Thread.getAllStackTraces()
			.values()
			.stream()
			.flatMap(Stream::of)
			.anyMatch((frame) -> frame.getMethodName().equals(method)), () -> "no thread is in " + method);
	}

	private static void start(Runnable task) {
		Thread thread = new Thread(task, "background");
		thread.setDaemon(true);
		thread.start();
	}

}
