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

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A single daemon thread of our own for work that must not wait for users' handlers. It
 * exists only while there is work, and for {@value #KEEP_ALIVE_SECONDS} seconds after.
 */
public final class WorkerThread implements Executor, AutoCloseable {

	private static final int KEEP_ALIVE_SECONDS = 10;

	private final ThreadPoolExecutor executor;

	/**
	 * Create a new instance. Starts no thread.
	 * @param name the thread's name
	 */
	public WorkerThread(String name) {
		this.executor = new ThreadPoolExecutor(1, 1, KEEP_ALIVE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(),
				new DaemonThreadFactory(name), new ThreadPoolExecutor.DiscardPolicy());
		this.executor.allowCoreThreadTimeOut(true);
	}

	/**
	 * Run a task. After {@link #close()} it is dropped.
	 */
	@Override
	public void execute(Runnable task) {
		this.executor.execute(task);
	}

	/**
	 * Take no more tasks and interrupt the running one.
	 */
	@Override
	public void close() {
		this.executor.shutdownNow();
	}

}
