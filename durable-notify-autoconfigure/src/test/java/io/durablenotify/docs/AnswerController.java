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

import io.durablenotify.stream.StreamWriter;
import io.durablenotify.web.SseStreams;

import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves answers to browsers.
 */
@RestController
class AnswerController {

	private final SseStreams sseStreams;

	private final StreamWriter writer;

	AnswerController(SseStreams sseStreams, StreamWriter writer) {
		this.sseStreams = sseStreams;
		this.writer = writer;
	}

	// tag::answer[]
	@GetMapping("/answers/{id}")
	ResponseEntity<SseEmitter> answer(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
		return this.sseStreams.respond("answers/" + id, lastEventId);
	}
	// end::answer[]

	// tag::stop[]
	@PostMapping("/answers/{id}/stop")
	void stop(@PathVariable String id) {
		// after a check that the answer exists and that the user may stop it
		this.writer.cancel("answers/" + id, "stopped by the reader");
	}
	// end::stop[]

}
