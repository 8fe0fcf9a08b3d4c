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

import org.jspecify.annotations.Nullable;

/**
 * A description of a run: what is known without reading it.
 *
 * @param runId the run's id
 * @param createdAt when its first event was appended
 * @param lastSequence the sequence of its last event, as
 * {@link EventLog#append(NewEvent, long)} expects it
 * @param lastType the type of its last event
 * @param lastEventAt when its last event was appended
 * @param identity a short text that tells it from any other run, also one of the same id,
 * or {@code null} if that is not known. It is the same in all instances, has letters,
 * digits and hyphens only, and must not be interpreted. Use it for
 * {@link EventLog#publisher(String, long, String)}
 */
public record RunInfo(String runId, Instant createdAt, long lastSequence, String lastType, Instant lastEventAt,
		@Nullable String identity) {

	/**
	 * Describe a run of which the identity is not known.
	 * @param runId the run's id
	 * @param createdAt when its first event was appended
	 * @param lastSequence the sequence of its last event
	 * @param lastType the type of its last event
	 * @param lastEventAt when its last event was appended
	 */
	public RunInfo(String runId, Instant createdAt, long lastSequence, String lastType, Instant lastEventAt) {
		this(runId, createdAt, lastSequence, lastType, lastEventAt, null);
	}

}
