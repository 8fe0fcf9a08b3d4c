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

import io.durablenotify.change.ChangeProperties;
import io.durablenotify.channel.ChannelProperties;
import io.durablenotify.loop.DeliveryProperties;
import io.durablenotify.event.EventProperties;
import io.durablenotify.instance.LeaseProperties;
import io.durablenotify.listener.ListenerProperties;
import io.durablenotify.outbox.OutboxProperties;
import io.durablenotify.properties.PropertyRules;
import io.durablenotify.schema.SchemaProperties;
import io.durablenotify.stream.StreamProperties;
import io.durablenotify.wakeup.PollProperties;
import io.durablenotify.wakeup.WakeupProperties;
import io.durablenotify.web.SseProperties;
import io.durablenotify.work.WorkProperties;

import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;

/**
 * The configuration properties of all features. Each checks its own values when it is
 * created, which is before anything reaches the database.
 */
@Configuration(proxyBeanMethods = false)
@Lazy(false)
@EnableConfigurationProperties({ DurableNotifyProperties.class, SchemaProperties.class, DeliveryProperties.class,
		ListenerProperties.class, PollProperties.class, WakeupProperties.class, LeaseProperties.class,
		StreamProperties.class, EventProperties.class, ChangeProperties.class, WorkProperties.class,
		ChannelProperties.class, OutboxProperties.class, SseProperties.class })
class PropertiesConfiguration {

	PropertiesConfiguration(ListenerProperties listener, PollProperties poll) {
		new PropertyRules("durable-notify.poll").check(listener.enabled() || !poll.interval().isZero(), "interval",
				poll.interval(),
				"Must be more than 0 where durable-notify.listener.enabled is false, since nothing would deliver what "
						+ "other instances write. Turn the listener on, or set durable-notify.poll.interval.");
	}

	@Bean
	static UnitsBindHandlerAdvisor durableNotifyUnitsBindHandlerAdvisor(Environment environment) {
		return new UnitsBindHandlerAdvisor(environment);
	}

}
