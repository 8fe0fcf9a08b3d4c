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

package io.durablenotify.change;

import java.time.Duration;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.database.ApplicationDatabase;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Deletes changes that are older than the retention, in the background.
 * <p>
 * Also lets this instance read, so that its positions are not older than the retention if
 * no change is published and nothing polls.
 */
final class ChangeJanitor extends PeriodicTask {

	private static final Log logger = LogFactory.getLog(ChangeNotifier.class);

	private static final Duration LONGEST_INTERVAL = Duration.ofMinutes(1);

	/**
	 * The retention divided by this is how much longer changes may be kept.
	 */
	private static final int RETENTION_DIVISOR = 10;

	private final ApplicationDatabase database;

	private final ChangeCleanupSql cleanup;

	private final ChangeReader reader;

	private final Duration retention;

	private final Duration interval;

	ChangeJanitor(ApplicationDatabase database, ChangeCleanupSql cleanup, ChangeReader reader, Duration retention) {
		super("changes", "durable-notify-change-janitor", interval(retention),
				new FailureLog(logger, "Failed to delete old changes", "Old changes are deleted again"));
		this.database = database;
		this.cleanup = cleanup;
		this.reader = reader;
		this.retention = retention;
		this.interval = interval(retention);
	}

	private static Duration interval(Duration retention) {
		Duration part = retention.dividedBy(RETENTION_DIVISOR);
		return (part.compareTo(LONGEST_INTERVAL) < 0) ? part : LONGEST_INTERVAL;
	}

	@Override
	protected boolean run() {
		this.reader.refresh();
		int deleted = this.database.executeSeparately("delete old changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.cleanup.clean(connection, this.retention, this.interval.dividedBy(2)));
		removed(deleted);
		return deleted == ChangeCleanupSql.SLICE;
	}

}
