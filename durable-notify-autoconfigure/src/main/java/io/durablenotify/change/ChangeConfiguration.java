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

package io.durablenotify.change;

import java.time.Clock;
import java.util.concurrent.Executor;

import io.durablenotify.loop.Delays;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.method.HandlerMethodFilter;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.Wakeups;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/**
 * The beans of changes.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class ChangeConfiguration {

	@Bean
	ChangeSql durableNotifyChangeSql(Schema schema) {
		return new ChangeSql(schema.name());
	}

	@Bean
	ChangeReader durableNotifyChangeReader(ApplicationDatabase database, ChangeSql sql,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor, Wakeups wakeups, Poll poll,
			ObjectProvider<Observations> observations) {
		ChangeReader reader = new ChangeReader(database, sql, executor, wakeups, poll, Clock.systemUTC(),
				Observations.of(observations), Delays.ofJvm());
		reader.prepare();
		return reader;
	}

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	ChangeNotifier durableNotifyChangeNotifier(DatabaseProduct product, ApplicationDatabase database,
			ObjectProvider<ChangeSql> sql, ObjectProvider<PublishingWrites> writes, ObjectProvider<ChangeReader> reader,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor,
			ObjectProvider<Observations> observations) {
		return (product.isPostgres())
				? new PostgresChangeNotifier(database, sql.getObject(), writes.getObject(), reader.getObject())
				: new LocalChangeNotifier(product.description(), executor, Clock.systemUTC(),
						Observations.of(observations));
	}

	@Bean
	Lifecycle durableNotifyChangeJanitor(ApplicationDatabase database, Schema schema, ChangeReader reader,
			ChangeProperties properties) {
		return new ChangeJanitor(database, new ChangeCleanupSql(schema.name()), reader, properties.retention());
	}

	@Bean
	@Lazy(false)
	static ChangeListenerProcessor durableNotifyChangeListenerProcessor(ObjectProvider<ChangeNotifier> notifier) {
		return new ChangeListenerProcessor(notifier);
	}

	@Bean
	@Lazy(false)
	static HandlerMethodFilter durableNotifyChangeListenerFilter() {
		return new HandlerMethodFilter(ChangeListener.class);
	}

}
