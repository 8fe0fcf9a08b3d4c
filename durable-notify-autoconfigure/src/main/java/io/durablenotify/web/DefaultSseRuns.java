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

import io.durablenotify.event.EventLog;
import io.durablenotify.event.StoredEvent;
import org.jspecify.annotations.Nullable;

import org.springframework.http.ResponseEntity;
import org.springframework.util.Assert;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * {@link SseRuns} on an {@link EventLog}.
 */
final class DefaultSseRuns implements SseRuns {

	private final EventLog log;

	private final Set<String> terminalTypes;

	private final SseConnections connections;

	DefaultSseRuns(EventLog log, Set<String> terminalTypes, SseConnections connections) {
		this.log = log;
		this.terminalTypes = terminalTypes;
		this.connections = connections;
	}

	@Override
	public ResponseEntity<SseEmitter> respond(String runId, @Nullable String lastEventId,
			SseOptions<StoredEvent> options) {
		Assert.notNull(options, "'options' must not be null");
		return this.connections.respond(new RunSource(this.log, runId, this.terminalTypes, options), lastEventId,
				options);
	}

}
