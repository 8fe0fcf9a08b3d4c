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

import io.durablenotify.web.ReactiveSseStreams;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/**
 * Serves answers to browsers, with WebFlux.
 */
@RestController
class ReactiveAnswerController {

	private final ReactiveSseStreams sseStreams;

	ReactiveAnswerController(ReactiveSseStreams sseStreams) {
		this.sseStreams = sseStreams;
	}

	// tag::answer[]
	@GetMapping("/answers/{id}")
	Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> answer(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
		return this.sseStreams.respond("answers/" + id, lastEventId);
	}
	// end::answer[]

}
