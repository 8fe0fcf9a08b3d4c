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

import java.util.concurrent.ThreadFactory;

import org.springframework.beans.factory.BeanClassLoaderAware;
import org.springframework.core.task.SimpleAsyncTaskExecutor;

/**
 * Virtual threads as {@link HandlerExecutors} describes them. Spring's inherit.
 */
@SuppressWarnings("serial")
final class VirtualHandlerThreads extends SimpleAsyncTaskExecutor implements BeanClassLoaderAware {

	private final ThreadFactory threads;

	private ClassLoader classLoader = VirtualHandlerThreads.class.getClassLoader();

	VirtualHandlerThreads(String threadNamePrefix) {
		super(threadNamePrefix);
		this.threads = factory(threadNamePrefix);
	}

	/**
	 * By reflection, since Java 17 has none.
	 */
	private static ThreadFactory factory(String threadNamePrefix) {
		try {
			Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
			Class<?> type = Class.forName("java.lang.Thread$Builder");
			type.getMethod("name", String.class, long.class).invoke(builder, threadNamePrefix, 1);
			type.getMethod("inheritInheritableThreadLocals", boolean.class).invoke(builder, false);
			return (ThreadFactory) type.getMethod("factory").invoke(builder);
		}
		catch (ReflectiveOperationException ex) {
			throw new IllegalStateException("This JDK has no virtual threads", ex);
		}
	}

	@Override
	public void setBeanClassLoader(ClassLoader classLoader) {
		this.classLoader = classLoader;
	}

	@Override
	protected Thread newThread(Runnable task) {
		Thread thread = this.threads.newThread(task);
		thread.setContextClassLoader(this.classLoader);
		return thread;
	}

}
