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

package io.durablenotify.properties;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.util.unit.DataSize;
import org.springframework.util.unit.DataUnit;

/**
 * Rules for the values of the configuration properties with one prefix. A value that
 * breaks a rule ends in an {@link InvalidConfigurationPropertyValueException}, whose
 * reason has the units of {@code application.yml}. Boot prints the property with its
 * value and its origin, so that there are no rules for secrets here.
 */
public final class PropertyRules {

	/**
	 * The janitor of changes runs ten times in it.
	 */
	private static final Duration SHORTEST_RETENTION = Duration.ofSeconds(1);

	/**
	 * Well within what PostgreSQL can subtract from the present.
	 */
	private static final Duration LONGEST_RETENTION = Duration.ofDays(36_500);

	/**
	 * Polls, probes and heartbeats run twenty times a second at most.
	 */
	private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(50);

	private static final Duration LONGEST_INTERVAL = Duration.ofDays(1);

	/**
	 * Healthy transactions hold a lock for so long.
	 */
	private static final Duration SHORTEST_LOCK_TIMEOUT = Duration.ofMillis(10);

	private static final Duration LONGEST_LOCK_TIMEOUT = Duration.ofHours(1);

	private static final DataSize LARGEST_VALUE = DataSize.ofMegabytes(512);

	private static final List<ChronoUnit> DURATION_UNITS = List.of(ChronoUnit.DAYS, ChronoUnit.HOURS,
			ChronoUnit.MINUTES, ChronoUnit.SECONDS, ChronoUnit.MILLIS, ChronoUnit.MICROS);

	private static final List<String> SIZE_SUFFIXES = List.of("TB", "GB", "MB", "KB");

	private final String prefix;

	/**
	 * Create rules.
	 * @param prefix what the names of all properties begin with, up to a dot
	 */
	public PropertyRules(String prefix) {
		this.prefix = prefix;
	}

	/**
	 * Require the interval of something that is repeated.
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 */
	public void interval(String name, Duration value) {
		between(name, value, SHORTEST_INTERVAL, LONGEST_INTERVAL);
	}

	/**
	 * Require the interval of something that is repeated, or zero where it is not.
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 */
	public void intervalOrZero(String name, Duration value) {
		check(value.isZero() || isBetween(value, SHORTEST_INTERVAL, LONGEST_INTERVAL), name, value,
				"Must be 0, or %s to %s, but is %s.".formatted(shown(SHORTEST_INTERVAL), shown(LONGEST_INTERVAL),
						shown(value)));
	}

	/**
	 * Require the time to wait for a lock.
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 */
	public void lockTimeout(String name, Duration value) {
		between(name, value, SHORTEST_LOCK_TIMEOUT, LONGEST_LOCK_TIMEOUT);
	}

	/**
	 * Require the time after which something is deleted, if it is deleted at all.
	 * @param name the property's name without the prefix
	 * @param value the property's value, or {@code null} to delete nothing
	 */
	public void retention(String name, @Nullable Duration value) {
		if (value != null) {
			check(isBetween(value, SHORTEST_RETENTION, LONGEST_RETENTION), name, value,
					"Must be %s to %s if it is set, but is %s.".formatted(shown(SHORTEST_RETENTION),
							shown(LONGEST_RETENTION), shown(value)));
		}
	}

	/**
	 * Require the maximum size of a stored value.
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 */
	public void valueSize(String name, DataSize value) {
		between(name, value, DataSize.ofBytes(1), LARGEST_VALUE);
	}

	/**
	 * Require a value in a range.
	 * @param <T> the type of the value
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 * @param least the least value that can be used
	 * @param most the greatest value that can be used
	 */
	public <T extends Comparable<T>> void between(String name, T value, T least, T most) {
		check(isBetween(value, least, most), name, value,
				"Must be %s to %s, but is %s.".formatted(shown(least), shown(most), shown(value)));
	}

	/**
	 * Require a value that is not less than that of another property.
	 * @param <T> the type of both values
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 * @param otherName the other property's full name
	 * @param other the other property's value
	 */
	public <T extends Comparable<T>> void atLeast(String name, T value, String otherName, T other) {
		check(value.compareTo(other) >= 0, name, value,
				"Must be at least %s, which is %s, but is %s.".formatted(otherName, shown(other), shown(value)));
	}

	/**
	 * Require a value that is not greater than that of another property.
	 * @param <T> the type of both values
	 * @param name the property's name without the prefix
	 * @param value the property's value
	 * @param otherName the other property's full name
	 * @param other the other property's value
	 */
	public <T extends Comparable<T>> void atMost(String name, T value, String otherName, T other) {
		check(value.compareTo(other) <= 0, name, value,
				"Must be at most %s, which is %s, but is %s.".formatted(otherName, shown(other), shown(value)));
	}

	/**
	 * Require anything else.
	 * @param condition whether the value can be used
	 * @param name the property's name without the prefix
	 * @param value the property's value, or {@code null} if it is missing
	 * @param reason one or more sentences on what the value must be
	 */
	public void check(boolean condition, String name, @Nullable Object value, String reason) {
		if (!condition) {
			throw new InvalidConfigurationPropertyValueException(this.prefix + "." + name,
					(value != null) ? shown(value) : null, reason);
		}
	}

	private static <T extends Comparable<T>> boolean isBetween(T value, T least, T most) {
		return value.compareTo(least) >= 0 && value.compareTo(most) <= 0;
	}

	/**
	 * Return a value as one would write it in {@code application.yml}.
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
