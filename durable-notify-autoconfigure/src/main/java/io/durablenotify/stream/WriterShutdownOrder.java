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

package io.durablenotify.stream;

import java.util.Set;
import java.util.concurrent.Executor;

import io.durablenotify.loop.DeliveryConfiguration;

import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.annotation.ScheduledAnnotationBeanPostProcessor;

/**
 * Orders the shutdown: the application's beans that run tasks are destroyed first. Their
 * tasks may write streams, and they do not depend on our beans.
 */
final class WriterShutdownOrder {

	/**
	 * What our beans run tasks by is destroyed after them.
	 */
	private static final Set<String> OURS = Set.of(DeliveryConfiguration.EXECUTOR_BEAN_NAME,
			DeliveryConfiguration.HANDLERS_BEAN_NAME);

	private WriterShutdownOrder() {
	}

	/**
	 * Have all of them destroyed before one of our beans is: they await their tasks then.
	 */
	static void destroyBefore(String beanName, ConfigurableListableBeanFactory beanFactory) {
		for (Class<?> type : new Class<?>[] { Executor.class, TaskScheduler.class,
				ScheduledAnnotationBeanPostProcessor.class }) {
			for (String name : beanFactory.getBeanNamesForType(type, true, false)) {
				if (!OURS.contains(name)) {
					beanFactory.registerDependentBean(beanName, name);
				}
			}
		}
	}

}
