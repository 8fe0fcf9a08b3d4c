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
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.task.TaskExecutor;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Starts runs. Two engines execute each, as if they were of two instances that both think
 * that it is theirs. A run whose instance stops stays where it is, unlike {@link Orders}.
 */
@Service
class Runs {

	private static final List<String> ENGINES = List.of("A", "B");

	private final EventLog log;

	private final TransactionTemplate transaction;

	private final JdbcClient jdbc;

	private final TaskExecutor executor;

	private final Settings settings;

	private final CountDownLatch closing = new CountDownLatch(1);

	Runs(EventLog log, TransactionTemplate transaction, JdbcClient jdbc,
			@Qualifier("applicationTaskExecutor") TaskExecutor executor, Settings settings) {
		this.log = log;
		this.transaction = transaction;
		this.jdbc = jdbc;
		this.executor = executor;
		this.settings = settings;
	}

	/**
	 * Start a run.
	 * @return its id; it has its first event, and can be read
	 */
	UUID start() {
		UUID run = UUID.randomUUID();
		this.log.append(NewEvent.of(run.toString(), "run_created"));
		for (String name : ENGINES) {
			this.executor.execute(() -> engine(name).execute(run));
		}
		return run;
	}

	private Engine engine(String name) {
		return new Engine(name, this.log, this.transaction, this.jdbc, this.settings::pause, this.closing);
	}

	/**
	 * Sent before anything stops, so that nothing is appended to a database that is gone.
	 */
	@EventListener(ContextClosedEvent.class)
	void close() {
		this.closing.countDown();
	}

}
