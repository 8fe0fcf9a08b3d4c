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

package io.durablenotify.listener;

import java.time.Clock;
import java.util.concurrent.Executor;

import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/**
 * The listener's beans.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class ListenerConfiguration {

	@Bean
	ListenerMeasures durableNotifyListenerMeasures(Schema schema) {
		return new ListenerMeasures(schema.name());
	}

	@Bean
	@ConditionalOnMissingBean
	NotificationListener durableNotifyListener(ListenerProperties properties, Environment environment,
			ListenerConnectionDetails details, ApplicationDatabase database, ListenerMeasures measures,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor) {
		return new PostgresNotificationListener(properties, properties.applicationName(environment), details, database,
				executor, measures, Clock.systemUTC());
	}

}
