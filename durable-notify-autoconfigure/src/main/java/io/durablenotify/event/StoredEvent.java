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

package io.durablenotify.event;

import java.time.Instant;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * An event as it is stored. {@link #toString()} never shows the payload.
 *
 * @param runId the run
 * @param sequence its place in the run, from 1 without gaps, in the order of commits
 * @param eventId its id
 * @param type its type
 * @param correlationId the step, wait or hook that it is about, or {@code null}
 * @param payload JSON text as it was given, or {@code null}
 * @param idempotencyKey the key under which it was stored once, or {@code null}
 * @param createdAt when it was stored, by the database's clock
 * @param headers what the application's tracer has added where it was appended, such as
 * {@code traceparent}; empty if nothing was traced
 */
public record StoredEvent(String runId, long sequence, String eventId, String type, @Nullable String correlationId,
		@Nullable String payload, @Nullable String idempotencyKey, Instant createdAt, Map<String, String> headers) {

	@Override
	public String toString() {
		return "StoredEvent[runId=%s, sequence=%d, eventId=%s, type=%s, correlationId=%s, payload=%s, createdAt=%s]"
			.formatted(this.runId, this.sequence, this.eventId, this.type, this.correlationId,
					(this.payload != null) ? this.payload.length() + " characters" : "none", this.createdAt);
	}

}
