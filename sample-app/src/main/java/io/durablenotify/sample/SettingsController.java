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

import java.util.Map;

import io.durablenotify.Subscription;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeHandler;
import io.durablenotify.change.ChangeNotifier;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Settings over HTTP.
 */
@RestController
@RequestMapping("/settings")
class SettingsController {

	private static final int MAX_PAUSE = 2000;

	private final Settings settings;

	private final ChangeNotifier changes;

	private final LiveResponses responses;

	SettingsController(Settings settings, ChangeNotifier changes, LiveResponses responses) {
		this.settings = settings;
		this.changes = changes;
		this.responses = responses;
	}

	@GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
	Map<String, Integer> all() {
		return Map.of(Settings.PAUSE, Integer.valueOf(this.settings.get(Settings.PAUSE)));
	}

	/**
	 * Change a setting, in all instances.
	 */
	@PutMapping(path = "/{name}", consumes = MediaType.TEXT_PLAIN_VALUE)
	Map<String, Integer> set(@PathVariable String name, @RequestBody String value) {
		if (!this.settings.has(name)) {
			throw new ResponseStatusException(HttpStatus.NOT_FOUND, "There is no setting '%s'".formatted(name));
		}
		this.settings.set(name, String.valueOf(pause(value.strip())));
		return all();
	}

	private static int pause(String value) {
		if (!value.matches("[0-9]{1,4}") || Integer.parseInt(value) > MAX_PAUSE) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"The pause is a number of milliseconds from 0 to %,d".formatted(MAX_PAUSE));
		}
		return Integer.parseInt(value);
	}

	/**
	 * Serve the settings, once as they are, and again whenever one was changed.
	 */
	@GetMapping(produces = MediaType.TEXT_EVENT_STREAM_VALUE)
	SseEmitter watch() {
		return this.responses.open((response) -> {
			// First subscribed, then sent: a change in between is delivered
			Subscription subscription = this.changes.subscribe(Settings.TOPIC, new ChangeHandler() {

				@Override
				public void onChange(Change change) {
					// Handlers of a topic do not wait for each other: this one may be
					// ahead of the settings' own
					SettingsController.this.settings.drop(change);
					send(response);
				}

				@Override
				public void onGap(ChangeGap gap) {
					SettingsController.this.settings.dropAll(gap);
					send(response);
				}

			});
			send(response);
			return subscription;
		});
	}

	private void send(LiveResponse response) {
		response.write(() -> SseEmitter.event().data(all(), MediaType.APPLICATION_JSON));
	}

}
