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

import org.springframework.beans.factory.BeanClassLoaderAware;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * A pool as {@link HandlerExecutors} describes it.
 */
@SuppressWarnings("serial")
class HandlerPool extends ThreadPoolTaskExecutor implements BeanClassLoaderAware {

	private ClassLoader classLoader = HandlerPool.class.getClassLoader();

	@Override
	public void setBeanClassLoader(ClassLoader classLoader) {
		this.classLoader = classLoader;
	}

	@Override
	public Thread createThread(Runnable worker) {
		Thread thread = new Thread(getThreadGroup(), worker, nextThreadName(), 0, false);
		thread.setPriority(getThreadPriority());
		thread.setDaemon(isDaemon());
		thread.setContextClassLoader(this.classLoader);
		return thread;
	}

}
