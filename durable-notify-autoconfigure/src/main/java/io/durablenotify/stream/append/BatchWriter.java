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

package io.durablenotify.stream.append;

import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.stream.append.AppendOutcome.Failed;
import io.durablenotify.stream.append.AppendOutcome.Unknown;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * Writes a batch of appends on a separate connection, and in parts where it fails. So one
 * append's failure is no other's. Those to streams that another transaction has locked
 * are left without an outcome.
 */
final class BatchWriter {

	/**
	 * Below PostgreSQL's {@code deadlock_timeout}, so that a batch gives way before a
	 * transaction of the application is cancelled for it.
	 */
	private static final LockWait BRIEFLY = LockWait.upTo(Duration.ofMillis(50));

	private static final LockWait NOT_AT_ALL = LockWait.skipLocked();

	private final ApplicationDatabase database;

	private final AppendWrite write;

	BatchWriter(ApplicationDatabase database, AppendWrite write) {
		this.database = database;
		this.write = write;
	}

	/**
	 * Write appends, waiting a moment for locks.
	 * @param batch the appends
	 */
	void write(List<AppendGroup> batch) {
		write(batch, BRIEFLY);
	}

	/**
	 * Write the appends whose streams are not locked.
	 * @param batch the appends
	 */
	void writeUnlocked(List<AppendGroup> batch) {
		write(batch, NOT_AT_ALL);
	}

	private void write(List<AppendGroup> batch, LockWait wait) {
		try {
			attempt(batch, wait);
		}
		catch (CannotGetJdbcConnectionException ex) {
			complete(batch, new Failed(ex));
		}
		catch (DataAccessException ex) {
			repeat(uncompleted(batch), wait, ex);
		}
		catch (Throwable ex) {
			complete(batch, new Failed(ex));
		}
	}

	private void attempt(List<AppendGroup> batch, LockWait wait) {
		this.database.executeSeparately("append to streams", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> {
					boolean alone = batch.size() == 1 && !wait.skip();
					if (!alone || !this.write.writeNext(connection, batch.get(0), wait.timeout())) {
						this.write.write(connection, false, batch, wait);
					}
					return batch;
				});
	}

	private void repeat(List<AppendGroup> batch, LockWait wait, DataAccessException failure) {
		if (!(failure.getCause() instanceof SQLException cause)) {
			writeSeparately(batch, wait, failure);
		}
		else if (SqlErrors.isConnectionLost(cause)) {
			complete(batch, new Unknown(cause));
		}
		else if (!isWaitOver(cause, wait) && !AppendWrite.isConflict(cause)) {
			writeSeparately(batch, wait, failure);
		}
		else if (!wait.skip()) {
			write(batch, NOT_AT_ALL);
		}
		else if (batch.size() > 1) {
			// One of several streams may be the reason, and must not hold up the others
			writeSeparately(batch, wait, failure);
		}
	}

	/**
	 * Return whether a wait for a lock may have been over. The role's
	 * {@code statement_timeout} ends those of the shortest append, which has no other
	 * limit for the locks of tables; no later attempt has that.
	 */
	private static boolean isWaitOver(SQLException cause, LockWait wait) {
		return SqlErrors.isLockTimeout(cause) || (!wait.skip() && SqlErrors.isCanceled(cause));
	}

	/**
	 * Nothing is stored, and one append may be the reason: write each stream's
	 * separately, then each append. None may overtake another of its stream.
	 */
	private void writeSeparately(List<AppendGroup> batch, LockWait wait, DataAccessException failure) {
		if (batch.size() > 1) {
			batch.forEach((group) -> write(List.of(group), wait));
			return;
		}
		for (AppendGroup group : batch) {
			if (group.appends().size() == 1) {
				group.complete(new Failed(failure));
				continue;
			}
			for (Append append : group.appends()) {
				AppendGroup single = new AppendGroup(append);
				write(List.of(single), wait);
				if (!single.isCompleted()) {
					return;
				}
			}
		}
	}

	private static List<AppendGroup> uncompleted(List<AppendGroup> batch) {
		return batch.stream().filter((group) -> !group.isCompleted()).toList();
	}

	private static void complete(List<AppendGroup> batch, AppendOutcome outcome) {
		uncompleted(batch).forEach((group) -> group.complete(outcome));
	}

}
