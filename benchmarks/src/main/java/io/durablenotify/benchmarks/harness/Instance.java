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

package io.durablenotify.benchmarks.harness;

import java.util.LinkedHashMap;
import java.util.Map;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

/**
 * An application that uses durable-notify as it comes.
 */
public final class Instance implements AutoCloseable {

	private final ConfigurableApplicationContext context;

	private Instance(ConfigurableApplicationContext context) {
		this.context = context;
	}

	/**
	 * Start an instance.
	 * @param properties what differs from the defaults, as {@code name=value}
	 */
	public static Instance start(Database database, String... properties) {
		return start(database.url(), properties);
	}

	/**
	 * Start an instance.
	 * @param url the JDBC URL of the database
	 * @param properties what differs from the defaults, as {@code name=value}
	 */
	public static Instance start(String url, String... properties) {
		return start(url, (context) -> {
		}, properties);
	}

	/**
	 * Start an instance that counts its statements.
	 */
	public static Instance start(Database database, StatementCounter counter, String... properties) {
		return start(database.url(),
				(context) -> context.getBeanFactory().registerSingleton("statementCounter", counter), properties);
	}

	private static Instance start(String url, ApplicationContextInitializer<ConfigurableApplicationContext> initializer,
			String... properties) {
		Map<String, Object> defaults = new LinkedHashMap<>();
		defaults.put("spring.datasource.url", url);
		defaults.put("spring.application.name", "benchmark");
		defaults.put("spring.main.banner-mode", "off");
		defaults.put("logging.level.root", "warn");
		defaults.put("logging.level.io.durablenotify", "warn");
		for (String property : properties) {
			String[] nameAndValue = property.split("=", 2);
			defaults.put(nameAndValue[0], nameAndValue[1]);
		}
		return new Instance(new SpringApplicationBuilder(Application.class).web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties(defaults)
			.initializers(initializer)
			.run());
	}

	public StreamWriter writer() {
		return bean(StreamWriter.class);
	}

	public StreamReader reader() {
		return bean(StreamReader.class);
	}

	public NotificationListener listener() {
		return bean(NotificationListener.class);
	}

	public <T> T bean(Class<T> type) {
		return this.context.getBean(type);
	}

	@Override
	public void close() {
		this.context.close();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			TransactionAutoConfiguration.class, DurableNotifyAutoConfiguration.class })
	static class Application {

	}

}
