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
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;

/**
 * A pool that starts a thread only when none is idle. It queues tasks only when a thread
 * will come for them, or the pool has its maximum of threads.
 * <p>
 * A {@link ThreadPoolExecutor} with a queue does one or the other: it starts a thread for
 * each task up to the core size, idle threads or not, or none beyond that until the queue
 * is full. Here the queue takes a task while a thread is on its way to one: it waits in
 * the queue, or has just been started. A thread that arrives has another one follow it,
 * as long as tasks are queued, before it begins its own. So a task that blocks holds up
 * no other, and many short ones at once start few threads.
 */
@SuppressWarnings("serial")
final class DeliveryExecutor extends HandlerPool {

	/**
	 * How often it is checked, while tasks are queued, whether threads can be started.
	 */
	private static final Duration CHECK = Duration.ofMillis(20);

	private final IdleThreadQueue queue = new IdleThreadQueue();

	/**
	 * How many threads wait for a task, or have just received one.
	 */
	private final AtomicInteger waiting = new AtomicInteger();

	/**
	 * How many threads have begun, and not ended. The pool has more while some of them
	 * start.
	 */
	private final AtomicInteger begun = new AtomicInteger();

	private final AtomicBoolean checking = new AtomicBoolean();

	DeliveryExecutor(int maxThreads) {
		setCorePoolSize(1);
		setMaxPoolSize(maxThreads);
		setAllowCoreThreadTimeOut(true);
		setRejectedExecutionHandler(this::enqueue);
	}

	@Override
	protected BlockingQueue<Runnable> createQueue(int queueCapacity) {
		return this.queue;
	}

	/**
	 * Each thread has another one follow it, if need be, before its first task.
	 */
	@Override
	public Thread createThread(Runnable worker) {
		return super.createThread(() -> {
			this.begun.incrementAndGet();
			try {
				startThread();
			}
			finally {
				runTasks(worker);
			}
		});
	}

	private void runTasks(Runnable worker) {
		try {
			worker.run();
		}
		finally {
			this.begun.decrementAndGet();
		}
	}

	/**
	 * Queue a task: the pool has its maximum of threads.
	 */
	private void enqueue(Runnable task, ThreadPoolExecutor pool) {
		if (pool.isShutdown()) {
			throw rejected();
		}
		this.queue.add(task);
		if (pool.isShutdown() && pool.remove(task)) {
			throw rejected();
		}
		startThreadsLater();
	}

	/**
	 * Return whether a thread is on its way to a task.
	 */
	private boolean isThreadComing() {
		return this.waiting.get() > 0 || getThreadPoolExecutor().getPoolSize() > this.begun.get();
	}

	/**
	 * Start a thread if tasks are queued and none comes. To be called after each change
	 * of either.
	 */
	private void startThread() {
		ThreadPoolExecutor pool = getThreadPoolExecutor();
		if (this.queue.isEmpty() || isThreadComing() || pool.isShutdown()) {
			return;
		}
		if (pool.getPoolSize() >= pool.getMaximumPoolSize()) {
			startThreadsLater();
			return;
		}
		Runnable task = this.queue.poll();
		if (task == null) {
			return;
		}
		try {
			pool.execute(task);
		}
		catch (RejectedExecutionException | OutOfMemoryError ex) {
			// Shut down, or the system is out of threads: one that is there takes it
			this.queue.add(task);
			startThreadsLater();
		}
	}

	/**
	 * Later, since a thread that is about to end still counts as one of all threads.
	 */
	private void startThreadsLater() {
		if (this.checking.compareAndSet(false, true)) {
			Delays.ofJvm().after(CHECK, () -> {
				this.checking.set(false);
				startThread();
				if (!this.queue.isEmpty() && !getThreadPoolExecutor().isShutdown()) {
					startThreadsLater();
				}
			});
		}
	}

	private static RejectedExecutionException rejected() {
		return new RejectedExecutionException("The executor of handlers has shut down");
	}

	/**
	 * Takes a task while a thread comes for it. A thread that has taken one has another
	 * one follow it, if need be, also where it did not have to wait: it may have been
	 * interrupted on its way.
	 */
	private final class IdleThreadQueue extends LinkedBlockingQueue<Runnable> {

		@Override
		public boolean offer(Runnable task) {
			if (!isThreadComing()) {
				return false;
			}
			super.offer(task);
			// It may have arrived in between
			startThread();
			if (DeliveryExecutor.this.waiting.get() == 0) {
				// It may never come: the system can be out of threads
				startThreadsLater();
			}
			return true;
		}

		@Override
		public boolean add(Runnable task) {
			return super.offer(task);
		}

		@Override
		public @Nullable Runnable poll(long timeout, TimeUnit unit) throws InterruptedException {
			Runnable task = poll();
			if (task == null) {
				task = await(timeout, unit);
			}
			startThread();
			return task;
		}

		private @Nullable Runnable await(long timeout, TimeUnit unit) throws InterruptedException {
			DeliveryExecutor.this.waiting.incrementAndGet();
			Runnable task;
			try {
				task = super.poll(timeout, unit);
			}
			finally {
				DeliveryExecutor.this.waiting.decrementAndGet();
			}
			return (task != null) ? task : poll();
		}

	}

}
