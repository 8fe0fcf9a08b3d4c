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

import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.GroupCommit;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * Stores items without keys outside a transaction: those of many callers with one
 * statement and one commit. None of them waits for another's transaction.
 */
final class PlainEnqueues implements AutoCloseable {

	private static final int MAX_BATCH = 1_000;

	private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(11);

	private final WorkWrites writes;

	/**
	 * Is given batches whose callers do not wait.
	 */
	private final Consumer<List<PendingEnqueue>> completions;

	/**
	 * Is given items that no caller waits for and whose queues are missing.
	 */
	private final Consumer<PendingEnqueue> missing;

	private final GroupCommit<PendingEnqueue> commits;

	PlainEnqueues(WorkWrites writes, int buffer, Consumer<List<PendingEnqueue>> completions,
			Consumer<PendingEnqueue> missing) {
		this.writes = writes;
		this.completions = completions;
		this.missing = missing;
		this.commits = new GroupCommit<>("durable-notify-enqueue", MAX_BATCH, buffer,
				new FailureLog(LogFactory.getLog(WorkQueue.class), "Failed to enqueue work", "Work is enqueued again"),
				this::write);
	}

	/**
	 * Store an item and wait for that, with others if there are any.
	 * @return what was stored, {@code null} if it is left to the caller: the queue is
	 * missing, or too many items wait
	 */
	@Nullable StoredItem store(NewItem item) {
		PendingEnqueue pending = new PendingEnqueue(item, null);
		if (!tryWrite(pending) && !this.commits.offer(pending)) {
			return null;
		}
		try {
			return pending.outcome().join();
		}
		catch (CompletionException ex) {
			throw (ex.getCause() instanceof RuntimeException failure) ? failure
					: new IllegalStateException("Unexpected failure to enqueue work", ex.getCause());
		}
	}

	private boolean tryWrite(PendingEnqueue pending) {
		try {
			return this.commits.tryWrite(pending);
		}
		catch (Exception ex) {
			throw new IllegalStateException("Enqueues tell their outcome to their callers", ex);
		}
	}

	/**
	 * Have an item stored whose caller does not wait.
	 * @return whether there was room
	 */
	boolean offer(PendingEnqueue pending) {
		return this.commits.offer(pending);
	}

	/**
	 * Return how many items wait.
	 */
	int size() {
		return this.commits.size();
	}

	/**
	 * A batch whose futures could not be completed, as for want of memory, comes again.
	 */
	private void write(List<PendingEnqueue> batch) {
		List<PendingEnqueue> unwritten = batch.stream().filter((pending) -> !pending.isWritten()).toList();
		for (List<PendingEnqueue> part : StatementParts.of(unwritten, (pending) -> pending.item().payload().length)) {
			write(part, true);
			part.forEach(PendingEnqueue::written);
		}
		this.completions.accept(batch);
	}

	/**
	 * Store items, or have them fail.
	 * @param separately whether to store them one by one where that fails: one of them
	 * may be the reason
	 * @return {@code null}, or what each of the next ones would fail with too
	 */
	private @Nullable DataAccessException write(List<PendingEnqueue> part, boolean separately) {
		try {
			List<@Nullable StoredItem> stored = this.writes
				.storePlain(part.stream().map(PendingEnqueue::item).toList());
			for (int i = 0; i < part.size(); i++) {
				stored(part.get(i), stored.get(i));
			}
		}
		catch (CannotGetJdbcConnectionException ex) {
			part.forEach((pending) -> pending.outcome().completeExceptionally(copy(ex)));
			return ex;
		}
		catch (DataAccessException ex) {
			if (SqlErrors.isConnectionLost(ex)) {
				part.forEach((pending) -> pending.unknown(ex));
			}
			else if (separately && part.size() > 1) {
				writeSeparately(part);
			}
			else {
				part.forEach((pending) -> pending.outcome().completeExceptionally(ex));
			}
		}
		catch (Throwable ex) {
			part.forEach((pending) -> pending.outcome().completeExceptionally(ex));
		}
		return null;
	}

	private void writeSeparately(List<PendingEnqueue> part) {
		DataAccessException unreachable = null;
		for (PendingEnqueue pending : part) {
			if (unreachable == null) {
				unreachable = write(List.of(pending), false);
			}
			else {
				pending.outcome().completeExceptionally(copy(unreachable));
			}
		}
	}

	private void stored(PendingEnqueue pending, @Nullable StoredItem stored) {
		if (stored == null && pending.isAsync()) {
			this.missing.accept(pending);
		}
		else {
			pending.outcome().complete(stored);
		}
	}

	/**
	 * Callers that share a failure get separate exceptions.
	 */
	private static DataAccessException copy(DataAccessException failure) {
		return (failure.getCause() instanceof SQLException cause)
				? new CannotGetJdbcConnectionException(String.valueOf(failure.getMessage()), cause) : failure;
	}

	/**
	 * Store what waits, and stop.
	 */
	@Override
	public void close() {
		List<PendingEnqueue> left = this.commits.finish(CLOSE_TIMEOUT);
		left.forEach(PendingEnqueue::closed);
		this.completions.accept(left);
	}

}
