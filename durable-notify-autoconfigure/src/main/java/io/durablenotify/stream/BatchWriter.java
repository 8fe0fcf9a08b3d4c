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

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.stream.AppendResult.Ended;
import io.durablenotify.stream.AppendResult.Gone;
import io.durablenotify.stream.AppendResult.Locked;
import io.durablenotify.stream.AppendResult.Stored;
import io.durablenotify.stream.AppendResult.Unexpected;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * Writes the appends of many callers in one statement, and settles each with an outcome
 * of its own. What somebody else has locked is handed back.
 */
final class BatchWriter {

	/**
	 * Below PostgreSQL's {@code deadlock_timeout}, so that a batch gives way before a
	 * transaction of the user's is cancelled for it.
	 */
	private static final LockWait BRIEFLY = LockWait.upTo(Duration.ofMillis(50));

	private static final LockWait NOT_AT_ALL = LockWait.skipLocked();

	private final ApplicationDatabase database;

	private final AppendStore store;

	private final StreamAppends appends;

	BatchWriter(ApplicationDatabase database, AppendStore store, StreamAppends appends) {
		this.database = database;
		this.store = store;
		this.appends = appends;
	}

	/**
	 * Write appends, waiting a moment for locks.
	 * @param batch the appends, in order
	 * @return those whose streams are locked, in order
	 */
	List<PendingAppend> write(List<PendingAppend> batch) {
		return write(batch, BRIEFLY);
	}

	/**
	 * Write the appends whose streams are not locked.
	 * @param batch the appends, in order
	 * @return the others, in order
	 */
	List<PendingAppend> writeUnlocked(List<PendingAppend> batch) {
		return write(batch, NOT_AT_ALL);
	}

	private List<PendingAppend> write(List<PendingAppend> batch, LockWait wait) {
		try {
			return attempt(batch, wait);
		}
		catch (CannotGetJdbcConnectionException ex) {
			fail(batch, (append) -> cannotGetConnection(ex));
			return List.of();
		}
		catch (DataAccessException ex) {
			return repeat(unsettled(batch), wait, ex);
		}
		catch (Throwable ex) {
			fail(batch, (append) -> new IllegalStateException("Unexpected failure of an append", ex));
			return List.of();
		}
	}

	private List<PendingAppend> repeat(List<PendingAppend> batch, LockWait wait, DataAccessException failure) {
		if (!(failure.getCause() instanceof SQLException cause)) {
			return writeApart(batch, wait, failure);
		}
		if (SqlErrors.isConnectionLost(cause)) {
			fail(batch, (append) -> new AppendOutcomeUnknownException(append.stream(), cause));
			return List.of();
		}
		if (SqlErrors.isLockTimeout(cause) || this.store.isConflict(cause)) {
			if (!wait.skip()) {
				return write(batch, NOT_AT_ALL);
			}
			// Of several streams one may be the reason, and must not hold up the others
			return (byStream(batch).size() == 1) ? batch : writeApart(batch, wait, failure);
		}
		return writeApart(batch, wait, failure);
	}

	private List<PendingAppend> attempt(List<PendingAppend> batch, LockWait wait) {
		return this.database.executeSeparately("append to streams", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> {
					if (batch.size() == 1 && !wait.skip()) {
						Stored stored = this.appends.appendNext(connection, batch.get(0).addition(), wait.timeout());
						if (stored != null) {
							batch.get(0).stored(stored.index());
							return List.of();
						}
					}
					Map<String, List<PendingAppend>> byStream = byStream(batch);
					Map<String, AppendResult> results = new HashMap<>();
					try {
						this.appends.append(connection, false, additions(byStream), wait, results);
					}
					finally {
						// Also if it failed behind some of them, which must not be
						// repeated
						results.forEach((stream, result) -> settle(byStream.getOrDefault(stream, List.of()), result));
					}
					return unsettled(batch);
				});
	}

	private static Map<String, List<PendingAppend>> byStream(List<PendingAppend> batch) {
		Map<String, List<PendingAppend>> byStream = new LinkedHashMap<>();
		batch
			.forEach((append) -> byStream.computeIfAbsent(append.stream(), (stream) -> new ArrayList<>(2)).add(append));
		return byStream;
	}

	private static List<Addition> additions(Map<String, List<PendingAppend>> byStream) {
		List<Addition> additions = new ArrayList<>(byStream.size());
		byStream.forEach((stream, appends) -> {
			List<byte[]> chunks = new ArrayList<>(appends.size());
			appends.forEach((append) -> chunks.addAll(append.addition().chunks()));
			Addition first = appends.get(0).addition();
			additions.add(new Addition(stream, first.streamId(), first.expectedIndex(), chunks));
		});
		return additions;
	}

	private void settle(List<PendingAppend> appends, AppendResult result) {
		if (result instanceof Stored stored) {
			long index = stored.index();
			for (PendingAppend append : appends) {
				append.stored(index);
				index += append.addition().chunks().size();
			}
		}
		else if (!(result instanceof Locked)) {
			fail(appends, (append) -> failure(append.addition(), result));
		}
	}

	private static List<PendingAppend> unsettled(List<PendingAppend> batch) {
		return batch.stream().filter((append) -> !append.isSettled()).toList();
	}

	static RuntimeException failure(Addition addition, @Nullable AppendResult result) {
		if (result instanceof Ended ended) {
			return new StreamEndedException(addition.stream(), ended.state(), ended.endedAt(), ended.reason());
		}
		if (result instanceof Unexpected unexpected) {
			return new UnexpectedIndexException(addition.stream(), addition.expectedIndex(), unexpected.nextIndex());
		}
		if (result instanceof Gone) {
			return new IllegalStateException("Stream '%s' was deleted while it was being written; nothing was stored"
				.formatted(addition.stream()));
		}
		throw new IllegalArgumentException("No failure: " + result);
	}

	/**
	 * Nothing is stored, and one of them may be the reason: repeat them one by one, by
	 * stream first. None may overtake another of its stream.
	 */
	private List<PendingAppend> writeApart(List<PendingAppend> batch, LockWait wait, DataAccessException failure) {
		if (batch.size() <= 1) {
			fail(batch, (append) -> failure);
			return List.of();
		}
		List<PendingAppend> locked = new ArrayList<>();
		Map<String, List<PendingAppend>> byStream = byStream(batch);
		if (byStream.size() > 1) {
			byStream.values().forEach((appends) -> locked.addAll(write(appends, wait)));
			return locked;
		}
		for (PendingAppend append : batch) {
			locked.addAll((locked.isEmpty()) ? write(List.of(append), wait) : List.of(append));
		}
		return locked;
	}

	private static RuntimeException cannotGetConnection(CannotGetJdbcConnectionException failure) {
		String message = String.valueOf(failure.getMessage());
		return (failure.getCause() instanceof SQLException cause) ? new CannotGetJdbcConnectionException(message, cause)
				: failure;
	}

	private static void fail(Collection<PendingAppend> appends, Function<PendingAppend, RuntimeException> failure) {
		for (PendingAppend append : appends) {
			if (!append.isSettled()) {
				append.failed(() -> failure.apply(append));
			}
		}
	}

}
