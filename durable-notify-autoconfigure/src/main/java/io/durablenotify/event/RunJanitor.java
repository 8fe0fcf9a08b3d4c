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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.event.PostgresRunCatalog.Outlived;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Marks runs that have ended, and deletes those whose retention is over. Runs about once
 * a minute and in one instance at a time.
 */
final class RunJanitor extends PeriodicTask {

	private static final Log logger = LogFactory.getLog(EventLog.class);

	static final Duration INTERVAL = Duration.ofMinutes(1);

	/**
	 * Open runs are examined again and again: so many at a time, so that many of them
	 * cost little.
	 */
	private static final int SLICES_PER_RUN = 10;

	private final ApplicationDatabase database;

	private final PostgresRunCatalog catalog;

	private final PublishingWrites writes;

	private final EventProperties properties;

	/**
	 * Owned by the task: up to where the open runs were examined.
	 */
	private String after = "";

	RunJanitor(ApplicationDatabase database, PostgresRunCatalog catalog, PublishingWrites writes,
			EventProperties properties, Duration interval) {
		super("events", "durable-notify-run-janitor", interval, new FailureLog(logger,
				"Failed to clean up runs that have ended", "Runs that have ended are cleaned up again"));
		this.database = database;
		this.catalog = catalog;
		this.writes = writes;
		this.properties = properties;
	}

	@Override
	protected boolean run() {
		for (int slice = 0; slice < SLICES_PER_RUN && mark(); slice++) {
			// The next slice
		}
		Duration retention = this.properties.retention();
		return retention != null && delete(retention);
	}

	/**
	 * Return whether there are more to examine.
	 */
	private boolean mark() {
		return locked(false, (connection) -> {
			String last = this.catalog.mark(connection, this.properties.terminalTypes(), this.after);
			this.after = (last != null) ? last : "";
			return Written.of(last != null, null);
		});
	}

	/**
	 * Delete a slice. Only its runs are locked while that takes.
	 * @return whether there are more to delete
	 */
	private boolean delete(Duration retention) {
		Outlived outlived = locked(Outlived.NONE,
				(connection) -> Written.of(this.catalog.chooseOutlived(connection, retention), null));
		if (outlived.chosen().length == 0) {
			return outlived.more();
		}
		return locked(false, (connection) -> {
			List<Long> deleted = this.catalog.deleteChosen(connection, outlived.chosen(), retention);
			removed(deleted.size());
			return new Written<>(outlived.more() && !deleted.isEmpty(), deleted.stream().map(Wakeup::deleted).toList());
		});
	}

	private <T> T locked(T otherwise, Slice<T> slice) {
		return this.database.executeSeparately("clean up runs", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.writes.runInTransaction(FollowedRun.TOPIC, connection,
						(session, inTransaction) -> (this.catalog.tryLock(session)) ? slice.run(session)
								: Written.of(otherwise, null)));
	}

	/**
	 * What is done in one transaction.
	 */
	@FunctionalInterface
	private interface Slice<T> {

		Written<T> run(Connection connection) throws SQLException;

	}

}
