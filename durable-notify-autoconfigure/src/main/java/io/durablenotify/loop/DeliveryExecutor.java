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

import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * A pool that starts a thread only when none is idle, and queues tasks only when it is
 * full.
 * <p>
 * A {@link ThreadPoolExecutor} with a queue does one or the other: it starts a thread for
 * each task up to the core size, idle threads or not, or none beyond that until the queue
 * is full. Here the queue takes a task only if an idle thread waits for it, the way
 * Tomcat's {@code TaskQueue} does. What the pool rejects then, since it has all of its
 * threads, is queued after all.
 */
@SuppressWarnings("serial")
final class DeliveryExecutor extends ThreadPoolTaskExecutor {

	/**
	 * How often it is checked, while tasks are queued, whether threads can be started.
	 */
	private static final Duration CHECK = Duration.ofMillis(20);

	private final IdleThreadQueue queue = new IdleThreadQueue();

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

	private void enqueue(Runnable task, ThreadPoolExecutor pool) {
		if (pool.isShutdown()) {
			throw rejected();
		}
		this.queue.add(task);
		if (pool.isShutdown() && pool.remove(task)) {
			throw rejected();
		}
	}

	/**
	 * Later, since a thread that is about to end still counts as one of all threads.
	 */
	private void startThreadsLater() {
		if (this.checking.compareAndSet(false, true)) {
			Delays.ofJvm().after(CHECK, () -> {
				this.checking.set(false);
				startThreads(getThreadPoolExecutor());
			});
		}
	}

	private void startThreads(ThreadPoolExecutor pool) {
		while (!pool.isShutdown() && pool.getPoolSize() < pool.getMaximumPoolSize()) {
			Runnable task = this.queue.poll();
			if (task == null) {
				return;
			}
			pool.execute(task);
		}
		if (!pool.isShutdown() && !this.queue.isEmpty()) {
			startThreadsLater();
		}
	}

	private static RejectedExecutionException rejected() {
		return new RejectedExecutionException("The executor of handlers has shut down");
	}

	/**
	 * A task that no thread waits for would wait for handlers that block, although
	 * threads can be started. Each side checks for that after its own change.
	 */
	private final class IdleThreadQueue extends LinkedBlockingQueue<Runnable> {

		/**
		 * How many threads wait for a task, or have just received one.
		 */
		private final AtomicInteger waiting = new AtomicInteger();

		@Override
		public boolean offer(Runnable task) {
			return this.waiting.get() > size() && add(task);
		}

		@Override
		public boolean add(Runnable task) {
			super.offer(task);
			checkWaiting();
			return true;
		}

		private void checkWaiting() {
			if (this.waiting.get() < size()) {
				startThreadsLater();
			}
		}

		@Override
		public @Nullable Runnable poll(long timeout, TimeUnit unit) throws InterruptedException {
			Runnable task = poll();
			if (task != null) {
				return task;
			}
			this.waiting.incrementAndGet();
			try {
				task = super.poll(timeout, unit);
			}
			finally {
				this.waiting.decrementAndGet();
			}
			if (task == null) {
				return poll();
			}
			checkWaiting();
			return task;
		}

	}

}
