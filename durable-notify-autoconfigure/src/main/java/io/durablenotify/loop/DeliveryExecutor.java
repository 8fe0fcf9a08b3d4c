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

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;

import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * A pool that starts a thread only when none is idle, and queues tasks only when it may
 * start no more.
 * <p>
 * A {@link ThreadPoolExecutor} with a queue does one or the other: it starts a thread for
 * each task up to the core size, idle threads or not, or none beyond that until the queue
 * is full. Here the queue takes a task at once only if an idle thread waits for it. What
 * the pool rejects then, since it has all of its threads, is queued after all.
 */
@SuppressWarnings("serial")
final class DeliveryExecutor extends ThreadPoolTaskExecutor {

	DeliveryExecutor(int maxThreads) {
		setCorePoolSize(0);
		setMaxPoolSize(maxThreads);
		setRejectedExecutionHandler(DeliveryExecutor::queue);
	}

	@Override
	protected BlockingQueue<Runnable> createQueue(int queueCapacity) {
		return new IdleThreadQueue();
	}

	private static void queue(Runnable task, ThreadPoolExecutor pool) {
		if (!pool.isShutdown()) {
			pool.getQueue().add(task);
			// Its last thread may have ended before it saw the task
			if (!pool.isShutdown() || !pool.remove(task)) {
				return;
			}
		}
		throw new RejectedExecutionException("The executor of handlers has shut down");
	}

	private static final class IdleThreadQueue extends LinkedTransferQueue<Runnable> {

		@Override
		public boolean offer(Runnable task) {
			return tryTransfer(task);
		}

	}

}
