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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

import io.durablenotify.StreamCodec;
import io.durablenotify.database.Conflicts;
import io.durablenotify.instance.Lease;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.database.TransactionBuffer.Content;
import io.durablenotify.stream.AppenderStore.Claimed;
import io.durablenotify.stream.StreamCatalog.Created;
import io.durablenotify.stream.append.Append;
import io.durablenotify.stream.append.AppendConditions;
import io.durablenotify.stream.append.AppendMeasures;
import io.durablenotify.stream.append.AppendMeasures.Result;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.stream.append.StreamEnd;
import io.durablenotify.stream.append.StreamEndSql;
import io.durablenotify.stream.append.StreamStatus;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.util.Assert;

/**
 * The {@link StreamWriter}: writes on the connection of the caller's transaction, or
 * through the {@link AppendPipeline}. Public methods are given names as the caller knows
 * them; everything below has full ones.
 */
final class DefaultStreamWriter implements StreamWriter {

	private final ApplicationDatabase database;

	private final StreamCatalog catalog;

	private final PublishingWrites writes;

	private final AppendWrite write;

	private final StreamEndSql ends;

	private final AppendPipeline pipeline;

	private final AppenderStore appenderStore;

	private final OpenAppenders appenders;

	private final StreamProperties properties;

	private final StreamScope scope;

	/**
	 * Gathers one transaction's appends in one place, whichever writers they come by.
	 */
	private final TransactionBuffer<CommitAppends> commitAppends;

	DefaultStreamWriter(ApplicationDatabase database, StreamCatalog catalog, PublishingWrites writes, AppendWrite write,
			StreamEndSql ends, AppendPipeline pipeline, AppenderStore appenderStore, OpenAppenders appenders,
			StreamProperties properties, StreamScope scope) {
		this.database = database;
		this.catalog = catalog;
		this.writes = writes;
		this.write = write;
		this.ends = ends;
		this.pipeline = pipeline;
		this.appenderStore = appenderStore;
		this.appenders = appenders;
		this.properties = properties;
		this.scope = scope;
		this.commitAppends = new TransactionBuffer<>(database, writes,
				() -> new CommitAppends(this::appendDirectly, properties.appendBuffer().toBytes()));
	}

	@Override
	public long append(String stream, CharSequence text) {
		return append(stream, encode(stream, text));
	}

	/**
	 * Encode strictly: half a surrogate pair would become a question mark, for good.
	 */
	byte[] encode(String stream, CharSequence text) {
		String name = this.scope.fullName(stream);
		Assert.notNull(text, "'text' must not be null");
		try {
			return StreamCodec.text().encode(text.toString());
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalArgumentException(("Text for stream '%s' has an unpaired surrogate: it was cut in the "
					+ "middle of a character. Keep both halves in one chunk")
				.formatted(name), ex);
		}
	}

	@Override
	public long append(String stream, byte[] data) {
		return append(newAppend(stream, AppendConditions.NONE, data));
	}

	/**
	 * Append to the stream of an id, and to no other of its name.
	 * @param streamId the id, or {@link AppendConditions#ANY}
	 */
	long append(String stream, long streamId, byte[] data) {
		return append(newAppend(stream, new AppendConditions(streamId, AppendConditions.ANY), data));
	}

	@Override
	public long appendAll(String stream, List<byte[]> chunks) {
		String name = this.scope.fullName(stream);
		Assert.notEmpty(chunks,
				() -> "Chunks for stream '" + name + "' must not be empty: there is no index to return");
		chunks.forEach((chunk) -> requireSize(name, chunk));
		Append append = new Append(name, AppendConditions.NONE, List.copyOf(chunks));
		long max = this.properties.appendBuffer().toBytes();
		Assert.isTrue(append.bufferedBytes() <= max || chunks.size() == 1,
				() -> ("Chunks for stream '%s' must take at most %d bytes together (durable-notify.streams.append-buffer), "
						+ "but take %d, each 128 more than it has. Append them in parts, or raise the limit")
					.formatted(name, max, append.bufferedBytes()));
		return append(append);
	}

	@Override
	public long appendAt(String stream, long expectedIndex, byte[] data) {
		Assert.isTrue(expectedIndex >= 0, () -> "Index " + expectedIndex + " is negative: chunks are numbered from 0");
		return append(newAppend(stream, new AppendConditions(AppendConditions.ANY, expectedIndex), data));
	}

	@Override
	public CompletableFuture<Long> appendAsync(String stream, CharSequence text) {
		return appendAsync(stream, encode(stream, text));
	}

	@Override
	public CompletableFuture<Long> appendAsync(String stream, byte[] data) {
		Append append = newAppend(stream, AppendConditions.NONE, data);
		requireWritable(append.stream());
		if (!this.database.isInTransaction()) {
			CompletableFuture<Long> future = this.pipeline.appendAsync(append);
			if (future == null) {
				throw WriteFailures.full(this.properties.appendBuffer().toBytes());
			}
			return future;
		}
		try {
			return CompletableFuture.completedFuture(appendDirectly(append));
		}
		catch (DataAccessException ex) {
			return CompletableFuture.failedFuture(ex);
		}
	}

	@Override
	public void appendOnCommit(String stream, byte[] data) {
		Append append = newAppend(stream, AppendConditions.NONE, data);
		requireWritable(append.stream());
		if (!this.database.isTransactionOpen()) {
			throw new InvalidDataAccessApiUsageException(
					"There is no transaction with whose commit stream '%s' could be appended to: use append()"
						.formatted(append.stream()));
		}
		this.writes.joinTransaction();
		this.commitAppends.current().add(append);
	}

	private Append newAppend(String stream, AppendConditions conditions, byte[] data) {
		String name = this.scope.fullName(stream);
		requireSize(name, data);
		return new Append(name, conditions, List.of(data));
	}

	private void requireSize(String stream, byte[] data) {
		Assert.notNull(data, "'data' must not be null");
		int max = this.scope.maxChunkSize();
		Assert.isTrue(data.length <= max,
				() -> "Chunk for stream '%s' must have at most %d bytes (%s), but has %d. Split it, or raise the limit"
					.formatted(stream, max, this.scope.maxChunkSizeProperty(), data.length));
	}

	private long append(Append append) {
		requireWritable(append.stream());
		return (this.database.isInTransaction()) ? appendDirectly(append) : this.pipeline.append(append);
	}

	private long appendDirectly(Append append) {
		appendDirectly(List.of(append));
		return WriteFailures.requireStored(append);
	}

	private void appendDirectly(List<Append> appends) {
		timed(() -> execute("append to streams", appends.get(0).stream(), (connection, joined) -> {
			this.write.append(connection, joined, appends, this.properties.appendTimeout());
			appends.forEach(WriteFailures::requireStored);
			return appends;
		}));
	}

	/**
	 * Time an append that the pipeline does not time.
	 */
	private <T> T timed(Supplier<T> append) {
		AppendMeasures measures = this.write.measures();
		long start = measures.start();
		Result result = Result.FAILED;
		try {
			T stored = append.get();
			result = Result.STORED;
			return stored;
		}
		catch (RuntimeException ex) {
			result = WriteFailures.result(ex);
			throw ex;
		}
		finally {
			measures.end(start, result);
		}
	}

	@Override
	public void create(String stream, StreamOptions options) {
		Assert.notNull(options, "'options' must not be null");
		String name = this.scope.fullName(stream);
		StreamNames.requireIndexable(name, options.owner());
		write("create a stream", name, (connection, joined) -> {
			Created created = this.catalog.create(connection, joined, name, options, this.properties.appendTimeout());
			List<Wakeup> wakeups = new ArrayList<>();
			if (created.replaced() != null) {
				wakeups.add(Wakeup.deleted(created.replaced()));
			}
			if (created.created() != null) {
				wakeups.add(Wakeup.moved(created.created(), 0).created(name));
			}
			return new Written<>(options, wakeups);
		});
	}

	@Override
	public boolean delete(String stream) {
		String name = this.scope.fullName(stream);
		return write("delete a stream", name, (connection, joined) -> {
			OptionalLong deleted = this.catalog.delete(connection, joined, name, this.properties.appendTimeout());
			return Written.of(deleted.isPresent(), (deleted.isPresent()) ? Wakeup.deleted(deleted.getAsLong()) : null);
		});
	}

	@Override
	public void complete(String stream) {
		end(stream, StreamEnd.COMPLETED, null);
	}

	@Override
	public long complete(String stream, CharSequence lastChunk) {
		return complete(stream, encode(stream, lastChunk));
	}

	@Override
	public long complete(String stream, byte[] lastChunk) {
		return complete(stream, AppendConditions.ANY, lastChunk);
	}

	/**
	 * Complete the stream of an id, and no other of its name.
	 * @param streamId the id, or {@link AppendConditions#ANY}
	 */
	long complete(String stream, long streamId, byte[] lastChunk) {
		Append checked = newAppend(stream, new AppendConditions(streamId, AppendConditions.ANY), lastChunk);
		awaitEarlier(checked.stream());
		return timed(() -> WriteFailures.requireStored(
				execute("append to a stream and end it", checked.stream(), Conflicts.repeat((connection, joined) -> {
					// An attempt that is rolled back may have an outcome
					Append append = newAppend(stream, checked.conditions(), lastChunk);
					this.write.appendLast(connection, joined, append, this.properties.appendTimeout());
					return append;
				}, AppendWrite::isConflict))));
	}

	@Override
	public void fail(String stream, String reason) {
		Assert.notNull(reason, "'reason' must not be null");
		end(stream, StreamEnd.FAILED, reason);
	}

	@Override
	public boolean cancel(String stream, String reason) {
		Assert.notNull(reason, "'reason' must not be null");
		return end(stream, StreamEnd.CANCELLED, reason);
	}

	/**
	 * Return whether this call has ended the stream, and not an earlier one.
	 */
	boolean end(String stream, StreamEnd end, @Nullable String reason) {
		String name = this.scope.fullName(stream);
		return write("end a stream", name, (connection, joined) -> {
			OptionalLong ended = this.ends.end(connection, joined, name, end, reason, this.properties.appendTimeout());
			return Written.of(ended.isPresent(),
					(ended.isPresent()) ? Wakeup.ended(ended.getAsLong()).created(name) : null);
		});
	}

	/**
	 * End the stream of an id, and no other of its name.
	 * @return whether this call has ended it
	 */
	boolean end(String stream, long streamId, StreamEnd end, @Nullable String reason) {
		String name = this.scope.fullName(stream);
		return write("end a stream", name, (connection, joined) -> {
			boolean ended = this.ends.end(connection, joined, streamId, name, end, reason,
					this.properties.appendTimeout());
			return Written.of(ended, (ended) ? Wakeup.ended(streamId).created(name) : null);
		});
	}

	@Override
	public StreamAppender appender(String stream) {
		return appender(stream, AppenderOptions.defaults());
	}

	@Override
	public StreamAppender appender(String stream, AppenderOptions options) {
		this.scope.fullName(stream);
		Assert.notNull(options, "'options' must not be null");
		return this.appenders.open(this, stream, options);
	}

	/**
	 * Have a stream name the instance that writes it.
	 * @return the stream, empty if it has ended or the instance is gone
	 */
	Optional<Claimed> claim(String stream, @Nullable Lease lease) {
		String name = this.scope.fullName(stream);
		return write("begin to write a stream", name, (connection, joined) -> {
			Claimed claimed = this.appenderStore.claim(connection, joined, name,
					(lease != null) ? lease.instanceId() : null, this.properties.appendTimeout());
			return Written.of(Optional.ofNullable(claimed),
					(claimed != null && claimed.created()) ? Wakeup.moved(claimed.streamId(), 0).created(name) : null);
		});
	}

	Optional<StreamStatus> status(String stream) {
		String name = this.scope.fullName(stream);
		return execute("find a stream", name,
				(connection, joined) -> Optional.ofNullable(this.ends.status(connection, List.of(name)).get(name)));
	}

	/**
	 * Return whether what is written now is part of the caller's transaction.
	 */
	boolean isJoined() {
		return this.database.isJoined();
	}

	/**
	 * Return what is kept in memory of what each transaction writes.
	 */
	<C extends Content> TransactionBuffer<C> inTransaction(Object key, Supplier<C> create) {
		return new TransactionBuffer<>(this.database, key, create);
	}

	boolean isReadOnly() {
		return this.database.isReadOnly();
	}

	String fullName(String stream) {
		return this.scope.fullName(stream);
	}

	private <T> T write(String task, String stream, SessionWork<Written<T>> work) {
		awaitEarlier(stream);
		return execute(task, stream,
				Conflicts.repeat((connection, joined) -> this.writes.run(TailedStream.TOPIC, connection, joined, work),
						AppendWrite::isConflict));
	}

	/**
	 * Wait until what was appended before is written.
	 */
	private void awaitEarlier(String stream) {
		requireWritable(stream);
		if (!this.database.isInTransaction()) {
			this.pipeline.awaitEarlier(stream);
		}
	}

	private void requireWritable(String stream) {
		this.database.requireWritable(() -> "Stream '%s' cannot be written to".formatted(stream));
	}

	private <T> T execute(String task, String stream, SessionWork<T> work) {
		return this.database.execute(task, (connection, joined) -> run(connection, joined, stream, work));
	}

	private <T> T run(Connection connection, boolean joined, String stream, SessionWork<T> work) throws SQLException {
		try {
			return work.run(connection, joined);
		}
		catch (SQLException ex) {
			DataAccessException failure = WriteFailures.of(stream, joined, this.properties.appendTimeout(), ex);
			if (failure != null) {
				throw failure;
			}
			throw ex;
		}
	}

}
