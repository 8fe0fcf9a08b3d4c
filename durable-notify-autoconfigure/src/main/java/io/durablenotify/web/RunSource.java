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

import java.util.Set;
import java.util.concurrent.Flow;
import java.util.function.Function;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.FollowingStoppedException;
import io.durablenotify.event.RunInfo;
import io.durablenotify.event.RunTruncatedException;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.observation.ObservedSource;
import org.jspecify.annotations.Nullable;

/**
 * The events of a run, as they are served.
 *
 * @param log the event log
 * @param runId the run
 * @param terminalTypes the types of the events that end a run
 * @param options how it is served
 */
record RunSource(EventLog log, String runId, Set<String> terminalTypes,
		SseOptions<StoredEvent> options) implements SseSource<StoredEvent> {

	@Override
	public @Nullable Found find() {
		return this.log.info(this.runId).map(this::found).orElse(null);
	}

	private Found found(RunInfo run) {
		return new Found(EventId.identity(run.identity()), run.lastSequence() + 1,
				(this.terminalTypes.contains(run.lastType())) ? run.lastSequence() : null);
	}

	@Override
	public Flow.Publisher<StoredEvent> awaiting() {
		return this.log.publisher(this.runId, 0);
	}

	@Override
	public Flow.Publisher<StoredEvent> publisher(Found found, @Nullable EventId received) {
		return this.log.publisher(this.runId, after(received), (isBound(found, received)) ? found.identity() : null);
	}

	/**
	 * An identity says that the client has received the events before its position.
	 */
	@Override
	public boolean isBound(Found found, @Nullable EventId received) {
		return received != null || this.options.afterSequence() < found.next();
	}

	private long after(@Nullable EventId received) {
		return (received != null) ? Math.max(0, received.index()) : this.options.afterSequence();
	}

	/**
	 * The publisher notifies a client that has received more that the run has lost it.
	 */
	@Override
	public boolean isOver(Found found, @Nullable EventId received) {
		return found.last() != null && after(received) >= found.last()
				&& (received == null || received.index() <= found.last());
	}

	@Override
	public SseMapper<StoredEvent> mapper(Found found, @Nullable EventId received) {
		Function<? super StoredEvent, @Nullable String> mapper = this.options.mapper();
		return new SseMapper<>() {

			@Override
			public @Nullable SseEvent map(StoredEvent event) {
				String data = (mapper != null) ? mapper.apply(event) : RunEventJson.write(event);
				return (data != null) ? new SseEvent(EventId.of(event.sequence(), found.identity()).toString(),
						RunSource.this.options.eventName(), data) : null;
			}

			@Override
			public boolean isLast(StoredEvent event) {
				return RunSource.this.terminalTypes.contains(event.type());
			}

		};
	}

	@Override
	public boolean isStop(Throwable failure) {
		return failure instanceof FollowingStoppedException;
	}

	@Override
	public boolean isEnd(Throwable failure) {
		return failure instanceof RunTruncatedException;
	}

	@Override
	public String reason(Throwable failure) {
		return String.valueOf(failure.getMessage());
	}

	@Override
	public ObservedSource observed(@Nullable EventId received) {
		return new ObservedSource(ObservedSource.Kind.RUN, null, this.runId, Long.toString(after(received) + 1));
	}

	@Override
	public String describe() {
		return "run '" + this.runId + "'";
	}

	@Override
	public String describe(StoredEvent event) {
		return "event %d of %s".formatted(event.sequence(), describe());
	}

}
