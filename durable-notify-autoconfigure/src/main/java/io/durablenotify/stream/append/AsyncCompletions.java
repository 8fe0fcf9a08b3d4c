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

package io.durablenotify.stream.append;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToLongFunction;

import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.loop.Delays;

/**
 * Completes the futures of appends on the executor that runs users' code.
 */
final class AsyncCompletions {

	/**
	 * How long a future's completion may take before another thread completes those after
	 * it.
	 */
	private static final Duration STALL = Duration.ofMillis(20);

	/**
	 * How long to wait where no thread can be started at all.
	 */
	private static final Duration RETRY = Duration.ofMillis(100);

	private static final int MAX_OVERFLOW_THREADS = 16;

	private final Executor executor;

	private final Delays delays;

	/**
	 * For what the executor rejects. Not the thread that completes, which writes for all
	 * callers.
	 */
	private final ThreadPoolExecutor overflow = new ThreadPoolExecutor(MAX_OVERFLOW_THREADS, MAX_OVERFLOW_THREADS, 1,
			TimeUnit.SECONDS, new LinkedBlockingQueue<>(), new DaemonThreadFactory("durable-notify-append-outcome"));

	private final ToLongFunction<Append> result;

	AsyncCompletions(Executor executor, ToLongFunction<Append> result) {
		this(executor, result, Delays.ofJvm());
	}

	AsyncCompletions(Executor executor, ToLongFunction<Append> result, Delays delays) {
		this.executor = executor;
		this.result = result;
		this.delays = delays;
		this.overflow.allowCoreThreadTimeOut(true);
	}

	/**
	 * Complete the futures of appends, in order, without waiting. What runs with them is
	 * code of the callers, which may block, or wait for another of the futures.
	 */
	void complete(List<Append> appends) {
		if (appends.size() == 1) {
			execute(() -> completeFuture(appends.get(0)));
		}
		else if (!appends.isEmpty()) {
			execute(new Completion(appends));
		}
	}

	private void completeFuture(Append append) {
		append.completeFuture(this.result);
	}

	private void execute(Runnable task) {
		try {
			this.executor.execute(task);
		}
		catch (Throwable ex) {
			// Shut down, or full: a caller that waits must not wait forever
			executeBeside(task);
		}
	}

	private void executeBeside(Runnable task) {
		try {
			this.overflow.execute(task);
		}
		catch (OutOfMemoryError ex) {
			this.delays.after(RETRY, () -> execute(task));
		}
	}

	/**
	 * Several futures, completed by one thread as long as that takes no time: a task for
	 * each costs more than all else of an append. Once they have stalled, another thread
	 * goes on, and each future that has code of a caller gets a separate task. That code
	 * can still be added between the check and the completion.
	 * <p>
	 * Another thread is asked for only when the last one has begun: an executor that has
	 * no room has one task of this waiting, however long that takes.
	 */
	private final class Completion implements Runnable {

		private final List<Append> appends;

		private final AtomicInteger next = new AtomicInteger();

		private volatile boolean stalled;

		Completion(List<Append> appends) {
			this.appends = appends;
		}

		@Override
		public void run() {
			AsyncCompletions.this.delays.after(STALL, this::goOnIfStalled);
			for (int i = this.next.getAndIncrement(); i < this.appends.size(); i = this.next.getAndIncrement()) {
				Append append = this.appends.get(i);
				if (this.stalled && append.hasDependents()) {
					execute(() -> completeFuture(append));
				}
				else {
					completeFuture(append);
				}
			}
		}

		private void goOnIfStalled() {
			if (this.next.get() < this.appends.size()) {
				this.stalled = true;
				execute(this);
			}
		}

	}

}
