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

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.SearchStrategy;
import org.springframework.boot.thread.Threading;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * The executor that runs users' handlers. It is no default candidate, so that Boot's
 * {@code applicationTaskExecutor} and injection by type stay as they are.
 */
@Configuration(proxyBeanMethods = false)
public class DeliveryConfiguration {

	/**
	 * The name of the executor's bean.
	 */
	public static final String EXECUTOR_BEAN_NAME = "durableNotifyTaskExecutor";

	/**
	 * The name of the bean by which components hand it tasks. One for all of a context,
	 * so that an executor that runs them on the calling thread is logged once. A child
	 * context has its own, since it may have an executor of its own.
	 */
	public static final String HANDLERS_BEAN_NAME = "durableNotifyHandlers";

	private static final String THREAD_NAME_PREFIX = "durable-notify-";

	@Bean(name = EXECUTOR_BEAN_NAME, defaultCandidate = false)
	@ConditionalOnMissingBean(name = EXECUTOR_BEAN_NAME)
	AsyncTaskExecutor durableNotifyTaskExecutor(DeliveryProperties properties, Environment environment) {
		if (Threading.VIRTUAL.isActive(environment)) {
			return HandlerExecutors.virtual(THREAD_NAME_PREFIX);
		}
		return pool(properties.maxThreads());
	}

	@Bean(name = HANDLERS_BEAN_NAME, defaultCandidate = false)
	@ConditionalOnMissingBean(name = HANDLERS_BEAN_NAME, search = SearchStrategy.CURRENT)
	Executor durableNotifyHandlers(@Qualifier(EXECUTOR_BEAN_NAME) Executor executor) {
		return HandlerExecutors.besideCaller(executor);
	}

	private static ThreadPoolTaskExecutor pool(int maxThreads) {
		ThreadPoolTaskExecutor executor = new DeliveryExecutor(maxThreads);
		executor.setThreadNamePrefix(THREAD_NAME_PREFIX);
		executor.setKeepAliveSeconds(30);
		executor.setDaemon(true);
		// Readers are notified that the context closes: the last callbacks come after
		// ContextClosedEvent and while lifecycles stop
		executor.setAcceptTasksAfterContextClose(true);
		executor.setPhase(SmartLifecycle.DEFAULT_PHASE - 8192);
		return executor;
	}

}
