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

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import io.durablenotify.web.SseStreams;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.core.io.Resource;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Answers over HTTP.
 */
@RestController
@RequestMapping("/answers")
class AnswerController {

	/**
	 * A path variable that is a UUID. Anything else is not found.
	 */
	static final String ID = "{id:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}";

	private static final int MAX_LENGTH = 100_000;

	private static final int LATEST = 10;

	private final AnswerWriter writer;

	private final AnswerRepository answers;

	private final SseStreams sse;

	private final String text;

	AnswerController(AnswerWriter writer, AnswerRepository answers, SseStreams sse,
			@Value("classpath:jabberwocky.txt") Resource text) throws IOException {
		this.writer = writer;
		this.answers = answers;
		this.sse = sse;
		this.text = text.getContentAsString(StandardCharsets.UTF_8);
	}

	/**
	 * Start an answer with the text of the body, or with the built-in one if there is no
	 * body.
	 */
	@PostMapping(consumes = MediaType.TEXT_PLAIN_VALUE)
	ResponseEntity<Answer> start(@RequestBody(required = false) @Nullable String text) {
		Answer answer = this.writer.start((text != null) ? usable(text) : this.text);
		return ResponseEntity.created(URI.create("/answers/" + answer.id())).body(answer);
	}

	private static String usable(String text) {
		if (text.isBlank()) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST, "The text is blank: there is no word to answer");
		}
		if (text.length() > MAX_LENGTH) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"The text must have at most %,d characters, but has %,d".formatted(MAX_LENGTH, text.length()));
		}
		return text;
	}

	@GetMapping
	List<Answer> latest() {
		return this.answers.findLatest(LATEST);
	}

	/**
	 * Serve an answer's text as it comes.
	 */
	@GetMapping("/" + ID)
	ResponseEntity<SseEmitter> read(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId) {
		return this.sse.respond(Answer.stream(id), lastEventId);
	}

	/**
	 * Stop an answer that is being written, here or at another instance.
	 */
	@PostMapping("/" + ID + "/stop")
	Map<String, Boolean> stop(@PathVariable UUID id) {
		// A name that comes from outside: to cancel what is not there would create it
		if (!this.answers.exists(id)) {
			throw new ResponseStatusException(HttpStatus.NOT_FOUND);
		}
		return Map.of("stopped", this.writer.stop(id));
	}

}
