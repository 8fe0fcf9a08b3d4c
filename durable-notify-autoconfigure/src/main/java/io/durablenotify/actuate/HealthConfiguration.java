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

package io.durablenotify.actuate;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.work.WorkHealth;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.health.contributor.HealthContributor;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/**
 * The bean of the health.
 */
@Configuration(proxyBeanMethods = false)
public class HealthConfiguration {

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean(name = { "durableNotifyHealthIndicator", "durableNotifyHealthContributor" })
	HealthContributor durableNotifyHealthIndicator(DatabaseProduct product,
			ObjectProvider<NotificationListener> listener, ObjectProvider<Poll> poll, ApplicationDatabase database,
			ObjectProvider<LogSubscriptions<?>> readers, ObjectProvider<ChangeDelivery> changes,
			ObjectProvider<WorkHealth> work, ObjectProvider<ServerWatch> server) {
		return (product.isPostgres()) ? new DurableNotifyHealthIndicator(listener.getObject(), poll.getObject(),
				database, readers.orderedStream().toList(), changes.getObject(), work.getObject(),
				server.getObject()::last) : new LocalHealthIndicator(product);
	}

}
