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

import java.util.concurrent.Executor;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.WakeupProperties;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The beans of work.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class WorkConfiguration {

	@Bean
	WorkPayloads durableNotifyWorkPayloads(BeanFactory beanFactory, WorkProperties properties) {
		return new WorkPayloads(PayloadJson.of(beanFactory), properties.maxPayloadSize().toBytes());
	}

	@Bean
	EnqueueSql durableNotifyEnqueueSql(Schema schema, WorkProperties properties) {
		return new EnqueueSql(schema.name(), properties.enqueueTimeout());
	}

	@Bean
	WorkAdminSql durableNotifyWorkAdminSql(Schema schema, WorkProperties properties) {
		return new WorkAdminSql(schema.name(), properties.enqueueTimeout());
	}

	@Bean
	@ConditionalOnMissingBean
	WorkQueue durableNotifyWorkQueue(ApplicationDatabase database, PublishingWrites writes, EnqueueSql sql,
			WorkMeasures measures, WorkPayloads payloads, WorkProperties properties,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor,
			ObjectProvider<Observations> observations) {
		WorkWrites storing = new WorkWrites(database, writes, sql, new EnqueueCounts(database, measures),
				properties.enqueueTimeout());
		return new DefaultWorkQueue(storing, payloads, properties, executor, Observations.of(observations));
	}

	@Bean
	@ConditionalOnMissingBean
	WorkAdmin durableNotifyWorkAdmin(ApplicationDatabase database, PublishingWrites writes, WorkAdminSql sql,
			EnqueueSql queues) {
		return new DefaultWorkAdmin(database, writes, sql, queues);
	}

	@Bean
	QueueProbes durableNotifyQueueProbes(ApplicationDatabase database, PublishingWrites writes, WorkAdminSql sql,
			Schema schema) {
		return new DefaultQueueProbes(database, writes, sql, schema.name());
	}

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	WorkMeasures durableNotifyWorkMeasures(WakeupProperties wakeups) {
		return WorkMeasures.create(wakeups.maxGap());
	}

	@Bean
	WorkBacklog durableNotifyWorkBacklog(Schema schema) {
		return new WorkBacklogSql(schema.name());
	}

	@Bean
	QueueWatch durableNotifyQueueWatch() {
		return new QueueWatch();
	}

	@Bean
	Lifecycle durableNotifyWorkJanitor(ApplicationDatabase database, Schema schema, WorkAdminSql sql,
			PublishingWrites writes, WorkProperties properties, QueueWatch watch, ServerWatch server,
			ObjectProvider<WorkListeners> listeners) {
		return new WorkJanitor(database, sql, new TakeOverSql(schema.name()), writes, properties.deadRetention(), watch,
				server, () -> {
					if (listeners.getIfUnique() instanceof WorkListenerRegistry registry) {
						registry.giveBackUnknown();
					}
				}, WorkJanitor.INTERVAL);
	}

}
