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

import org.jspecify.annotations.Nullable;

import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves streams of text as server-sent events, for a browser's {@code EventSource}.
 * <pre class="code">
 * &#64;GetMapping("/answers/{id}")
 * ResponseEntity&lt;SseEmitter&gt; answer(&#64;PathVariable String id,
 * 		&#64;RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
 * 	return sse.respond("answers/" + id, lastEventId);
 * }
 * </pre>
 * <p>
 * Each chunk is an event with its index as the {@code id}, so that a browser that
 * connects again goes on where it was. It knows the index only: after a failover or a
 * crash that lost chunks it goes on there too, even if other chunks were stored before by
 * then. The text arrives as it is, white space and empty lines included; only carriage
 * returns arrive as line feeds, which is all that the format can carry.
 * <p>
 * The end is an event {@code complete} with no data, or {@code error} with the reason as
 * its data, also for a stream that was cancelled: a page need not know of that. A page
 * closes its {@code EventSource} on either. If it misses that event, it connects again,
 * is answered with 204, and stops.
 */
public interface SseStreams {

	/**
	 * Serve a stream, live, until it ends or the client leaves.
	 * @param stream the stream's name
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null} for the start
	 * @return 404 for an unknown stream; 204 if the stream has ended and nothing is left,
	 * since a browser would otherwise reconnect forever; else the events
	 * @throws org.springframework.web.server.ResponseStatusException with 400 if the name
	 * or the header is invalid
	 */
	ResponseEntity<SseEmitter> respond(String stream, @Nullable String lastEventId);

}
