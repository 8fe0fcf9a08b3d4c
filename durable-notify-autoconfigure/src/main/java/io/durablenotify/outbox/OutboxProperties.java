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

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Map;

import io.durablenotify.database.Texts;
import io.durablenotify.properties.PropertyRules;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Outbox properties.
 *
 * @param source Source of events that name none. Defaults to a slash and
 * spring.application.name, or to /application.
 * @param maxAttempts Number of failed attempts after which an event is dead. Attempts
 * while a sender fails altogether do not count. Up to 10000.
 * @param maxAge Time from its publication after which an event that was not sent is dead.
 * Without it, events are sent however old they are. From 1s to 36500d.
 * @param onDead Whether the later events of an ordering key are sent when one is dead, or
 * wait until that is requeued or purged.
 * @param retention Time for which events that were sent are kept in the table
 * outbox_sent. Without it, nothing of them is. From 1s to 36500d.
 * @param circuit What happens while a sender fails altogether.
 * @param http Senders of CloudEvents over HTTP by name. Each has a "url", and may have a
 * "mode" (binary or structured), a "connect-timeout" and a "read-timeout".
 * @param kafka Senders of CloudEvents to Kafka by name. Each has a "topic", and may have
 * a "mode" (binary or structured) and a "timeout".
 */
@ConfigurationProperties(OutboxProperties.PREFIX)
public record OutboxProperties(@Nullable String source, @DefaultValue("1000") int maxAttempts,
		@Nullable Duration maxAge, @DefaultValue("continue") OnDead onDead, @Nullable Duration retention,
		@DefaultValue Circuit circuit, @DefaultValue Map<String, Http> http,
		@DefaultValue Map<String, Kafka> kafka) implements InitializingBean {

	static final String PREFIX = "durable-notify.outbox";

	private static final String CREDENTIALS = "must have no user and password before its host";

	/**
	 * Fits what is stored.
	 */
	private static final int MOST_ATTEMPTS = 10_000;

	private static final Duration SHORTEST_TIMEOUT = Duration.ofMillis(10);

	private static final Duration LONGEST_TIMEOUT = Duration.ofHours(1);

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.check(this.source == null || OutboxEvent.isSource(this.source), "source", this.source,
				"Must be a URI or a path of 1 to %d characters, such as /orders.".formatted(OutboxEvent.MAX_LENGTH));
		rules.between("max-attempts", this.maxAttempts, 1, MOST_ATTEMPTS);
		rules.retention("max-age", this.maxAge);
		rules.retention("retention", this.retention);
		rules.between("circuit.failures", this.circuit.failures(), 1, MOST_ATTEMPTS);
		rules.interval("circuit.interval", this.circuit.interval());
		rules.interval("circuit.max-interval", this.circuit.maxInterval());
		rules.atLeast("circuit.max-interval", this.circuit.maxInterval(), PREFIX + ".circuit.interval",
				this.circuit.interval());
		this.http.forEach((name, sender) -> {
			requireSender(rules, "http", name);
			requireUrl(name, sender.url());
			PropertyRules senderRules = new PropertyRules(PREFIX + ".http." + name);
			senderRules.between("connect-timeout", sender.connectTimeout(), SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
			senderRules.between("read-timeout", sender.readTimeout(), SHORTEST_TIMEOUT, LONGEST_TIMEOUT);
		});
		this.kafka.forEach((name, sender) -> {
			requireSender(rules, "kafka", name);
			PropertyRules senderRules = new PropertyRules(PREFIX + ".kafka." + name);
			senderRules.check(!sender.topic().isBlank(), "topic", sender.topic(), "Must be the name of a topic.");
			senderRules.between("timeout", sender.timeout(), Duration.ofSeconds(1), LONGEST_TIMEOUT);
		});
	}

	private static void requireSender(PropertyRules rules, String kind, String name) {
		rules.check(Texts.isName(name, OutboxQueues.MAX_SENDER_LENGTH), kind, name,
				"The name of a sender must have 1 to %d characters, none of them white space or a control character."
					.formatted(OutboxQueues.MAX_SENDER_LENGTH));
	}

	/**
	 * Not by a rule, which would show a URL that may hold a secret.
	 */
	private static void requireUrl(String sender, String url) {
		String problem = problem(url);
		if (problem != null) {
			throw OutboxSetupException.ofProperty("%s.http.%s.url".formatted(PREFIX, sender), problem,
					CREDENTIALS.equals(problem)
							? "Remove them, and have a bean of type OutboxHttpCustomizer add credentials."
							: "Set it to where events are to be posted, such as https://host/events.");
		}
	}

	private static @Nullable String problem(String url) {
		if (url.isBlank()) {
			return "is missing";
		}
		try {
			URI uri = new URI(url);
			if (!"http".equalsIgnoreCase(uri.getScheme()) && !"https".equalsIgnoreCase(uri.getScheme())) {
				return "must begin with http:// or https://";
			}
			if (uri.getRawUserInfo() != null) {
				return CREDENTIALS;
			}
			return (uri.getHost() == null) ? "must have a valid host after http:// or https://" : null;
		}
		catch (URISyntaxException ex) {
			return "is no valid URL: %s at index %d".formatted(ex.getReason(), ex.getIndex());
		}
	}

	/**
	 * What happens while a sender fails altogether: its events are tried one at a time,
	 * over all instances.
	 *
	 * @param failures Number of failures in a row, of any events, after which events are
	 * tried one at a time until one is sent. Up to 10000.
	 * @param interval Time between the first of these attempts. It doubles from one to
	 * the next. From 50ms to 1d.
	 * @param maxInterval Maximum time between these attempts. From 50ms to 1d, and not
	 * below the interval.
	 */
	public record Circuit(@DefaultValue("5") int failures, @DefaultValue("1s") Duration interval,
			@DefaultValue("10s") Duration maxInterval) {

	}

	/**
	 * A sender of CloudEvents over HTTP.
	 *
	 * @param url URL to which events are posted.
	 * @param mode Whether the attributes are headers (binary), or are in the JSON with
	 * the data (structured).
	 * @param connectTimeout Time to wait for a connection. From 10ms to 1h.
	 * @param readTimeout Time to wait for the answer. From 10ms to 1h.
	 */
	public record Http(@DefaultValue("") String url, @DefaultValue("binary") Mode mode,
			@DefaultValue("5s") Duration connectTimeout, @DefaultValue("30s") Duration readTimeout) {

		/**
		 * Without the URL, which may hold a secret.
		 */
		@Override
		public String toString() {
			return "Http[mode=%s]".formatted(this.mode);
		}

	}

	/**
	 * A sender of CloudEvents to Kafka.
	 *
	 * @param topic Topic of the records.
	 * @param mode Whether the attributes are headers (binary), or are in the JSON with
	 * the data (structured).
	 * @param timeout Time within which the broker must have a record. From 1s to 1h.
	 */
	public record Kafka(@DefaultValue("") String topic, @DefaultValue("binary") Mode mode,
			@DefaultValue("30s") Duration timeout) {

	}

	/**
	 * Where the attributes of a CloudEvent are.
	 */
	public enum Mode {

		/**
		 * In headers: the body is the data.
		 */
		BINARY,

		/**
		 * In the body, which is JSON.
		 */
		STRUCTURED

	}

}
