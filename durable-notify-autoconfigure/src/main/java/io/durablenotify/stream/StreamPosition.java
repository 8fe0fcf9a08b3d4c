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

import io.durablenotify.log.Start;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A position at which reading begins: an index, or a number of chunks before the end. The
 * end is the one that the stream has when reading begins. It holds for any stream of the
 * name, or for {@link #in(String) one} only.
 * <p>
 * The end is that of the chunks that are committed. A transaction that opens a reader
 * finds the end that it sees: at REPEATABLE READ and SERIALIZABLE that of its snapshot,
 * so that chunks which others have appended since are read too. What the transaction has
 * appended itself is after the end, and is read after its commit.
 */
public final class StreamPosition {

	private final Start start;

	private StreamPosition(Start start) {
		this.start = start;
	}

	/**
	 * From the first chunk.
	 * @return the position
	 */
	public static StreamPosition start() {
		return at(0);
	}

	/**
	 * From a chunk on. A position past the end waits for that chunk.
	 * @param index the chunk's index
	 * @return the position
	 * @throws IllegalArgumentException if the index is negative
	 */
	public static StreamPosition at(long index) {
		Assert.isTrue(index >= 0, () -> "Index " + index + " is negative: chunks are numbered from 0");
		return new StreamPosition(Start.at(index));
	}

	/**
	 * Read on after a chunk.
	 * @param index the index of the last chunk that is known already
	 * @return the position
	 * @throws IllegalArgumentException if the index is negative or the largest possible
	 */
	public static StreamPosition after(long index) {
		Assert.isTrue(index >= 0 && index < Long.MAX_VALUE,
				() -> "Index " + index + " is none that a chunk can have before another: use 0 or more");
		return at(index + 1);
	}

	/**
	 * Read on after what a browser's {@code EventSource} has received. For applications
	 * that send server-sent events with the indexes of the chunks as ids.
	 * <p>
	 * The ids of the events of {@code SseStreams} have another form, which only
	 * {@code SseStreams} understands: pass the header to that.
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null} or empty for
	 * the start
	 * @return the position
	 * @throws IllegalArgumentException if that is not an index
	 */
	public static StreamPosition afterEventId(@Nullable String lastEventId) {
		if (lastEventId == null || lastEventId.isBlank()) {
			return start();
		}
		try {
			return after(Long.parseLong(lastEventId.trim()));
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalArgumentException(
					"Last-Event-ID '" + lastEventId + "' is not the index of a chunk: use 0 or more", ex);
		}
	}

	/**
	 * From the first chunk that is left: the start, unless chunks were trimmed.
	 * @return the position
	 */
	public static StreamPosition earliest() {
		return new StreamPosition(Start.earliest());
	}

	/**
	 * From a number of chunks before the end, or from the first one that is left if there
	 * are fewer.
	 * @param count the number of chunks
	 * @return the position
	 * @throws IllegalArgumentException if the count is negative
	 */
	public static StreamPosition last(int count) {
		Assert.isTrue(count >= 0, () -> "Count " + count + " is negative");
		return new StreamPosition(Start.last(count));
	}

	/**
	 * From the end: only what is appended from now on.
	 * @return the position
	 */
	public static StreamPosition end() {
		return last(0);
	}

	/**
	 * The same position, in one stream only. Nothing of another stream is read: a reader
	 * ends, and a page fails, with a {@link StreamTruncatedException} if another stream
	 * has the name, and with a {@link StreamDeletedException} if none has.
	 * <p>
	 * A position with an index, other than 0, says that the caller has received the
	 * chunks before it: if the stream has fewer, since the server has lost some, that is
	 * a {@link StreamTruncatedException} too. To wait beyond the end, use a position
	 * without an identity.
	 * <p>
	 * What a transaction has written, and not committed yet, does not exist for readers.
	 * @param identity the {@link StreamInfo#identity() identity} of the stream. An
	 * invalid one counts as that of another stream
	 * @return the position
	 */
	public StreamPosition in(String identity) {
		Assert.notNull(identity, "'identity' must not be null");
		return new StreamPosition(this.start.in(identity));
	}

	/**
	 * Return whether the position depends on the chunks that the stream has when reading
	 * begins.
	 * @return whether it was made by {@link #earliest}, {@link #last} or {@link #end}
	 */
	public boolean isFromEnd() {
		return this.start.fromEnd();
	}

	/**
	 * Return where a reader begins.
	 */
	Start toStart() {
		return this.start;
	}

	@Override
	public boolean equals(@Nullable Object other) {
		return other instanceof StreamPosition position && this.start.equals(position.start);
	}

	@Override
	public int hashCode() {
		return this.start.hashCode();
	}

	@Override
	public String toString() {
		return this.start.toString();
	}

}
