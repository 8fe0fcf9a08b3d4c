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

import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Shows the listener's state, and takes its connection away.
 */
@RestController
@RequestMapping("/listener")
class ListenerController {

	// Cut as the server cuts it. The name does not show to which instance a backend
	// belongs: two instances of this application both lose theirs.
	private static final String TERMINATE = """
			select count(*) filter (where pg_terminate_backend(pid))
			from pg_stat_activity
			where datname = current_database() and application_name = left(?, 63)
			""";

	private final NotificationListener listener;

	private final String applicationName;

	private final JdbcClient jdbc;

	ListenerController(NotificationListener listener,
			@Value("${durable-notify.listener.application-name:${spring.application.name}-listener}") String applicationName,
			JdbcClient jdbc) {
		this.listener = listener;
		this.applicationName = applicationName;
		this.jdbc = jdbc;
	}

	@GetMapping
	ListenerState state() {
		return this.listener.state();
	}

	/**
	 * Terminate the backends of the LISTEN connections, as an administrator, a failover
	 * or a firewall would.
	 */
	@PostMapping("/terminate")
	Terminated terminate() {
		return new Terminated(this.jdbc.sql(TERMINATE).param(this.applicationName).query(Integer.class).single());
	}

	/**
	 * What was done.
	 *
	 * @param terminated the number of backends
	 */
	record Terminated(int terminated) {
	}

}
