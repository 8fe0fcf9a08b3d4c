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

package io.durablenotify.autoconfigure;

import java.lang.reflect.Method;
import java.util.Map;

import io.durablenotify.event.EventProperties;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.stream.StreamProperties;
import io.durablenotify.work.WorkProperties;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.annotation.AnnotatedElementUtils;

/**
 * Creates all beans that {@linkplain RequiresPostgres require PostgreSQL} at start-up,
 * where the DataSource leads to it. They are lazy, but an application that cannot listen
 * or has no schema must not start.
 */
final class PostgresBeans implements InitializingBean {

	private final DatabaseProduct product;

	private final ApplicationDatabase database;

	private final StreamProperties streams;

	private final EventProperties events;

	private final WorkProperties work;

	private final ConfigurableListableBeanFactory beanFactory;

	PostgresBeans(DatabaseProduct product, ApplicationDatabase database, StreamProperties streams,
			EventProperties events, WorkProperties work, ConfigurableListableBeanFactory beanFactory) {
		this.product = product;
		this.database = database;
		this.streams = streams;
		this.events = events;
		this.work = work;
		this.beanFactory = beanFactory;
	}

	@Override
	public void afterPropertiesSet() {
		if (!this.product.isPostgres()) {
			return;
		}
		for (String name : this.beanFactory.getBeanDefinitionNames()) {
			if (isLazySingleton(this.beanFactory.getBeanDefinition(name)) && isOne(this.beanFactory, name)) {
				this.beanFactory.getBean(name);
			}
		}
		this.database.checkSocketTimeout(Map.of("durable-notify.streams.append-timeout", this.streams.appendTimeout(),
				"durable-notify.events.append-timeout", this.events.appendTimeout(),
				"durable-notify.work.enqueue-timeout", this.work.enqueueTimeout()));
	}

	private static boolean isLazySingleton(BeanDefinition definition) {
		return definition.isLazyInit() && definition.isSingleton() && !definition.isAbstract();
	}

	/**
	 * Return whether a bean that is defined {@linkplain RequiresPostgres requires
	 * PostgreSQL}.
	 */
	static boolean isOne(ConfigurableListableBeanFactory beanFactory, String name) {
		// Only then is the factory method known
		beanFactory.getType(name, false);
		return beanFactory.getMergedBeanDefinition(name) instanceof RootBeanDefinition definition && isOne(definition);
	}

	/**
	 * Return whether a bean whose type is known {@linkplain RequiresPostgres requires
	 * PostgreSQL}.
	 */
	static boolean isOne(RootBeanDefinition definition) {
		Method factoryMethod = definition.getResolvedFactoryMethod();
		if (factoryMethod == null) {
			return false;
		}
		Lazy lazy = AnnotatedElementUtils.findMergedAnnotation(factoryMethod, Lazy.class);
		return (lazy == null || lazy.value())
				&& (AnnotatedElementUtils.hasAnnotation(factoryMethod, RequiresPostgres.class) || AnnotatedElementUtils
					.hasAnnotation(factoryMethod.getDeclaringClass(), RequiresPostgres.class));
	}

}
