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

import io.durablenotify.stream.Chunk;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;

/**
 * Serves streams to browsers as server-sent events, for Spring WebFlux.
 * <p>
 * Each chunk is an event, whose id names the stream and how far the client has read: a
 * browser's {@code EventSource} sends the id of the last event that it received when it
 * connects again, and goes on after that. If the stream was deleted since and another one
 * has its name, the client receives an {@code error} event. The end is an event
 * {@code complete} or {@code error}, the latter with the reason for data. A client that
 * comes back after it has received the end receives status 204, after which a browser
 * stops.
 * <p>
 * A client that does not read holds no more of the stream than
 * {@code durable-notify.streams.buffer-bytes} and one event. One that has taken nothing
 * for {@code durable-notify.sse.write-timeout} is disconnected.
 * <p>
 * All methods may be called by any thread, do not block, and do nothing until the
 * {@code Mono} is subscribed to. The database is asked on
 * {@code durableNotifyTaskExecutor}, which also emits the events. A {@code Mono} signals
 * a {@link org.springframework.web.server.ResponseStatusException} with 400 if the name
 * or the header is invalid.
 */
public interface ReactiveSseStreams {

	/**
	 * Serve a stream from its start, live, until it ends or the client leaves.
	 * @param stream the stream's name
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @return 404 for an unknown stream, 204 if the client has received the end, else the
	 * events
	 */
	default Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> respond(String stream, @Nullable String lastEventId) {
		return respond(stream, lastEventId, SseOptions.ofStream());
	}

	/**
	 * Serve a stream, live, until it ends or the client leaves.
	 * @param stream the stream's name
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @param options where to begin, whether to wait for a stream that does not exist
	 * yet, and what an event holds
	 * @return as {@link #respond(String, String)}
	 */
	Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> respond(String stream, @Nullable String lastEventId,
			SseOptions<Chunk> options);

}
