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

package io.durablenotify.channel;

import java.util.concurrent.Executor;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.PayloadJson;
import io.durablenotify.work.QueueListeners;
import io.durablenotify.work.WorkQueue;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.transaction.TransactionDefinition;

/**
 * The beans of channels.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class ChannelConfiguration {

	@Bean
	ChannelSql durableNotifyChannelSql(Schema schema) {
		return new ChannelSql(schema.name());
	}

	@Bean
	ChannelModes durableNotifyChannelModes(ApplicationDatabase database, ChannelSql sql) {
		return new ChannelModes(database, sql);
	}

	@Bean
	@ConditionalOnMissingBean
	DurableChannels durableNotifyChannels(ApplicationDatabase database, ChannelSql sql, ChannelModes modes,
			WorkQueue work, QueueListeners listeners, StreamWriter writer, StreamReader reader,
			StreamConsumers consumers, Wakeups wakeups,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor, ChannelProperties properties,
			ListableBeanFactory beanFactory) {
		ChannelPayloads payloads = new ChannelPayloads(PayloadJson.of(beanFactory));
		DirectWaits waits = new DirectWaits(database, sql, properties.pollInterval());
		return new DefaultDurableChannels(modes, payloads, work, listeners,
				new Broadcasts(writer, reader, consumers, payloads), waits,
				new DirectReceiver(database, sql, waits, executor, wakeups, Delays.ofJvm()), wakeups,
				// Others would not see what is sent while they wait
				new HandlerTransactions(beanFactory, database, TransactionDefinition.ISOLATION_READ_COMMITTED));
	}

	@Bean
	Lifecycle durableNotifyChannelJanitor(ApplicationDatabase database, ChannelSql sql, ChannelModes modes,
			ChannelProperties properties) {
		return new ChannelJanitor(database, sql, modes, properties.directRetention(), properties.subscriberLimit(),
				ChannelJanitor.INTERVAL);
	}

}
