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

package io.durablenotify.work;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.TakeOver;
import io.durablenotify.loop.HandlerExecutors;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.Wakeups;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.thread.Threading;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/**
 * Beans for listeners of work.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class WorkListenerConfiguration {

	/**
	 * The name of the bean of the executor that runs handlers of work.
	 */
	public static final String EXECUTOR_BEAN_NAME = "durableNotifyWorkExecutor";

	private static final String THREAD_NAME_PREFIX = "durable-notify-work-handler-";

	/**
	 * As many threads as the listeners have handlers: their concurrency is the limit.
	 */
	@Bean(name = EXECUTOR_BEAN_NAME, defaultCandidate = false)
	@ConditionalOnMissingBean(name = EXECUTOR_BEAN_NAME)
	AsyncTaskExecutor durableNotifyWorkExecutor(Environment environment) {
		if (Threading.VIRTUAL.isActive(environment)) {
			return HandlerExecutors.virtual(THREAD_NAME_PREFIX);
		}
		ThreadPoolTaskExecutor executor = HandlerExecutors.pool();
		executor.setThreadNamePrefix(THREAD_NAME_PREFIX);
		executor.setCorePoolSize(0);
		executor.setQueueCapacity(0);
		executor.setKeepAliveSeconds(30);
		executor.setDaemon(true);
		// The listeners are stopped after that, and wait for their handlers
		executor.setAcceptTasksAfterContextClose(true);
		executor.setPhase(WorkListenerRegistry.PHASE - 1024);
		return executor;
	}

	/**
	 * Also in a child of a context that has one: its handlers start and stop with it. Not
	 * beside listeners of the application's.
	 */
	@Bean
	@ConditionalOnMissingBean(ignored = WorkListenerRegistry.class)
	WorkListeners durableNotifyWorkListeners(ApplicationDatabase database, Schema schema, Instances instances,
			Wakeups wakeups, @Qualifier(EXECUTOR_BEAN_NAME) AsyncTaskExecutor executor, ListableBeanFactory beanFactory,
			WorkProperties properties, WorkMeasures measures, ObjectProvider<Observations> observations) {
		return new WorkListenerRegistry(database, new ClaimSql(schema.name()), new SettleSql(schema.name()), instances,
				wakeups, HandlerExecutors.besideCaller(executor), new HandlerTransactions(beanFactory, database),
				properties, measures, Observations.of(observations));
	}

	@Bean
	QueueListeners durableNotifyQueueListeners(WorkListeners listeners, ApplicationDatabase database) {
		if (listeners instanceof WorkListenerRegistry registry) {
			return registry::register;
		}
		return (spec, handler, preparation) -> {
			if (!database.isInTransaction()) {
				preparation.run();
			}
			return listeners.register(spec, handler);
		};
	}

	@Bean
	WorkHandling durableNotifyWorkHandling(WorkMeasures measures) {
		return measures::listeners;
	}

	@Bean
	TakeOver durableNotifyWorkTakeOver(Schema schema) {
		return new WorkTakeOver(new TakeOverSql(schema.name()));
	}

}
