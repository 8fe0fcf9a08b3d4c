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

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;
import io.durablenotify.change.ChangeConfiguration;
import io.durablenotify.channel.ChannelConfiguration;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.event.EventConfiguration;
import io.durablenotify.event.EventProperties;
import io.durablenotify.instance.InstanceConfiguration;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.CommitListener;
import io.durablenotify.listener.ListenerConfiguration;
import io.durablenotify.listener.ListenerConnectionDetails;
import io.durablenotify.listener.ListenerProperties;
import io.durablenotify.outbox.OutboxConfiguration;
import io.durablenotify.outbox.OutboxHttpConfiguration;
import io.durablenotify.outbox.OutboxKafkaConfiguration;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.schema.SchemaConfiguration;
import io.durablenotify.schema.SchemaProperties;
import io.durablenotify.stream.StreamConfiguration;
import io.durablenotify.stream.StreamProperties;
import io.durablenotify.wakeup.PollProperties;
import io.durablenotify.wakeup.WakeupConfiguration;
import io.durablenotify.wakeup.WakeupProperties;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkConfiguration;
import io.durablenotify.work.WorkListenerConfiguration;
import io.durablenotify.work.WorkMethodConfiguration;
import io.durablenotify.work.WorkProperties;
import io.durablenotify.workflow.WorkflowConfiguration;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.sql.init.dependency.DatabaseInitializationDependencyConfigurer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for durable-notify.
 */
@AutoConfiguration(after = DataSourceAutoConfiguration.class)
@ConditionalOnClass(name = "org.postgresql.Driver")
@Conditional({ OnEnabledCondition.class, OnDataSourceCondition.class })
@Import({ PropertiesConfiguration.class, SchemaConfiguration.class, DeliveryConfiguration.class,
		ListenerConfiguration.class, WakeupConfiguration.class, InstanceConfiguration.class, StreamConfiguration.class,
		EventConfiguration.class, ChangeConfiguration.class, WorkConfiguration.class, WorkListenerConfiguration.class,
		WorkMethodConfiguration.class, WorkflowConfiguration.class, ChannelConfiguration.class,
		OutboxConfiguration.class, OutboxHttpConfiguration.class, OutboxKafkaConfiguration.class,
		DatabaseInitializationDependencyConfigurer.class })
public final class DurableNotifyAutoConfiguration {

	@Bean
	ApplicationDatabase durableNotifyDatabase(@DurableNotifyDataSource ObjectProvider<DataSource> qualified,
			ObjectProvider<DataSource> dataSources, ObjectProvider<JdbcConnectionDetails> connectionDetails,
			DurableNotifyProperties properties, SchemaProperties schema, ConfigurableListableBeanFactory beanFactory) {
		DataSource own = qualified.getIfAvailable();
		// The details describe Boot's pool, which may be another than the qualified one
		ApplicationDatabase database = (own != null) ? new ApplicationDatabase(own, () -> null)
				: new ApplicationDatabase(dataSources.getObject(), connectionDetails::getIfUnique);
		BeanFactory parent = beanFactory.getParentBeanFactory();
		if (parent != null) {
			ParentDatabaseException.check(database, schema, parent);
		}
		properties.dataSource().requireSingleDatabase(database.getRoutingDataSource());
		return database;
	}

	@Bean
	static OtherDatabaseProcessor durableNotifyOtherDatabaseProcessor(ConfigurableListableBeanFactory beanFactory,
			ObjectProvider<DatabaseProduct> product) {
		return new OtherDatabaseProcessor(beanFactory, product);
	}

	@Bean
	@RequiresPostgres
	static StartUpLine durableNotifyStartUpLine(DatabaseProduct product, ApplicationDatabase database, Schema schema,
			ListenerProperties listener, PollProperties poll, WakeupProperties mode, Wakeups wakeups,
			Environment environment) {
		return new StartUpLine(product, database, schema, listener, poll, mode, wakeups, environment);
	}

	@Bean
	@RequiresPostgres
	static CommitListener durableNotifyCommitListener() {
		return new CommitListener();
	}

	@Bean
	@Lazy(false)
	PostgresBeans durableNotifyPostgresBeans(DatabaseProduct product, ApplicationDatabase database,
			StreamProperties streams, EventProperties events, WorkProperties work,
			ConfigurableListableBeanFactory beanFactory) {
		return new PostgresBeans(product, database, streams, events, work, beanFactory);
	}

	@Bean
	@ConditionalOnMissingBean(ListenerConnectionDetails.class)
	PropertiesListenerConnectionDetails durableNotifyListenerConnectionDetails(ListenerProperties properties,
			ApplicationDatabase database) {
		return new PropertiesListenerConnectionDetails(properties, database);
	}

}
