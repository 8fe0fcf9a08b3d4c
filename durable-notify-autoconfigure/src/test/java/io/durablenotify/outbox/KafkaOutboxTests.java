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

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.login.AppConfigurationEntry;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.Tracing;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.plain.PlainAuthenticateCallback;
import org.apache.kafka.common.security.plain.PlainLoginModule;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.test.EmbeddedKafkaKraftBroker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for the sender of CloudEvents to Kafka, with an embedded broker.
 */
class KafkaOutboxTests {

	@Fixture
	private static TestDatabase database;

	private static EmbeddedKafkaKraftBroker broker;

	private static Instance instance;

	@BeforeAll
	static void start() {
		broker = new EmbeddedKafkaKraftBroker(1, 3, "binary", "structured", "traced");
		broker.afterPropertiesSet();
		instance = Instance.start(database, (application) -> application.sources(Application.class),
				"test.kafka=" + broker.getBrokersAsString(), "durable-notify.outbox.kafka.binary.topic=binary",
				"durable-notify.outbox.kafka.structured.topic=structured",
				"durable-notify.outbox.kafka.structured.mode=structured",
				"durable-notify.outbox.kafka.traced.topic=traced", "durable-notify.outbox.source=/shop");
	}

	@AfterAll
	static void stop() {
		instance.close();
		broker.destroy();
	}

	private static void publish(OutboxEvent... events) {
		instance.transaction()
			.executeWithoutResult((status) -> List.of(events).forEach(instance.bean(Outbox.class)::publish));
	}

	/**
	 * Read a topic from its start until there are so many records.
	 */
	private static List<ConsumerRecord<String, byte[]>> read(String topic, int count) {
		Map<String, Object> settings = Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, broker.getBrokersAsString());
		try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(settings, new StringDeserializer(),
				new ByteArrayDeserializer())) {
			List<TopicPartition> partitions = IntStream.range(0, 3)
				.mapToObj((partition) -> new TopicPartition(topic, partition))
				.toList();
			consumer.assign(partitions);
			consumer.seekToBeginning(partitions);
			List<ConsumerRecord<String, byte[]>> records = new ArrayList<>();
			Eventually.await(() -> {
				consumer.poll(Duration.ofMillis(100)).forEach(records::add);
				return records.size() >= count;
			}, records::toString);
			return records;
		}
	}

	private static Map<String, String> headers(ConsumerRecord<String, byte[]> record) {
		Map<String, String> headers = new HashMap<>();
		for (Header header : record.headers()) {
			headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
		}
		return headers;
	}

	@Test
	void aRecordHasTheOrderingKeyAndInBinaryModeTheAttributesAsHeaders() {
		List<OutboxEvent> events = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			events.add(OutboxEvent.of("order.placed", Map.of("id", i))
				.sender("binary")
				.id("" + i)
				.subject("für €")
				.orderingKey("k" + i % 7));
		}
		publish(events.toArray(OutboxEvent[]::new));
		Map<String, List<Integer>> ids = new HashMap<>();
		List<ConsumerRecord<String, byte[]>> records = read("binary", 100);
		for (ConsumerRecord<String, byte[]> record : records) {
			ids.computeIfAbsent(record.key(), (key) -> new ArrayList<>())
				.add(Integer.valueOf(headers(record).get("ce_id")));
		}
		assertThat(records).hasSize(100);
		assertThat(ids).hasSize(7).allSatisfy((key, ofKey) -> {
			assertThat(ofKey).isSorted();
			assertThat(key).isEqualTo("k" + ofKey.get(0));
		});
		ConsumerRecord<String, byte[]> first = records.get(0);
		assertThat(headers(first)).containsEntry("ce_specversion", "1.0")
			.containsEntry("ce_type", "order.placed")
			.containsEntry("ce_source", "/shop")
			.containsEntry("ce_subject", "für €")
			.containsEntry("content-type", "application/json")
			.containsKey("ce_time");
		assertThat(new String(first.value(), StandardCharsets.UTF_8))
			.isEqualTo("{\"id\":%s}".formatted(headers(first).get("ce_id")));
	}

	@Test
	void inStructuredModeTheAttributesAreInTheValue() {
		publish(OutboxEvent.of("t", "text").sender("structured").id("7"));
		ConsumerRecord<String, byte[]> record = read("structured", 1).get(0);
		assertThat(record.key()).isNull();
		assertThat(headers(record)).containsOnlyKeys("content-type", "traceparent")
			.containsEntry("content-type", "application/cloudevents+json; charset=UTF-8");
		assertThat(new String(record.value(), StandardCharsets.UTF_8))
			.startsWith("{\"specversion\":\"1.0\",\"id\":\"7\",\"type\":\"t\",\"source\":\"/shop\",")
			.endsWith("\"data\":\"text\"}");
	}

	@Test
	void aRecordCarriesTheTraceOfItsEvent() {
		Tracing.inSpan(instance, "request",
				() -> publish(OutboxEvent.of("t", "text").sender("traced").id("published")));
		String origin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
		instance.bean(WorkQueue.class)
			.enqueue(WorkRequest.of("outbox/traced", Map.of("event_id", "enqueued", "type", "t"))
				.header("traceparent", origin)
				.header("tracestate", "vendor=1"));
		Map<String, ConsumerRecord<String, byte[]>> records = new HashMap<>();
		read("traced", 2).forEach((record) -> records.put(headers(record).get("ce_id"), record));
		String published = onlyTraceparent(records.get("published"));
		assertThat(published).contains(Tracing.awaitSpans(1, "request", instance).get(0).getTraceId());
		assertThat(Tracing.awaitSpans(2, "traced send", instance))
			.anyMatch((span) -> published.contains(span.getSpanId()));
		assertThat(onlyTraceparent(records.get("enqueued"))).startsWith(origin.substring(0, 36)).isNotEqualTo(origin);
		assertThat(headers(records.get("enqueued"))).containsEntry("tracestate", "vendor=1");
	}

	private static String onlyTraceparent(ConsumerRecord<String, byte[]> record) {
		assertThat(record.headers().headers("traceparent")).hasSize(1);
		return headers(record).get("traceparent");
	}

	@Test
	void aRecordThatIsTooLargeIsFinal() {
		try (KafkaSenders senders = senders(broker.getBrokersAsString(), Duration.ofSeconds(10))) {
			assertThatExceptionOfType(UnsendableEventException.class)
				.isThrownBy(() -> senders.senders().get(0).send(message(new byte[2_000_000])))
				.withMessageContaining("RecordTooLargeException");
		}
		DefaultKafkaProducerFactory<String, String> unlimited = producers(broker.getBrokersAsString());
		unlimited.updateConfigs(Map.of(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 10_000_000));
		try (KafkaSenders senders = senders(unlimited, Duration.ofSeconds(10))) {
			assertThatExceptionOfType(PermanentFailureException.class)
				.isThrownBy(() -> senders.senders().get(0).send(message(new byte[2_000_000])))
				.withMessageContaining("RecordTooLargeException");
		}
	}

	@Test
	void aBrokerThatIsAwayIsAFailureWithinTheTimeout() {
		long start = System.nanoTime();
		try (KafkaSenders senders = senders("127.0.0.1:1", Duration.ofSeconds(1))) {
			assertThatExceptionOfType(SendFailedException.class)
				.isThrownBy(() -> senders.senders().get(0).send(message(new byte[1])))
				.withMessageStartingWith("The record of sender 'orders' was not stored: ");
		}
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
	}

	@Test
	void aProducerThatCannotBeCreatedIsAFailureThatSaysWhyAndShowsNoCredentials() {
		DefaultKafkaProducerFactory<String, String> keyless = producers(broker.getBrokersAsString());
		keyless.updateConfigs(Map.of(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, "SSL",
				SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG, "/none", SslConfigs.SSL_KEYSTORE_PASSWORD_CONFIG, "none"));
		try (KafkaSenders senders = senders(keyless, Duration.ofSeconds(1))) {
			assertThatExceptionOfType(SendFailedException.class)
				.isThrownBy(() -> senders.senders().get(0).send(message(new byte[1])))
				.withMessageContaining("/none");
		}
		DefaultKafkaProducerFactory<String, String> unquoted = producers(broker.getBrokersAsString());
		unquoted.updateConfigs(login("user", "a\" s3cr3t"));
		try (KafkaSenders senders = senders(unquoted, Duration.ofSeconds(1))) {
			assertThatExceptionOfType(SendFailedException.class)
				.isThrownBy(() -> senders.senders().get(0).send(message(new byte[1])))
				.withMessageContaining("java.lang.IllegalArgumentException at ")
				.withMessageNotContaining("s3cr3t")
				.withNoCause();
		}
	}

	@Test
	void aSenderGoesOnOnceItsCredentialsAreAccepted() {
		EmbeddedKafkaKraftBroker strict = new EmbeddedKafkaKraftBroker(1, 1);
		String listener = "listener.name.external.plain.";
		strict.brokerProperties(Map.of("listener.security.protocol.map", "EXTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
				"sasl.enabled.mechanisms", "PLAIN", "sasl.mechanism.inter.broker.protocol", "PLAIN",
				listener + SaslConfigs.SASL_JAAS_CONFIG,
				(String) login("broker", "broker").get(SaslConfigs.SASL_JAAS_CONFIG),
				listener + "sasl.server.callback.handler.class", Doorkeeper.class.getName()));
		strict.afterPropertiesSet();
		DefaultKafkaProducerFactory<String, String> producers = producers(strict.getBrokersAsString());
		producers.updateConfigs(login("app", "secret"));
		try (KafkaSenders senders = senders(producers, Duration.ofSeconds(5))) {
			KafkaOutboxSender sender = senders.senders().get(0);
			for (int i = 0; i < 2; i++) {
				assertThatExceptionOfType(SendFailedException.class).isThrownBy(() -> sender.send(message(new byte[1])))
					.withMessageContaining("SaslAuthenticationException");
			}
			Doorkeeper.open = true;
			List<String> failures = new ArrayList<>();
			Eventually.await(() -> {
				try {
					sender.send(message(new byte[1]));
					return true;
				}
				catch (Exception ex) {
					failures.add(ex.getMessage());
					return false;
				}
			}, failures::toString);
		}
		finally {
			strict.destroy();
		}
	}

	private static Map<String, Object> login(String user, String password) {
		return Map.of(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, "SASL_PLAINTEXT", SaslConfigs.SASL_MECHANISM,
				"PLAIN", SaslConfigs.SASL_JAAS_CONFIG, "%s required username=\"%s\" password=\"%s\";"
					.formatted(PlainLoginModule.class.getName(), user, password));
	}

	@Test
	void theTimeoutIsThatOfTheWholeAttempt() {
		Map<String, Object> settings = KafkaSenders.producers("orders", producers("127.0.0.1:1"), Duration.ofSeconds(3))
			.getConfigurationProperties();
		assertThat((long) settings.get(ProducerConfig.MAX_BLOCK_MS_CONFIG)
				+ (int) settings.get(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG))
			.isEqualTo(3_000);
	}

	private static OutboxMessage message(byte[] data) {
		return new OutboxMessage("large", "t", "/s", null, null, "application/octet-stream", data, null, Map.of(), 1);
	}

	private static KafkaSenders senders(String servers, Duration timeout) {
		return senders(producers(servers), timeout);
	}

	private static KafkaSenders senders(ProducerFactory<String, String> producers, Duration timeout) {
		return new KafkaSenders(
				Map.of("orders", new OutboxProperties.Kafka("binary", OutboxProperties.Mode.BINARY, timeout)),
				producers, List.of());
	}

	/**
	 * With serializers of its own, which are not for bytes, and with transactions.
	 */
	private static DefaultKafkaProducerFactory<String, String> producers(String servers) {
		DefaultKafkaProducerFactory<String, String> producers = new DefaultKafkaProducerFactory<>(
				Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, servers), new StringSerializer(),
				new StringSerializer());
		producers.setTransactionIdPrefix("tx-");
		return producers;
	}

	/**
	 * Refuses all but the broker itself, until it is open.
	 */
	public static final class Doorkeeper implements AuthenticateCallbackHandler {

		private static volatile boolean open;

		@Override
		public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
		}

		@Override
		public void handle(Callback[] callbacks) {
			String user = "";
			for (Callback callback : callbacks) {
				if (callback instanceof NameCallback name) {
					user = name.getDefaultName();
				}
				else if (callback instanceof PlainAuthenticateCallback authentication) {
					authentication.authenticated(open || user.equals("broker"));
				}
			}
		}

		@Override
		public void close() {
		}

	}

	@Configuration(proxyBeanMethods = false)
	@Import({ JacksonAutoConfiguration.class, Tracing.Application.class })
	static class Application {

		@Bean
		ProducerFactory<String, String> producers(Environment environment) {
			return KafkaOutboxTests.producers(environment.getRequiredProperty("test.kafka"));
		}

	}

}
