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

import io.durablenotify.listener.ListenerException;

import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/**
 * A {@link AbstractFailureAnalyzer} for {@link ListenerException}.
 */
final class ListenerFailureAnalyzer extends AbstractFailureAnalyzer<ListenerException> {

	private static final String URL = "durable-notify.listener.url";

	private final Environment environment;

	ListenerFailureAnalyzer(Environment environment) {
		this.environment = environment;
	}

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, ListenerException cause) {
		return switch (cause.getProblem()) {
			case URL -> new FailureAnalysis("%s.%s".formatted(cause.getMessage(), origin()),
					"Use jdbc:postgresql://host:port/database, and durable-notify.listener.username and "
							+ "durable-notify.listener.password.",
					cause);
			case DEAF -> new FailureAnalysis(cause.getMessage(),
					"Set durable-notify.listener.url to reach PostgreSQL directly, or "
							+ "durable-notify.listener.enabled=false to run on polling alone (delay up to %s)."
								.formatted(this.environment.getProperty("durable-notify.poll.interval", "5s")),
					cause);
			case STANDBY -> new FailureAnalysis("durable-notify cannot listen: " + cause.getMessage() + ".",
					"Set durable-notify.listener.url to reach the primary, for example with several hosts and "
							+ "targetServerType=primary.",
					cause);
			case CONNECT -> new FailureAnalysis("durable-notify cannot listen: " + cause.getMessage(),
					ConnectAction.of(cause, connectionProperties(),
							"Make sure that the server accepts this connection.")
							+ " Or set durable-notify.listener.url to one that it accepts, or "
							+ "durable-notify.listener.fail-fast=false to start on polling and go on trying.",
					cause);
		};
	}

	private String origin() {
		for (ConfigurationPropertySource source : ConfigurationPropertySources.get(this.environment)) {
			ConfigurationProperty property = source.getConfigurationProperty(ConfigurationPropertyName.of(URL));
			if (property != null) {
				return " It originates from '%s'.".formatted(property.getOrigin());
			}
		}
		return "";
	}

	private String connectionProperties() {
		return (this.environment.containsProperty(URL)) ? "durable-notify.listener" : "spring.datasource";
	}

}
