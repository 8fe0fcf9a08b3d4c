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
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/**
 * Receives the events of the outbox, as another service would. One that comes twice is
 * known by its id.
 */
@RestController
class ReceivedEvents {

	private static final int LIMIT = 5;

	private final JdbcClient jdbc;

	private final InstanceName instance;

	ReceivedEvents(JdbcClient jdbc, InstanceName instance) {
		this.jdbc = jdbc;
		this.instance = instance;
	}

	@PostMapping("/received")
	@ResponseStatus(HttpStatus.NO_CONTENT)
	void receive(@RequestHeader("ce-id") String id, @RequestHeader("ce-type") String type,
			@RequestHeader("ce-subject") String subject) {
		this.jdbc.sql("""
				insert into received_events (id, type, subject, received_by) values (?, ?, ?, ?)
				on conflict (id) do nothing
				""").params(id, type, subject, this.instance.toString()).update();
	}

	/**
	 * Return the latest events.
	 */
	List<ReceivedEvent> latest() {
		return this.jdbc
			.sql("select id, type, subject, received_by from received_events order by received_at desc limit ?")
			.param(LIMIT)
			.query(ReceivedEvent.class)
			.list();
	}

}
