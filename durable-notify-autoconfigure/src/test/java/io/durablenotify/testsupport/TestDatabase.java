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

import java.time.Duration;
import java.util.List;

import org.awaitility.Awaitility;

import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/**
 * A database of a test, and what a DBA can do to it.
 *
 * @param url the JDBC URL with user and password
 */
public record TestDatabase(String url) {

	/**
	 * Return statements that each get a separate connection, beside any application.
	 */
	public JdbcTemplate jdbc() {
		return new JdbcTemplate(new DriverManagerDataSource(this.url));
	}

	/**
	 * Return the PIDs of the backends with an application name.
	 */
	public List<Integer> backends(String applicationName) {
		return jdbc().queryForList(
				"SELECT pid FROM pg_stat_activity WHERE application_name = ? AND datname = current_database()",
				Integer.class, applicationName);
	}

	/**
	 * Terminate the backends with an application name.
	 * @return how many
	 */
	public int terminate(String applicationName) {
		return jdbc()
			.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ? "
					+ "AND datname = current_database()", Boolean.class, applicationName)
			.size();
	}

	/**
	 * Empty tables, and let their sequences begin again. The server may choose this
	 * statement to end a deadlock with an instance that runs: then it is sent again.
	 */
	public void truncate(String tables) {
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.ignoreExceptionsInstanceOf(PessimisticLockingFailureException.class)
			.until(() -> {
				jdbc().execute("TRUNCATE " + tables + " RESTART IDENTITY");
				return true;
			});
	}

	/**
	 * Wait until some backend waits for a lock.
	 */
	public void awaitLockWait() {
		awaitLockWaits(1);
	}

	/**
	 * Wait until at least so many backends wait for locks.
	 */
	public void awaitLockWaits(int count) {
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.until(() -> jdbc().queryForObject(
					"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
					Integer.class) >= count);
	}

}
