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

import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves streams to browsers as server-sent events, for Spring MVC.
 * <p>
 * Each chunk is an event, whose id names the stream and how far the client has read: a
 * browser's {@code EventSource} sends the id of the last event that it received when it
 * connects again, and goes on after that. If the stream was deleted since and another one
 * has its name, the client receives an {@code error} event. The end is an event
 * {@code complete} or {@code error}, the latter with the reason for data. A client that
 * comes back after it has received the end receives status 204, after which a browser
 * stops.
 * <p>
 * Events are written without blocking: a client that does not read holds no thread, and
 * no more of the stream than {@code durable-notify.streams.buffer-bytes}. One that has
 * taken nothing for {@code durable-notify.sse.write-timeout} is given up. Where the
 * response knows no write listener (in tests with a mock response, and if a filter wraps
 * the output stream) writes block a thread of {@code durableNotifyTaskExecutor}, which is
 * interrupted after that timeout. Tomcat ignores the interrupt: there the thread is
 * blocked until the connector's timeout.
 * <p>
 * A handler method returns the response at once, to be written by Spring MVC. If it is
 * not returned nothing is read. All methods may be called by any thread, and ask the
 * database once before they return, by the caller's connection if it has one.
 */
public interface SseStreams {

	/**
	 * Serve a stream from its start, live, until it ends or the client leaves.
	 * @param stream the stream's name
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @return 404 for an unknown stream, 204 if the client has received the end, else the
	 * events
	 * @throws org.springframework.web.server.ResponseStatusException with 400 if the name
	 * or the header is invalid
	 */
	ResponseEntity<SseEmitter> respond(String stream, @Nullable String lastEventId);

	/**
	 * Serve a stream, live, until it ends or the client leaves.
	 * @param stream the stream's name
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @param options where to begin, whether to wait for a stream that does not exist
	 * yet, and what an event holds
	 * @return as {@link #respond(String, String)}
	 * @throws org.springframework.web.server.ResponseStatusException as
	 * {@link #respond(String, String)}
	 */
	default ResponseEntity<SseEmitter> respond(String stream, @Nullable String lastEventId, SseOptions<Chunk> options) {
		throw new UnsupportedOperationException("This SseStreams knows no options");
	}

}
