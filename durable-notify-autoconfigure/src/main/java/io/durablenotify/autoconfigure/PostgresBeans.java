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

import java.util.Map;

import io.durablenotify.event.EventProperties;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.stream.StreamProperties;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;

/**
 * Creates all our beans at start-up where the DataSource leads to PostgreSQL, as if they
 * were not lazy: an application that cannot listen or has no schema must not start.
 */
final class PostgresBeans implements InitializingBean {

	private static final String PREFIX = "durableNotify";

	private final DatabaseProduct product;

	private final ApplicationDatabase database;

	private final StreamProperties streams;

	private final EventProperties events;

	private final ConfigurableListableBeanFactory beanFactory;

	PostgresBeans(DatabaseProduct product, ApplicationDatabase database, StreamProperties streams,
			EventProperties events, ConfigurableListableBeanFactory beanFactory) {
		this.product = product;
		this.database = database;
		this.streams = streams;
		this.events = events;
		this.beanFactory = beanFactory;
	}

	@Override
	public void afterPropertiesSet() {
		if (!this.product.isPostgres()) {
			return;
		}
		for (String name : this.beanFactory.getBeanDefinitionNames()) {
			if (isOurs(name) && isLazySingleton(this.beanFactory.getBeanDefinition(name))) {
				this.beanFactory.getBean(name);
			}
		}
		this.database.checkSocketTimeout(Map.of("durable-notify.streams.append-timeout", this.streams.appendTimeout(),
				"durable-notify.events.append-timeout", this.events.appendTimeout()));
	}

	private static boolean isLazySingleton(BeanDefinition definition) {
		return definition.isLazyInit() && definition.isSingleton() && !definition.isAbstract();
	}

	static boolean isOurs(String beanName) {
		return beanName.startsWith(PREFIX);
	}

}
