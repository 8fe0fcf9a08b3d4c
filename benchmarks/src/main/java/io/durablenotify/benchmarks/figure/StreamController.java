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
package io.durablenotify.benchmarks.figure;

import io.durablenotify.stream.StreamPosition;
import io.durablenotify.web.SseOptions;
import io.durablenotify.web.SseStreams;
import org.jspecify.annotations.Nullable;

import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Serves streams as an application does.
 */
@RestController
class StreamController {

	private final SseStreams sse;

	StreamController(SseStreams sse) {
		this.sse = sse;
	}

	@GetMapping("/streams/{name}")
	ResponseEntity<SseEmitter> stream(@PathVariable("name") String name,
			@RequestParam(name = "from", defaultValue = "0") long from,
			@RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId) {
		return this.sse.respond(name, lastEventId, SseOptions.ofStream(StreamPosition.at(from)));
	}

}
