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

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.OptionalLong;
import java.util.function.Supplier;

import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.jdbc.SessionWork;
import io.durablenotify.stream.StreamStore.Appended;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.util.Assert;

/**
 * The {@link StreamWriter}: one round trip per append, then a wake-up.
 */
final class DefaultStreamWriter implements StreamWriter {

	private static final String CONNECTION_LOST = "08";

	private static final String OPERATOR_INTERVENTION = "57P";

	private final ApplicationDatabase database;

	private final StreamStore store;

	private final Wakeups wakeups;

	private final StreamSettings settings;

	private final TransactionTemplate transaction;

	DefaultStreamWriter(ApplicationDatabase database, StreamStore store, Wakeups wakeups, StreamSettings settings) {
		this.database = database;
		this.store = store;
		this.wakeups = wakeups;
		this.settings = settings;
		this.transaction = new TransactionTemplate(new DataSourceTransactionManager(database.getDataSource()));
	}

	@Override
	public long append(String stream, CharSequence text) {
		StreamNames.require(stream);
		Assert.notNull(text, "'text' must not be null");
		return append(stream, encode(stream, text));
	}

	/**
	 * Encode strictly: half a surrogate pair would become a question mark, for good.
	 */
	private static byte[] encode(String stream, CharSequence text) {
		try {
			ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
			byte[] data = new byte[encoded.remaining()];
			encoded.get(data);
			return data;
		}
		catch (CharacterCodingException ex) {
			throw new IllegalArgumentException(("Text for stream '%s' has an unpaired surrogate: it was cut in the "
					+ "middle of a character. Keep both halves in one chunk")
				.formatted(stream), ex);
		}
	}

	@Override
	public long append(String stream, byte[] data) {
		StreamNames.require(stream);
		Assert.notNull(data, "'data' must not be null");
		int max = this.settings.maxChunkSize();
		Assert.isTrue(data.length <= max,
				() -> ("Chunk of %d bytes for stream '%s' is refused: %d are allowed "
						+ "(durable-notify.streams.max-chunk-size). Split it, or allow more")
					.formatted(data.length, stream, max));
		return write("append to a stream", stream, (connection, joined) -> {
			Appended appended = this.store.append(connection, joined, stream, data, this.settings.appendTimeout());
			Wakeup wakeup = Wakeup.moved(appended.streamId(), appended.index() + 1);
			// Who waits for the name has to hear it with the first chunk
			return new Written<>(appended.index(), (appended.index() == 0) ? wakeup.created(stream) : wakeup, joined);
		});
	}

	@Override
	public void complete(String stream) {
		end(stream, StreamState.COMPLETED, null);
	}

	@Override
	public void fail(String stream, String reason) {
		Assert.notNull(reason, "'reason' must not be null");
		end(stream, StreamState.FAILED, reason);
	}

	private void end(String stream, StreamState state, @Nullable String reason) {
		StreamNames.require(stream);
		write("end a stream", stream, (connection, joined) -> {
			OptionalLong ended = this.store.end(connection, joined, stream, state, reason,
					this.settings.appendTimeout());
			return new Written<>(state, (ended.isPresent()) ? Wakeup.ended(ended.getAsLong()).created(stream) : null,
					joined);
		});
	}

	@Override
	public StreamAppender appender(String stream) {
		return new DefaultStreamAppender(this, StreamNames.require(stream));
	}

	private <T> T write(String task, String stream, SessionWork<Written<T>> work) {
		requireWritable(stream);
		Supplier<T> write = () -> {
			Written<T> written = this.database.execute(task,
					(connection, joined) -> run(connection, joined, stream, work));
			wake(written);
			return written.result();
		};
		if (this.wakeups.isTransactionRequired() && !TransactionSynchronizationManager.isActualTransactionActive()) {
			return writeInOwnTransaction(stream, write);
		}
		return write.get();
	}

	private <T> T writeInOwnTransaction(String stream, Supplier<T> write) {
		try {
			return this.transaction.execute((status) -> write.get());
		}
		catch (CannotCreateTransactionException ex) {
			CannotGetJdbcConnectionException failure = new CannotGetJdbcConnectionException(
					"Failed to obtain JDBC Connection");
			failure.initCause(ex);
			throw failure;
		}
		catch (TransactionException ex) {
			// The commit failed
			throw new AppendOutcomeUnknownException(stream, ex);
		}
	}

	private static void requireWritable(String stream) {
		if (TransactionSynchronizationManager.isActualTransactionActive()
				&& TransactionSynchronizationManager.isCurrentTransactionReadOnly()) {
			throw new InvalidDataAccessApiUsageException(
					"Stream '%s' cannot be written to in a read-only transaction".formatted(stream));
		}
	}

	private <T> T run(Connection connection, boolean joined, String stream, SessionWork<T> work) throws SQLException {
		try {
			return work.run(connection, joined);
		}
		catch (SQLException ex) {
			DataAccessException failure = failure(stream, joined, ex);
			if (failure != null) {
				throw failure;
			}
			throw ex;
		}
	}

	private @Nullable DataAccessException failure(String stream, boolean joined, SQLException exception) {
		if (this.store.isLockTimeout(exception)) {
			return new StreamLockedException(stream, this.settings.appendTimeout(), exception);
		}
		if (this.store.isConflict(exception)) {
			return new ConcurrencyFailureException(
					("Another transaction wrote to stream '%s' at the same time, and "
							+ "this one's isolation level hides it; repeat this transaction")
						.formatted(stream),
					exception);
		}
		String state = String.valueOf(exception.getSQLState());
		if (!joined && (state.startsWith(CONNECTION_LOST) || state.startsWith(OPERATOR_INTERVENTION))) {
			return new AppendOutcomeUnknownException(stream, exception);
		}
		return null;
	}

	private void wake(Written<?> written) {
		if (written.wakeup() == null) {
			return;
		}
		if (written.joined()) {
			this.wakeups.sendAfterCommit(LiveReaders.TOPIC, written.wakeup());
		}
		else {
			this.wakeups.send(LiveReaders.TOPIC, written.wakeup());
		}
	}

	/**
	 * What was written.
	 *
	 * @param result the result for the caller
	 * @param wakeup whom to wake, or {@code null} if nothing changed
	 * @param joined whether that has to wait for a commit
	 */
	private record Written<T>(T result, @Nullable Wakeup wakeup, boolean joined) {
	}

}
