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

import java.time.Duration;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/**
 * The reminder and the dead receipts over HTTP.
 */
@RestController
@RequestMapping("/jobs")
class WorkController {

	private final Reminders reminders;

	private final Receipts receipts;

	private final ReceivedEvents received;

	private final InstanceName instance;

	WorkController(Reminders reminders, Receipts receipts, ReceivedEvents received, InstanceName instance) {
		this.reminders = reminders;
		this.receipts = receipts;
		this.received = received;
		this.instance = instance;
	}

	@GetMapping
	Work work() {
		return new Work(this.instance.toString(), this.reminders.find().orElse(null), this.receipts.dead(),
				this.received.latest());
	}

	/**
	 * Set the reminder to a number of seconds from now.
	 */
	@PutMapping(path = "/reminder", consumes = MediaType.TEXT_PLAIN_VALUE)
	Work remind(@RequestBody String seconds) {
		this.reminders.set(Duration.ofSeconds(seconds(seconds.strip())));
		return work();
	}

	private static int seconds(String seconds) {
		if (!seconds.matches("[0-9]{1,4}")) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"A reminder is due in a number of seconds from 0 to 9,999");
		}
		return Integer.parseInt(seconds);
	}

	@DeleteMapping("/reminder")
	Map<String, Boolean> cancel() {
		return Map.of("cancelled", this.reminders.cancel());
	}

	/**
	 * Have a receipt that is dead sent after all.
	 */
	@PostMapping("/dead/{id:[0-9]{1,18}}/requeue")
	Map<String, Boolean> requeue(@PathVariable long id) {
		return Map.of("requeued", this.receipts.requeue(id));
	}

	/**
	 * The work of all instances.
	 *
	 * @param instance the instance that has answered
	 * @param reminder the reminder, or {@code null}
	 * @param dead the receipts that were not sent
	 * @param received the latest events of the outbox that were received
	 */
	@JsonInclude(JsonInclude.Include.NON_NULL)
	record Work(String instance, @Nullable Reminder reminder, List<DeadReceipt> dead, List<ReceivedEvent> received) {
	}

}
