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
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.durablenotify.change.ChangeSettings;
import io.durablenotify.delivery.DeliverySettings;
import io.durablenotify.event.EventSettings;
import io.durablenotify.instance.InstanceSettings;
import io.durablenotify.listener.ListenerSettings;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.schema.SchemaSettings;
import io.durablenotify.stream.StreamSettings;
import io.durablenotify.wakeup.PollSettings;
import io.durablenotify.wakeup.WakeupSettings;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.util.unit.DataSize;

/**
 * Turns {@link DurableNotifyProperties} into the settings of each feature, and refuses
 * what cannot work.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(DurableNotifyProperties.class)
class SettingsConfiguration {

	/**
	 * PostgreSQL takes milliseconds as an integer.
	 */
	private static final Duration LONGEST_LOCK_TIMEOUT = Duration.ofDays(24);

	/**
	 * Well within what PostgreSQL can subtract from the present.
	 */
	private static final Duration LONGEST_RETENTION = Duration.ofDays(36_500);

	/**
	 * For changes, which are looked through ten times in it.
	 */
	private static final Duration SHORTEST_RETENTION = Duration.ofSeconds(1);

	private static final DataSize LARGEST_VALUE = DataSize.ofMegabytes(512);

	private static final Pattern SCHEME = Pattern.compile("([a-z][a-z0-9+.-]*:)//");

	private static final Pattern CREDENTIALS = Pattern.compile("jdbc:postgresql://[^/?]*@");

	@Bean
	SchemaSettings durableNotifySchemaSettings(DurableNotifyProperties properties) {
		String name = properties.getSchema().getName();
		require(SchemaName.isValid(name), "schema.name", name, SchemaName.RULE);
		return new SchemaSettings(new SchemaName(name), properties.getSchema().isMigrate());
	}

	@Bean
	DeliverySettings durableNotifyDeliverySettings(DurableNotifyProperties properties) {
		int maxThreads = properties.getDelivery().getMaxThreads();
		require(maxThreads >= 1, "delivery.max-threads", maxThreads, "use 1 or more");
		return new DeliverySettings(maxThreads);
	}

	@Bean
	ListenerSettings durableNotifyListenerSettings(DurableNotifyProperties properties, Environment environment) {
		DurableNotifyProperties.Listener listener = properties.getListener();
		requireUsableUrl(listener);
		requirePositive("listener.connect-timeout", listener.getConnectTimeout());
		requirePositive("listener.probe.interval", listener.getProbe().getInterval());
		requirePositive("listener.probe.timeout", listener.getProbe().getTimeout());
		return new ListenerSettings(listener.isEnabled(), listener.isFailFast(), listener.isPromptSocket(),
				applicationName(listener, environment), listener.getConnectTimeout(), backoff(listener.getBackoff()),
				new ListenerSettings.Probe(listener.getProbe().getInterval(), listener.getProbe().getTimeout()));
	}

	private static void requireUsableUrl(DurableNotifyProperties.Listener listener) {
		String url = listener.getUrl();
		if (url == null && (listener.getUsername() != null || listener.getPassword() != null)) {
			throw new SettingsException(
					"Property durable-notify.listener.username or durable-notify.listener.password is set, but not "
							+ "durable-notify.listener.url.",
					"Set durable-notify.listener.url too. Without it the application's own connection is used as a "
							+ "whole.");
		}
		if (listener.getUsername() == null && listener.getPassword() != null) {
			throw new SettingsException(
					"Property durable-notify.listener.password is set, but not durable-notify.listener.username.",
					"Set both, or neither to use the application's own.");
		}
		if (url != null && !url.startsWith("jdbc:postgresql:")) {
			Matcher scheme = SCHEME.matcher(url);
			throw unusableUrl(((scheme.lookingAt()) ? "begins with '%s', which ".formatted(scheme.group(1)) : "")
					+ "is not the URL of a PostgreSQL server for JDBC");
		}
		if (url != null && CREDENTIALS.matcher(url).lookingAt()) {
			throw unusableUrl("has credentials before the host, where JDBC does not look for them");
		}
	}

	/**
	 * Shows nothing of the URL but its scheme, since the rest may hold a password.
	 */
	private static SettingsException unusableUrl(String problem) {
		return new SettingsException("Property durable-notify.listener.url %s.".formatted(problem),
				"Use jdbc:postgresql://host:port/database, and durable-notify.listener.username and "
						+ "durable-notify.listener.password.");
	}

	private static String applicationName(DurableNotifyProperties.Listener listener, Environment environment) {
		String name = listener.getApplicationName();
		return (name != null) ? name
				: environment.getProperty("spring.application.name", "durable-notify") + "-listener";
	}

	private static ListenerSettings.Backoff backoff(DurableNotifyProperties.Listener.Backoff backoff) {
		requirePositive("listener.backoff.delay", backoff.getDelay());
		require(backoff.getMultiplier() >= 1, "listener.backoff.multiplier", backoff.getMultiplier(), "use 1 or more");
		require(backoff.getMaxDelay().compareTo(backoff.getDelay()) >= 0, "listener.backoff.max-delay",
				backoff.getMaxDelay(), "use durable-notify.listener.backoff.delay or more");
		requireNotNegative("listener.backoff.jitter", backoff.getJitter());
		return new ListenerSettings.Backoff(backoff.getDelay(), backoff.getMultiplier(), backoff.getMaxDelay(),
				backoff.getJitter());
	}

	@Bean
	PollSettings durableNotifyPollSettings(DurableNotifyProperties properties) {
		DurableNotifyProperties.Poll poll = properties.getPoll();
		requireNotNegative("poll.interval", poll.getInterval());
		requireNotNegative("poll.degraded-interval", poll.getDegradedInterval());
		if (poll.getInterval().isZero() && !properties.getListener().isEnabled()) {
			throw new SettingsException(
					"Properties durable-notify.listener.enabled=false and durable-notify.poll.interval=0 are both "
							+ "set, so that nothing would deliver what other instances write.",
					"Turn the listener on, or set durable-notify.poll.interval to more than 0.");
		}
		return new PollSettings(poll.getInterval(), poll.getDegradedInterval());
	}

	@Bean
	WakeupSettings durableNotifyWakeupSettings(DurableNotifyProperties properties) {
		requireNotNegative("wakeup.max-gap", properties.getWakeup().getMaxGap());
		return new WakeupSettings(properties.getWakeup().getMode(), properties.getWakeup().getMaxGap());
	}

	@Bean
	StreamSettings durableNotifyStreamSettings(DurableNotifyProperties properties) {
		DurableNotifyProperties.Streams streams = properties.getStreams();
		DataSize maxChunkSize = streams.getMaxChunkSize();
		requireValueSize("streams.max-chunk-size", maxChunkSize);
		requireBufferSize("streams.buffer-size", streams.getBufferSize());
		require(streams.getBufferBytes().toBytes() >= 1, "streams.buffer-bytes", streams.getBufferBytes(),
				"use 1B or more");
		require(streams.getAppendBuffer().compareTo(maxChunkSize) >= 0, "streams.append-buffer",
				streams.getAppendBuffer(),
				"use at least durable-notify.streams.max-chunk-size, which is " + maxChunkSize);
		requireLockTimeout("streams.append-timeout", streams.getAppendTimeout());
		requireRetention("streams.retention", streams.getRetention());
		return new StreamSettings((int) maxChunkSize.toBytes(), streams.getBufferSize(),
				streams.getBufferBytes().toBytes(), streams.getAppendBuffer().toBytes(), streams.getAppendTimeout(),
				streams.getRetention(), families(streams));
	}

	@Bean
	InstanceSettings durableNotifyInstanceSettings(DurableNotifyProperties properties, Environment environment) {
		Duration lease = properties.getStreams().getLease();
		require(InstanceSettings.isValidLease(lease), "streams.lease", lease, "use %s to %s"
			.formatted(shown(InstanceSettings.SHORTEST_LEASE), shown(InstanceSettings.LONGEST_LEASE)));
		return new InstanceSettings(environment.getProperty("spring.application.name", "durable-notify"), lease);
	}

	@Bean
	ChangeSettings durableNotifyChangeSettings(DurableNotifyProperties properties) {
		Duration retention = properties.getChanges().getRetention();
		require(retention.compareTo(SHORTEST_RETENTION) >= 0 && retention.compareTo(LONGEST_RETENTION) <= 0,
				"changes.retention", retention,
				"use %ds to %dd".formatted(SHORTEST_RETENTION.toSeconds(), LONGEST_RETENTION.toDays()));
		return new ChangeSettings(retention);
	}

	private static List<StreamSettings.Family> families(DurableNotifyProperties.Streams streams) {
		Map<String, StreamSettings.Family> byPrefix = new LinkedHashMap<>();
		streams.getFamilies().forEach((name, properties) -> {
			StreamSettings.Family family = family(name, properties, streams);
			StreamSettings.Family other = byPrefix.putIfAbsent(family.prefix(), family);
			if (other != null) {
				throw new SettingsException(
						("Properties durable-notify.streams.families.%s.prefix and "
								+ "durable-notify.streams.families.%s.prefix have the same value '%s'.")
							.formatted(other.name(), name, family.prefix()),
						"Give each family a prefix of its own. One may begin with another's.");
			}
		});
		return List.copyOf(byPrefix.values());
	}

	private static StreamSettings.Family family(String name, DurableNotifyProperties.Streams.Family family,
			DurableNotifyProperties.Streams streams) {
		if (!StreamSettings.Family.isValidName(name)) {
			throw new SettingsException(
					"Property durable-notify.streams.families has a family named '%s', which cannot be used."
						.formatted(name),
					"For the names of families, %s.".formatted(StreamSettings.Family.NAME_RULE));
		}
		String property = "streams.families." + name;
		String prefix = family.getPrefix();
		if (prefix == null) {
			throw new SettingsException("Property durable-notify.%s.prefix is not set.".formatted(property),
					"Set it to what the names of the family's streams begin with, such as '%s/'.".formatted(name));
		}
		require(StreamSettings.Family.isValidPrefix(prefix), property + ".prefix", prefix,
				StreamSettings.Family.PREFIX_RULE);
		requireRetention(property + ".retention", family.getRetention());
		int bufferSize = (family.getBufferSize() != null) ? family.getBufferSize() : streams.getBufferSize();
		requireBufferSize(property + ".buffer-size", bufferSize);
		DataSize maxChunkSize = (family.getMaxChunkSize() != null) ? family.getMaxChunkSize()
				: streams.getMaxChunkSize();
		requireValueSize(property + ".max-chunk-size", maxChunkSize);
		require(maxChunkSize.compareTo(streams.getAppendBuffer()) <= 0, property + ".max-chunk-size", maxChunkSize,
				"use at most durable-notify.streams.append-buffer, which is " + shown(streams.getAppendBuffer()));
		return new StreamSettings.Family(name, prefix, family.getRetention(), bufferSize, (int) maxChunkSize.toBytes());
	}

	@Bean
	EventSettings durableNotifyEventSettings(DurableNotifyProperties properties) {
		DurableNotifyProperties.Events events = properties.getEvents();
		requireValueSize("events.max-payload-size", events.getMaxPayloadSize());
		requireLockTimeout("events.append-timeout", events.getAppendTimeout());
		requireRetention("events.retention", events.getRetention());
		List<String> terminalTypes = events.getTerminalTypes();
		terminalTypes.forEach((type) -> require(EventSettings.isType(type), "events.terminal-types", type,
				"use types of 1 to 128 characters"));
		return new EventSettings((int) events.getMaxPayloadSize().toBytes(), events.getAppendTimeout(), terminalTypes,
				events.getRetention());
	}

	private static void requireLockTimeout(String property, Duration value) {
		requirePositive(property, value);
		require(value.compareTo(LONGEST_LOCK_TIMEOUT) <= 0, property, value,
				"use " + LONGEST_LOCK_TIMEOUT.toDays() + "d or less");
	}

	private static void requireValueSize(String property, DataSize value) {
		require(value.toBytes() >= 1 && value.compareTo(LARGEST_VALUE) <= 0, property, value,
				"use 1B to " + LARGEST_VALUE.toMegabytes() + "MB");
	}

	private static void requireBufferSize(String property, int value) {
		require(value >= 1, property, value, "use 1 or more");
	}

	private static void requireRetention(String property, @Nullable Duration value) {
		if (value != null) {
			requirePositive(property, value);
			require(value.compareTo(LONGEST_RETENTION) <= 0, property, value,
					"use " + LONGEST_RETENTION.toDays() + "d or less, or nothing to keep streams");
		}
	}

	static void requirePositive(String property, Duration value) {
		require(value.toMillis() > 0, property, value, "use 1ms or more");
	}

	private static void requireNotNegative(String property, Duration value) {
		require(!value.isNegative(), property, value, "use 0 or more");
	}

	private static void require(boolean condition, String property, Object value, String rule) {
		if (!condition) {
			throw new SettingsException("Property durable-notify.%s has the value '%s', which cannot be used."
				.formatted(property, shown(value)), "For durable-notify.%s, %s.".formatted(property, rule));
		}
	}

	/**
	 * Show a value as one would write it in {@code application.yml}.
	 */
	private static Object shown(Object value) {
		if (value instanceof Duration duration) {
			return DurationStyle.SIMPLE.print(duration, unit(duration));
		}
		if (value instanceof DataSize size && size.toMegabytes() > 0
				&& size.equals(DataSize.ofMegabytes(size.toMegabytes()))) {
			return size.toMegabytes() + "MB";
		}
		return value;
	}

	private static ChronoUnit unit(Duration duration) {
		if (duration.getNano() == 0) {
			return ChronoUnit.SECONDS;
		}
		return (duration.getNano() % 1_000_000 == 0) ? ChronoUnit.MILLIS : ChronoUnit.NANOS;
	}

}
