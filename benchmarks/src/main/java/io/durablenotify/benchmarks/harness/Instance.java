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

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.autoconfigure.DurableNotifyWebMvcAutoConfiguration;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import org.apache.coyote.AbstractProtocol;
import org.apache.coyote.ProtocolHandler;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.boot.web.server.WebServer;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.boot.webmvc.autoconfigure.DispatcherServletAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
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
	 * Give the instances that are started from now on a registry of meters, or none.
	 */
	public static void withMetrics(boolean metrics) {
		System.setProperty(Metrics.PROPERTY, String.valueOf(metrics));
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
		return start(url, WebApplicationType.NONE, List.of(Application.class), null, properties);
	}

	/**
	 * Start an instance that counts its statements.
	 */
	public static Instance start(Database database, StatementCounter counter, String... properties) {
		return start(database.url(), WebApplicationType.NONE, List.of(Application.class), counter, properties);
	}

	/**
	 * Start an instance that serves HTTP on the loopback interface.
	 * @param counter counts its statements, or {@code null}
	 * @param components what the application consists of
	 * @param properties what differs from the defaults, as {@code name=value}
	 */
	public static Instance startWeb(Database database, @Nullable StatementCounter counter, List<Class<?>> components,
			String... properties) {
		List<Class<?>> sources = new ArrayList<>(components);
		sources.add(WebApplication.class);
		List<String> all = new ArrayList<>(
				List.of("server.port=0", "server.address=127.0.0.1", "server.tomcat.max-connections=15000"));
		all.addAll(List.of(properties));
		return start(database.url(), WebApplicationType.SERVLET, sources, counter, all.toArray(String[]::new));
	}

	private static Instance start(String url, WebApplicationType type, List<Class<?>> sources,
			@Nullable StatementCounter counter, String... properties) {
		Map<String, Object> defaults = new LinkedHashMap<>();
		defaults.put("spring.datasource.url", url);
		defaults.put("spring.application.name", "benchmark");
		defaults.put("spring.main.banner-mode", "off");
		defaults.put("logging.level.root", "warn");
		defaults.put("logging.level.io.durablenotify", "warn");
		// A peer, which warns of each filter that took 10 ms
		defaults.put("logging.level.org.jobrunr", "error");
		for (String property : properties) {
			String[] nameAndValue = property.split("=", 2);
			defaults.put(nameAndValue[0], nameAndValue[1]);
		}
		List<Class<?>> all = new ArrayList<>(sources);
		if (Metrics.areWanted()) {
			all.add(Metrics.class);
		}
		return new Instance(new SpringApplicationBuilder(all.toArray(Class<?>[]::new)).web(type)
			.registerShutdownHook(false)
			.properties(defaults)
			.initializers((context) -> {
				if (counter != null) {
					context.getBeanFactory().registerSingleton("statementCounter", counter);
				}
			})
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

	/**
	 * Return the port at which an instance serves HTTP.
	 */
	public int port() {
		return webServer().getPort();
	}

	/**
	 * Return how many connections of HTTP there are.
	 */
	public long connections() {
		ProtocolHandler protocol = ((TomcatWebServer) webServer()).getTomcat().getConnector().getProtocolHandler();
		// The one that Tomcat waits for is counted already
		return ((AbstractProtocol<?>) protocol).getConnectionCount() - 1;
	}

	/**
	 * Wait until the server has noticed that its clients have left.
	 */
	public void awaitConnections(long expected) throws InterruptedException {
		long start = System.nanoTime();
		while (connections() != expected && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(30)) {
			Thread.sleep(10);
		}
		Check.equal("connections", expected, connections());
	}

	private WebServer webServer() {
		WebServer server = ((WebServerApplicationContext) this.context).getWebServer();
		if (server == null) {
			throw new IllegalStateException("No web server runs");
		}
		return server;
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

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ TomcatServletWebServerAutoConfiguration.class, DispatcherServletAutoConfiguration.class,
			HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class,
			DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			TransactionAutoConfiguration.class, DurableNotifyAutoConfiguration.class,
			DurableNotifyWebMvcAutoConfiguration.class })
	static class WebApplication {

	}

}
