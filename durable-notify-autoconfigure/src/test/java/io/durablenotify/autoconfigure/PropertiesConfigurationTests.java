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

import io.durablenotify.listener.ListenerProperties;
import io.durablenotify.work.WorkProperties;
import io.durablenotify.work.WorkProperties.QueueBackoff;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.NestedExceptionUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PropertiesConfiguration}.
 */
class PropertiesConfigurationTests {

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withUserConfiguration(PropertiesConfiguration.class);

	private static InvalidConfigurationPropertyValueException refusal(AssertableApplicationContext context) {
		assertThat(context).getFailure().rootCause().isInstanceOf(InvalidConfigurationPropertyValueException.class);
		return (InvalidConfigurationPropertyValueException) NestedExceptionUtils
			.getRootCause(context.getStartupFailure());
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
					delivery.max-threads       | 0           | 0       | Must be 1 to 10000, but is 0.
					delivery.max-threads       | 2147483647  | 2147483647 | Must be 1 to 10000, but is 2147483647.
					listener.connect-timeout   | 0           | 0       | Must be 100ms to 1h, but is 0.
					listener.connect-timeout   | -1s         | -1s     | Must be 100ms to 1h, but is -1s.
					listener.connect-timeout   | 25d         | 25d     | Must be 100ms to 1h, but is 25d.
					listener.probe.interval    | 0           | 0       | Must be 50ms to 1d, but is 0.
					listener.probe.interval    | 1ms         | 1ms     | Must be 50ms to 1d, but is 1ms.
					listener.probe.interval    | 36500d      | 36500d  | Must be 50ms to 1d, but is 36500d.
					listener.probe.timeout     | 999us       | 999us   | Must be 100ms to 1h, but is 999us.
					listener.probe.timeout     | 99999999ns  | 99999999ns | Must be 100ms to 1h, but is 99999999ns.
					listener.probe.timeout     | 61m         | 61m     | Must be 100ms to 1h, but is 61m.
					listener.backoff.delay     | 0           | 0       | Must be 5ms to 1h, but is 0.
					listener.backoff.delay     | 1ms         | 1ms     | Must be 5ms to 1h, but is 1ms.
					listener.backoff.delay     | 1d          | 1d      | Must be 5ms to 1h, but is 1d.
					listener.backoff.multiplier | 0.9        | 0.9     | Must be 1 or more.
					listener.backoff.max-delay | 249ms       | 249ms   | Must be at least durable-notify.listener.backoff.delay, which is 250ms, but is 249ms.
					listener.backoff.max-delay | 5ms         | 5ms     | Must be 20ms to 1h, but is 5ms.
					listener.backoff.max-delay | 1d          | 1d      | Must be 20ms to 1h, but is 1d.
					listener.backoff.jitter    | -1ms        | -1ms    | Must be 0 to 1h, but is -1ms.
					listener.backoff.jitter    | 1d          | 1d      | Must be 0 to 1h, but is 1d.
					poll.interval              | -1s         | -1s     | Must be 0, or 50ms to 1d, but is -1s.
					poll.interval              | 5ms         | 5ms     | Must be 0, or 50ms to 1d, but is 5ms.
					poll.interval              | 1000000000d | 1000000000d | Must be 0, or 50ms to 1d, but is 1000000000d.
					poll.degraded-interval     | -1s         | -1s     | Must be 0, or 50ms to 1d, but is -1s.
					poll.degraded-interval     | PT0.001S    | 1ms     | Must be 0, or 50ms to 1d, but is 1ms.
					poll.degraded-interval     | 25h         | 25h     | Must be 0, or 50ms to 1d, but is 25h.
					wakeup.max-gap             | -1ms        | -1ms    | Must be 0 to 1m, but is -1ms.
					wakeup.max-gap             | 1h          | 1h      | Must be 0 to 1m, but is 1h.
					streams.max-chunk-size     | 0           | 0B      | Must be 1B to 512MB, but is 0B.
					streams.max-chunk-size     | 513MB       | 513MB   | Must be 1B to 512MB, but is 513MB.
					streams.buffer-size        | 0           | 0       | Must be 1 to 1000000, but is 0.
					streams.buffer-size        | 2147483647  | 2147483647 | Must be 1 to 1000000, but is 2147483647.
					streams.buffer-bytes       | 0           | 0B      | Must be 1KB to 512MB, but is 0B.
					streams.buffer-bytes       | 1B          | 1B      | Must be 1KB to 512MB, but is 1B.
					streams.buffer-bytes       | 1TB         | 1TB     | Must be 1KB to 512MB, but is 1TB.
					streams.append-buffer      | 64B         | 64B     | Must be at least durable-notify.streams.max-chunk-size, which is 1MB, but is 64B.
					streams.append-buffer      | 1TB         | 1TB     | Must be 1MB to 64GB, but is 1TB.
					streams.append-timeout     | 0           | 0       | Must be 10ms to 1h, but is 0.
					streams.append-timeout     | 1ms         | 1ms     | Must be 10ms to 1h, but is 1ms.
					streams.append-timeout     | 25d         | 25d     | Must be 10ms to 1h, but is 25d.
					events.max-payload-size    | 0           | 0B      | Must be 1B to 512MB, but is 0B.
					events.max-payload-size    | 513MB       | 513MB   | Must be 1B to 512MB, but is 513MB.
					events.append-timeout      | 0           | 0       | Must be 10ms to 1h, but is 0.
					events.append-timeout      | 1ms         | 1ms     | Must be 10ms to 1h, but is 1ms.
					events.append-timeout      | 25d         | 25d     | Must be 10ms to 1h, but is 25d.
					streams.retention          | 0           | 0       | Must be 1s to 36500d if it is set, but is 0.
					streams.retention          | -1d         | -1d     | Must be 1s to 36500d if it is set, but is -1d.
					streams.retention          | 7ms         | 7ms     | Must be 1s to 36500d if it is set, but is 7ms.
					streams.retention          | PT0.007S    | 7ms     | Must be 1s to 36500d if it is set, but is 7ms.
					streams.retention          | 36501d      | 36501d  | Must be 1s to 36500d if it is set, but is 36501d.
					streams.lease              | 999ms       | 999ms   | Must be 1s to 1d, but is 999ms.
					streams.lease              | 25h         | 25h     | Must be 1s to 1d, but is 25h.
					sse.heartbeat-interval     | 0           | 0       | Must be 50ms to 1d, but is 0.
					sse.heartbeat-interval     | 49ms        | 49ms    | Must be 50ms to 1d, but is 49ms.
					sse.heartbeat-interval     | 25h         | 25h     | Must be 50ms to 1d, but is 25h.
					events.terminal-types      | ''          | ''      | Must have at least one type
					changes.retention          | 0           | 0       | Must be 1s to 36500d if it is set, but is 0.
					changes.retention          | 999ms       | 999ms   | Must be 1s to 36500d if it is set, but is 999ms.
					changes.retention          | 36501d      | 36501d  | Must be 1s to 36500d if it is set, but is 36501d.
					streams.append-buffer      | 900KB       | 900KB   | Must be at least durable-notify.streams.max-chunk-size, which is 1MB, but is 900KB.
					work.concurrency           | 0           | 0       | Must be 1 to 1000, but is 0.
					work.concurrency           | 1001        | 1001    | Must be 1 to 1000, but is 1001.
					work.prefetch              | -1          | -1      | Must be 0 to 1000, but is -1.
					work.lease-duration        | 999ms       | 999ms   | Must be 1s to 1d, but is 999ms.
					work.max-attempts          | 0           | 0       | Must be 1 to 10000, but is 0.
					work.max-attempts          | 10001       | 10001   | Must be 1 to 10000, but is 10001.
					work.backoff.delay         | 49ms        | 49ms    | Must be 50ms to 1d, but is 49ms.
					work.backoff.multiplier    | 0.9         | 0.9     | Must be 1 or more.
					work.backoff.max-delay     | 31d         | 31d     | Must be 50ms to 30d, but is 31d.
					work.backoff.max-delay     | 999ms       | 999ms   | Must not be shorter than backoff.delay.
					work.poll-interval         | 0           | 0       | Must be 50ms to 1d, but is 0.
					work.shutdown-timeout      | 61m         | 61m     | Must be 0 to 1h, but is 61m.
					work.max-payload-size      | 0           | 0B      | Must be 1B to 512MB, but is 0B.
					work.enqueue-timeout       | 1ms         | 1ms     | Must be 10ms to 1h, but is 1ms.
					work.enqueue-buffer        | 0           | 0       | Must be 1 to 1000000, but is 0.
					work.dead-retention        | 0           | 0       | Must be 1s to 36500d if it is set, but is 0.
					work.queues.mail.concurrency  | 0        | 0       | Must be 1 to 1000, but is 0.
					work.queues.mail.prefetch     | 1001     | 1001    | Must be 0 to 1000, but is 1001.
					work.queues.mail.max-attempts | 0        | 0       | Must be 1 to 10000, but is 0.
					work.queues.mail.backoff.delay | 1ms     | 1ms     | Must be 50ms to 1d, but is 1ms.
					work.queues.mail.retention    | 1ms      | 1ms     | Must be 1s to 36500d if it is set, but is 1ms.
					channels.poll-interval     | 0           | 0       | Must be 50ms to 1d, but is 0.
					channels.direct-retention  | 999ms       | 999ms   | Must be 1s to 36500d if it is set, but is 999ms.
					channels.subscriber-limit  | 999ms       | 999ms   | Must be 1s to 36500d, but is 999ms.
					outbox.source              | a b         | a b     | Must be a URI or a path of 1 to
					outbox.max-attempts        | 0           | 0       | Must be 1 to 10000, but is 0.
					outbox.max-attempts        | 10001       | 10001   | Must be 1 to 10000, but is 10001.
					outbox.max-age             | 999ms       | 999ms   | Must be 1s to 36500d if it is set, but is 999ms.
					outbox.retention           | 36501d      | 36501d  | Must be 1s to 36500d if it is set, but is 36501d.
					outbox.circuit.failures    | 0           | 0       | Must be 1 to 10000, but is 0.
					outbox.circuit.interval    | 49ms        | 49ms    | Must be 50ms to 1d, but is 49ms.
					outbox.circuit.max-interval | 25h        | 25h     | Must be 50ms to 1d, but is 25h.
					outbox.circuit.max-interval | 999ms      | 999ms   | Must be at least durable-notify.outbox.circuit.interval, which is 1s, but is 999ms.
					sse.write-timeout          | 49ms        | 49ms    | Must be 50ms to 1d, but is 49ms.
					sse.write-timeout          | 25h         | 25h     | Must be 50ms to 1d, but is 25h.
					streams.families.a.prefix  | a b         | a b     | none of them white space
					streams.families.a.prefix  | ''          | ''      | 1 to 511 characters
					""")
	void aValueThatCannotBeUsedIsNamedWithWhatIsAllowed(String property, String value, String shown, String allowed) {
		this.contextRunner.withPropertyValues("durable-notify." + property + "=" + value).run((context) -> {
			InvalidConfigurationPropertyValueException refusal = refusal(context);
			assertThat(refusal.getName()).isEqualTo("durable-notify." + property);
			assertThat(String.valueOf(refusal.getValue())).endsWith(shown);
			assertThat(refusal.getReason()).startsWith("Must ").contains(allowed).endsWith(".");
		});
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					retention      | 0      | 0      | Must be 1s to 36500d if it is set, but is 0.
					retention      | 7ms    | 7ms    | Must be 1s to 36500d if it is set, but is 7ms.
					retention      | 36501d | 36501d | Must be 1s to 36500d if it is set, but is 36501d.
					buffer-size    | 0      | 0      | Must be 1 to 1000000, but is 0.
					max-chunk-size | 0      | 0B     | Must be 1B to 512MB, but is 0B.
					max-chunk-size | 65MB   | 65MB   | Must be at most durable-notify.streams.append-buffer, which is 64MB, but is 65MB.
					""")
	void aFamilysValueThatCannotBeUsedIsNamedWithWhatIsAllowed(String property, String value, String shown,
			String allowed) {
		String name = "durable-notify.streams.families.answers." + property;
		this.contextRunner
			.withPropertyValues("durable-notify.streams.families.answers.prefix=answers/", name + "=" + value)
			.run((context) -> {
				InvalidConfigurationPropertyValueException refusal = refusal(context);
				assertThat(refusal.getName()).isEqualTo(name);
				assertThat(refusal.getValue()).hasToString(shown);
				assertThat(refusal.getReason()).isEqualTo(allowed);
			});
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			http.a.connect-timeout | 9ms   | Must be 10ms to 1h, but is 9ms.
			http.a.connect-timeout | 61m   | Must be 10ms to 1h, but is 61m.
			http.a.read-timeout    | 0     | Must be 10ms to 1h, but is 0.
			http.a.read-timeout    | 61m   | Must be 10ms to 1h, but is 61m.
			kafka.a.timeout        | 999ms | Must be 1s to 1h, but is 999ms.
			kafka.a.timeout        | 61m   | Must be 1s to 1h, but is 61m.
			kafka.a.topic          | ''    | Must be the name of a topic.
			""")
	void aSendersValueThatCannotBeUsedIsNamedWithWhatIsAllowed(String property, String value, String allowed) {
		withSenders(property, value).run((context) -> {
			InvalidConfigurationPropertyValueException refusal = refusal(context);
			assertThat(refusal.getName()).isEqualTo("durable-notify.outbox." + property);
			assertThat(refusal.getValue()).hasToString(value);
			assertThat(refusal.getReason()).isEqualTo(allowed);
		});
	}

	@ParameterizedTest
	@CsvSource({ "http.a.connect-timeout, 10ms, 1h", "http.a.read-timeout, 10ms, 1h", "kafka.a.timeout, 1s, 1h" })
	void theLeastAndTheMostOfWhatASenderIsAllowedAreTaken(String property, String least, String most) {
		for (String value : new String[] { least, most }) {
			withSenders(property, value).run((context) -> assertThat(context).hasNotFailed());
		}
	}

	private ApplicationContextRunner withSenders(String property, String value) {
		return this.contextRunner
			.withPropertyValues("durable-notify.outbox.http.a.url=http://localhost/events",
					"durable-notify.outbox.kafka.a.topic=events")
			.withPropertyValues("durable-notify.outbox." + property + "=" + value);
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
			streams.lease               | 1s    | 1d
			sse.heartbeat-interval      | 50ms  | 1d
			delivery.max-threads        | 1     | 10000
			work.concurrency            | 1     | 1000
			channels.poll-interval      | 50ms  | 1d
			channels.direct-retention   | 1s    | 36500d
			channels.subscriber-limit   | 1s    | 36500d
			work.prefetch               | 0     | 1000
			work.lease-duration         | 1s    | 1d
			work.max-attempts           | 1     | 10000
			work.backoff.delay          | 50ms  | 10m
			work.backoff.max-delay      | 1s    | 30d
			work.poll-interval          | 50ms  | 1d
			work.shutdown-timeout       | 0     | 1h
			work.max-payload-size       | 1B    | 512MB
			work.enqueue-timeout        | 10ms  | 1h
			work.enqueue-buffer         | 1     | 1000000
			work.dead-retention         | 1s    | 36500d
			work.queues.mail.retention  | 1s    | 36500d
			outbox.max-attempts         | 1     | 10000
			outbox.max-age              | 1s    | 36500d
			outbox.retention            | 1s    | 36500d
			outbox.circuit.failures     | 1     | 10000
			outbox.circuit.interval     | 50ms  | 10s
			outbox.circuit.max-interval | 1s    | 1d
			sse.write-timeout           | 50ms  | 1d
			""")
	void theLeastAndTheMostOfWhatIsAllowedAreTaken(String property, String least, String most) {
		for (String value : new String[] { least, most }) {
			this.contextRunner
				.withPropertyValues("durable-notify.streams.families.a.prefix=a/",
						"durable-notify." + property + "=" + value)
				.run((context) -> assertThat(context).hasNotFailed());
		}
	}

	@Test
	void aQueueHasThePropertiesOfAllWhereItHasNone() {
		this.contextRunner
			.withPropertyValues("durable-notify.work.concurrency=3", "durable-notify.work.backoff.max-delay=1h",
					"durable-notify.work.queues.mail.max-attempts=2",
					"durable-notify.work.queues.mail.backoff.delay=5s",
					"durable-notify.work.queues[outbox/orders].retention=7d")
			.run((context) -> {
				WorkProperties properties = context.getBean(WorkProperties.class);
				QueueBackoff backoff = new QueueBackoff(Duration.ofSeconds(1), 2.0, Duration.ofHours(1));
				assertThat(properties.queue("mail")).isEqualTo(new WorkProperties.Queue(3, null, 2,
						new QueueBackoff(Duration.ofSeconds(5), 2.0, Duration.ofHours(1)), null));
				assertThat(properties.queue("outbox/orders"))
					.isEqualTo(new WorkProperties.Queue(3, null, 10, backoff, Duration.ofDays(7)));
				assertThat(properties.queue("other")).isEqualTo(new WorkProperties.Queue(3, null, 10, backoff, null));
			});
	}

	@Test
	void aQueueMustHaveTheNameOfOne() {
		this.contextRunner.withPropertyValues("durable-notify.work.queues[a b].concurrency=3").run((context) -> {
			assertThat(refusal(context).getName()).isEqualTo("durable-notify.work.queues");
			assertThat(refusal(context).getReason()).contains("none of them white space");
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "a\0b", "a\ud83d" })
	void aTerminalTypeMustBeOneThatAnEventCanHave(String type) {
		this.contextRunner.withPropertyValues("durable-notify.events.terminal-types=done," + type).run((context) -> {
			assertThat(refusal(context).getName()).isEqualTo("durable-notify.events.terminal-types");
			assertThat(String.valueOf(refusal(context).getValue())).startsWith("'a\\u");
			assertThat(refusal(context).getReason()).contains("none of them NUL or half a surrogate pair");
		});
	}

	@Test
	void aPollIsRequiredWithoutAListener() {
		this.contextRunner.withPropertyValues("durable-notify.listener.enabled=false", "durable-notify.poll.interval=0")
			.run((context) -> {
				assertThat(refusal(context).getName()).isEqualTo("durable-notify.poll.interval");
				assertThat(refusal(context).getReason()).contains("Must be more than 0",
						"durable-notify.listener.enabled is false");
			});
	}

	@Test
	void aPollIsRequiredWithoutAListenerAlsoWhereAllBeansAreLazy() {
		this.contextRunner
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withPropertyValues("durable-notify.listener.enabled=false", "durable-notify.poll.interval=0")
			.run((context) -> assertThat(refusal(context).getName()).isEqualTo("durable-notify.poll.interval"));
	}

	@Test
	void thePropertiesOfTheListenerHideItsSecrets() {
		this.contextRunner
			.withPropertyValues("durable-notify.listener.url=jdbc:postgresql://host/db?password=secret",
					"durable-notify.listener.username=secret", "durable-notify.listener.password=secret")
			.run((context) -> assertThat(context.getBean(ListenerProperties.class)).asString()
				.isNotEmpty()
				.doesNotContain("secret"));
	}

}
