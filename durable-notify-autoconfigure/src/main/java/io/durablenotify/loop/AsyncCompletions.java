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
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Completes the futures of what was written on the executor that runs users' code.
 *
 * @param <T> the type of what was written
 */
public final class AsyncCompletions<T> {

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

	private final Consumer<T> completion;

	private final Predicate<T> hasDependents;

	private final Delays delays;

	/**
	 * For what the executor rejects. Not the thread that completes, which writes for all
	 * callers.
	 */
	private final ThreadPoolExecutor overflow;

	/**
	 * What the system had neither a thread nor a timer for, until the next completion.
	 */
	private final Queue<Runnable> left = new ConcurrentLinkedQueue<>();

	/**
	 * Create a new instance.
	 * @param threadName the name of the threads for what the executor rejects
	 * @param executor runs users' code
	 * @param completion completes a future
	 * @param hasDependents returns whether code of the caller's would run with that
	 * @param delays runs what is due later
	 */
	public AsyncCompletions(String threadName, Executor executor, Consumer<T> completion, Predicate<T> hasDependents,
			Delays delays) {
		this.executor = executor;
		this.completion = completion;
		this.hasDependents = hasDependents;
		this.delays = delays;
		this.overflow = new ThreadPoolExecutor(MAX_OVERFLOW_THREADS, MAX_OVERFLOW_THREADS, 1, TimeUnit.SECONDS,
				new LinkedBlockingQueue<>(), new DaemonThreadFactory(threadName));
		this.overflow.allowCoreThreadTimeOut(true);
	}

	/**
	 * Complete futures, in order, without waiting. What runs with them is code of the
	 * callers, which may block, or wait for another of the futures. If the system has
	 * neither a thread nor a timer, that is left to the next call.
	 * @param written what was written
	 */
	public void complete(List<T> written) {
		for (int i = this.left.size(); i > 0; i--) {
			Runnable task = this.left.poll();
			if (task != null) {
				execute(task);
			}
		}
		if (written.size() == 1) {
			execute(() -> this.completion.accept(written.get(0)));
		}
		else if (!written.isEmpty()) {
			execute(new Completion(written));
		}
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
			executeLater(task);
		}
	}

	private void executeLater(Runnable task) {
		try {
			this.delays.after(RETRY, () -> execute(task));
		}
		catch (OutOfMemoryError ex) {
			this.left.add(task);
		}
	}

	/**
	 * Several futures, completed by one thread as long as that takes no time. A task for
	 * each costs more than all else of a write. Once they have stalled, another thread
	 * goes on, and each future that has code of a caller gets a separate task. That code
	 * can still be added between the check and the completion.
	 * <p>
	 * Another thread is asked for only when the last one has begun: an executor that has
	 * no room has one task of this waiting, however long that takes.
	 */
	private final class Completion implements Runnable {

		private final List<T> written;

		private final AtomicInteger next = new AtomicInteger();

		private volatile boolean stalled;

		Completion(List<T> written) {
			this.written = written;
		}

		@Override
		public void run() {
			try {
				AsyncCompletions.this.delays.after(STALL, this::goOnIfStalled);
			}
			catch (OutOfMemoryError ex) {
				// No other thread goes on: one that stalls delays those after it
			}
			for (int i = this.next.getAndIncrement(); i < this.written.size(); i = this.next.getAndIncrement()) {
				T next = this.written.get(i);
				if (this.stalled && AsyncCompletions.this.hasDependents.test(next)) {
					execute(() -> AsyncCompletions.this.completion.accept(next));
				}
				else {
					AsyncCompletions.this.completion.accept(next);
				}
			}
		}

		private void goOnIfStalled() {
			if (this.next.get() < this.written.size()) {
				this.stalled = true;
				execute(this);
			}
		}

	}

}
