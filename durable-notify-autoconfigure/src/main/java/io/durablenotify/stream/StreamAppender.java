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

/**
 * A handle of a stream's single writer. Unless it completes the stream, the stream fails.
 * Once an append failed, all later ones fail with it, and leave no hole. The stream fails
 * when the handle is closed without {@link #complete()}; when the handle is dropped
 * without being closed; when the application stops ("abandoned: the application
 * stopped"), after its executors have ended their tasks; and when the process is killed
 * or stopped for longer than its lease, within a second after that. A writer that comes
 * back later gets a {@link StreamEndedException}, and an {@link IllegalStateException} if
 * the stream was deleted. May be used from one thread after the other.
 * <p>
 * What is appended in a transaction that rolls back is gone, like all else in it, and the
 * handle can be used again, so that the transaction can be repeated with it. A caller
 * that does not repeat it must not complete the stream.
 */
public interface StreamAppender extends AutoCloseable {

	/**
	 * Append a chunk of text, in UTF-8.
	 * @param text the text; may be empty
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 * @throws IllegalStateException if an earlier append failed, with that as the cause,
	 * or if this handle was closed
	 * @see StreamWriter#append(String, CharSequence)
	 */
	long append(CharSequence text);

	/**
	 * Append a chunk.
	 * @param data the bytes, which must not change before this returns
	 * @return the chunk's index
	 * @throws StreamEndedException if the stream has ended: nothing was stored
	 * @throws IllegalStateException if an earlier append failed, with that as the cause,
	 * or if this handle was closed
	 * @see StreamWriter#append(String, byte[])
	 */
	long append(byte[] data);

	/**
	 * Complete the stream.
	 * @throws IllegalStateException if an earlier append failed
	 * @throws StreamEndedException if the stream has ended in another way
	 */
	void complete();

	/**
	 * Append the last chunk and complete the stream, in one transaction. If this fails,
	 * neither is stored (but see {@link AppendOutcomeUnknownException}).
	 * @param lastChunk the text, in UTF-8; may be empty
	 * @return the chunk's index
	 * @throws IllegalStateException if an earlier append failed, or if this handle was
	 * closed
	 * @see StreamWriter#complete(String, CharSequence)
	 */
	default long complete(CharSequence lastChunk) {
		long index = append(lastChunk);
		complete();
		return index;
	}

	/**
	 * Append the last chunk and complete the stream, in one transaction, like
	 * {@link #complete(CharSequence)}.
	 * @param lastChunk the bytes, which must not change before this returns
	 * @return the chunk's index
	 * @throws IllegalStateException if an earlier append failed, or if this handle was
	 * closed
	 * @see StreamWriter#complete(String, byte[])
	 */
	default long complete(byte[] lastChunk) {
		long index = append(lastChunk);
		complete();
		return index;
	}

	/**
	 * End the stream as failed. Leaves one that has ended as it is.
	 * @param reason the reason, for readers
	 * @throws IllegalArgumentException if the reason is {@code null}
	 * @throws org.springframework.dao.DataAccessException if the database fails, or in a
	 * read-only transaction
	 */
	void fail(String reason);

	/**
	 * End the stream as cancelled, because no more of it is wanted. Leaves one that has
	 * ended as it is.
	 * @param reason the reason, for readers
	 * @throws IllegalArgumentException if the reason is {@code null}
	 * @throws org.springframework.dao.DataAccessException if the database fails, or in a
	 * read-only transaction
	 * @see StreamWriter#cancel
	 */
	default void cancel(String reason) {
		fail(reason);
	}

	/**
	 * Register a callback for an end that another caller causes. The stream was ended or
	 * deleted by its name, in any instance, or the lease was lost. The callback is not
	 * called when the application stops. It can stop a model that is writing, for
	 * instance. It runs once, on {@code durableNotifyTaskExecutor}, and at once if the
	 * stream has ended already. If the wake-up for it is lost, it runs a poll interval
	 * later. The handle keeps the callback, which may keep the handle: both go when the
	 * application drops them.
	 * @param callback what is to be done; what it throws is logged
	 * @throws IllegalArgumentException if the callback is {@code null}
	 */
	default void onEnded(Runnable callback) {
		throw new UnsupportedOperationException("This StreamAppender does not notice that its stream has ended");
	}

	/**
	 * Close the handle. If it was not completed, failed or cancelled, the stream fails
	 * with "abandoned: closed without complete()", or "abandoned: the writer failed" if a
	 * call failed; one that has ended stays as it is. If that is not possible, since the
	 * database is out of reach, this method throws, and the stream is failed later. The
	 * same if a transaction that has ended the stream rolls back.
	 */
	@Override
	void close();

}
