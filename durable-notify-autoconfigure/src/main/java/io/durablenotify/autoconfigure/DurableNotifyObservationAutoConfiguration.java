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

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.observation.ObservationConfiguration;
import io.durablenotify.outbox.OutboxHttpCustomizer;
import io.durablenotify.outbox.OutboxKafkaCustomizer;
import io.micrometer.observation.ObservationRegistry;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.client.observation.ClientRequestObservationConvention;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.micrometer.KafkaTemplateObservationConvention;
import org.springframework.web.client.RestClient;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for durable-notify's observations.
 */
@AutoConfiguration(after = DurableNotifyAutoConfiguration.class,
		afterName = { "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
				"org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration" })
@ConditionalOnClass(ObservationRegistry.class)
@ConditionalOnBean({ ObservationRegistry.class, ApplicationDatabase.class })
@Import(ObservationConfiguration.class)
public final class DurableNotifyObservationAutoConfiguration {

	/**
	 * Requests of the outbox's senders, which carry the trace to their receivers.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(RestClient.class)
	static class OutboxHttpObservationConfiguration {

		@Bean
		@Order(Ordered.HIGHEST_PRECEDENCE)
		OutboxHttpCustomizer durableNotifyObservedOutboxHttp(ObservationRegistry registry,
				ObjectProvider<ClientRequestObservationConvention> convention) {
			return (sender, builder) -> {
				builder.observationRegistry(registry);
				convention.ifAvailable(builder::observationConvention);
			};
		}

	}

	/**
	 * Records of the outbox's senders, which carry the trace to their consumers.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(KafkaTemplate.class)
	static class OutboxKafkaObservationConfiguration {

		@Bean
		@Order(Ordered.HIGHEST_PRECEDENCE)
		OutboxKafkaCustomizer durableNotifyObservedOutboxKafka(ObservationRegistry registry,
				ObjectProvider<KafkaTemplateObservationConvention> convention) {
			return (sender, template) -> {
				template.setObservationEnabled(true);
				template.setObservationRegistry(registry);
				convention.ifAvailable(template::setObservationConvention);
			};
		}

	}

}
