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

package io.durablenotify.schema;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.support.JdbcUtils;

/**
 * The physical connections of a migration. One that is closed is given out again, so that
 * there are never more than are used at the same time, until all are closed together.
 * Used by one thread.
 */
final class MigrationConnections extends AbstractDataSource implements AutoCloseable {

	private final DataSource physical;

	private final List<Connection> opened = new ArrayList<>();

	private final Deque<Connection> idle = new ArrayDeque<>();

	MigrationConnections(DataSource physical) {
		this.physical = physical;
	}

	@Override
	public Connection getConnection() throws SQLException {
		Connection connection = this.idle.poll();
		if (connection == null) {
			connection = this.physical.getConnection();
			this.opened.add(connection);
		}
		return (Connection) Proxy.newProxyInstance(Connection.class.getClassLoader(),
				new Class<?>[] { Connection.class }, new Borrowed(connection)::invoke);
	}

	@Override
	public Connection getConnection(String username, String password) throws SQLException {
		throw new UnsupportedOperationException();
	}

	/**
	 * Flyway sets the search path of its sessions, and sets it back. Behind a pooler in
	 * transaction mode the one may reach another of the server's connections than the
	 * other; while a transaction is open on each of ours, all are reached. The same holds
	 * for the {@link MigrationSettings}.
	 */
	void restoreSearchPaths() throws SQLException {
		for (Connection connection : this.opened) {
			connection.setAutoCommit(false);
			try (Statement statement = connection.createStatement()) {
				statement.execute(MigrationSettings.RESET);
			}
		}
		for (Connection connection : this.opened) {
			connection.commit();
		}
	}

	@Override
	public void close() {
		this.opened.forEach(JdbcUtils::closeConnection);
	}

	/**
	 * A connection between {@link #getConnection()} and its {@code close()}.
	 */
	private final class Borrowed {

		private final Connection connection;

		private boolean closed;

		Borrowed(Connection connection) {
			this.connection = connection;
		}

		private @Nullable Object invoke(Object proxy, Method method, @Nullable Object @Nullable [] arguments)
				throws Throwable {
			switch (method.getName()) {
				case "close" -> {
					giveBack();
					return null;
				}
				case "isClosed" -> {
					return this.closed || this.connection.isClosed();
				}
				case "equals" -> {
					return arguments != null && proxy == arguments[0];
				}
				case "hashCode" -> {
					return System.identityHashCode(proxy);
				}
			}
			try {
				return method.invoke(this.connection, arguments);
			}
			catch (InvocationTargetException ex) {
				throw ex.getTargetException();
			}
		}

		private void giveBack() throws SQLException {
			if (this.closed) {
				return;
			}
			this.closed = true;
			if (!this.connection.getAutoCommit()) {
				this.connection.rollback();
				this.connection.setAutoCommit(true);
			}
			MigrationConnections.this.idle.push(this.connection);
		}

	}

}
