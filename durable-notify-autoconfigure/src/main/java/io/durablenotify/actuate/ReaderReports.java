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

package io.durablenotify.actuate;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeSubscriptionState;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.RunInfo;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderState;
import io.durablenotify.log.ReaderState.Status;
import io.durablenotify.stream.ConsumerInfo;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.OperationResponseBody;

/**
 * The readers of this instance, and what is stored of a stream or a run.
 *
 * @param logs the readers of streams and of events
 * @param streams the streams
 * @param events the runs
 * @param changes the subscriptions to changes
 * @param consumers the named consumers
 */
record ReaderReports(List<LogSubscriptions<?>> logs, StreamReader streams, EventLog events, ChangeDelivery changes,
		StreamConsumers consumers) {

	static final String STREAMS = "streams";

	static final String EVENTS = "events";

	private List<ReaderState> states(String topic) {
		return this.logs.stream()
			.filter((log) -> log.topic().equals(topic))
			.flatMap((log) -> log.states().stream())
			.sorted(Comparator.comparingLong(ReaderState::lag).reversed().thenComparing(ReaderState::name))
			.toList();
	}

	/**
	 * Return the readers with the greatest lags.
	 * @param status only those, or {@code null} for all
	 */
	Readers readers(String topic, @Nullable Status status, int limit, EndpointTexts texts) {
		List<ReaderState> states = states(topic).stream()
			.filter((state) -> status == null || state.status() == status)
			.toList();
		return new Readers(states.stream().limit(limit).map((state) -> view(state, texts)).toList(),
				states.size() > limit);
	}

	private static ReaderView view(ReaderState state, EndpointTexts texts) {
		return new ReaderView(texts.of(state.name()), state.family(), state.status(), state.next(), state.knownEnd(),
				state.lag(), new Buffered(state.bufferedEntries(), state.bufferedBytes()), state.openFor(),
				state.sinceDelivery(), state.handler(), state.running());
	}

	/**
	 * Return a stream, and its readers here.
	 * @return the stream, or {@code null} if it is neither stored nor read here
	 */
	@Nullable StreamView stream(String name, EndpointTexts texts) {
		StreamInfo info = this.streams.info(name).orElse(null);
		List<ReaderView> readers = readersOf(STREAMS, name, texts);
		if (info == null) {
			return (readers.isEmpty()) ? null
					: new StreamView(texts.of(name), null, 0, null, null, null, null, null, null, null, readers);
		}
		return new StreamView(texts.of(name), info.state(), info.nextIndex(), texts.of(info.owner()),
				texts.of(info.contentType()), info.createdAt(), info.lastAppendedAt(), info.endedAt(),
				texts.of(info.failureReason()), info.expiresAt(), readers);
	}

	private List<ReaderView> readersOf(String topic, String name, EndpointTexts texts) {
		return states(topic).stream()
			.filter((state) -> state.name().equals(name))
			.map((state) -> view(state, texts))
			.toList();
	}

	/**
	 * Return a run, and its followers here.
	 * @return the run, or {@code null} if it is neither stored nor followed here
	 */
	@Nullable RunView run(String runId, EndpointTexts texts) {
		RunInfo info = this.events.info(runId).orElse(null);
		List<ReaderView> readers = readersOf(EVENTS, runId, texts);
		if (info == null) {
			return (readers.isEmpty()) ? null : new RunView(texts.of(runId), 0, null, null, null, readers);
		}
		return new RunView(texts.of(runId), info.lastSequence(), texts.of(info.lastType()), info.createdAt(),
				info.lastEventAt(), readers);
	}

	Subscriptions changes(int limit, EndpointTexts texts) {
		List<ChangeSubscriptionState> states = this.changes.subscriptions()
			.stream()
			.sorted(Comparator.comparing(ChangeSubscriptionState::positionAge).reversed())
			.toList();
		return new Subscriptions(states.stream()
			.limit(limit)
			.map((state) -> new SubscriptionView(texts.of(state.topic()), state.behind(), state.waiting(),
					state.positionAge(), state.lastGap(), state.sinceGap(), state.openFor(), state.handler(),
					state.running()))
			.toList(), states.size() > limit);
	}

	Consumers consumers(int limit, EndpointTexts texts) {
		List<ConsumerInfo> consumers = this.consumers.list()
			.stream()
			.sorted(Comparator.comparingLong(ConsumerInfo::lag).reversed())
			.toList();
		return new Consumers(consumers.stream()
			.limit(limit)
			.map((consumer) -> new ConsumerView(texts.of(consumer.name()), texts.of(consumer.stream()),
					consumer.prefix(), (consumer.position().isPresent()) ? consumer.position().getAsLong() : null,
					consumer.lag(), texts.of(consumer.owner()), consumer.createdAt(), consumer.lastActiveAt()))
			.toList(), consumers.size() > limit);
	}

	/**
	 * Readers of streams or followers of runs.
	 *
	 * @param more whether there are more than the limit
	 */
	record Readers(List<ReaderView> readers, boolean more) implements OperationResponseBody {
	}

	/**
	 * A reader, as {@link ReaderState}.
	 */
	record ReaderView(@Nullable String name, @Nullable String family, Status state, long next, long knownEnd, long lag,
			Buffered buffered, Duration openFor, @Nullable Duration sinceDelivery, String handler,
			@Nullable Duration running) {
	}

	/**
	 * What a reader holds.
	 */
	record Buffered(int entries, long bytes) {
	}

	/**
	 * A stream.
	 *
	 * @param state its state, {@code null} if it is not stored
	 * @param readers its readers in this instance
	 */
	record StreamView(@Nullable String name, @Nullable StreamState state, long nextIndex, @Nullable String owner,
			@Nullable String contentType, @Nullable Instant createdAt, @Nullable Instant lastAppendedAt,
			@Nullable Instant endedAt, @Nullable String failureReason, @Nullable Instant expiresAt,
			List<ReaderView> readers) implements OperationResponseBody {
	}

	/**
	 * A run.
	 *
	 * @param lastSequence the sequence of its last event, 0 if it is not stored
	 * @param readers its followers in this instance
	 */
	record RunView(@Nullable String runId, long lastSequence, @Nullable String lastType, @Nullable Instant createdAt,
			@Nullable Instant lastEventAt, List<ReaderView> readers) implements OperationResponseBody {
	}

	/**
	 * Subscriptions to changes.
	 *
	 * @param more whether there are more than the limit
	 */
	record Subscriptions(List<SubscriptionView> subscriptions, boolean more) implements OperationResponseBody {
	}

	/**
	 * A subscription to changes, as {@link ChangeSubscriptionState}.
	 */
	record SubscriptionView(@Nullable String topic, boolean behind, int waiting, Duration positionAge,
			ChangeGap.@Nullable Reason lastGap, @Nullable Duration sinceGap, Duration openFor, String handler,
			@Nullable Duration running) {
	}

	/**
	 * Named consumers of streams, of all instances.
	 *
	 * @param more whether there are more than the limit
	 */
	record Consumers(List<ConsumerView> consumers, boolean more) implements OperationResponseBody {
	}

	/**
	 * A consumer, as {@link ConsumerInfo}.
	 */
	record ConsumerView(@Nullable String name, @Nullable String stream, boolean prefix, @Nullable Long position,
			long lag, @Nullable String owner, Instant createdAt, Instant lastActiveAt) {
	}

}
