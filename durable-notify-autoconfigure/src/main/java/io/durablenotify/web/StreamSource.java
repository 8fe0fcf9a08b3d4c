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

package io.durablenotify.web;

import java.util.concurrent.Flow;
import java.util.function.Function;

import io.durablenotify.observation.ObservedSource;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.ReaderStoppedException;
import io.durablenotify.stream.StreamException;
import io.durablenotify.stream.StreamFailedException;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamTruncatedException;
import org.jspecify.annotations.Nullable;

/**
 * A stream, as it is served.
 *
 * @param reader reads it
 * @param families returns the family of a stream
 * @param stream its name
 * @param options how it is served
 */
record StreamSource(StreamReader reader, Function<String, @Nullable String> families, String stream,
		SseOptions<Chunk> options) implements SseSource<Chunk> {

	@Override
	public @Nullable Found find() {
		return this.reader.info(this.stream)
			.map((info) -> new Found(EventId.identity(info.identity()), info.nextIndex(), null))
			.orElse(null);
	}

	/**
	 * All that is appended is newer than a request that waits. What is left is less each
	 * time where chunks are trimmed.
	 */
	@Override
	public @Nullable EventId begin(@Nullable Found found) {
		if (!this.options.from().isFromEnd() || this.options.from().equals(StreamPosition.earliest())) {
			return null;
		}
		if (found == null) {
			return EventId.NOTHING;
		}
		try {
			ChunkPage first = this.reader.page(this.stream, this.options.from(), 1);
			return EventId.begin(first.nextIndex() - first.chunks().size() - 1, found.identity());
		}
		catch (StreamException ex) {
			// The publisher says the same
			return null;
		}
	}

	@Override
	public Flow.Publisher<Chunk> awaiting() {
		return this.reader.publisher(this.stream, StreamPosition.start());
	}

	@Override
	public Flow.Publisher<Chunk> publisher(Found found, @Nullable EventId received) {
		return publisher(found, from(received), isBound(found, received));
	}

	private Flow.Publisher<Chunk> publisher(Found found, StreamPosition from, boolean bound) {
		return this.reader.publisher(this.stream,
				(bound && found.identity() != null) ? from.in(found.identity()) : from);
	}

	/**
	 * An identity says that the client has received the chunks before an index. The
	 * options may have one too.
	 */
	@Override
	public boolean isBound(Found found, @Nullable EventId received) {
		StreamPosition from = this.options.from();
		return received != null || from.equals(StreamPosition.start()) || from.equals(StreamPosition.earliest());
	}

	@Override
	public Flow.Publisher<Chunk> left(Found found) {
		return publisher(found, StreamPosition.earliest(), true);
	}

	@Override
	public boolean isTruncation(Throwable failure) {
		return failure instanceof StreamTruncatedException;
	}

	private StreamPosition from(@Nullable EventId received) {
		return (received != null) ? StreamPosition.at(received.index() + 1) : this.options.from();
	}

	@Override
	public SseMapper<Chunk> mapper(Found found, @Nullable EventId received) {
		Function<? super Chunk, @Nullable String> mapper = this.options.mapper();
		String eventName = this.options.eventName();
		if (mapper == null) {
			return new ChunkTexts(found.identity(), eventName, received);
		}
		return (chunk) -> {
			String data = mapper.apply(chunk);
			return (data != null)
					? new SseEvent(EventId.of(chunk.index(), found.identity()).toString(), eventName, data) : null;
		};
	}

	@Override
	public boolean isStop(Throwable failure) {
		return failure instanceof ReaderStoppedException;
	}

	@Override
	public boolean isEnd(Throwable failure) {
		return failure instanceof StreamException && !isStop(failure);
	}

	@Override
	public String reason(Throwable failure) {
		if (failure instanceof StreamFailedException failed) {
			return failed.getReason();
		}
		return String.valueOf(failure.getMessage());
	}

	@Override
	public ObservedSource observed(@Nullable EventId received) {
		return new ObservedSource(ObservedSource.Kind.STREAM, this.families.apply(this.stream), this.stream,
				from(received).toString());
	}

	@Override
	public String describe() {
		return "stream '" + this.stream + "'";
	}

	@Override
	public String describe(Chunk chunk) {
		return "chunk %d of %s".formatted(chunk.index(), describe());
	}

}
