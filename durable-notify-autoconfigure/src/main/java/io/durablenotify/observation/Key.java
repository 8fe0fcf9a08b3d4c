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

package io.durablenotify.observation;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.common.docs.KeyName;
import org.jspecify.annotations.Nullable;

/**
 * The keys of the observations.
 */
enum Key implements KeyName {

	/**
	 * {@code durablenotify}.
	 */
	SYSTEM("messaging.system"),

	/**
	 * {@code publish} or {@code process}.
	 */
	OPERATION("messaging.operation"),

	/**
	 * The queue, {@code several} for several; {@code workflow}, {@code timer},
	 * {@code channel} or {@code outbox} for a queue of theirs.
	 */
	QUEUE("queue"),

	/**
	 * The sender of an event of the outbox; {@code other} after a hundred that were
	 * published to.
	 */
	SENDER("sender"),

	/**
	 * The topic of a change, {@code dynamic} if it does not stand in an annotation.
	 */
	TOPIC("topic"),

	/**
	 * The family of a stream, {@code none} for none.
	 */
	FAMILY("family"),

	/**
	 * What is read: {@code stream} or {@code run}.
	 */
	SOURCE("source"),

	/**
	 * The {@link Outcome} in lower case, {@code none} until the end.
	 */
	OUTCOME("outcome"),

	/**
	 * The full name of the queue.
	 */
	QUEUE_NAME("durablenotify.queue"),

	/**
	 * The id of an item.
	 */
	ITEM_ID("durablenotify.item.id"),

	/**
	 * The key or ordering key of an item.
	 */
	ITEM_KEY("durablenotify.item.key"),

	/**
	 * How many items there are, if there are several.
	 */
	ITEMS("durablenotify.items"),

	/**
	 * Which attempt this is, 1 for the first.
	 */
	ATTEMPT("durablenotify.attempt"),

	/**
	 * The trace in which the item was enqueued, if this is another one.
	 */
	ENQUEUE_TRACE("durablenotify.enqueue.trace"),

	/**
	 * The id of an event of the outbox.
	 */
	EVENT_ID("durablenotify.event.id"),

	/**
	 * The type of an event.
	 */
	EVENT_TYPE("durablenotify.event.type"),

	/**
	 * How many events there are, if there are several, or how many a client was given.
	 */
	EVENTS("durablenotify.events"),

	/**
	 * The sequence of the last event that was appended.
	 */
	SEQUENCE("durablenotify.sequence"),

	/**
	 * The id of a run.
	 */
	RUN("durablenotify.run"),

	/**
	 * The name of a stream.
	 */
	STREAM("durablenotify.stream"),

	/**
	 * From where on a client reads: an index or sequence, or a position from the end.
	 */
	FROM("durablenotify.from"),

	/**
	 * How many chunks were appended.
	 */
	CHUNKS("durablenotify.chunks"),

	/**
	 * The key of a change.
	 */
	CHANGE_KEY("durablenotify.change.key");

	private static final String NONE = "none";

	/**
	 * How many traces an attempt with several items names.
	 */
	private static final int MAX_TRACES = 10;

	private final String key;

	Key(String key) {
		this.key = key;
	}

	@Override
	public String asString() {
		return this.key;
	}

	/**
	 * Return the key with a value of low cardinality.
	 */
	KeyValue of(@Nullable String value) {
		return KeyValue.of(this, (value != null) ? value : NONE);
	}

	KeyValue of(@Nullable Outcome outcome) {
		return of((outcome != null) ? outcome.value() : null);
	}

	/**
	 * Return the key with a value, {@code null} if there is none.
	 */
	@Nullable KeyValue ifPresent(@Nullable Object value) {
		return (value != null) ? KeyValue.of(this, value.toString()) : null;
	}

	/**
	 * Return the key with a number, {@code null} if there is one only.
	 */
	@Nullable KeyValue ifSeveral(int number) {
		return (number > 1) ? KeyValue.of(this, Integer.toString(number)) : null;
	}

	/**
	 * Return those that are present.
	 */
	static KeyValues present(@Nullable KeyValue... keys) {
		return KeyValues.of(Arrays.stream(keys).flatMap(Stream::ofNullable).toList());
	}

	/**
	 * Return what traces show of an attempt.
	 */
	static KeyValues of(AttemptContext context) {
		List<? extends ObservedItem> items = context.getItems();
		ObservedItem only = (items.size() == 1) ? items.get(0) : null;
		String origins = context.getOrigins()
			.stream()
			.map(TraceParent::traceId)
			.distinct()
			.limit(MAX_TRACES)
			.collect(Collectors.joining(","));
		return present(QUEUE_NAME.ifPresent(context.getQueue()), ITEMS.ifSeveral(items.size()),
				(only != null) ? ITEM_ID.ifPresent(only.id()) : null,
				(only != null) ? ITEM_KEY.ifPresent(only.key()) : null,
				(only != null) ? ATTEMPT.ifPresent(only.attempt()) : null,
				(!origins.isEmpty()) ? ENQUEUE_TRACE.ifPresent(origins) : null);
	}

	static String kind(StreamReadContext context) {
		return context.getSource().kind().name().toLowerCase(Locale.ROOT);
	}

	/**
	 * Return what traces show of a response.
	 */
	static KeyValues of(StreamReadContext context) {
		ObservedSource source = context.getSource();
		return present(((source.kind() == ObservedSource.Kind.RUN) ? RUN : STREAM).ifPresent(source.name()),
				FROM.ifPresent(source.from()), EVENTS.ifPresent(context.getEvents()));
	}

}
