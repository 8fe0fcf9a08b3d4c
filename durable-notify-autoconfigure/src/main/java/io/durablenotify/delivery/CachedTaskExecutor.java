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

import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.springframework.context.SmartLifecycle;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * A cached pool with an upper limit: a task goes to a waiting thread, else to a new one,
 * and queues only once all threads are there and busy. (A plain pool with a queue starts
 * a second thread only when the queue is full.)
 * <p>
 * Of many tasks at once only the first few wake a thread each. The others are left to
 * those, since waking a thread costs more than a short task; each thread that gets going
 * wakes another one before its first task, as long as some are left, so that a task that
 * blocks holds up none.
 */
final class CachedTaskExecutor extends ThreadPoolTaskExecutor {

	/**
	 * So many threads may be on their way at once.
	 */
	private static final int MAX_WAKING = Runtime.getRuntime().availableProcessors();

	private static final long LATER_MILLIS = 100;

	private static final Runnable NOTHING = () -> {
	};

	/**
	 * Tasks that the threads on their way shall run. Not empty without one of these, but
	 * for a moment.
	 */
	private final Queue<Runnable> left = new ConcurrentLinkedQueue<>();

	/**
	 * Whether somebody will see to what is left.
	 */
	private final AtomicBoolean later = new AtomicBoolean();

	/**
	 * How many threads are on their way.
	 */
	private final AtomicInteger waking = new AtomicInteger();

	CachedTaskExecutor(int maxThreads) {
		setThreadNamePrefix("durable-notify-");
		setCorePoolSize(0);
		setMaxPoolSize(maxThreads);
		setKeepAliveSeconds(30);
		setDaemon(true);
		setRejectedExecutionHandler(CachedTaskExecutor::enqueue);
		// Readers hear that the context closes: the last callbacks come after
		// ContextClosedEvent and while lifecycles stop
		setAcceptTasksAfterContextClose(true);
		setPhase(SmartLifecycle.DEFAULT_PHASE - 8192);
	}

	@Override
	public void execute(Runnable task) {
		if (this.waking.get() < MAX_WAKING || isShutdown()) {
			wakeThread(task);
			return;
		}
		this.left.add(task);
		if (isShutdown() && this.left.remove(task)) {
			throw new TaskRejectedException("The executor was shut down");
		}
		// Those on their way may have looked for it before
		wakeAnotherThread();
	}

	private boolean isShutdown() {
		return getThreadPoolExecutor().isShutdown();
	}

	private void wakeAnotherThread() {
		if (this.left.isEmpty() || this.waking.get() >= MAX_WAKING) {
			return;
		}
		if (isShutdown()) {
			runLater();
			return;
		}
		try {
			wakeThread(NOTHING);
		}
		catch (TaskRejectedException | OutOfMemoryError ex) {
			logger.debug("No thread could be woken", ex);
		}
	}

	private void wakeThread(Runnable task) {
		Wake wake = new Wake(task);
		try {
			super.execute(wake);
		}
		catch (Throwable ex) {
			wake.over();
			// Tasks may have been left to it
			runLater();
			throw ex;
		}
	}

	/**
	 * Whoever should run what is left did not come. What was accepted must not be lost.
	 */
	private void runLater() {
		if (!this.left.isEmpty() && this.later.compareAndSet(false, true)) {
			CompletableFuture.delayedExecutor(LATER_MILLIS, TimeUnit.MILLISECONDS, Runnable::run).execute(() -> {
				this.later.set(false);
				if (!isShutdown()) {
					wakeAnotherThread();
				}
				else if (!this.left.isEmpty()) {
					startThread();
				}
			});
		}
	}

	private void startThread() {
		try {
			createThread(() -> run(NOTHING)).start();
		}
		catch (OutOfMemoryError ex) {
			runLater();
		}
	}

	private void run(Runnable task) {
		try {
			Runnable next = task;
			while (next != null) {
				wakeAnotherThread();
				next.run();
				// As between the tasks of a pool: an interrupt is for one of them, and
				// those of a stopped one wait for the start
				if (Thread.interrupted() && isShutdown()) {
					Thread.currentThread().interrupt();
				}
				next = (isRunning() || isShutdown()) ? this.left.poll() : null;
			}
		}
		finally {
			// If a task has failed, and this thread with it
			wakeAnotherThread();
		}
	}

	@Override
	protected void cancelRemainingTask(Runnable task) {
		super.cancelRemainingTask((task instanceof Wake wake) ? wake.task : task);
	}

	@Override
	protected BlockingQueue<Runnable> createQueue(int queueCapacity) {
		return new HandOverQueue();
	}

	private static void enqueue(Runnable task, ThreadPoolExecutor executor) {
		if (executor.isShutdown()) {
			throw new RejectedExecutionException("The executor was shut down");
		}
		if (task instanceof Wake wake) {
			// No thread comes for it
			wake.over();
		}
		((HandOverQueue) executor.getQueue()).enqueue(task);
		// The last thread may have timed out since the pool was found full
		if (executor.getPoolSize() == 0 && executor.remove(task)) {
			executor.execute(task);
		}
	}

	/**
	 * What a thread is woken for: a task, and those that are left.
	 */
	private final class Wake implements Runnable {

		private final Runnable task;

		private final AtomicBoolean over = new AtomicBoolean();

		Wake(Runnable task) {
			this.task = task;
			CachedTaskExecutor.this.waking.incrementAndGet();
		}

		/**
		 * The thread is there, or does not come.
		 */
		void over() {
			if (this.over.compareAndSet(false, true)) {
				CachedTaskExecutor.this.waking.decrementAndGet();
			}
		}

		@Override
		public void run() {
			over();
			CachedTaskExecutor.this.run(this.task);
		}

	}

	/**
	 * Refuses what no thread waits for, which makes the pool start another thread.
	 */
	private final class HandOverQueue extends LinkedTransferQueue<Runnable> {

		@Override
		public boolean offer(Runnable task) {
			return tryTransfer(task);
		}

		@Override
		public int size() {
			return super.size() + CachedTaskExecutor.this.left.size();
		}

		// Neither add() nor put(): on some JDKs they call offer()
		private void enqueue(Runnable task) {
			super.offer(task);
		}

	}

}
