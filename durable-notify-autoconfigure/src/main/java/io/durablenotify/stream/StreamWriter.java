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

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Appends chunks to streams, ends, creates and deletes them.
 * <p>
 * A stream is created by its first append, or with options by {@link #create}. Its chunks
 * are numbered from 0 without gaps, in the order of their commits, with one writer or
 * many: readers see the same order, every chunk once. <pre class="code">
 * try (StreamAppender answer = writer.appender("answers/42")) {
 * 	model.tokens().forEach(answer::append);
 * 	answer.complete();
 * }
 * </pre>
 * <p>
 * <b>Names</b> have 1 to 512 characters, none of them white space or a control character.
 * <b>Chunks</b> may be empty and have at most
 * {@code durable-notify.streams.max-chunk-size} bytes.
 * <p>
 * <b>Transactions.</b> In a transaction of the same DataSource an append is part of it:
 * invisible and silent until the commit, gone after a rollback. It locks the stream until
 * then, so keep such a transaction short and append last. Two transactions that append to
 * several streams in different orders may raise a deadlock, and at REPEATABLE READ or
 * SERIALIZABLE two that append to one stream a serialization failure; both are a
 * {@link org.springframework.dao.ConcurrencyFailureException}, to be retried as a whole.
 * In a read-only transaction nothing can be written. Without a transaction an append is
 * committed when the method returns.
 * <p>
 * All methods may be called from any thread; they block for the database. They throw
 * {@link IllegalArgumentException} for an invalid name or chunk, before anything is sent;
 * {@link StreamLockedException} if another transaction held the stream longer than
 * {@code durable-notify.streams.append-timeout}, which no {@code statement_timeout} of
 * the role cuts short, except in a transaction of the caller's, where that comes first as
 * a {@link org.springframework.dao.QueryTimeoutException};
 * {@link AppendOutcomeUnknownException} if the connection was lost at the wrong moment;
 * {@link org.springframework.core.task.TaskRejectedException} for an append outside a
 * transaction, or an appender, after the application context has closed; and any other
 * {@link org.springframework.dao.DataAccessException} if the database fails.
 */
public interface StreamWriter {

	/**
	 * Append a chunk of text, in UTF-8.
	 * @param stream the stream's name
	 * @param text the text; may be empty
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 * @throws IllegalArgumentException if the name is invalid, the text too long, or cut
	 * in the middle of a surrogate pair
	 */
	long append(String stream, CharSequence text);

	/**
	 * Append a chunk.
	 * @param stream the stream's name
	 * @param data the bytes, which must not change before this returns; may be empty
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 */
	long append(String stream, byte[] data);

	/**
	 * Append several chunks: adjacent, all or none.
	 * @param stream the stream's name
	 * @param chunks the chunks, at least one, which must not change before this returns;
	 * together at most {@code durable-notify.streams.append-buffer} bytes, of which each
	 * takes 128 beside its data
	 * @return the index of the first
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 */
	long appendAll(String stream, List<byte[]> chunks);

	/**
	 * Append a chunk if it is the stream's next. This makes a retry safe when the outcome
	 * of an append is unknown, and fences off a second writer.
	 * @param stream the stream's name
	 * @param expectedIndex the index that the chunk has to get
	 * @param data the bytes, which must not change before this returns; may be empty
	 * @return the index
	 * @throws UnexpectedIndexException if the stream's next index is another: nothing was
	 * stored
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 */
	long appendAt(String stream, long expectedIndex, byte[] data);

	/**
	 * Append a chunk of text, in UTF-8, without waiting for the database.
	 * @param stream the stream's name
	 * @param text the text; may be empty
	 * @return the chunk's index, as {@link #appendAsync(String, byte[])} returns it
	 * @see #appendAsync(String, byte[])
	 */
	CompletableFuture<Long> appendAsync(String stream, CharSequence text);

	/**
	 * Append a chunk without waiting for the database. What one thread appends to one
	 * stream outside transactions, by any method, keeps its order, but an append that
	 * fails does not stop those after it. An end waits for them. What is written in a
	 * transaction does not wait: before it, wait for the futures.
	 * <p>
	 * The future completes on {@code durableNotifyTaskExecutor} when the chunk is
	 * committed, with its index, or with what {@link #append(String, byte[])} would
	 * throw. In a transaction the chunk is appended at once, on the calling thread, and
	 * the index is provisional until the commit.
	 * @param stream the stream's name
	 * @param data the bytes, which must not change before the future completes; may be
	 * empty
	 * @return the chunk's index
	 * @throws org.springframework.core.task.TaskRejectedException if
	 * {@code durable-notify.streams.append-buffer} is full, or the application context
	 * has closed: nothing was, or will be, stored
	 */
	CompletableFuture<Long> appendAsync(String stream, byte[] data);

	/**
	 * Append a chunk just before the current transaction commits. The stream is locked
	 * for a moment only. The append comes after the callbacks of all transaction
	 * synchronizations, and after JPA has written what it keeps in memory until the
	 * commit. (With a transaction manager that is no bean of the application context,
	 * callbacks that were registered later come after it.) Streams are locked in one
	 * order, so that two transactions that do this cannot run into a deadlock. Failures
	 * are thrown by the commit, and roll it back; what JPA fails to write is a
	 * {@link org.springframework.dao.DataAccessException}, or the exception itself where
	 * Spring cannot translate it.
	 * @param stream the stream's name
	 * @param data the bytes, which must not change before the commit; may be empty
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException if there is no
	 * transaction
	 * @throws org.springframework.core.task.TaskRejectedException if the transaction has
	 * gathered {@code durable-notify.streams.append-buffer} bytes
	 */
	void appendOnCommit(String stream, byte[] data);

	/**
	 * End a stream: nothing can follow. Idempotent; creates the stream where it is
	 * missing, and leaves one that has ended, in whichever way, as it is.
	 * @param stream the stream's name
	 */
	void complete(String stream);

	/**
	 * Append a last chunk of text and end the stream, in one transaction: if this fails,
	 * neither is stored. Not idempotent, unlike {@link #complete(String)}.
	 * @param stream the stream's name
	 * @param lastChunk the text, in UTF-8; may be empty
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended before: nothing was stored
	 * @throws IllegalArgumentException if the name is invalid, the text too long, or cut
	 * in the middle of a surrogate pair
	 */
	default long complete(String stream, CharSequence lastChunk) {
		long index = append(stream, lastChunk);
		complete(stream);
		return index;
	}

	/**
	 * Append a last chunk and end the stream, in one transaction: if this fails, neither
	 * is stored. Not idempotent, unlike {@link #complete(String)}.
	 * @param stream the stream's name
	 * @param lastChunk the bytes, which must not change before this returns; may be empty
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended before: nothing was stored
	 */
	default long complete(String stream, byte[] lastChunk) {
		long index = append(stream, lastChunk);
		complete(stream);
		return index;
	}

	/**
	 * End a stream as failed. Idempotent; creates the stream where it is missing, and
	 * leaves one that has ended, in whichever way, as it is.
	 * @param stream the stream's name
	 * @param reason the reason, for readers
	 */
	void fail(String stream, String reason);

	/**
	 * Stop a stream: end it as cancelled, because no more of it is wanted. May be called
	 * in any instance, also for a stream that another instance writes.
	 * <p>
	 * Its readers end with a {@link StreamCancelledException}, a kind of
	 * {@link StreamFailedException}, after the last chunk. Its writer gets a
	 * {@link StreamEndedException} from the next append.
	 * <p>
	 * Idempotent; leaves a stream that has ended, in whichever way, as it is. Creates the
	 * stream where it is missing, so that a stop is not lost that comes before the
	 * writer's first append: check a name that comes from outside before.
	 * @param stream the stream's name
	 * @param reason the reason, for readers and for the writer
	 * @return whether this call has ended the stream: {@code false} if it had ended
	 * before. In a transaction that is so if it commits
	 */
	default boolean cancel(String stream, String reason) {
		throw new UnsupportedOperationException(getClass().getName() + " cannot cancel streams");
	}

	/**
	 * Create a stream with options, in the caller's transaction where there is one. If it
	 * exists with the same options, ended or not, nothing happens. One whose time to live
	 * is over makes room for a new one.
	 * <p>
	 * A stream that an append, or an end, has created has no options.
	 * @param stream the stream's name
	 * @param options what it is created with
	 * @throws IllegalArgumentException if the name and the owner have more than 2,600
	 * bytes of UTF-8 together
	 * @throws StreamConflictException if it exists with other options: nothing was
	 * changed
	 */
	void create(String stream, StreamOptions options);

	/**
	 * Delete a stream, ended or not, in the caller's transaction where there is one. Its
	 * readers end with a {@link StreamDeletedException}; a new stream of that name starts
	 * at index 0. Waits for a transaction that has appended to it, like an append.
	 * <p>
	 * Takes the same short time however long the stream is: its chunks are removed from
	 * the disk later, beginning within about a minute.
	 * @param stream the stream's name
	 * @return whether there was one
	 */
	boolean delete(String stream);

	/**
	 * Open a handle for a single writer with the default options.
	 * @param stream the stream's name
	 * @return the handle
	 * @see #appender(String, AppenderOptions)
	 */
	StreamAppender appender(String stream);

	/**
	 * Open a handle for the single writer of a stream. Unless it is completed, the stream
	 * fails: when the handle is closed, when the application stops, and when this process
	 * dies, since the stream names this instance, whose lease then runs out. Of several
	 * appenders of one stream in different instances, the last one that was opened
	 * counts.
	 * <p>
	 * Creates the stream where it is missing. One that has ended stays as it is: the
	 * first append says so. In a transaction the handle is opened as a part of it.
	 * @param stream the stream's name
	 * @param options the options
	 * @return the handle
	 */
	default StreamAppender appender(String stream, AppenderOptions options) {
		return appender(stream);
	}

}
