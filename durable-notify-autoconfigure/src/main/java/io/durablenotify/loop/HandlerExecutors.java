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
import java.util.concurrent.RejectedExecutionException;

import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * Makes executors that run users' handlers. Their threads have nothing of the thread that
 * a task comes from: no inheritable thread locals, such as a user's security context. The
 * context class loader is that of the application context whose beans they are.
 */
public final class HandlerExecutors {

	private HandlerExecutors() {
	}

	/**
	 * Make a pool.
	 * @return the pool
	 */
	public static ThreadPoolTaskExecutor pool() {
		return new HandlerPool();
	}

	/**
	 * Make an executor with a virtual thread for each task. Needs Java 21.
	 * @param threadNamePrefix the prefix of the threads' names
	 * @return the executor
	 */
	public static AsyncTaskExecutor virtual(String threadNamePrefix) {
		return new VirtualHandlerThreads(threadNamePrefix);
	}

	/**
	 * Return what runs tasks on other threads than their callers' only. Where an executor
	 * would run one on the caller's, as with
	 * {@link java.util.concurrent.ThreadPoolExecutor.CallerRunsPolicy}, it throws a
	 * {@link RejectedExecutionException}.
	 * @param executor the executor, which may be the application's
	 * @return the executor to use
	 */
	public static Executor besideCaller(Executor executor) {
		return new BesideCaller(executor);
	}

}
