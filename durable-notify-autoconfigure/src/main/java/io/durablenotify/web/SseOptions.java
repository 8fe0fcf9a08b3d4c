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

import java.util.Objects;
import java.util.function.Function;

import io.durablenotify.event.StoredEvent;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamPosition;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * How a stream or a run is served as server-sent events. Immutable: each method returns
 * other options.
 *
 * @param <E> what is served: {@link Chunk} or {@link StoredEvent}
 */
public final class SseOptions<E> {

	private final StreamPosition from;

	private final long afterSequence;

	private final boolean waiting;

	private final @Nullable String eventName;

	private final @Nullable Function<? super E, @Nullable String> mapper;

	private SseOptions(StreamPosition from, long afterSequence, boolean waiting, @Nullable String eventName,
			@Nullable Function<? super E, @Nullable String> mapper) {
		this.from = from;
		this.afterSequence = afterSequence;
		this.waiting = waiting;
		this.eventName = eventName;
		this.mapper = mapper;
	}

	/**
	 * Serve a stream from its start.
	 * @return the options
	 */
	public static SseOptions<Chunk> ofStream() {
		return ofStream(StreamPosition.start());
	}

	/**
	 * Serve a stream from a position.
	 * @param from where a client begins that comes for the first time; one that connects
	 * again goes on after what it has received. From the end, that holds also if it has
	 * received no event yet; where the chunks there were trimmed meanwhile, it begins
	 * with the first one that is left
	 * @return the options
	 */
	public static SseOptions<Chunk> ofStream(StreamPosition from) {
		Assert.notNull(from, "'from' must not be null");
		return new SseOptions<>(from, 0, false, null, null);
	}

	/**
	 * Serve a run from its first event.
	 * @return the options
	 */
	public static SseOptions<StoredEvent> ofRun() {
		return ofRun(0);
	}

	/**
	 * Serve a run after an event.
	 * @param afterSequence the sequence after which a client begins that has received
	 * nothing yet, 0 for the first event
	 * @return the options
	 */
	public static SseOptions<StoredEvent> ofRun(long afterSequence) {
		Assert.isTrue(afterSequence >= 0 && afterSequence < Long.MAX_VALUE,
				() -> "'afterSequence' must be 0 or more, and below the largest number, but is " + afterSequence);
		return new SseOptions<>(StreamPosition.start(), afterSequence, false, null, null);
	}

	/**
	 * Wait for a stream or run that does not exist yet, with status 200 and an open
	 * response. Without this, the response is 404, after which a browser's
	 * {@code EventSource} does not connect again. A client can keep a response open for a
	 * name that never exists, so let it choose among names that the application has given
	 * away.
	 * @return the options
	 */
	public SseOptions<E> waiting() {
		return new SseOptions<>(this.from, this.afterSequence, true, this.eventName, this.mapper);
	}

	/**
	 * Set the name of the events. By default they have none, and a browser calls
	 * {@code onmessage}.
	 * @param eventName the name, without line ends; {@code complete} and {@code error}
	 * are those of the end
	 * @return the options
	 */
	public SseOptions<E> eventName(String eventName) {
		Assert.hasText(eventName, "'eventName' must not be empty");
		Assert.isTrue(eventName.chars().noneMatch((c) -> c == '\n' || c == '\r' || c == 0),
				"'eventName' must not contain line ends");
		Assert.isTrue(!eventName.equals(SseEvent.COMPLETE) && !eventName.equals(SseEvent.ERROR),
				() -> "'eventName' must not be '" + eventName + "', which is the name of an end");
		return new SseOptions<>(this.from, this.afterSequence, this.waiting, eventName, this.mapper);
	}

	/**
	 * Set what makes an event's data. By default a chunk's data is its text, a character
	 * whose bytes are in two chunks being held back for the second one, and an event's
	 * data is a JSON object.
	 * @param mapper returns the data, or {@code null} to send no event; called once for
	 * each response and entry, on {@code durableNotifyTaskExecutor}. If it throws, the
	 * response ends with an {@code error} event
	 * @return the options
	 */
	public SseOptions<E> map(Function<? super E, @Nullable String> mapper) {
		Assert.notNull(mapper, "'mapper' must not be null");
		return new SseOptions<>(this.from, this.afterSequence, this.waiting, this.eventName, mapper);
	}

	StreamPosition from() {
		return this.from;
	}

	long afterSequence() {
		return this.afterSequence;
	}

	boolean isWaiting() {
		return this.waiting;
	}

	@Nullable String eventName() {
		return this.eventName;
	}

	@Nullable Function<? super E, @Nullable String> mapper() {
		return this.mapper;
	}

	@Override
	public String toString() {
		return "SseOptions[from=%s, afterSequence=%d, waiting=%s, eventName=%s, mapped=%s]".formatted(this.from,
				this.afterSequence, this.waiting, this.eventName, Objects.nonNull(this.mapper));
	}

}
