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

package io.durablenotify.event;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.concurrent.atomic.AtomicInteger;

import javax.sql.DataSource;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.wakeup.PublishingWrites;

import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.util.ReflectionUtils;

/**
 * Counts what is executed: round trips, outside transactions.
 */
final class CountingDataSource extends DelegatingDataSource {

	private final Instance instance;

	private final AtomicInteger executions = new AtomicInteger();

	private CountingDataSource(Instance instance) {
		super(instance.bean(DataSource.class));
		this.instance = instance;
	}

	static CountingDataSource of(Instance instance) {
		return new CountingDataSource(instance);
	}

	EventLog eventLog() {
		return new EventConfiguration().durableNotifyEventLog(new ApplicationDatabase(this, () -> null),
				this.instance.bean(Schema.class), this.instance.bean(PostgresRunCatalog.class),
				this.instance.bean(PublishingWrites.class), RunFollowers.of(this.instance),
				this.instance.bean(EventProperties.class), new EventMeasures());
	}

	int takeCount() {
		return this.executions.getAndSet(0);
	}

	@Override
	public Connection getConnection() throws java.sql.SQLException {
		return proxy(Connection.class, super.getConnection());
	}

	private <T> T proxy(Class<T> type, T target) {
		return type
			.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] { type }, (proxy, method, arguments) -> {
				if (method.getName().startsWith("execute")) {
					this.executions.incrementAndGet();
				}
				Object result = ReflectionUtils.invokeMethod(method, target, arguments);
				return (result instanceof PreparedStatement statement) ? proxy(PreparedStatement.class, statement)
						: result;
			}));
	}

}
