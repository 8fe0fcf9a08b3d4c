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

import java.io.InputStream;
import java.net.URL;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the defaults and the metadata of all configuration properties.
 */
class DurableNotifyPropertiesTests {

	/**
	 * The documented properties, and their defaults.
	 */
	private static final Map<String, String> DEFAULTS = Map.ofEntries(Map.entry("enabled", "true"),
			Map.entry("data-source.single-database", "false"), Map.entry("schema.name", "durable_notify"),
			Map.entry("schema.migrate", "true"), Map.entry("listener.enabled", "true"),
			Map.entry("listener.fail-fast", "true"), Map.entry("listener.prompt-socket", "true"),
			Map.entry("listener.url", ""), Map.entry("listener.username", ""), Map.entry("listener.password", ""),
			Map.entry("listener.application-name", ""), Map.entry("listener.connect-timeout", "10s"),
			Map.entry("listener.backoff.delay", "250ms"), Map.entry("listener.backoff.multiplier", "2"),
			Map.entry("listener.backoff.max-delay", "30s"), Map.entry("listener.backoff.jitter", "50ms"),
			Map.entry("listener.probe.interval", "10s"), Map.entry("listener.probe.timeout", "5s"),
			Map.entry("poll.interval", "5s"), Map.entry("poll.degraded-interval", "1s"),
			Map.entry("wakeup.mode", "after-commit"), Map.entry("wakeup.max-gap", "100ms"),
			Map.entry("streams.max-chunk-size", "1MB"), Map.entry("streams.buffer-size", "2048"),
			Map.entry("streams.buffer-bytes", "1MB"), Map.entry("streams.append-buffer", "64MB"),
			Map.entry("streams.append-timeout", "10s"), Map.entry("streams.lease", "30s"),
			Map.entry("streams.retention", ""), Map.entry("events.retention", ""),
			Map.entry("events.terminal-types", "run_completed,run_failed,run_cancelled"),
			Map.entry("streams.families", ""), Map.entry("events.max-payload-size", "1MB"),
			Map.entry("events.append-timeout", "10s"), Map.entry("changes.retention", "1h"),
			Map.entry("delivery.max-threads", "256"), Map.entry("sse.heartbeat-interval", "15s"),
			Map.entry("sse.write-timeout", "30s"), Map.entry("work.concurrency", "8"), Map.entry("work.prefetch", ""),
			Map.entry("work.lease-duration", "30s"), Map.entry("work.max-attempts", "10"),
			Map.entry("work.backoff.delay", "1s"), Map.entry("work.backoff.multiplier", "2"),
			Map.entry("work.backoff.max-delay", "10m"), Map.entry("work.poll-interval", "1s"),
			Map.entry("work.shutdown-timeout", "30s"), Map.entry("work.max-payload-size", "1MB"),
			Map.entry("work.enqueue-timeout", "10s"), Map.entry("work.enqueue-buffer", "10000"),
			Map.entry("work.dead-retention", ""), Map.entry("work.queues", ""),
			Map.entry("channels.poll-interval", "1s"), Map.entry("channels.direct-retention", ""),
			Map.entry("channels.subscriber-limit", "7d"), Map.entry("outbox.circuit.failures", "5"),
			Map.entry("outbox.circuit.interval", "1s"), Map.entry("outbox.circuit.max-interval", "10s"),
			Map.entry("outbox.http", ""), Map.entry("outbox.kafka", ""), Map.entry("outbox.max-age", ""),
			Map.entry("outbox.max-attempts", "1000"), Map.entry("outbox.on-dead", "continue"),
			Map.entry("outbox.retention", ""), Map.entry("outbox.source", ""));

	/**
	 * Boot's wording: a sentence as plain text, without an article in front.
	 */
	private static final Pattern DESCRIPTION = Pattern.compile("(?!(A|An|The) )(?!.*\\{@)[A-Z][^<>`\\n]*\\.");

	private static Map<String, JsonNode> metadata;

	static Map<String, JsonNode> readMetadata() throws Exception {
		// Other jars have a file of that name too: this one lies beside the class
		URL root = DurableNotifyProperties.class.getProtectionDomain().getCodeSource().getLocation();
		try (InputStream input = root.toURI()
			.resolve("META-INF/spring-configuration-metadata.json")
			.toURL()
			.openStream()) {
			Map<String, JsonNode> metadata = new LinkedHashMap<>();
			JsonMapper.shared()
				.readTree(input)
				.get("properties")
				.forEach((property) -> metadata.put(property.get("name").asString(), property));
			return metadata;
		}
	}

	@BeforeAll
	static void setMetadata() throws Exception {
		metadata = readMetadata();
	}

	@Test
	void everyPropertyHasTheDocumentedDefault() {
		Map<String, String> defaults = new LinkedHashMap<>();
		metadata.forEach((name, property) -> {
			if (name.startsWith("durable-notify.")) {
				defaults.put(name.substring("durable-notify.".length()),
						(property.has("defaultValue")) ? property.get("defaultValue").asString() : "");
			}
		});
		assertThat(defaults).containsExactlyInAnyOrderEntriesOf(DEFAULTS);
	}

	@Test
	void theDefaultsOfTheMetadataAreThoseInForce() {
		String[] stated = DEFAULTS.entrySet()
			.stream()
			.filter((property) -> !property.getValue().isEmpty())
			.map((property) -> "durable-notify." + property)
			.toArray(String[]::new);
		assertThat(properties(stated)).hasSize(14).isEqualTo(properties());
	}

	private static Map<String, Object> properties(String... values) {
		Map<String, Object> properties = new LinkedHashMap<>();
		new ApplicationContextRunner().withUserConfiguration(PropertiesConfiguration.class)
			.withPropertyValues(values)
			.run((context) -> properties.putAll(context.getBeansWithAnnotation(ConfigurationProperties.class)));
		return properties;
	}

	@Test
	void everyPropertyIsDescribedInBootsWording() {
		assertThat(metadata).allSatisfy((name, property) -> {
			assertThat(property.has("description")).as(name).isTrue();
			assertThat(property.get("description").asString()).as(name).matches(DESCRIPTION);
		});
	}

	@Test
	void theHealthIndicatorsSwitchIsDescribed() {
		JsonNode property = metadata.get("management.health.durable-notify.enabled");
		assertThat(property).isNotNull();
		assertThat(property.get("defaultValue").asBoolean()).isTrue();
	}

}
