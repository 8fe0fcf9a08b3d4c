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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.Statement;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.config.BeanPostProcessor;

/**
 * Counts what an instance sends to the database, by statement. (The statistics of the
 * server come up to ten seconds late.)
 */
public final class StatementCounter implements BeanPostProcessor {

	private final Map<String, LongAdder> executions = new ConcurrentHashMap<>();

	@Override
	public Object postProcessAfterInitialization(Object bean, String beanName) {
		return (bean instanceof DataSource dataSource) ? proxy(DataSource.class, dataSource, "") : bean;
	}

	/**
	 * Return how many statements were executed, but for NOTIFYs: those are wake-ups and
	 * probes.
	 */
	public long count() {
		return this.executions.entrySet()
			.stream()
			.filter((entry) -> !entry.getKey().contains("pg_notify"))
			.mapToLong((entry) -> entry.getValue().sum())
			.sum();
	}

	/**
	 * Wait until nothing was executed for a while.
	 */
	public void awaitQuiet(long millis) throws InterruptedException {
		long before = -1;
		while (before != count()) {
			before = count();
			Thread.sleep(millis);
		}
	}

	private <T> T proxy(Class<T> type, T target, String sql) {
		return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] { type },
				(proxy, method, arguments) -> invoke(target, sql, method, arguments)));
	}

	private @Nullable Object invoke(Object target, String sql, Method method, Object @Nullable [] arguments)
			throws Throwable {
		if (target instanceof Statement && method.getName().startsWith("execute")) {
			String executed = (sql.isEmpty() && arguments != null) ? String.valueOf(arguments[0]) : sql;
			this.executions.computeIfAbsent(executed, (key) -> new LongAdder()).increment();
		}
		Object result;
		try {
			result = method.invoke(target, arguments);
		}
		catch (InvocationTargetException ex) {
			throw ex.getTargetException();
		}
		if (result instanceof PreparedStatement statement && arguments != null
				&& method.getName().startsWith("prepare")) {
			return proxy(PreparedStatement.class, statement, String.valueOf(arguments[0]));
		}
		if (result instanceof Statement statement && method.getName().equals("createStatement")) {
			return proxy(Statement.class, statement, "");
		}
		if (result instanceof Connection connection && method.getName().equals("getConnection")) {
			return proxy(Connection.class, connection, "");
		}
		return result;
	}

}
