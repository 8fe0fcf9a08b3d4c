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
package io.durablenotify.outbox;

import io.durablenotify.schema.RequiresPostgres;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;

/**
 * The senders of CloudEvents to Kafka.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnClass(KafkaTemplate.class)
@RequiresPostgres
public class OutboxKafkaConfiguration {

	@Bean
	KafkaSenders durableNotifyOutboxKafkaSenders(OutboxProperties properties,
			ObjectProvider<ProducerFactory<?, ?>> producers, ObjectProvider<OutboxKafkaCustomizer> customizers) {
		return new KafkaSenders(properties.kafka(), (properties.kafka().isEmpty()) ? null : producers.getIfUnique(),
				customizers.orderedStream().toList());
	}

}
