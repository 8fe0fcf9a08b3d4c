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

package io.durablenotify.testsupport;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.event.EventLog;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import org.awaitility.Awaitility;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcTemplateAutoConfiguration;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * An application context as one instance of an application.
 */
public final class Instance implements AutoCloseable {

	/**
	 * The {@code application_name} of the LISTEN connection.
	 */
	public static final String LISTENER = "instance-listener";

	private final ConfigurableApplicationContext context;

	private Instance(ConfigurableApplicationContext context) {
		this.context = context;
	}

	/**
	 * Start an instance.
	 * @param properties further properties, as {@code name=value}
	 */
	public static Instance start(TestDatabase database, String... properties) {
		return start(database, (application) -> {
		}, properties);
	}

	/**
	 * Start an instance.
	 * @param customizer adds to the application
	 * @param properties further properties, as {@code name=value}
	 */
	public static Instance start(TestDatabase database, Consumer<SpringApplicationBuilder> customizer,
			String... properties) {
		Map<String, Object> defaults = new LinkedHashMap<>();
		defaults.put("spring.datasource.url", database.url());
		defaults.put("spring.application.name", "instance");
		defaults.put("spring.main.banner-mode", "off");
		defaults.put("spring.datasource.hikari.minimum-idle", "1");
		for (String property : properties) {
			String[] nameAndValue = property.split("=", 2);
			defaults.put(nameAndValue[0], nameAndValue[1]);
		}
		SpringApplicationBuilder application = new SpringApplicationBuilder(Application.class)
			.web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties(defaults);
		customizer.accept(application);
		return new Instance(application.run());
	}

	public StreamWriter writer() {
		return bean(StreamWriter.class);
	}

	public StreamReader reader() {
		return bean(StreamReader.class);
	}

	public EventLog events() {
		return bean(EventLog.class);
	}

	public NotificationListener listener() {
		return bean(NotificationListener.class);
	}

	/**
	 * Return statements in the instance's transactions.
	 */
	public JdbcTemplate jdbc() {
		return bean(JdbcTemplate.class);
	}

	public TransactionTemplate transaction() {
		return new TransactionTemplate(bean(PlatformTransactionManager.class));
	}

	public TransactionTemplate transaction(int isolationLevel) {
		TransactionTemplate transaction = transaction();
		transaction.setIsolationLevel(isolationLevel);
		return transaction;
	}

	public TransactionTemplate newTransaction() {
		TransactionTemplate transaction = transaction();
		transaction.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
		return transaction;
	}

	public <T> T bean(Class<T> type) {
		return this.context.getBean(type);
	}

	public ConfigurableApplicationContext context() {
		return this.context;
	}

	public void awaitStatus(ListenerState.Status status) {
		Awaitility.await("listener is " + status + ": " + listener().state())
			.atMost(Eventually.TIMEOUT)
			.until(() -> listener().state().status() == status);
	}

	@Override
	public void close() {
		this.context.close();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			JdbcTemplateAutoConfiguration.class, TransactionAutoConfiguration.class,
			DurableNotifyAutoConfiguration.class })
	static class Application {

	}

}
