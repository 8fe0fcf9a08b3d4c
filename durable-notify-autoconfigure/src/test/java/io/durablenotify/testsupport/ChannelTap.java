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

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Listens beside any application and keeps what goes over a channel.
 */
public final class ChannelTap implements AutoCloseable {

	private final TestDatabase database;

	private final Connection connection;

	private final String channel;

	private final List<PGNotification> received = new ArrayList<>();

	private ChannelTap(TestDatabase database, String channel) throws SQLException {
		this.database = database;
		this.channel = channel;
		this.connection = DriverManager.getConnection(database.url());
		try (Statement statement = this.connection.createStatement()) {
			statement.execute("LISTEN \"" + channel + '"');
		}
	}

	public static ChannelTap on(TestDatabase database, String channel) {
		try {
			return new ChannelTap(database, channel);
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Return what was committed on the channel until now, since notifications arrive in
	 * the order of their commits.
	 */
	public List<String> payloads() {
		String mark = "mark " + System.nanoTime();
		this.database.jdbc().query("SELECT pg_notify(?, ?)", (result) -> {
		}, this.channel, mark);
		Eventually.await(() -> {
			read(5);
			return this.received.stream().anyMatch((notification) -> mark.equals(notification.getParameter()));
		}, this.received::size);
		this.received.removeIf((notification) -> mark.equals(notification.getParameter()));
		return this.received.stream().map(PGNotification::getParameter).toList();
	}

	/**
	 * Wait until so many were received.
	 */
	public void await(int count) {
		Eventually.await(() -> {
			read(5);
			return this.received.size() >= count;
		}, this.received::size);
	}

	private void read(int timeoutMillis) {
		try {
			PGNotification[] notifications = this.connection.unwrap(PGConnection.class).getNotifications(timeoutMillis);
			if (notifications != null) {
				this.received.addAll(List.of(notifications));
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Override
	public void close() {
		try {
			this.connection.close();
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
