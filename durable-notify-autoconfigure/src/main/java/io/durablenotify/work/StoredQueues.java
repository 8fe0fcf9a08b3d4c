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

package io.durablenotify.work;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.work.WorkListenerSpec.OnDead;

/**
 * Stores the queues of listeners with their settings. Each has a separate transaction, so
 * that two instances do not wait for each other.
 */
final class StoredQueues {

	private final ClaimSql sql;

	private final WorkProperties properties;

	StoredQueues(ClaimSql sql, WorkProperties properties) {
		this.sql = sql;
		this.properties = properties;
	}

	/**
	 * Create the progress of a queue.
	 * @param id its id, or {@link QueueProgress#UNREGISTERED}
	 */
	QueueProgress progress(String queue, int id) {
		return new QueueProgress(queue, id, this.properties.pollInterval(),
				this.properties.queue(queue).retention() != null);
	}

	/**
	 * Store a queue.
	 * @param timeout how long to wait for other transactions that have locked it
	 * @return its id
	 */
	int store(Connection connection, WorkListenerSettings settings, String queue, Duration timeout)
			throws SQLException {
		QueueSettings stored = new QueueSettings(queue, settings.maxAttempts(), settings.onDead() == OnDead.BLOCK,
				this.properties.queue(queue).retention());
		Duration limit = LimitedStatement.limit(connection, timeout);
		try {
			return ReadCommitted.runInTransaction(connection, (session, joined) -> {
				try (Statement statement = session.createStatement()) {
					statement.execute("SET LOCAL lock_timeout = " + limit.toMillis());
				}
				return this.sql.register(session, stored);
			});
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw WorkLockedException.ofQueue(queue, limit, ex);
			}
			throw ex;
		}
	}

}
