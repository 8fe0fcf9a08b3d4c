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

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import io.durablenotify.stream.StreamProperties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.core.io.ByteArrayResource;
import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link UnitsBindHandlerAdvisor}.
 */
class UnitsBindHandlerAdvisorTests {

	private static final String RETENTION = "durable-notify.streams.retention";

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withUserConfiguration(PropertiesConfiguration.class);

	static Stream<String> everyDurationAndSize() throws Exception {
		Set<String> types = Set.of(Duration.class.getName(), DataSize.class.getName());
		List<String> names = DurableNotifyPropertiesTests.readMetadata()
			.entrySet()
			.stream()
			.filter((property) -> types.contains(property.getValue().get("type").asString()))
			.map(Map.Entry::getKey)
			// Those of the actuator's endpoints are Boot's
			.filter((name) -> name.startsWith("durable-notify."))
			.toList();
		assertThat(names).contains(RETENTION, "durable-notify.sse.heartbeat-interval").hasSizeGreaterThan(15);
		// Below the keys of maps, which the metadata does not have
		return Stream.concat(names.stream(),
				Stream
					.of("streams.families.answers.retention", "streams.families.answers.max-chunk-size",
							"work.queues.mail.backoff.delay", "work.queues.mail.backoff.max-delay",
							"work.queues.mail.retention", "outbox.http.orders.connect-timeout",
							"outbox.http.orders.read-timeout", "outbox.kafka.orders.timeout")
					.map("durable-notify."::concat));
	}

	@ParameterizedTest
	@MethodSource("everyDurationAndSize")
	void aNumberWithoutAUnitIsRefusedForEveryDurationAndSize(String name) {
		assertThatIsRefused(this.contextRunner.withPropertyValues(name + "=86400"), name, "86400");
	}

	@ParameterizedTest
	@ValueSource(strings = { "7", "+7", "007", "86400000" })
	void aNumberIsRefusedAsItWasWritten(String value) {
		assertThatIsRefused(with(new MapPropertySource("test", Map.of(RETENTION, value))), RETENTION, value);
	}

	@Test
	void aNumberInYamlIsRefused() throws Exception {
		ByteArrayResource yaml = new ByteArrayResource("durable-notify: {streams: {retention: 7}}".getBytes());
		assertThatIsRefused(with(new YamlPropertySourceLoader().load("test", yaml).get(0)), RETENTION, "7");
	}

	@ParameterizedTest
	@CsvSource({ "DURABLENOTIFY_STREAMS_RETENTION, " + RETENTION, "DURABLE_NOTIFY_STREAMS_RETENTION, " + RETENTION,
			"DURABLENOTIFY_STREAMS_FAMILIES_ANSWERS_RETENTION, durablenotify.streams.families.answers.retention" })
	void aNumberInTheSystemEnvironmentIsRefused(String variable, String name) {
		assertThatIsRefused(with(new SystemEnvironmentPropertySource("systemEnvironment", Map.of(variable, "7"))), name,
				"7");
	}

	@Test
	void aNumberByAPlaceholderIsRefused() {
		assertThatIsRefused(this.contextRunner.withPropertyValues("days=7", RETENTION + "=${days}"), RETENTION, "7");
	}

	@ParameterizedTest
	@ValueSource(strings = { "7d", "7s", "P7D", "PT168H", "1000ms", "" })
	void aDurationWithAUnitIsTaken(String value) {
		this.contextRunner.withPropertyValues(RETENTION + "=" + value)
			.run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void aDurationThatIsOneIsTaken() {
		with(new MapPropertySource("test", Map.of(RETENTION, Duration.ofDays(7)))).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(context.getBean(StreamProperties.class).retention()).hasDays(7);
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "poll.interval", "poll.degraded-interval", "wakeup.max-gap", "listener.backoff.jitter" })
	void zeroNeedsNoUnit(String name) {
		this.contextRunner.withPropertyValues("durable-notify." + name + "=0")
			.run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void thePropertiesOfOthersAreTheirs() {
		this.contextRunner.withBean(OtherProperties.class)
			.withPropertyValues("other.delay=7")
			.run((context) -> assertThat(context.getBean(OtherProperties.class).getDelay()).hasMillis(7));
	}

	private ApplicationContextRunner with(PropertySource<?> source) {
		return this.contextRunner
			.withInitializer((context) -> context.getEnvironment().getPropertySources().addFirst(source));
	}

	private static void assertThatIsRefused(ApplicationContextRunner runner, String name, String value) {
		runner.run((context) -> {
			assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(IllegalArgumentException.class)
				.hasMessageStartingWith("'%s' has no unit. Write %s", value, value);
			assertThat(context).getFailure()
				.hasStackTraceContaining("Failed to bind properties under '%s' to ".formatted(name));
		});
	}

	@ConfigurationProperties("other")
	static class OtherProperties {

		private Duration delay = Duration.ZERO;

		public Duration getDelay() {
			return this.delay;
		}

		public void setDelay(Duration delay) {
			this.delay = delay;
		}

	}

}
