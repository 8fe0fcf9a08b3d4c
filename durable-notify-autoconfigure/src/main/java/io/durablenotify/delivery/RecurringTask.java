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

package io.durablenotify.delivery;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;

/**
 * Takes a turn at something about once per interval, and turn after turn while there is
 * more to do. Has no thread between, and rests after a turn that left more for as long as
 * that took, so that it is never at work for more than half of the time.
 */
public final class RecurringTask implements AutoCloseable {

	private final BooleanSupplier turn;

	private final Duration interval;

	private final Outage outage;

	private final WorkerThread thread;

	private final SerialTask task;

	/**
	 * Guards {@link #running} and {@link #pause}.
	 */
	private final Object lifecycle = new Object();

	private boolean running;

	private @Nullable CompletableFuture<Void> pause;

	/**
	 * Create a new instance. Starts nothing.
	 * @param threadName the name of the thread that takes the turns
	 * @param interval the longest time between two turns
	 * @param outage tells of turns that fail
	 * @param turn takes a turn, and returns whether there is more to do at once; what it
	 * throws is logged, and it is tried again after an interval
	 */
	public RecurringTask(String threadName, Duration interval, Outage outage, BooleanSupplier turn) {
		this.interval = interval;
		this.outage = outage;
		this.turn = turn;
		this.thread = new WorkerThread(threadName);
		this.task = new SerialTask(this.thread, this::run);
	}

	/**
	 * Take a turn soon, regardless of the interval.
	 */
	public void wake() {
		this.task.signal();
	}

	private void run() {
		if (!isRunning()) {
			return;
		}
		long start = System.nanoTime();
		boolean more = false;
		try {
			more = this.turn.getAsBoolean();
			this.outage.succeeded();
		}
		catch (Throwable ex) {
			if (isRunning()) {
				this.outage.failed(ex);
			}
		}
		pause((more) ? Duration.ofNanos(System.nanoTime() - start) : jittered());
	}

	/**
	 * Only ever shorter: the interval is what users were promised.
	 */
	private Duration jittered() {
		return Duration.ofMillis((long) (this.interval.toMillis() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
	}

	private void pause(Duration duration) {
		synchronized (this.lifecycle) {
			cancelPause();
			if (this.running) {
				CompletableFuture<Void> pause = new CompletableFuture<Void>().completeOnTimeout(null,
						duration.toNanos(), TimeUnit.NANOSECONDS);
				pause.thenRun(this::wake);
				this.pause = pause;
			}
		}
	}

	private void cancelPause() {
		if (this.pause != null) {
			this.pause.cancel(false);
			this.pause = null;
		}
	}

	/**
	 * Begin. Instances that start together have their first turns at different times.
	 */
	public void start() {
		synchronized (this.lifecycle) {
			this.running = true;
		}
		pause(jittered());
	}

	/**
	 * Take no more turns. May be started again.
	 */
	public void stop() {
		synchronized (this.lifecycle) {
			this.running = false;
			cancelPause();
		}
	}

	/**
	 * Return whether turns are taken.
	 * @return whether it was started, and not stopped
	 */
	public boolean isRunning() {
		synchronized (this.lifecycle) {
			return this.running;
		}
	}

	@Override
	public void close() {
		stop();
		this.thread.close();
	}

}
