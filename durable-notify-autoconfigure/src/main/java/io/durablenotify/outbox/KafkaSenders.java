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

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;

import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;

/**
 * The senders that {@code durable-notify.outbox.kafka} configures, each with a producer
 * of its own.
 */
final class KafkaSenders implements SenderSource, AutoCloseable {

	private final List<KafkaOutboxSender> senders = new ArrayList<>();

	private final List<DefaultKafkaProducerFactory<String, byte[]>> factories = new ArrayList<>();

	/**
	 * Create the senders. Nothing connects before the first event.
	 * @param producers the application's producers, whose settings are taken;
	 * {@code null} if it has none, or several of which none is primary
	 * @param customizers called for each sender
	 * @throws OutboxSetupException if producers are needed and there are none
	 */
	KafkaSenders(Map<String, OutboxProperties.Kafka> properties, @Nullable ProducerFactory<?, ?> producers,
			List<OutboxKafkaCustomizer> customizers) {
		properties.forEach((name, kafka) -> {
			if (producers == null) {
				throw new OutboxSetupException(
						"The property %s.kafka.%s is set, but there is no single bean of type %s."
							.formatted(OutboxProperties.PREFIX, name, ProducerFactory.class.getName()),
						"Set spring.kafka.bootstrap-servers, with spring-boot-starter-kafka on the class path, or define a ProducerFactory.");
			}
			DefaultKafkaProducerFactory<String, byte[]> factory = producers(name, producers, kafka.timeout());
			this.factories.add(factory);
			KafkaTemplate<String, byte[]> template = new KafkaTemplate<>(factory);
			// The default one logs each failure with the key
			template.setProducerListener(null);
			template.setBeanName("outbox-" + name);
			customizers.forEach((customizer) -> customizer.customize(name, template));
			this.senders.add(new KafkaOutboxSender(name, template, kafka.topic(), kafka.mode()));
		});
	}

	/**
	 * A record that has not been stored within the timeout is not stored any more. It
	 * must not come after the next one of its key. Without the serializers of the
	 * application's producers, which would get bytes, and without their transactions.
	 */
	static DefaultKafkaProducerFactory<String, byte[]> producers(String name, ProducerFactory<?, ?> producers,
			Duration timeout) {
		// The wait for the topic's metadata and for room comes before the delivery
		int block = Math.toIntExact(timeout.toMillis() / 2);
		int delivery = Math.toIntExact(timeout.toMillis()) - block;
		Map<String, Object> settings = new HashMap<>(producers.getConfigurationProperties());
		settings.remove(ProducerConfig.TRANSACTIONAL_ID_CONFIG);
		settings.remove(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG);
		settings.remove(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG);
		settings.put(ProducerConfig.CLIENT_ID_CONFIG, "outbox-" + name);
		settings.put(ProducerConfig.ACKS_CONFIG, "all");
		settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
		settings.put(ProducerConfig.RETRIES_CONFIG, Integer.MAX_VALUE);
		settings.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, 5);
		settings.put(ProducerConfig.LINGER_MS_CONFIG, 0);
		settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, delivery);
		settings.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, Math.max(1, delivery / 2));
		settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, (long) block);
		return new DefaultKafkaProducerFactory<>(settings, new StringSerializer(), new ByteArraySerializer());
	}

	@Override
	public List<KafkaOutboxSender> senders() {
		return this.senders;
	}

	@Override
	public void close() {
		this.factories.forEach(DefaultKafkaProducerFactory::destroy);
	}

}
