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

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;

import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * A cached pool with an upper limit: a task goes to a waiting thread, else to a new one,
 * and queues only once all threads are there and busy. (A plain pool with a queue starts
 * a second thread only when the queue is full.)
 */
final class CachedTaskExecutor extends ThreadPoolTaskExecutor {

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
	protected BlockingQueue<Runnable> createQueue(int queueCapacity) {
		return new HandOverQueue();
	}

	private static void enqueue(Runnable task, ThreadPoolExecutor executor) {
		if (executor.isShutdown()) {
			throw new RejectedExecutionException("The executor was shut down");
		}
		((HandOverQueue) executor.getQueue()).enqueue(task);
		// The last thread may have timed out since the pool was found full
		if (executor.getPoolSize() == 0 && executor.remove(task)) {
			executor.execute(task);
		}
	}

	/**
	 * Refuses what no thread waits for, which makes the pool start another thread.
	 */
	private static final class HandOverQueue extends LinkedTransferQueue<Runnable> {

		@Override
		public boolean offer(Runnable task) {
			return tryTransfer(task);
		}

		// Neither add() nor put(): on some JDKs they call offer()
		private void enqueue(Runnable task) {
			super.offer(task);
		}

	}

}
