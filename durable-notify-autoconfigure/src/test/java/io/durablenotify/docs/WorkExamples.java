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
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.docs.WorkExampleTests.Invoice;
import io.durablenotify.docs.WorkExampleTests.Page;
import io.durablenotify.work.CancelOutcome;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.QueueInfo;
import io.durablenotify.work.StoredWork;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkHeader;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkPage;
import io.durablenotify.work.WorkQuery;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

import org.springframework.stereotype.Component;

/**
 * The examples of docs/work.md beside {@link OrderService} and {@link OrderWorkflow}.
 * What they show is {@link #seen}.
 */
@Component
class WorkExamples {

	private final WorkQueue work;

	private final List<String> seen = new CopyOnWriteArrayList<>();

	WorkExamples(WorkQueue work) {
		this.work = work;
	}

	List<String> seen() {
		return this.seen;
	}

	private void push(Invoice invoice, long fencingToken) {
		this.seen.add("pushed " + invoice.number());
	}

	private void index(List<Page> pages) {
		pages.forEach((page) -> this.seen.add("indexed " + page.id()));
	}

	private void report() {
		report("reported");
	}

	private void sweep() {
		report("swept");
	}

	private void report(String line) {
		this.seen.add(line);
	}

	// tag::requests[]
	void request(String tenant) {
		this.work.enqueue(WorkRequest.of("invoices", new Invoice("7")).header("tenant", tenant));
		this.work.enqueue(WorkRequest.of("invoices", new Invoice("8")).dueIn(Duration.ofMinutes(5)));
		// At most one item waits for this key; its handler runs after the last request's
		// commit
		this.work.enqueue(WorkRequest.of("pages", new Page("a")).key("a"));
		// As above, and the last payload and time count
		this.work.enqueue(WorkRequest.of("reminders", "call").key("bob").replacing().dueAt(tomorrow()));
	}
	// end::requests[]

	private static Instant tomorrow() {
		return Instant.parse("2100-01-01T00:00:00Z");
	}

	void cancel() {
		// tag::cancel[]
		boolean found = this.work.reschedule("reminders", "bob", tomorrow().plusSeconds(3600));
		CancelOutcome outcome = this.work.cancel("reminders", "bob");
		// end::cancel[]
		this.seen.add("%s %s".formatted(found, outcome));
	}

	// tag::methods[]
	@WorkListener(queue = { "invoices-urgent", "invoices" }, concurrency = "${app.invoices.concurrency:4}",
			maxAttempts = "20", backoffDelay = "5s", dontRetryOn = IllegalArgumentException.class)
	WorkOutcome on(Invoice invoice, WorkItem item, @WorkHeader("tenant") String tenant) {
		if (isClosed(tenant)) {
			return WorkOutcome.postpone(Duration.ofHours(1)); // no failed attempt
		}
		push(invoice, item.fencingToken()); // the receiver can refuse a token lower than
											// one it has had
		return WorkOutcome.done();
	}

	@WorkListener(queue = "pages", batch = true, transactional = true)
	void on(List<Page> pages) {
		index(pages); // one transaction
	}
	// end::methods[]

	private boolean isClosed(String tenant) {
		return tenant.equals("closed");
	}

	// tag::recurring[]
	@WorkListener(id = "nightly-report", cron = "${app.report.cron:0 30 2 * * *}", zone = "Europe/Vienna")
	void nightly() {
		report();
	}
	// end::recurring[]

	Subscription register(WorkListeners listeners) {
		// tag::register[]
		Subscription subscription = listeners
			.register(WorkListenerSpec.of("reminders").concurrency(2).maxAttempts(3).inTransaction(), (item) -> {
				this.seen.add("reminded " + item.key());
				return WorkOutcome.done();
			});
		// end::register[]
		return subscription;
	}

	Subscription registerAgain(WorkListeners listeners) {
		// tag::again[]
		Subscription subscription = listeners.register(WorkListenerSpec.of("sweeps"), (item) -> {
			sweep();
			return WorkOutcome.again(Instant.now().plus(Duration.ofHours(1)));
		});
		// At each start: there is one item of this key, which is due at the earlier time
		this.work.enqueue(WorkRequest.of("sweeps", null).key("hourly").dueIn(Duration.ofHours(1)));
		// end::again[]
		return subscription;
	}

	// tag::admin[]
	void show(WorkAdmin admin) {
		for (QueueInfo queue : admin.queues()) {
			report("%s: %d pending, %d running, %d dead".formatted(queue.name(), queue.pending(), queue.running(),
					queue.dead()));
		}
		// Without dead(): the items that are pending or running
		WorkQuery query = WorkQuery.of("invoices").dead().limit(50);
		WorkPage page = admin.page(query);
		while (true) {
			page.items().forEach((item) -> report("%d: %s".formatted(item.id(), item.lastError())));
			if (page.next() == null) {
				break;
			}
			page = admin.page(query.after(page.next()));
		}
	}

	void maintain(WorkAdmin admin) {
		admin.pause("invoices"); // in all instances; handlers that run go on
		admin.limit("invoices", 5); // no more than 5 run at once, over all instances
		admin.resume("invoices");
	}

	void handleAgain(WorkAdmin admin, StoredWork dead) {
		int requeued = admin.requeue(DeadQuery.of("invoices").item(dead));
		report("requeued " + requeued);
	}

	void clear(WorkAdmin admin) {
		int purged = admin.purge(DeadQuery.of("invoices").olderThan(Duration.ofDays(30)).limit(1000));
		report("purged " + purged);
	}
	// end::admin[]

}
