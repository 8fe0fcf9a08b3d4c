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

package io.durablenotify.wakeup;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;

import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The beans of wake-ups and the poll.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class WakeupConfiguration {

	@Bean
	WakeupMeasures durableNotifyWakeupMeasures() {
		return new WakeupMeasures();
	}

	@Bean
	@ConditionalOnMissingBean
	Wakeups durableNotifyWakeups(ApplicationDatabase database, NotificationListener listener, Schema schema,
			WakeupProperties properties, WakeupMeasures measures) {
		return new PostgresWakeups(database, listener, schema.name(), properties, measures);
	}

	@Bean
	PublishingWrites durableNotifyPublishingWrites(Wakeups wakeups) {
		return new PublishingWrites(wakeups);
	}

	@Bean
	@ConditionalOnMissingBean
	Poll durableNotifyPoll(PollProperties properties, NotificationListener listener) {
		return new AdaptivePoll(properties, listener::state);
	}

}
