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

import java.util.List;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/**
 * The chat over HTTP.
 */
@RestController
@RequestMapping("/chat")
class ChatController {

	private static final int LONGEST = 200;

	private final Chat chat;

	ChatController(Chat chat) {
		this.chat = chat;
	}

	@GetMapping
	List<ChatLine> lines() {
		return this.chat.lines();
	}

	@PostMapping(consumes = MediaType.TEXT_PLAIN_VALUE)
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void say(@RequestBody String text) {
		String line = text.strip();
		if (line.isEmpty() || line.length() > LONGEST) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"A line has 1 to %d characters".formatted(LONGEST));
		}
		this.chat.say(line);
	}

}
