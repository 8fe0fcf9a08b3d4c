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

import java.util.Iterator;
import java.util.UUID;
import java.util.function.Consumer;

import io.durablenotify.web.SseOptions;
import io.durablenotify.web.SseStreams;

import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Takes questions, and serves the answers, which browsers ask for before they begin.
 */
@RestController
class QuestionController {

	private final Model model;

	private final Answers answers;

	private final SseStreams sseStreams;

	QuestionController(Model model, Answers answers, SseStreams sseStreams) {
		this.model = model;
		this.answers = answers;
		this.sseStreams = sseStreams;
	}

	// tag::ask[]
	@PostMapping("/questions")
	String ask(@RequestBody String question) {
		String id = UUID.randomUUID().toString();
		// Calls back later, on another thread
		this.model.ask(question, (words) -> this.answers.write(id, words));
		return id;
	}

	@GetMapping("/questions/{id}/answer")
	ResponseEntity<SseEmitter> answer(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
		// after a check that the question exists and that the user may see it
		return this.sseStreams.respond("answers/" + id, lastEventId, SseOptions.ofStream().waiting());
	}
	// end::ask[]

	interface Model {

		void ask(String question, Consumer<Iterator<String>> answer);

	}

}
