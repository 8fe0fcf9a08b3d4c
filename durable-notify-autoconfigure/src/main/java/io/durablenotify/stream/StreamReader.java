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
import java.util.Optional;
import java.util.concurrent.Flow;

import io.durablenotify.Subscription;

/**
 * Reads streams, live or by the page.
 * <p>
 * A live reader gets every chunk from its position on, once and in order, also where
 * notifications are lost: they only make it fetch sooner. It holds neither a thread nor a
 * connection while it waits. <pre class="code">
 * reader.subscribe("answers/42", StreamPosition.start(), (chunk) -> show(chunk.text()));
 * </pre>
 * <p>
 * Names follow the rules of {@link StreamWriter}. All methods may be called from any
 * thread.
 */
public interface StreamReader {

	/**
	 * Read a stream live, outside of any transaction of the caller.
	 * <p>
	 * The handler is called on {@code durableNotifyTaskExecutor}, one call after the
	 * other; one that blocks slows no other reader and holds a bounded buffer
	 * ({@code durable-notify.streams.buffer-size} and {@code buffer-bytes}).
	 * <p>
	 * A stream that does not exist yet is waited for, unless the position
	 * {@link StreamPosition#in(String) names} one. The reader is bound to the stream that
	 * it finds: if that is deleted it ends with a {@link StreamDeletedException}, also
	 * where a new one takes the name.
	 * <p>
	 * A stream that has lost chunks ends its reader with a
	 * {@link StreamTruncatedException}, after the chunks before the first one that is
	 * missing.
	 * <p>
	 * Queries the database before it returns only for positions
	 * {@linkplain StreamPosition#isFromEnd() from the end}. In a transaction it uses that
	 * connection, so that a pool of one is enough.
	 * @param stream the stream's name
	 * @param from where to begin
	 * @param handler the handler
	 * @return the subscription
	 * @throws IllegalArgumentException if the name is invalid
	 * @throws ReaderStoppedException if the application context has closed
	 * @throws org.springframework.dao.DataAccessException if the end has to be found and
	 * the database fails
	 */
	Subscription subscribe(String stream, StreamPosition from, ChunkHandler handler);

	/**
	 * Read a stream live, on the caller's thread, as {@link #subscribe} does otherwise.
	 * It may be opened in a transaction. A cursor that waits in a transaction keeps its
	 * connection: with a pool of one, no chunk can then be written or fetched.
	 * @param stream the stream's name
	 * @param from where to begin; positions {@linkplain StreamPosition#isFromEnd() from
	 * the end} are fixed when this returns
	 * @return the cursor, to be closed
	 * @throws IllegalArgumentException if the name is invalid
	 * @throws ReaderStoppedException if the application context has closed
	 * @throws org.springframework.dao.DataAccessException as {@link #subscribe} does
	 */
	StreamCursor cursor(String stream, StreamPosition from);

	/**
	 * Read a stream live, as many chunks as are asked for.
	 * <p>
	 * Each {@link Flow.Publisher#subscribe subscribe} opens a separate reader, which
	 * reads as {@link #subscribe} does: positions {@linkplain StreamPosition#isFromEnd()
	 * from the end} are fixed when it returns. Its subscriber is given what it has
	 * requested, and a reader of which nothing is requested holds the bounded buffer and
	 * no thread. The end needs no request: {@code onComplete}, or {@code onError} with
	 * what {@link ChunkHandler#onError} would get, or with an
	 * {@link IllegalArgumentException} if less than one chunk was requested.
	 * <p>
	 * {@code onSubscribe} is called by the thread that subscribes; what follows comes on
	 * {@code durableNotifyTaskExecutor}, one call after the other. If the reader cannot
	 * be opened (a {@link ReaderStoppedException}, or a
	 * {@link org.springframework.dao.DataAccessException} where the end had to be found),
	 * {@code onError} follows {@code onSubscribe} on that same thread. A subscriber that
	 * throws is cancelled; that is logged.
	 * @param stream the stream's name
	 * @param from where to begin
	 * @return the publisher, for any number of subscribers
	 * @throws IllegalArgumentException if the name is invalid
	 */
	Flow.Publisher<Chunk> publisher(String stream, StreamPosition from);

	/**
	 * Read some chunks, in the caller's transaction where there is one.
	 * <p>
	 * A page ends with the limit, or with the chunk that brings it to 4 MiB, or before
	 * the first chunk that is missing, so that a short one is not necessarily the last.
	 * There is nothing more for now if it is empty, and never anything more once
	 * {@link ChunkPage#state()} is not {@link StreamState#OPEN}. A stream that does not
	 * exist reads as one that is open and empty.
	 * <p>
	 * A page knows nothing of those before it: after a failover or a crash that lost
	 * chunks it begins at the index that it is asked for, even if other chunks were
	 * stored before that since. A live reader would end with a
	 * {@link StreamTruncatedException}. With the {@link StreamPosition#in(String)
	 * identity} of the stream in its position, a page is at least of the same stream, and
	 * of one that has not lost all of those chunks.
	 * @param stream the stream's name
	 * @param from where to begin
	 * @param limit the largest number of chunks, 1 to 10,000
	 * @return the page
	 * @throws StreamTruncatedException if the first chunk is missing, and the stream has
	 * later ones; and as {@link StreamPosition#in(String)} says
	 * @throws StreamDeletedException as {@link StreamPosition#in(String)} says
	 * @throws IllegalArgumentException if the name or the limit is invalid
	 */
	ChunkPage page(String stream, StreamPosition from, int limit);

	/**
	 * Describe a stream, as the caller's transaction sees it where there is one.
	 * @param stream the stream's name
	 * @return the description, empty if there is no such stream
	 * @throws IllegalArgumentException if the name is invalid
	 */
	Optional<StreamInfo> info(String stream);

	/**
	 * List streams, in the order of their names' bytes, {@code B} before {@code a}, or in
	 * {@linkplain StreamQuery#descending() descending} order. In a transaction the caller
	 * gets what that sees. For the next page, ask for what comes
	 * {@linkplain StreamQuery#after after} the last name; there is none if this one has
	 * fewer streams than the limit.
	 * @param query which streams
	 * @return the streams, each with its state and next index
	 */
	List<StreamInfo> list(StreamQuery query);

	/**
	 * Return a consumer of a stream: a live reader whose position is stored under a name.
	 * One subscription is active over all instances. The stream need not exist yet.
	 * @param stream the stream's name
	 * @param name the consumer's name, unique among all consumers, with the rules of a
	 * stream's name
	 * @return the consumer, to be subscribed
	 * @throws IllegalArgumentException if a name is invalid
	 */
	default StreamConsumer consumer(String stream, String name) {
		throw new UnsupportedOperationException("This reader has no consumers: use durable-notify's StreamReader");
	}

	/**
	 * Return a consumer of all streams whose names begin with a prefix, also of those
	 * that are created later.
	 * @param prefix the prefix of the streams' names, not empty
	 * @param name the consumer's name, as for {@link #consumer}
	 * @return the consumer, to be subscribed
	 * @throws IllegalArgumentException if the prefix or the name is invalid
	 */
	default StreamConsumer prefixConsumer(String prefix, String name) {
		throw new UnsupportedOperationException("This reader has no consumers: use durable-notify's StreamReader");
	}

}
