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

import java.util.List;

import io.durablenotify.actuate.DurableNotifyEndpoint.Controls;
import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.event.EventLog;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.autoconfigure.endpoint.expose.EndpointExposure;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.EndpointAccessResolver;
import org.springframework.boot.actuate.endpoint.EndpointId;
import org.springframework.boot.actuate.endpoint.web.PathMapper;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.ResolvableType;

/**
 * The beans of the endpoint.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
@EnableConfigurationProperties(DurableNotifyEndpointProperties.class)
public class EndpointConfiguration {

	@Bean
	OverviewReport durableNotifyOverviewReport(BeanFactory beans, ObjectProvider<EndpointAccessResolver> access) {
		Access allowed = access.stream()
			.findFirst()
			.map((resolver) -> resolver.accessFor(EndpointId.of(DurableNotifyEndpoint.ID), Access.READ_ONLY))
			.orElse(Access.READ_ONLY);
		return new OverviewReport(allowed, beans);
	}

	@Bean
	ReaderReports durableNotifyReaderReports(BeanFactory beans, StreamReader streams, EventLog events,
			ChangeDelivery changes, StreamConsumers consumers) {
		return new ReaderReports(logs(beans), streams, events, changes, consumers);
	}

	static List<LogSubscriptions<?>> logs(BeanFactory beans) {
		return beans.getBeanProvider(ResolvableType.forClass(LogSubscriptions.class))
			.orderedStream()
			.<LogSubscriptions<?>>map((readers) -> (LogSubscriptions<?>) readers)
			.toList();
	}

	@Bean
	WorkReports durableNotifyWorkReports(WorkAdmin admin, WorkHandling handling, WorkHealth health) {
		return new WorkReports(admin, handling, health);
	}

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	DurableNotifyEndpoint durableNotifyEndpoint(DatabaseProduct product, ObjectProvider<OverviewReport> overview,
			ObjectProvider<ReaderReports> readers, ObjectProvider<WorkReports> work,
			ObjectProvider<NotificationListener> listener, ObjectProvider<Wakeups> wakeups,
			DurableNotifyEndpointProperties properties) {
		if (!product.isPostgres()) {
			return new DurableNotifyEndpoint(product, null, null, properties.showValues());
		}
		return new DurableNotifyEndpoint(product,
				new EndpointReports(overview.getObject(), readers.getObject(), work.getObject()),
				new Controls(listener.getObject(), wakeups.getObject(), work.getObject()), properties.showValues());
	}

	@Bean
	static KnownParameters durableNotifyKnownParameters() {
		return new KnownParameters();
	}

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	@ConditionalOnAvailableEndpoint
	DurableNotifyConsoleEndpoint durableNotifyConsoleEndpoint(ObjectProvider<PathMapper> mappers) {
		return new DurableNotifyConsoleEndpoint(mappers.orderedStream().toList());
	}

	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	@ConditionalOnAvailableEndpoint(endpoint = DurableNotifyEndpoint.class, exposure = EndpointExposure.WEB)
	DurableNotifyEndpointWebExtension durableNotifyEndpointWebExtension(DurableNotifyEndpoint endpoint,
			DurableNotifyEndpointProperties properties) {
		return new DurableNotifyEndpointWebExtension(endpoint, properties.showValues(), properties.roles());
	}

}
