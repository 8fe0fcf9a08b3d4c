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

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/**
 * A {@link AbstractFailureAnalyzer} for {@link ListenerException}.
 */
final class ListenerFailureAnalyzer extends AbstractFailureAnalyzer<ListenerException> {

	private static final String URL = "durable-notify.listener.url";

	private static final String USERNAME = "durable-notify.listener.username";

	private static final String PASSWORD = "durable-notify.listener.password";

	private final ConfigurableListableBeanFactory beanFactory;

	private final Environment environment;

	ListenerFailureAnalyzer(BeanFactory beanFactory, Environment environment) {
		this.beanFactory = (ConfigurableListableBeanFactory) beanFactory;
		this.environment = environment;
	}

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, ListenerException cause) {
		return switch (cause.getProblem()) {
			case URL -> new FailureAnalysis("%s.%s".formatted(cause.getMessage(), origin(URL)),
					"Use jdbc:postgresql://host:port/database, and durable-notify.listener.username and "
							+ "durable-notify.listener.password.",
					cause);
			case CREDENTIALS -> new FailureAnalysis(
					"%s.%s".formatted(cause.getMessage(),
							origin((this.environment.containsProperty(USERNAME)) ? USERNAME : PASSWORD)),
					"Set durable-notify.listener.url, and durable-notify.listener.username where there is a password; "
							+ "or remove username and password, to listen with the application's own connection.",
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
			case CONNECT ->
				new FailureAnalysis("durable-notify cannot listen: " + cause.getMessage(), connectAction(cause), cause);
		};
	}

	private String origin(String property) {
		return PropertyOrigin.of(this.environment, property);
	}

	private String connectAction(ListenerException cause) {
		String otherwise = "Make sure that the server accepts this connection.";
		boolean own = this.environment.containsProperty(URL);
		return ((own) ? ConnectAction.of(cause, "durable-notify.listener", otherwise) + " Or set "
				: ConnectAction.ofDataSource(cause, this.beanFactory, otherwise)
						+ " Or set durable-notify.listener.url to one that it accepts, or ")
				+ "durable-notify.listener.fail-fast=false to start on polling and go on trying.";
	}

}
