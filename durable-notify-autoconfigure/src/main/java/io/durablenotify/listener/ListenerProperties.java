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

package io.durablenotify.listener;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.durablenotify.listener.ListenerException.Problem;
import io.durablenotify.properties.PropertyRules;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.core.env.Environment;

/**
 * Listener properties.
 *
 * @param enabled Whether to listen for notifications. If not, everything runs on polling
 * alone.
 * @param failFast Whether the application fails to start if the first connection cannot
 * be made or receives nothing.
 * @param promptSocket Whether to use a socket that receives notifications without the
 * driver's delay of one millisecond. Has no effect if the connection has a socket
 * factory.
 * @param url JDBC URL of the connection that listens, which must reach PostgreSQL
 * directly and not through a pooler in transaction mode. Defaults to the application's
 * own.
 * @param username Username of the connection that listens. Requires a URL. Without one,
 * the application's own is used.
 * @param password Password of the connection that listens. Requires a username. Without
 * one, the application's own is used.
 * @param applicationName Application name of the connection that listens, as the server
 * shows it. Defaults to "${spring.application.name}-listener".
 * @param connectTimeout Time to wait for the connection, and for each statement on it.
 * Rounded up to whole seconds. From 100ms to 1h.
 * @param backoff Delays between attempts to connect.
 * @param probe Probe properties.
 */
@ConfigurationProperties(ListenerProperties.PREFIX)
public record ListenerProperties(@DefaultValue("true") boolean enabled, @DefaultValue("true") boolean failFast,
		@DefaultValue("true") boolean promptSocket, @Nullable String url, @Nullable String username,
		@Nullable String password, @Nullable String applicationName, @DefaultValue("10s") Duration connectTimeout,
		@DefaultValue Backoff backoff, @DefaultValue Probe probe) implements InitializingBean {

	static final String PREFIX = "durable-notify.listener";

	/**
	 * A distant server may need so long to answer.
	 */
	private static final Duration SHORTEST_TIMEOUT = Duration.ofMillis(100);

	private static final Duration LONGEST_TIMEOUT = Duration.ofHours(1);

	private static final Pattern SCHEME = Pattern.compile("([a-z][a-z0-9+.-]*:)//");

	private static final Pattern CREDENTIALS = Pattern.compile("jdbc:postgresql://[^/?]*@");

	/**
	 * Return the name by which the server knows the connection.
	 * @param environment the application's environment
	 * @return the name
	 */
	public String applicationName(Environment environment) {
		return (this.applicationName != null) ? this.applicationName
				: environment.getProperty("spring.application.name", "durable-notify") + "-listener";
	}

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		requireWith("username", this.username, "url", this.url);
		requireWith("password", this.password, "username", this.username);
		if (this.url != null) {
			requireUsable(this.url);
		}
		rules.between("connect-timeout", this.connectTimeout, SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
		this.backoff.check(rules);
		rules.interval("probe.interval", this.probe.interval());
		rules.between("probe.timeout", this.probe.timeout(), SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
	}

	/**
	 * Shows no value, which Boot's exception for invalid values would do.
	 */
	private static void requireWith(String name, @Nullable String value, String otherName, @Nullable String other) {
		if (value != null && other == null) {
			throw new ListenerException(Problem.CREDENTIALS,
					"Property %1$s.%2$s must not be set without %1$s.%3$s".formatted(PREFIX, name, otherName));
		}
	}

	/**
	 * Shows nothing of the URL but its scheme, since the rest may hold a password. Boot's
	 * exception for invalid values would show all of it.
	 */
	private static void requireUsable(String url) {
		if (!url.startsWith("jdbc:postgresql:")) {
			Matcher scheme = SCHEME.matcher(url);
			throw unusableUrl(((scheme.lookingAt()) ? "begins with '%s', which ".formatted(scheme.group(1)) : "")
					+ "is not the URL of a PostgreSQL server for JDBC");
		}
		if (CREDENTIALS.matcher(url).lookingAt()) {
			throw unusableUrl("has credentials before the host, where JDBC does not look for them");
		}
	}

	private static ListenerException unusableUrl(String problem) {
		return new ListenerException(Problem.URL, "Property %s.url %s".formatted(PREFIX, problem));
	}

	/**
	 * Leaves out what may be a secret.
	 */
	@Override
	public String toString() {
		return "ListenerProperties[enabled=%s, failFast=%s, connectTimeout=%s]".formatted(this.enabled, this.failFast,
				this.connectTimeout);
	}

	/**
	 * Delays between attempts to connect.
	 *
	 * @param delay Delay before the first attempt to connect again. From 5ms to 1h.
	 * @param multiplier Multiplier of the delay from one attempt to the next. At least 1.
	 * @param maxDelay Maximum delay between attempts. From 20ms to 1h, and not below the
	 * delay.
	 * @param jitter Jitter of the first delay, which grows with the delay. Up to 1h.
	 */
	public record Backoff(@DefaultValue("250ms") Duration delay, @DefaultValue("2") double multiplier,
			@DefaultValue("30s") Duration maxDelay, @DefaultValue("50ms") Duration jitter) {

		private void check(PropertyRules rules) {
			rules.between("backoff.delay", this.delay, Duration.ofMillis(5), LONGEST_TIMEOUT);
			rules.check(this.multiplier >= 1, "backoff.multiplier", this.multiplier, "Must be 1 or more.");
			rules.between("backoff.max-delay", this.maxDelay, Duration.ofMillis(20), LONGEST_TIMEOUT);
			rules.atLeast("backoff.max-delay", this.maxDelay, PREFIX + ".backoff.delay", this.delay);
			rules.between("backoff.jitter", this.jitter, Duration.ZERO, LONGEST_TIMEOUT);
		}

	}

	/**
	 * Probe properties.
	 *
	 * @param interval Time without a notification after which a probe checks that
	 * notifications from other connections arrive. From 50ms to 1d.
	 * @param timeout Time within which the notification of a probe must arrive. The
	 * server is given as many whole seconds, rounded up, to answer. From 100ms to 1h.
	 */
	public record Probe(@DefaultValue("10s") Duration interval, @DefaultValue("5s") Duration timeout) {

	}

}
