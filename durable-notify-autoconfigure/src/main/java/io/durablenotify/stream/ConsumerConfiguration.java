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

import java.util.concurrent.Executor;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.LeaseProperties;
import io.durablenotify.instance.TakeOver;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.Wakeups;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The beans of named consumers of streams.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
class ConsumerConfiguration {

	@Bean
	ConsumerSql durableNotifyConsumerSql(Schema schema) {
		return new ConsumerSql(schema.name());
	}

	@Bean
	OpenConsumers durableNotifyOpenConsumers(ApplicationDatabase database, Schema schema, ConsumerSql sql,
			LogSubscriptions<Chunk> readers, Instances instances, LeaseProperties leases, Wakeups wakeups, Poll poll,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor, ListableBeanFactory beanFactory) {
		return new OpenConsumers(database, sql, new ConsumerPositionSql(schema.name()), readers, instances,
				leases.lease(), wakeups, poll, executor, new HandlerTransactions(beanFactory, database));
	}

	/**
	 * Spring pauses and restarts a {@link SmartLifecycle} only. What is declared as one
	 * is not lazy.
	 */
	@Bean
	Lifecycle durableNotifyConsumerPauses(OpenConsumers consumers) {
		return new SmartLifecycle() {

			@Override
			public void start() {
				consumers.start();
			}

			@Override
			public void stop() {
				consumers.stop();
			}

			@Override
			public boolean isRunning() {
				return consumers.isRunning();
			}

		};
	}

	@Bean
	TakeOver durableNotifyConsumerTakeOver(ConsumerSql sql) {
		return new ConsumerTakeOver(sql);
	}

	@Bean
	@ConditionalOnMissingBean
	StreamConsumers durableNotifyStreamConsumers(ApplicationDatabase database, ConsumerSql sql,
			PublishingWrites writes) {
		return new DefaultStreamConsumers(database, sql, writes);
	}

}
