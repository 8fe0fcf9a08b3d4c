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
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;

import io.durablenotify.event.AppendResult;
import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.EventPage;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StaleRunException;
import io.durablenotify.event.StoredEvent;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Executes runs of three steps, and is never alone. Another engine executes the same run,
 * in this instance, in another one, or in this one before it was restarted. They share
 * nothing but the run's event log.
 * <p>
 * What an engine reads in the log may be out of date when it appends. So the log decides:
 * <ul>
 * <li>{@code step_created} is stored once for each step, because of its type.</li>
 * <li>{@code step_completed} is stored once, because of its idempotency key, and in one
 * transaction with the effect of the step. The second engine waits for the first one's
 * commit, gets a duplicate, and leaves the effect alone; if the first one fails, the
 * second is first. (An effect outside of the database can be no part of that: give the
 * key to the receiver, for the same purpose.)</li>
 * <li>{@code step_started} is stored by each engine, but not once the step is completed,
 * and {@code run_completed} is the last event. These depend on the events before them, so
 * the engine says where it saw the log end. If that is no longer the end, nothing is
 * stored, and it reads again.</li>
 * </ul>
 * For the page, an engine notes each race that it has lost. A real one would go on
 * without a word.
 */
final class Engine {

	static final List<String> STEPS = List.of("draft", "review", "publish");

	private static final int WORDS_PER_STEP = 10;

	private static final int PAGE = 100;

	private final String name;

	private final EventLog log;

	private final TransactionTemplate transaction;

	private final JdbcClient jdbc;

	private final Supplier<Duration> pause;

	private final CountDownLatch closing;

	Engine(String name, EventLog log, TransactionTemplate transaction, JdbcClient jdbc, Supplier<Duration> pause,
			CountDownLatch closing) {
		this.name = name;
		this.log = log;
		this.transaction = transaction;
		this.jdbc = jdbc;
		this.pause = pause;
		this.closing = closing;
	}

	/**
	 * Execute a run, or what is left of it. Returns when the run is completed, by
	 * whomever, or when the application stops: the log has all that another engine needs
	 * to go on.
	 */
	void execute(UUID run) {
		try {
			for (String step : STEPS) {
				create(run, step);
				if (appendWhile((replay) -> !replay.isCompleted(step), event(run, "step_started", step))) {
					if (isStoppedWhileWorking()) {
						return;
					}
					complete(run, step);
				}
			}
			appendWhile((replay) -> !replay.isRunCompleted(),
					NewEvent.of(run.toString(), "run_completed").payload(engine()));
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Wait as long as real work would take.
	 */
	private boolean isStoppedWhileWorking() throws InterruptedException {
		return this.closing.await(this.pause.get().toNanos() * WORDS_PER_STEP, TimeUnit.NANOSECONDS);
	}

	private void create(UUID run, String step) {
		noteLost(run, step, "step_created", this.log.append(event(run, "step_created", step)));
	}

	private void complete(UUID run, String step) {
		NewEvent completed = event(run, "step_completed", step).idempotencyKey("completed:" + step);
		AppendResult result = this.transaction.execute((status) -> {
			AppendResult appended = this.log.append(completed);
			if (appended.outcome() == Outcome.APPENDED) {
				this.jdbc.sql("insert into step_results (run_id, step, engine) values (?, ?, ?)")
					.params(run, step, this.name)
					.update();
			}
			return appended;
		});
		noteLost(run, step, "step_completed", result);
	}

	private void noteLost(UUID run, String step, String type, AppendResult result) {
		if (result.outcome() == Outcome.DUPLICATE) {
			String payload = "{\"engine\": \"%s\", \"type\": \"%s\", \"duplicateOf\": %d}".formatted(this.name, type,
					result.sequence());
			appendWhile((replay) -> !replay.isRunCompleted(),
					NewEvent.of(run.toString(), "race_lost").correlationId(step).payload(payload));
		}
	}

	/**
	 * Append an event if a condition holds at the very place where it is stored.
	 * @return whether it was stored
	 */
	private boolean appendWhile(Predicate<Replay> condition, NewEvent event) {
		Replay replay = replay(event.runId());
		while (condition.test(replay)) {
			try {
				this.log.append(event, replay.lastSequence());
				return true;
			}
			catch (StaleRunException ex) {
				// The other engine has appended something in between
				replay = replay(event.runId());
			}
		}
		return false;
	}

	private NewEvent event(UUID run, String type, String step) {
		return NewEvent.of(run.toString(), type).correlationId(step).payload(engine());
	}

	private String engine() {
		return "{\"engine\": \"%s\"}".formatted(this.name);
	}

	private Replay replay(String run) {
		Replay replay = new Replay();
		EventPage page;
		do {
			page = this.log.read(run, replay.lastSequence(), PAGE);
			page.events().forEach(replay::take);
		}
		while (page.hasMore());
		return replay;
	}

	/**
	 * What the events of a run say when they are taken one after the other.
	 */
	private static final class Replay {

		private final Set<String> completedSteps = new HashSet<>();

		private boolean runCompleted;

		private long lastSequence;

		void take(StoredEvent event) {
			this.lastSequence = event.sequence();
			switch (event.type()) {
				case "step_completed" -> this.completedSteps.add(event.correlationId());
				case "run_completed" -> this.runCompleted = true;
				default -> {
				}
			}
		}

		boolean isCompleted(String step) {
			return this.completedSteps.contains(step);
		}

		boolean isRunCompleted() {
			return this.runCompleted;
		}

		long lastSequence() {
			return this.lastSequence;
		}

	}

}
