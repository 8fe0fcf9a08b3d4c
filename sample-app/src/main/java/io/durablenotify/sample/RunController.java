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

import java.net.URI;
import java.util.List;
import java.util.UUID;

import io.durablenotify.event.EventHandler;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.StoredEvent;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Runs over HTTP.
 */
@RestController
@RequestMapping("/runs")
class RunController {

	private static final String EVENTS = "/" + AnswerController.ID + "/events";

	private static final int LIMIT = 1000;

	private final Runs runs;

	private final EventLog log;

	private final LiveResponses responses;

	RunController(Runs runs, EventLog log, LiveResponses responses) {
		this.runs = runs;
		this.log = log;
		this.responses = responses;
	}

	/**
	 * Start a run.
	 */
	@PostMapping
	ResponseEntity<Started> start() {
		UUID run = this.runs.start();
		return ResponseEntity.created(URI.create("/runs/" + run + "/events")).body(new Started(run));
	}

	/**
	 * Return the events that a run has so far.
	 */
	@GetMapping(path = EVENTS, produces = MediaType.APPLICATION_JSON_VALUE)
	List<RunEvent> events(@PathVariable String id, @RequestParam(defaultValue = "0") long after) {
		requireRun(id, after);
		return read(id, after, LIMIT);
	}

	/**
	 * Serve the events of a run as they come. The {@code id} of each is its sequence, so
	 * that a browser that comes back goes on after the last one that it has.
	 */
	@GetMapping(path = EVENTS, produces = MediaType.TEXT_EVENT_STREAM_VALUE)
	ResponseEntity<SseEmitter> follow(@PathVariable String id,
			@RequestHeader(name = "Last-Event-ID", defaultValue = "0") long lastEventId) {
		requireRun(id, lastEventId);
		if (lastEventId > 0 && read(id, lastEventId - 1, 1).stream().anyMatch(RunEvent::isLast)) {
			return ResponseEntity.noContent().build(); // A browser would come again for
														// ever
		}
		return ResponseEntity.ok(this.responses.open((response) -> this.log.follow(id, lastEventId, new EventHandler() {

			@Override
			public void onEvent(StoredEvent stored) {
				RunEvent event = RunEvent.of(stored);
				response.write(() -> SseEmitter.event()
					.id(String.valueOf(event.sequence()))
					.data(event, MediaType.APPLICATION_JSON));
				if (event.isLast()) {
					response.end();
				}
			}

			@Override
			public void onError(Throwable error) {
				response.end();
			}

		})));
	}

	private void requireRun(String id, long after) {
		if (after < 0) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"%d is no sequence: the first event has 1".formatted(after));
		}
		if (read(id, 0, 1).isEmpty()) {
			throw new ResponseStatusException(HttpStatus.NOT_FOUND, "There is no run '%s'".formatted(id));
		}
	}

	private List<RunEvent> read(String id, long after, int limit) {
		return this.log.read(id, after, limit).events().stream().map(RunEvent::of).toList();
	}

	/**
	 * What was started.
	 *
	 * @param id the run's id
	 */
	record Started(UUID id) {
	}

}
