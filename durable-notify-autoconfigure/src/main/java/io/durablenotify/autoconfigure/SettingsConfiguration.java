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

import javax.sql.DataSource;

import io.durablenotify.change.ChangeSettings;
import io.durablenotify.delivery.DeliverySettings;
import io.durablenotify.event.EventSettings;
import io.durablenotify.instance.InstanceSettings;
import io.durablenotify.listener.ListenerSettings;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.schema.SchemaSettings;
import io.durablenotify.stream.StreamSettings;
import io.durablenotify.wakeup.PollSettings;
import io.durablenotify.wakeup.WakeupMode;
import io.durablenotify.wakeup.WakeupSettings;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.util.unit.DataSize;
import org.springframework.util.unit.DataUnit;

/**
 * Turns {@link DurableNotifyProperties} into the settings of each feature, and refuses
 * what cannot work.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(DurableNotifyProperties.class)
class SettingsConfiguration {

	/**
	 * The janitor of changes comes ten times in it.
	 */
	private static final Duration SHORTEST_RETENTION = Duration.ofSeconds(1);

	/**
	 * Well within what PostgreSQL can subtract from the present.
	 */
	private static final Duration LONGEST_RETENTION = Duration.ofDays(36_500);

	/**
	 * Polls, probes and heartbeats come twenty times a second at most.
	 */
	private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(50);

	private static final Duration LONGEST_INTERVAL = Duration.ofDays(1);

	/**
	 * A distant server may need so long to answer.
	 */
	private static final Duration SHORTEST_TIMEOUT = Duration.ofMillis(100);

	/**
	 * Healthy transactions hold a lock for so long.
	 */
	private static final Duration SHORTEST_LOCK_TIMEOUT = Duration.ofMillis(10);

	private static final Duration LONGEST_TIMEOUT = Duration.ofHours(1);

	private static final Duration SHORTEST_DELAY = Duration.ofMillis(5);

	private static final Duration SHORTEST_MAX_DELAY = Duration.ofMillis(20);

	private static final Duration LONGEST_GAP = Duration.ofMinutes(1);

	private static final DataSize LARGEST_VALUE = DataSize.ofMegabytes(512);

	private static final DataSize LARGEST_APPEND_BUFFER = DataSize.ofGigabytes(64);

	private static final int LARGEST_BUFFER_SIZE = 1_000_000;

	private static final int MOST_THREADS = 10_000;

	private static final List<ChronoUnit> DURATION_UNITS = List.of(ChronoUnit.DAYS, ChronoUnit.HOURS,
			ChronoUnit.MINUTES, ChronoUnit.SECONDS, ChronoUnit.MILLIS, ChronoUnit.MICROS);

	private static final List<String> SIZE_SUFFIXES = List.of("TB", "GB", "MB", "KB");

	private static final Pattern SCHEME = Pattern.compile("([a-z][a-z0-9+.-]*:)//");

	private static final Pattern CREDENTIALS = Pattern.compile("jdbc:postgresql://[^/?]*@");

	@Bean
	static UnitsBindHandlerAdvisor durableNotifyUnitsBindHandlerAdvisor(Environment environment) {
		return new UnitsBindHandlerAdvisor(environment);
	}

	/**
	 * What runs on threads of our own, such as a group commit, cannot know which of
	 * several databases the caller meant.
	 */
	static void requireSingleDatabase(@Nullable DataSource routing, DurableNotifyProperties.DataSource properties) {
		if (routing != null && !properties.isSingleDatabase()) {
			throw new SettingsException(
					("The DataSource chooses among several databases by what the calling thread does (%s). "
							+ "durable-notify writes and reads on threads of its own too, and would reach another "
							+ "database than the caller.")
						.formatted(routing.getClass().getName()),
					"Annotate the DataSource that leads to durable-notify's database with @DurableNotifyDataSource. "
							+ "Or, if this one leads to a primary and its replicas only and to the primary on threads "
							+ "outside of read-only transactions, set durable-notify.data-source.single-database=true.");
		}
	}

	@Bean
	SchemaSettings durableNotifySchemaSettings(DurableNotifyProperties properties) {
		String name = properties.getSchema().getName();
		require(SchemaName.isValid(name), "schema.name", name, SchemaName.RULE);
		return new SchemaSettings(new SchemaName(name), properties.getSchema().isMigrate());
	}

	@Bean
	DeliverySettings durableNotifyDeliverySettings(DurableNotifyProperties properties) {
		int maxThreads = properties.getDelivery().getMaxThreads();
		require(maxThreads >= 1 && maxThreads <= MOST_THREADS, "delivery.max-threads", maxThreads,
				"use 1 to " + MOST_THREADS);
		return new DeliverySettings(maxThreads);
	}

	@Bean
	ListenerSettings durableNotifyListenerSettings(DurableNotifyProperties properties, Environment environment) {
		DurableNotifyProperties.Listener listener = properties.getListener();
		requireUsableUrl(listener);
		requireBetween("listener.connect-timeout", listener.getConnectTimeout(), SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
		requireInterval("listener.probe.interval", listener.getProbe().getInterval());
		requireBetween("listener.probe.timeout", listener.getProbe().getTimeout(), SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
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
		requireBetween("listener.backoff.delay", backoff.getDelay(), SHORTEST_DELAY, LONGEST_TIMEOUT);
		require(backoff.getMultiplier() >= 1, "listener.backoff.multiplier", backoff.getMultiplier(), "use 1 or more");
		requireBetween("listener.backoff.max-delay", backoff.getMaxDelay(), SHORTEST_MAX_DELAY, LONGEST_TIMEOUT);
		require(backoff.getMaxDelay().compareTo(backoff.getDelay()) >= 0, "listener.backoff.max-delay",
				backoff.getMaxDelay(), "use durable-notify.listener.backoff.delay or more");
		requireBetween("listener.backoff.jitter", backoff.getJitter(), Duration.ZERO, LONGEST_TIMEOUT);
		return new ListenerSettings.Backoff(backoff.getDelay(), backoff.getMultiplier(), backoff.getMaxDelay(),
				backoff.getJitter());
	}

	@Bean
	PollSettings durableNotifyPollSettings(DurableNotifyProperties properties) {
		DurableNotifyProperties.Poll poll = properties.getPoll();
		requireIntervalOrZero("poll.interval", poll.getInterval());
		requireIntervalOrZero("poll.degraded-interval", poll.getDegradedInterval());
		if (poll.getInterval().isZero() && !properties.getListener().isEnabled()) {
			throw new SettingsException(
					"Properties durable-notify.listener.enabled=false and durable-notify.poll.interval=0 are both "
							+ "set, so that nothing would deliver what other instances write.",
					"Turn the listener on, or set durable-notify.poll.interval to more than 0.");
		}
		return new PollSettings(poll.getInterval(), poll.getDegradedInterval());
	}

	@Bean
	@SuppressWarnings("deprecation")
	WakeupSettings durableNotifyWakeupSettings(DurableNotifyProperties properties) {
		require(properties.getWakeup().getMode() != WakeupMode.IN_TRANSACTION, "wakeup.mode", "in-transaction",
				"use after-commit or none. The mode in-transaction has been removed: only instances of durable-notify "
						+ "understand its notifications. For other listeners, send a NOTIFY of your own");
		requireBetween("wakeup.max-gap", properties.getWakeup().getMaxGap(), Duration.ZERO, LONGEST_GAP);
		return new WakeupSettings(properties.getWakeup().getMode(), properties.getWakeup().getMaxGap());
	}

	@Bean
	StreamSettings durableNotifyStreamSettings(DurableNotifyProperties properties) {
		DurableNotifyProperties.Streams streams = properties.getStreams();
		DataSize maxChunkSize = streams.getMaxChunkSize();
		requireValueSize("streams.max-chunk-size", maxChunkSize);
		requireBufferSize("streams.buffer-size", streams.getBufferSize());
		requireBetween("streams.buffer-bytes", streams.getBufferBytes(), DataSize.ofKilobytes(1), LARGEST_VALUE);
		require(streams.getAppendBuffer().compareTo(maxChunkSize) >= 0, "streams.append-buffer",
				streams.getAppendBuffer(),
				"use at least durable-notify.streams.max-chunk-size, which is " + shown(maxChunkSize));
		require(streams.getAppendBuffer().compareTo(LARGEST_APPEND_BUFFER) <= 0, "streams.append-buffer",
				streams.getAppendBuffer(), "use %s or less".formatted(shown(LARGEST_APPEND_BUFFER)));
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
		requireBetween("changes.retention", retention, SHORTEST_RETENTION, LONGEST_RETENTION);
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
		requireBetween(property, value, SHORTEST_LOCK_TIMEOUT, LONGEST_TIMEOUT);
	}

	private static void requireValueSize(String property, DataSize value) {
		requireBetween(property, value, DataSize.ofBytes(1), LARGEST_VALUE);
	}

	private static void requireBufferSize(String property, int value) {
		require(value >= 1 && value <= LARGEST_BUFFER_SIZE, property, value, "use 1 to " + LARGEST_BUFFER_SIZE);
	}

	private static void requireRetention(String property, @Nullable Duration value) {
		if (value != null) {
			require(isBetween(value, SHORTEST_RETENTION, LONGEST_RETENTION), property, value,
					"use %s to %s, or nothing to keep streams".formatted(shown(SHORTEST_RETENTION),
							shown(LONGEST_RETENTION)));
		}
	}

	static void requireInterval(String property, Duration value) {
		requireBetween(property, value, SHORTEST_INTERVAL, LONGEST_INTERVAL);
	}

	private static void requireIntervalOrZero(String property, Duration value) {
		require(value.isZero() || isBetween(value, SHORTEST_INTERVAL, LONGEST_INTERVAL), property, value,
				"use 0, or %s to %s".formatted(shown(SHORTEST_INTERVAL), shown(LONGEST_INTERVAL)));
	}

	private static <T extends Comparable<T>> void requireBetween(String property, T value, T least, T most) {
		require(isBetween(value, least, most), property, value, "use %s to %s".formatted(shown(least), shown(most)));
	}

	private static <T extends Comparable<T>> boolean isBetween(T value, T least, T most) {
		return value.compareTo(least) >= 0 && value.compareTo(most) <= 0;
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
			return (duration.isZero()) ? "0" : DurationStyle.SIMPLE.print(duration, unit(duration));
		}
		return (value instanceof DataSize size) ? shown(size) : value;
	}

	private static String shown(DataSize size) {
		for (String suffix : SIZE_SUFFIXES) {
			long unit = DataSize.of(1, DataUnit.fromSuffix(suffix)).toBytes();
			if (size.toBytes() != 0 && size.toBytes() % unit == 0) {
				return size.toBytes() / unit + suffix;
			}
		}
		return size.toString();
	}

	private static ChronoUnit unit(Duration duration) {
		return DURATION_UNITS.stream()
			.filter((unit) -> unit.getDuration().multipliedBy(duration.dividedBy(unit.getDuration())).equals(duration))
			.findFirst()
			.orElse(ChronoUnit.NANOS);
	}

}
