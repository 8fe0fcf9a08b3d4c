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

import java.sql.SQLException;
import java.util.function.Supplier;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.database.SqlErrors;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.jdbc.support.JdbcUtils;
import org.springframework.util.backoff.BackOffExecution;
import org.springframework.util.backoff.ExponentialBackOff;

/**
 * Retries at start-up while the server refuses connections. It does so while it starts,
 * or until others have closed theirs.
 */
final class TemporaryRefusals {

	private static final Log logger = LogFactory.getLog(SchemaMigrator.class);

	private static final long FIRST_DELAY_MILLIS = 50;

	private static final long LAST_DELAY_MILLIS = 1_000;

	private final ApplicationDatabase database;

	TemporaryRefusals(ApplicationDatabase database) {
		this.database = database;
	}

	/**
	 * Run an attempt, and again after one that the server refused for now, until it
	 * succeeds or {@link ApplicationDatabase#START_TIMEOUT} is over.
	 * @throws RuntimeException what the last attempt threw
	 */
	<T> T outlast(Supplier<T> attempt) {
		long begin = System.nanoTime();
		BackOffExecution delays = delays();
		boolean logged = false;
		while (true) {
			try {
				return attempt.get();
			}
			catch (RuntimeException ex) {
				if (!SqlErrors.isTransientRefusal(ex) || isOver(begin)) {
					throw ex;
				}
				if (!logged) {
					logger.warn("The server refuses connections for now: %s. Retrying for %d seconds".formatted(
							DriverConnectionDetails.maskUrl(SqlErrors.reason(ex)),
							ApplicationDatabase.START_TIMEOUT.toSeconds()));
					logged = true;
				}
				do {
					pause(delays.nextBackOff(), ex);
				}
				while (isRefused() && !isOver(begin));
			}
		}
	}

	private static BackOffExecution delays() {
		ExponentialBackOff backOff = new ExponentialBackOff(FIRST_DELAY_MILLIS, 2);
		backOff.setMaxInterval(LAST_DELAY_MILLIS);
		return backOff.start();
	}

	private static boolean isOver(long begin) {
		return System.nanoTime() - begin >= ApplicationDatabase.START_TIMEOUT.toNanos();
	}

	/**
	 * Find out by a single connection: a pool logs an error for each attempt to start.
	 */
	private boolean isRefused() {
		try {
			JdbcUtils.closeConnection(this.database.getDriverConnectionDetails().open());
			return false;
		}
		catch (SQLException ex) {
			return SqlErrors.isTransientRefusal(ex);
		}
		catch (IllegalStateException ex) {
			// Only the pool knows how to connect
			return false;
		}
	}

	private static void pause(long millis, RuntimeException failure) {
		try {
			Thread.sleep(millis);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw failure;
		}
	}

}
