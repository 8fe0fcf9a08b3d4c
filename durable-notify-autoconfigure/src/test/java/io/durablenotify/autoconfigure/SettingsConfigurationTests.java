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

import io.durablenotify.web.SseSettings;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.convert.DurationStyle;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.NestedExceptionUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SettingsConfiguration}.
 */
class SettingsConfigurationTests {

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withUserConfiguration(SettingsConfiguration.class);

	private static SettingsException refusal(AssertableApplicationContext context) {
		assertThat(context).getFailure().rootCause().isInstanceOf(SettingsException.class);
		return (SettingsException) NestedExceptionUtils.getRootCause(context.getStartupFailure());
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					schema.name                | Orders      | Orders  | lower-case letters, digits and underscores
					schema.name                | pg_orders   | pg_orders | not with 'pg_'
					schema.name                | 1st         | 1st     | beginning with a letter or an underscore
					schema.name                | a b         | a b     | 1 to 48
					schema.name                | x"y         | x"y     | 1 to 48
					schema.name                | ''          | ''      | 1 to 48
					schema.name                | a2345678901234567890123456789012345678901234567x9 | x9 | 1 to 48
					delivery.max-threads       | 0           | 0       | use 1 to 10000
					delivery.max-threads       | 2147483647  | 2147483647 | use 1 to 10000
					listener.connect-timeout   | 0           | 0       | use 100ms to 1h
					listener.connect-timeout   | -1s         | -1s     | use 100ms to 1h
					listener.connect-timeout   | 25d         | 25d     | use 100ms to 1h
					listener.probe.interval    | 0           | 0       | use 50ms to 1d
					listener.probe.interval    | 1ms         | 1ms     | use 50ms to 1d
					listener.probe.interval    | 36500d      | 36500d  | use 50ms to 1d
					listener.probe.timeout     | 999us       | 999us   | use 100ms to 1h
					listener.probe.timeout     | 99999999ns  | 99999999ns | use 100ms to 1h
					listener.probe.timeout     | 61m         | 61m     | use 100ms to 1h
					listener.backoff.delay     | 0           | 0       | use 5ms to 1h
					listener.backoff.delay     | 1ms         | 1ms     | use 5ms to 1h
					listener.backoff.delay     | 1d          | 1d      | use 5ms to 1h
					listener.backoff.multiplier | 0.9        | 0.9     | use 1 or more
					listener.backoff.max-delay | 249ms       | 249ms   | use durable-notify.listener.backoff.delay or more
					listener.backoff.max-delay | 5ms         | 5ms     | use 20ms to 1h
					listener.backoff.max-delay | 1d          | 1d      | use 20ms to 1h
					listener.backoff.jitter    | -1ms        | -1ms    | use 0 to 1h
					listener.backoff.jitter    | 1d          | 1d      | use 0 to 1h
					poll.interval              | -1s         | -1s     | use 0, or 50ms to 1d
					poll.interval              | 5ms         | 5ms     | use 0, or 50ms to 1d
					poll.interval              | 1000000000d | 1000000000d | use 0, or 50ms to 1d
					poll.degraded-interval     | -1s         | -1s     | use 0, or 50ms to 1d
					poll.degraded-interval     | PT0.001S    | 1ms     | use 0, or 50ms to 1d
					poll.degraded-interval     | 25h         | 25h     | use 0, or 50ms to 1d
					wakeup.max-gap             | -1ms        | -1ms    | use 0 to 1m
					wakeup.max-gap             | 1h          | 1h      | use 0 to 1m
					streams.max-chunk-size     | 0           | 0B      | use 1B to 512MB
					streams.max-chunk-size     | 513MB       | 513MB   | use 1B to 512MB
					streams.buffer-size        | 0           | 0       | use 1 to 1000000
					streams.buffer-size        | 2147483647  | 2147483647 | use 1 to 1000000
					streams.buffer-bytes       | 0           | 0B      | use 1KB to 512MB
					streams.buffer-bytes       | 1B          | 1B      | use 1KB to 512MB
					streams.buffer-bytes       | 1TB         | 1TB     | use 1KB to 512MB
					streams.append-buffer      | 64B         | 64B     | use at least durable-notify.streams.max-chunk-size, which is 1MB
					streams.append-buffer      | 1TB         | 1TB     | use 64GB or less
					streams.append-timeout     | 0           | 0       | use 10ms to 1h
					streams.append-timeout     | 1ms         | 1ms     | use 10ms to 1h
					streams.append-timeout     | 25d         | 25d     | use 10ms to 1h
					events.max-payload-size    | 0           | 0B      | use 1B to 512MB
					events.max-payload-size    | 513MB       | 513MB   | use 1B to 512MB
					events.append-timeout      | 0           | 0       | use 10ms to 1h
					events.append-timeout      | 1ms         | 1ms     | use 10ms to 1h
					events.append-timeout      | 25d         | 25d     | use 10ms to 1h
					streams.retention          | 0           | 0       | use 1s to 36500d, or nothing to keep streams
					streams.retention          | -1d         | -1d     | use 1s to 36500d
					streams.retention          | 7ms         | 7ms     | use 1s to 36500d
					streams.retention          | PT0.007S    | 7ms     | use 1s to 36500d
					streams.retention          | 36501d      | 36501d  | use 1s to 36500d
					changes.retention          | 0           | 0       | use 1s to 36500d
					changes.retention          | 999ms       | 999ms   | use 1s to 36500d
					changes.retention          | 36501d      | 36501d  | use 1s to 36500d
					streams.append-buffer      | 900KB       | 900KB   | use at least durable-notify.streams.max-chunk-size, which is 1MB
					streams.families.a.prefix  | a b         | a b     | none of them white space
					streams.families.a.prefix  | ''          | ''      | 1 to 511 characters
					""")
	void aValueThatCannotBeUsedIsNamedWithWhatIsAllowed(String property, String value, String shown, String allowed) {
		this.contextRunner.withPropertyValues("durable-notify." + property + "=" + value).run((context) -> {
			SettingsException refusal = refusal(context);
			assertThat(refusal).message()
				.matches("Property durable-notify\\.\\Q%s\\E has the value '.*\\Q%s\\E', which cannot be used\\."
					.formatted(property, shown));
			assertThat(refusal.getAction()).startsWith("For durable-notify." + property + ", ")
				.contains(allowed)
				.endsWith(".");
		});
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			retention      | 0      | 0      | use 1s to 36500d
			retention      | 7ms    | 7ms    | use 1s to 36500d
			retention      | 36501d | 36501d | use 1s to 36500d
			buffer-size    | 0      | 0      | use 1 to 1000000
			max-chunk-size | 0      | 0B     | use 1B to 512MB
			max-chunk-size | 65MB   | 65MB   | use at most durable-notify.streams.append-buffer, which is 64MB
			""")
	void aFamilysValueThatCannotBeUsedIsNamedWithWhatIsAllowed(String property, String value, String shown,
			String allowed) {
		String name = "durable-notify.streams.families.answers." + property;
		this.contextRunner
			.withPropertyValues("durable-notify.streams.families.answers.prefix=answers/", name + "=" + value)
			.run((context) -> {
				SettingsException refusal = refusal(context);
				assertThat(refusal).hasMessage("Property %s has the value '%s', which cannot be used.", name, shown);
				assertThat(refusal.getAction()).startsWith("For %s, %s".formatted(name, allowed));
			});
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			listener.connect-timeout    | 100ms | 1h
			listener.probe.interval     | 50ms  | 1d
			listener.probe.timeout      | 100ms | 1h
			listener.backoff.delay      | 5ms   | 30s
			listener.backoff.max-delay  | 250ms | 1h
			listener.backoff.jitter     | 0     | 1h
			poll.interval               | 0     | 1d
			poll.interval               | 50ms  | 24h
			poll.degraded-interval      | 0     | 1d
			wakeup.max-gap              | 0     | 1m
			streams.max-chunk-size      | 1B    | 64MB
			streams.buffer-size         | 1     | 1000000
			streams.buffer-bytes        | 1KB   | 512MB
			streams.append-buffer       | 1MB   | 64GB
			streams.append-timeout      | 10ms  | 1h
			streams.retention           | 1s    | 36500d
			streams.families.a.retention | 1s   | 36500d
			events.max-payload-size     | 1B    | 512MB
			events.append-timeout       | 10ms  | 1h
			changes.retention           | 1s    | 36500d
			delivery.max-threads        | 1     | 10000
			""")
	void theLeastAndTheMostOfWhatIsAllowedAreTaken(String property, String least, String most) {
		for (String value : new String[] { least, most }) {
			this.contextRunner
				.withPropertyValues("durable-notify.streams.families.a.prefix=a/",
						"durable-notify." + property + "=" + value)
				.run((context) -> assertThat(context).hasNotFailed());
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "0", "49ms", "25h" })
	void aHeartbeatIntervalThatCannotBeUsedIsRefused(String value) {
		assertThatExceptionOfType(SettingsException.class).isThrownBy(() -> sseSettings(value))
			.withMessage("Property durable-notify.sse.heartbeat-interval has the value '%s', which cannot be used.",
					value);
		assertThat(sseSettings("50ms").heartbeatInterval()).hasMillis(50);
		assertThat(sseSettings("1d").heartbeatInterval()).hasDays(1);
	}

	private static SseSettings sseSettings(String heartbeatInterval) {
		DurableNotifyProperties properties = new DurableNotifyProperties();
		properties.getSse().setHeartbeatInterval(DurationStyle.detectAndParse(heartbeatInterval));
		return new DurableNotifyWebMvcAutoConfiguration().durableNotifySseSettings(properties);
	}

}
