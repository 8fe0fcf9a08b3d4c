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

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;

import io.durablenotify.loop.Delays;

/**
 * Delays that are over when a test says so.
 */
public final class HandDelays implements Delays {

	private final Queue<Delayed> delayed = new ArrayDeque<>();

	private Duration elapsed = Duration.ZERO;

	private Duration longest = Duration.ZERO;

	private record Delayed(Duration delay, Runnable task) {
	}

	@Override
	public synchronized Future<?> after(Duration delay, Runnable task) {
		this.delayed.add(new Delayed(delay, task));
		this.longest = (delay.compareTo(this.longest) > 0) ? delay : this.longest;
		return new CompletableFuture<>();
	}

	/**
	 * Return how many delays are not over.
	 */
	public synchronized int waiting() {
		return this.delayed.size();
	}

	/**
	 * Return the next delay.
	 */
	public synchronized Duration next() {
		return this.delayed.element().delay();
	}

	public synchronized Duration longest() {
		return this.longest;
	}

	/**
	 * Return the sum of the delays that are over.
	 */
	public synchronized Duration elapsed() {
		return this.elapsed;
	}

	/**
	 * Let the next delay be over.
	 */
	public void runNext() {
		Delayed next;
		synchronized (this) {
			next = this.delayed.remove();
			this.elapsed = this.elapsed.plus(next.delay());
		}
		next.task().run();
	}

}
