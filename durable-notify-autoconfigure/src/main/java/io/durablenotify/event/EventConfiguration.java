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

package io.durablenotify.event;

import java.util.List;
import java.util.concurrent.Executor;

import io.durablenotify.log.LogMeasures;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.wakeup.PublishingWrites;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The beans of events.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class EventConfiguration {

	@Bean
	LogSubscriptions<StoredEvent> durableNotifyRunFollowers(ApplicationDatabase database, Schema schema,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor, Wakeups wakeups, Poll poll) {
		return new LogSubscriptions<>(FollowedRun.KIND, new PostgresRunStore(schema.name()), FollowedRun.BUFFER_BYTES,
				database, executor, wakeups, poll, new LogMeasures(List.of()));
	}

	@Bean
	PostgresRunCatalog durableNotifyRunCatalog(Schema schema) {
		return new PostgresRunCatalog(schema.name());
	}

	@Bean
	Lifecycle durableNotifyRunJanitor(ApplicationDatabase database, PostgresRunCatalog catalog, PublishingWrites writes,
			EventProperties properties) {
		return new RunJanitor(database, catalog, writes, properties, RunJanitor.INTERVAL);
	}

	@Bean
	EventMeasures durableNotifyEventMeasures() {
		return new EventMeasures();
	}

	@Bean
	@ConditionalOnMissingBean
	EventLog durableNotifyEventLog(ApplicationDatabase database, Schema schema, PostgresRunCatalog catalog,
			PublishingWrites writes, LogSubscriptions<StoredEvent> followers, EventProperties properties,
			EventMeasures measures, ObjectProvider<Observations> observations) {
		PostgresEventAppends appendStore = new PostgresEventAppends(schema.name());
		return new DefaultEventLog(database, appendStore, new PostgresEventStore(schema.name()), catalog, writes,
				new EventAppends(appendStore, writes, properties, measures), followers, properties,
				Observations.of(observations));
	}

}
