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

package io.durablenotify.stream;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.loop.Delays;

/**
 * Completes the futures of appends on the executor that runs users' code.
 */
final class AsyncOutcomes {

	/**
	 * After how long those behind a future whose completion takes its time go on without
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
	 * For what the executor refuses. Never the caller's thread: it writes for everybody.
	 */
	private final ThreadPoolExecutor overflow = new ThreadPoolExecutor(MAX_OVERFLOW_THREADS, MAX_OVERFLOW_THREADS, 1,
			TimeUnit.SECONDS, new LinkedBlockingQueue<>(), new DaemonThreadFactory("durable-notify-append-outcome"));

	AsyncOutcomes(Executor executor) {
		this(executor, Delays.ofJvm());
	}

	AsyncOutcomes(Executor executor, Delays delays) {
		this.executor = executor;
		this.delays = delays;
		this.overflow.allowCoreThreadTimeOut(true);
	}

	/**
	 * Complete futures, in order, without waiting. What runs with them is somebody's
	 * code, which may block, or wait for one of the others.
	 */
	void complete(List<PendingAppend> settled) {
		if (settled.size() == 1) {
			execute(settled.get(0)::completeFuture);
		}
		else if (!settled.isEmpty()) {
			execute(new Completion(settled));
		}
	}

	private void execute(Runnable task) {
		try {
			this.executor.execute(task);
		}
		catch (Throwable ex) {
			// Shut down, or full: whoever waits must not wait for ever
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
	 * goes on, and what has somebody's code gets a task of its own. That code can still
	 * come to a future between the look for it and the completion.
	 * <p>
	 * Another thread is asked for only when the last one has begun: an executor that has
	 * no room has one task of this waiting, however long that takes.
	 */
	private final class Completion implements Runnable {

		private final List<PendingAppend> appends;

		private final AtomicInteger next = new AtomicInteger();

		private volatile boolean stalled;

		Completion(List<PendingAppend> appends) {
			this.appends = appends;
		}

		@Override
		public void run() {
			AsyncOutcomes.this.delays.after(STALL, this::goOnIfStalled);
			for (int i = this.next.getAndIncrement(); i < this.appends.size(); i = this.next.getAndIncrement()) {
				PendingAppend append = this.appends.get(i);
				if (this.stalled && append.hasDependents()) {
					execute(append::completeFuture);
				}
				else {
					append.completeFuture();
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
