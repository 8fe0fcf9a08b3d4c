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

package io.durablenotify.sample;

import java.time.Instant;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import io.durablenotify.event.StoredEvent;
import org.jspecify.annotations.Nullable;

/**
 * An event of a run, in the form in which {@link io.durablenotify.web.SseRuns} serves it.
 *
 * @param sequence its place in the run
 * @param eventId its id
 * @param type its type
 * @param correlationId the step that it is about, or {@code null}
 * @param payload its payload, which is JSON already
 * @param createdAt when it was stored
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record RunEvent(long sequence, String eventId, String type, @Nullable String correlationId,
		@JsonRawValue @Nullable String payload, Instant createdAt) {

	static RunEvent of(StoredEvent event) {
		return new RunEvent(event.sequence(), event.eventId(), event.type(), event.correlationId(), event.payload(),
				event.createdAt());
	}

}
