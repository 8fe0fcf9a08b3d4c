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
import java.util.UUID;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/**
 * Orders over HTTP. Their events are served as those of runs.
 */
@RestController
@RequestMapping("/orders")
class OrderController {

	private static final int MAX_LENGTH = 100;

	private final Orders orders;

	OrderController(Orders orders) {
		this.orders = orders;
	}

	/**
	 * Place an order, with a receipt for the address in the body.
	 */
	@PostMapping(consumes = MediaType.TEXT_PLAIN_VALUE)
	ResponseEntity<Placed> place(@RequestBody String address) {
		UUID id = this.orders.place(usable(address));
		return ResponseEntity.created(URI.create("/runs/" + id + "/events")).body(new Placed(id));
	}

	/**
	 * Change the address for the receipt.
	 */
	@PutMapping(path = "/" + AnswerController.ID + "/address", consumes = MediaType.TEXT_PLAIN_VALUE)
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void changeAddress(@PathVariable UUID id, @RequestBody String address) {
		if (!this.orders.changeAddress(id, usable(address))) {
			throw new ResponseStatusException(HttpStatus.NOT_FOUND, "There is no order '%s'".formatted(id));
		}
	}

	private static String usable(String address) {
		String usable = address.strip();
		if (usable.isEmpty() || usable.length() > MAX_LENGTH || usable.indexOf('\0') >= 0) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST,
					"The address has 1 to %d characters".formatted(MAX_LENGTH));
		}
		return usable;
	}

	/**
	 * What was placed.
	 *
	 * @param id the order's id
	 */
	record Placed(UUID id) {
	}

}
