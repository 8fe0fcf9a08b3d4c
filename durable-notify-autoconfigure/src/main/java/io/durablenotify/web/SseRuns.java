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

import io.durablenotify.event.StoredEvent;
import org.jspecify.annotations.Nullable;

import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves the events of runs to browsers as server-sent events, for Spring MVC, in the way
 * of {@link SseStreams}.
 * <p>
 * Unless the options say otherwise, an event's data is a JSON object with
 * {@code sequence}, {@code eventId}, {@code type}, {@code correlationId} and
 * {@code payload} (where the event has them) and {@code createdAt}. After an event of one
 * of the types in {@code durable-notify.events.terminal-types} comes the event
 * {@code complete}, and the response ends.
 */
public interface SseRuns {

	/**
	 * Serve a run from its first event, live, until it ends or the client leaves.
	 * @param runId the run
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @return 404 for an unknown run, 204 if the client has received the end, else the
	 * events
	 * @throws org.springframework.web.server.ResponseStatusException with 400 if the id
	 * or the header is invalid
	 */
	default ResponseEntity<SseEmitter> respond(String runId, @Nullable String lastEventId) {
		return respond(runId, lastEventId, SseOptions.ofRun());
	}

	/**
	 * Serve a run, live, until it ends or the client leaves.
	 * @param runId the run
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @param options where to begin, whether to wait for a run that does not exist yet,
	 * and what an event holds
	 * @return as {@link #respond(String, String)}
	 * @throws org.springframework.web.server.ResponseStatusException as
	 * {@link #respond(String, String)}
	 */
	ResponseEntity<SseEmitter> respond(String runId, @Nullable String lastEventId, SseOptions<StoredEvent> options);

}
