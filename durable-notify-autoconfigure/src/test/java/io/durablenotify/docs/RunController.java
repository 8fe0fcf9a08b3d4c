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

package io.durablenotify.docs;

import io.durablenotify.JsonStreamCodec;
import io.durablenotify.StreamCodec;
import io.durablenotify.docs.StreamExamples.Step;
import io.durablenotify.web.SseOptions;
import io.durablenotify.web.SseRuns;
import io.durablenotify.web.SseStreams;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves the steps and the events of runs to browsers.
 */
@RestController
class RunController {

	private final SseStreams sseStreams;

	private final SseRuns sseRuns;

	private final StreamCodec<Step> codec;

	RunController(SseStreams sseStreams, SseRuns sseRuns, JsonMapper jsonMapper) {
		this.sseStreams = sseStreams;
		this.sseRuns = sseRuns;
		this.codec = new JsonStreamCodec<>(jsonMapper, Step.class);
	}

	// tag::steps[]
	@GetMapping("/runs/{id}/steps")
	ResponseEntity<SseEmitter> steps(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
		return this.sseStreams.respond("runs/" + id, lastEventId,
				SseOptions.ofStream().eventName("step").map((chunk) -> {
					Step step = this.codec.decode(chunk.data());
					return (step.attempt() > 0) ? step.name() : null; // null: no event
				}));
	}
	// end::steps[]

	// tag::events[]
	@GetMapping("/orders/{id}/events")
	ResponseEntity<SseEmitter> events(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
		return this.sseRuns.respond("orders/" + id, lastEventId);
	}
	// end::events[]

}
