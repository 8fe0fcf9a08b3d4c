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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.stream.StreamCleanup.Slice;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Cleans up about once a minute, and slice after slice while there is more. Notifies
 * readers of the streams that it has deleted.
 */
final class StreamJanitor extends PeriodicTask {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	static final Duration INTERVAL = Duration.ofMinutes(1);

	private static final int RUNS_PER_FULL_CHECK = 60;

	private final ApplicationDatabase database;

	private final StreamCleanup cleanup;

	private final AppenderStore appenders;

	private final PublishingWrites writes;

	private final StreamRetention retention;

	/**
	 * Owned by the cleaning thread, like what follows.
	 */
	private long after;

	/**
	 * The runs since the last check of all streams: of what has ended long ago, most has
	 * to be kept.
	 */
	private int runs;

	StreamJanitor(ApplicationDatabase database, StreamCleanup cleanup, AppenderStore appenders, PublishingWrites writes,
			StreamRetention retention, Duration interval) {
		super("streams", "durable-notify-janitor", interval, new FailureLog(logger,
				"Failed to clean up deleted and expired streams", "Deleted and expired streams are cleaned up again"));
		this.database = database;
		this.cleanup = cleanup;
		this.appenders = appenders;
		this.writes = writes;
		this.retention = retention;
	}

	@Override
	protected boolean run() {
		execute((connection, joined) -> this.appenders.findMissing(connection)).forEach(this::failOf);
		Slice slice;
		try {
			slice = clean();
		}
		catch (RuntimeException ex) {
			this.runs = 0;
			throw ex;
		}
		removed(slice.deleted().size());
		this.after = slice.after();
		if (!slice.more()) {
			this.runs = (this.runs + 1) % RUNS_PER_FULL_CHECK;
		}
		return slice.more();
	}

	/**
	 * Fail the streams of an instance that no other can take over from. Another
	 * application has deleted its row, or what was restored lacks it.
	 */
	private void failOf(long instanceId) {
		int failed;
		do {
			failed = execute((connection, joined) -> this.writes.run(TailedStream.TOPIC, connection, joined,
					(session, inTransaction) -> ReadCommitted.runInTransaction(session, (ours, inOurs) -> StreamTakeOver
						.failed(this.appenders.failHeld(ours, instanceId, StreamTakeOver.REASON)))));
			if (failed > 0) {
				logger.warn("%2$d streams have failed: their writer, instance %1$d, does not exist any more"
					.formatted(instanceId, failed));
			}
		}
		while (failed > 0);
	}

	private Slice clean() {
		return execute((connection, joined) -> this.writes.run(TailedStream.TOPIC, connection, joined, this::clean));
	}

	private <T> T execute(SessionWork<T> work) {
		return this.database.executeSeparately("clean up streams", ApplicationDatabase.SOCKET_TIMEOUT, work);
	}

	private Written<Slice> clean(Connection connection, boolean joined) throws SQLException {
		Slice slice = this.cleanup.clean(connection, this.retention, this.runs == 0, this.after);
		return new Written<>(slice, slice.deleted().stream().map(Wakeup::deleted).toList());
	}

}
