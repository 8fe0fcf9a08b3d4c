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

import io.durablenotify.database.SqlErrors;
import io.durablenotify.stream.append.Append;
import io.durablenotify.stream.append.AppendMeasures.Result;
import io.durablenotify.stream.append.AppendOutcome;
import io.durablenotify.stream.append.AppendOutcome.Closed;
import io.durablenotify.stream.append.AppendOutcome.Ended;
import io.durablenotify.stream.append.AppendOutcome.Failed;
import io.durablenotify.stream.append.AppendOutcome.Gone;
import io.durablenotify.stream.append.AppendOutcome.Locked;
import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.stream.append.AppendOutcome.Unexpected;
import io.durablenotify.stream.append.AppendOutcome.Unknown;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.stream.append.StreamEnd;
import io.durablenotify.stream.append.StreamStatus;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * Makes the exceptions that callers of a {@link StreamWriter} get.
 */
final class WriteFailures {

	private WriteFailures() {
	}

	/**
	 * Return the index of the first chunk of an append that is completed.
	 * @throws RuntimeException why nothing was stored
	 */
	static long requireStored(Append append) {
		if (append.outcome() instanceof Stored stored) {
			return stored.index();
		}
		throw of(append);
	}

	private static RuntimeException of(Append append) {
		String stream = append.stream();
		AppendOutcome outcome = append.outcome();
		if (outcome instanceof Ended ended) {
			return ended(stream, ended.status());
		}
		if (outcome instanceof Unexpected unexpected) {
			return new UnexpectedIndexException(stream, append.conditions().index(), unexpected.nextIndex());
		}
		if (outcome instanceof Gone) {
			return deleted(stream);
		}
		if (outcome instanceof Locked locked) {
			return new StreamLockedException(stream, locked.timeout(), null);
		}
		if (outcome instanceof Unknown unknown) {
			return new AppendOutcomeUnknownException(stream, unknown.cause());
		}
		if (outcome instanceof Closed) {
			return rejected("the application context has closed");
		}
		if (outcome instanceof Failed failed) {
			return of(failed.cause());
		}
		throw new IllegalArgumentException("No exception for " + outcome);
	}

	/**
	 * Return the result of an append that has failed with an exception.
	 */
	static Result result(RuntimeException failure) {
		if (failure instanceof StreamEndedException) {
			return Result.ENDED;
		}
		if (failure instanceof StreamLockedException) {
			return Result.LOCKED;
		}
		if (failure instanceof UnexpectedIndexException || failure instanceof ConcurrencyFailureException) {
			return Result.CONFLICT;
		}
		return (failure instanceof AppendOutcomeUnknownException) ? Result.UNKNOWN : Result.FAILED;
	}

	/**
	 * Callers that share a failure get separate exceptions.
	 */
	private static RuntimeException of(Throwable failure) {
		if (failure instanceof CannotGetJdbcConnectionException) {
			String message = String.valueOf(failure.getMessage());
			return (failure.getCause() instanceof SQLException cause)
					? new CannotGetJdbcConnectionException(message, cause) : (RuntimeException) failure;
		}
		return (failure instanceof DataAccessException expected) ? expected
				: new IllegalStateException("Unexpected failure of an append", failure);
	}

	/**
	 * @throws IllegalArgumentException if it has not ended
	 */
	static StreamEndedException ended(String stream, StreamStatus status) {
		if (status.end() == null || status.endedAt() == null) {
			throw new IllegalArgumentException("Stream '%s' has not ended".formatted(stream));
		}
		return new StreamEndedException(stream, state(status.end()), status.endedAt(), status.reason());
	}

	private static StreamState state(StreamEnd end) {
		return StreamState.valueOf(end.name());
	}

	static IllegalStateException deleted(String stream) {
		return new IllegalStateException(
				"Stream '%s' was deleted while it was being written; nothing was stored".formatted(stream));
	}

	static TaskRejectedException full(long bufferBytes) {
		return rejected(("%d bytes wait to be written already (durable-notify.streams.append-buffer), or the "
				+ "application context has closed. Wait for earlier appends")
			.formatted(bufferBytes));
	}

	private static TaskRejectedException rejected(String reason) {
		return new TaskRejectedException("Append refused, nothing was stored: " + reason);
	}

	/**
	 * Return what the caller gets for a failure of the database.
	 * @param joined whether the write was in the caller's transaction
	 * @param lockTimeout how long it waited for locks
	 * @return the exception, or {@code null} if nothing is known about it
	 */
	static @Nullable DataAccessException of(String stream, boolean joined, Duration lockTimeout, SQLException failure) {
		if (SqlErrors.isLockTimeout(failure)) {
			return new StreamLockedException(stream, lockTimeout, failure);
		}
		if (AppendWrite.isConflict(failure)) {
			return new ConcurrencyFailureException(
					("Another transaction wrote to stream '%s' at the same time, and "
							+ "this one's isolation level hides it; repeat this transaction")
						.formatted(stream),
					failure);
		}
		if (!joined && SqlErrors.isConnectionLost(failure)) {
			return new AppendOutcomeUnknownException(stream, failure);
		}
		return null;
	}

}
