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

package io.durablenotify.instance;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.Wakeups;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/**
 * The beans of instances.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class InstanceConfiguration {

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	LeaseMeasures durableNotifyLeaseMeasures() {
		return new LeaseMeasures();
	}

	@Bean(initMethod = "start")
	LeaseKeeper durableNotifyInstances(LeaseProperties properties, Environment environment,
			ApplicationDatabase database, Schema schema, NotificationListener listener, PublishingWrites writes,
			Wakeups wakeups, ObjectProvider<TakeOver> takeOvers, LeaseMeasures measures) {
		String name = environment.getProperty("spring.application.name", "durable-notify");
		InstanceConnection connection = new InstanceConnection(database, name + "-lease",
				() -> listener.state().reconnects());
		return new LeaseKeeper(name, properties.lease(), new InstanceStore(schema.name()), connection, writes, wakeups,
				takeOvers.orderedStream().toList(), measures);
	}

}
