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
package io.durablenotify.loop;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Runs tasks after a delay. A task must not block: all of them share a thread.
 */
@FunctionalInterface
public interface Delays {

	/**
	 * Run a task after a delay.
	 * @param delay the delay
	 * @param task the task
	 * @return to cancel it
	 */
	Future<?> after(Duration delay, Runnable task);

	/**
	 * Return the delays of the JVM, whose thread lets it exit.
	 * @return the delays
	 */
	static Delays ofJvm() {
		return (delay, task) -> {
			CompletableFuture<Void> timer = new CompletableFuture<Void>().completeOnTimeout(null, delay.toNanos(),
					TimeUnit.NANOSECONDS);
			timer.thenRun(task);
			return timer;
		};
	}

}
