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

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.StoredWork;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkQuery;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Runs the examples of docs/work.md.
 */
class WorkExampleTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = Application.class)
	private static Instance instance;

	@Fixture
	private WorkExamples examples;

	@BeforeAll
	static void createTables() {
		database.jdbc().execute("CREATE TABLE orders (id text)");
		database.jdbc().execute("CREATE TABLE ledger (id text)");
	}

	@Test
	void anOrderIsBookedOnce() {
		instance.bean(OrderService.class).order(new Order("1", "bob"));
		awaitRows("ledger", "1");
	}

	@Test
	void aTriggerEnqueuesWork() {
		database.jdbc().execute(Document.read(Path.of("../docs/work.md")).block("sql", "durable_notify.enqueue"));
		awaitRows("ledger", "42");
	}

	@Test
	void itemsAreHandledAtTheirTime() {
		this.examples.request("t");
		awaitSeen(this.examples.seen(), "pushed 7", "indexed a");
		assertThat(this.examples.seen()).doesNotContain("pushed 8");
		this.examples.cancel();
		assertThat(this.examples.seen()).contains("true CANCELLED");
		this.examples.request("closed");
		Subscription subscription = this.examples.register(instance.bean(WorkListeners.class));
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of("reminders", "call").key("alice"));
		awaitSeen(this.examples.seen(), "reminded alice");
		subscription.cancel();
	}

	@Test
	void queuesAreShownPausedAndCleared() {
		WorkAdmin admin = instance.bean(WorkAdmin.class);
		// Without the header that its listener requires
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of("invoices", new Invoice("9")));
		Eventually.await(() -> !admin.page(WorkQuery.of("invoices").dead()).items().isEmpty(), admin::queues);
		StoredWork dead = admin.page(WorkQuery.of("invoices").dead()).items().get(0);
		this.examples.show(admin);
		assertThat(this.examples.seen()).anyMatch((line) -> line.startsWith("invoices: ") && line.endsWith(" 1 dead"))
			.anyMatch((line) -> line.startsWith(dead.id() + ": ") && line.contains("tenant"));
		this.examples.maintain(admin);
		assertThat(admin.queues()).filteredOn((queue) -> queue.name().equals("invoices"))
			.singleElement()
			.satisfies((queue) -> assertThat(queue.paused()).isFalse())
			.satisfies((queue) -> assertThat(queue.maxRunning()).isEqualTo(5));
		this.examples.clear(admin);
		this.examples.handleAgain(admin, dead);
		assertThat(this.examples.seen()).contains("purged 0", "requeued 1");
	}

	@Test
	void recurringWorkIsStored() {
		Eventually.await(
				() -> database.jdbc()
					.queryForObject("SELECT count(*) FROM durable_notify.work_items WHERE key = 'cron/nightly-report' "
							+ "AND due_at > clock_timestamp()", Integer.class) == 1,
				() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
		database.jdbc()
			.update("UPDATE durable_notify.work_items SET due_at = clock_timestamp() WHERE key = 'cron/nightly-report'");
		awaitSeen(this.examples.seen(), "reported");
	}

	@Test
	void recurringWorkWithoutTheAnnotationIsStored() {
		Subscription subscription = this.examples.registerAgain(instance.bean(WorkListeners.class));
		WorkQuery query = WorkQuery.of("sweeps").key("hourly");
		StoredWork first = instance.bean(WorkAdmin.class).page(query).items().get(0);
		assertThat(instance.bean(WorkQueue.class).reschedule("sweeps", "hourly", Instant.now())).isTrue();
		awaitSeen(this.examples.seen(), "swept");
		Eventually.await(
				() -> instance.bean(WorkAdmin.class)
					.page(query)
					.items()
					.stream()
					.anyMatch((item) -> item.id() == first.id() && item.at().isAfter(Instant.now().plusSeconds(1_800))),
				() -> instance.bean(WorkAdmin.class).page(query));
		subscription.cancel();
	}

	@Test
	void aWorkflowIsResumedByAPaymentOrByItsDeadline() {
		OrderWorkflow workflow = instance.bean(OrderWorkflow.class);
		workflow.awaitPayment("paid", Instant.parse("2100-01-01T00:00:00Z"));
		workflow.paid("paid");
		workflow.awaitPayment("late", Instant.EPOCH);
		List<String> advanced = instance.bean(RecordedSteps.class).advanced;
		awaitSeen(advanced, "paid", "late");
		assertThat(advanced).hasSize(2);
	}

	private static void awaitSeen(List<String> seen, String... expected) {
		Eventually.await(() -> seen.containsAll(List.of(expected)), () -> seen);
	}

	private static void awaitRows(String table, String id) {
		Eventually.await(
				() -> database.jdbc()
					.queryForObject("SELECT count(*) FROM %s WHERE id = ?".formatted(table), Integer.class, id) == 1,
				() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
	}

	record Order(String id, String customer) {
	}

	record Mail(String order) {
	}

	record Invoice(String number) {
	}

	record Page(String id) {
	}

	interface OrderRepository {

		void save(Order order);

	}

	interface Ledger {

		void book(Mail mail);

	}

	interface OrderSteps {

		void advance(String order);

	}

	static class RecordedSteps implements OrderSteps {

		private final List<String> advanced = new CopyOnWriteArrayList<>();

		@Override
		public void advance(String order) {
			this.advanced.add(order);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@Import({ JacksonAutoConfiguration.class, OrderService.class, OrderWorkflow.class, RecordedSteps.class,
			WorkExamples.class })
	static class Application {

		@Bean
		OrderRepository orders(JdbcTemplate jdbc) {
			return (order) -> jdbc.update("INSERT INTO orders VALUES (?)", order.id());
		}

		@Bean
		Ledger ledger(JdbcTemplate jdbc) {
			return (mail) -> jdbc.update("INSERT INTO ledger VALUES (?)", mail.order());
		}

	}

}
