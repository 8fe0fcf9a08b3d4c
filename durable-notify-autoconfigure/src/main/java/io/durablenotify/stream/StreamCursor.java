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

import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CancellationException;

import org.jspecify.annotations.Nullable;

/**
 * A live reader from which the calling thread takes the chunks. <pre class="code">
 * try (StreamCursor cursor = reader.cursor("answers/42", StreamPosition.start())) {
 *     for (Chunk chunk : cursor) { // waits for each chunk
 *         show(chunk.text());
 *     }
 *     done(); // the stream was completed
 * }
 * </pre>
 * <p>
 * A loop over it, or {@link #poll polling} until {@link #isEnded()}, is over when the
 * stream was completed and its last chunk was taken. Any other end is an exception, from
 * whichever method would have to wait for the next chunk, and from each such call after
 * it:
 * <ul>
 * <li>{@link StreamFailedException} (of a stream that was cancelled a
 * {@link StreamCancelledException}), {@link StreamDeletedException},
 * {@link StreamTruncatedException}, {@link ReaderStoppedException} (at once, without the
 * chunks that are buffered), or a {@link org.springframework.dao.DataAccessException} if
 * this stream alone cannot be read: what {@link ChunkHandler#onError} would get;
 * <li>{@link CancellationException} if the cursor is closed, be it by another thread
 * while this one waits;
 * <li>{@link CancellationException} with an {@link InterruptedException} as its cause if
 * the thread is interrupted while it waits. Its interrupt status is set again, and the
 * cursor has lost nothing and can be used further.
 * </ul>
 * <p>
 * Between calls, a cursor holds neither a thread nor a connection but a bounded buffer
 * ({@code durable-notify.streams.buffer-size} and {@code buffer-bytes}), until it has
 * ended or is closed: close it. A wait holds no monitor, so that it pins no virtual
 * thread. In a transaction the wait is part of it, the reading is not.
 * <p>
 * It is for one thread; {@link #poll} and {@link #close()} may be called by several. Of
 * those that poll, each chunk goes to one.
 */
public interface StreamCursor extends Iterable<Chunk>, AutoCloseable {

	/**
	 * Return what takes chunks from here on. All iterators of a cursor advance it.
	 * @return the iterator: {@link Iterator#hasNext()} waits until there is a chunk or
	 * the stream was completed
	 */
	@Override
	Iterator<Chunk> iterator();

	/**
	 * Take the next chunk if there is one within a time.
	 * @param timeout how long to wait at most; not at all if zero or negative
	 * @return the chunk, or {@code null} if there was none, which is for good if the
	 * cursor {@link #isEnded() has ended}
	 */
	@Nullable Chunk poll(Duration timeout);

	/**
	 * Return whether the stream was completed and its last chunk was taken. Never waits.
	 * @return {@code true} once that is known; never if the reading ends otherwise
	 */
	boolean isEnded();

	/**
	 * End the reading. Never waits; what waits for a chunk fails. Has no effect on a
	 * cursor that has ended or is closed.
	 */
	@Override
	void close();

}
