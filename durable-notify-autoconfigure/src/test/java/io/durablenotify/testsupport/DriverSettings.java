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

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import org.postgresql.PGConnection;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/**
 * The DataSource of an instance, whose driver settings a test changes as it goes. Keeps
 * the prepared texts that are executed.
 */
public final class DriverSettings extends DelegatingDataSource implements AutoCloseable {

	/**
	 * In place of a setting: the connections cannot be unwrapped.
	 */
	public static final String HIDDEN = "hidden";

	/**
	 * In place of a setting: the pool hands out connections with autocommit off.
	 */
	public static final String MANUAL_COMMIT = "manual";

	private final TestDatabase database;

	private final int connections;

	private final Queue<Execution> executions = new ConcurrentLinkedQueue<>();

	/**
	 * Shared by those who take a connection. A pool that is closed meanwhile would have
	 * them wait for its whole connection timeout.
	 */
	private final ReadWriteLock replacement = new ReentrantReadWriteLock();

	private volatile List<String> settings = List.of();

	private DriverSettings(TestDatabase database, int connections) {
		this.database = database;
		this.connections = connections;
	}

	/**
	 * Create for an instance that is started next.
	 * @param connections how many the pools have
	 */
	public static DriverSettings of(TestDatabase database, int connections) {
		return new DriverSettings(database, connections);
	}

	/**
	 * Customize the instance.
	 */
	public void install(SpringApplicationBuilder application) {
		ApplicationContextInitializer<ConfigurableApplicationContext> initializer = (
				context) -> context.getBeanFactory().addBeanPostProcessor(new BeanPostProcessor() {

					@Override
					public Object postProcessAfterInitialization(Object bean, String beanName) {
						if (bean instanceof DataSource dataSource) {
							setTargetDataSource(dataSource);
							return DriverSettings.this;
						}
						return bean;
					}

				});
		application.initializers(initializer);
	}

	/**
	 * Take connections from another pool from now on.
	 * @param settings as in a URL, or what is above, between ampersands
	 */
	public void use(String settings) {
		DataSource before = getTargetDataSource();
		this.settings = Arrays.asList(settings.split("&"));
		List<String> parameters = this.settings.stream().filter((setting) -> setting.contains("=")).toList();
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl(String.join("&", this.database.url(), String.join("&", parameters)));
		pool.setMaximumPoolSize(this.connections);
		pool.setAutoCommit(!this.settings.contains(MANUAL_COMMIT));
		this.replacement.writeLock().lock();
		try {
			setTargetDataSource(pool);
		}
		finally {
			this.replacement.writeLock().unlock();
		}
		if (before instanceof HikariDataSource other) {
			other.close();
		}
		this.executions.clear();
	}

	/**
	 * Return what was prepared and executed since.
	 */
	public List<Execution> executions() {
		return List.copyOf(this.executions);
	}

	@Override
	public Connection getConnection() throws SQLException {
		Connection connection = take();
		int pid = connection.unwrap(PGConnection.class).getBackendPID();
		return proxy(Connection.class, connection, pid, "");
	}

	private Connection take() throws SQLException {
		this.replacement.readLock().lock();
		try {
			return super.getConnection();
		}
		finally {
			this.replacement.readLock().unlock();
		}
	}

	private <T> T proxy(Class<T> type, T target, int pid, String prepared) {
		return type
			.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] { type }, (proxy, method, arguments) -> {
				boolean hidden = this.settings.contains(HIDDEN);
				if (hidden && method.getName().equals("isWrapperFor")) {
					return false;
				}
				if (hidden && method.getName().equals("unwrap")) {
					throw new SQLException("hidden");
				}
				if (method.getName().startsWith("execute") && target instanceof PreparedStatement statement) {
					this.executions.add(new Execution(pid, prepared, statement.getConnection().getNetworkTimeout()));
				}
				Object result = AopUtils.invokeJoinpointUsingReflection(target, method, arguments);
				if (result instanceof PreparedStatement statement && arguments[0] instanceof String sql) {
					return proxy(PreparedStatement.class, statement, pid, sql);
				}
				return (method.getName().equals("getConnection"))
						? proxy(Connection.class, (Connection) result, pid, "") : result;
			}));
	}

	@Override
	public void close() {
		if (getTargetDataSource() instanceof HikariDataSource pool) {
			pool.close();
		}
	}

	/**
	 * A text that was executed.
	 *
	 * @param pid by which backend
	 * @param networkTimeout that of its connection, in milliseconds
	 */
	public record Execution(int pid, String text, int networkTimeout) {

		/**
		 * Return the text's statements.
		 */
		public List<String> statements() {
			return Arrays.stream(this.text.split(";")).filter((statement) -> !statement.isBlank()).toList();
		}

	}

}
