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
import io.durablenotify.method.HandlerMethodFilter;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.PublishingWrites;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/**
 * The beans of {@link WorkListener} methods.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class WorkMethodConfiguration {

	@Bean
	@ConditionalOnMissingBean
	Recurrences durableNotifyRecurrences(ApplicationDatabase database, Schema schema, PublishingWrites writes) {
		return new RecurringWork(database, new RecurringSql(schema.name()), writes);
	}

	@Bean
	@Lazy(false)
	static WorkListenerProcessor durableNotifyWorkListenerProcessor(ObjectProvider<WorkListeners> listeners,
			ObjectProvider<WorkPayloads> payloads, ObjectProvider<Recurrences> recurrences,
			ObjectProvider<WorkProperties> properties) {
		return new WorkListenerProcessor(listeners, payloads, recurrences, properties);
	}

	@Bean
	@Lazy(false)
	static HandlerMethodFilter durableNotifyWorkListenerFilter() {
		return new HandlerMethodFilter(WorkListener.class);
	}

}
