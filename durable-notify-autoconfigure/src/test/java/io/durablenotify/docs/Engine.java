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

package io.durablenotify.docs;

import java.time.Duration;

import io.durablenotify.event.AppendResult;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.EventPage;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunInfo;
import io.durablenotify.event.RunQuery;
import io.durablenotify.event.StaleRunException;
import io.durablenotify.event.StoredEvent;

import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/**
 * Executes workflows, beside other engines.
 */
@Service
class Engine {

	private final EventLog log;

	private final Accounts accounts;

	Engine(EventLog log, Accounts accounts) {
		this.log = log;
		this.accounts = accounts;
	}

	// tag::append[]
	void suspend(String run, String step, String input) {
		AppendResult result = this.log.append(NewEvent.of(run, "step_created").correlationId(step).payload(input));
		// DUPLICATE if another engine was first: eventId() and sequence() are its event's
	}

	// tag::complete[]
	@Transactional
	void complete(String run, String step) {
		AppendResult result = this.log
			.append(NewEvent.of(run, "step_completed").correlationId(step).idempotencyKey("completed:" + step));
		if (result.outcome() == AppendResult.Outcome.APPENDED) {
			// Once: a second engine waits above for this commit, then gets DUPLICATE
			this.accounts.charge(run);
		}
	}
	// end::complete[]
	// end::append[]

	// tag::advance[]
	void advance(String run) {
		Workflow workflow = new Workflow(run);
		EventPage page = this.log.read(run, 0, 100);
		page.events().forEach(workflow::take);
		while (page.hasMore()) {
			page = this.log.read(run, page.afterSequence(), 100);
			page.events().forEach(workflow::take);
		}
		try {
			this.log.append(workflow.decide(), page.afterSequence());
		}
		catch (StaleRunException ex) {
			advance(run); // another engine has appended something in between
		}
	}
	// end::advance[]

	void takeOver() {
		// tag::runs[]
		for (RunInfo run : this.log.runs(RunQuery.all().open().idleFor(Duration.ofMinutes(5)))) {
			advance(run.runId());
		}
		// end::runs[]
	}

	/**
	 * What a completed step has to pay.
	 */
	interface Accounts {

		void charge(String run);

	}

	/**
	 * Counts its events.
	 */
	private static final class Workflow {

		private final String run;

		private int events;

		Workflow(String run) {
			this.run = run;
		}

		void take(StoredEvent event) {
			this.events++;
		}

		NewEvent decide() {
			return NewEvent.of(this.run, "decided").payload(String.valueOf(this.events));
		}

	}

}
