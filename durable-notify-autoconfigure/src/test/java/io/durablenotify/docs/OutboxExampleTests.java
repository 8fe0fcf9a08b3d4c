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

import io.durablenotify.docs.OutboxExamples.AuditTrail;
import io.durablenotify.docs.OutboxExamples.Orders;
import io.durablenotify.docs.WorkExampleTests.Order;
import io.durablenotify.docs.WorkExampleTests.OrderRepository;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkAdmin;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Runs the examples of docs/outbox.md.
 */
class OutboxExampleTests {

	@Fixture
	private static TestDatabase database;

	private static EventReceiver receiver;

	private static Instance instance;

	@BeforeAll
	static void start() {
		database.jdbc().execute("CREATE TABLE orders (id text)");
		receiver = EventReceiver.start();
		instance = Instance.start(database, (application) -> application.sources(Application.class),
				"durable-notify.outbox.http.billing.url=" + receiver.url(), "durable-notify.outbox.retention=1h");
	}

	@AfterAll
	static void stop() {
		instance.close();
		receiver.close();
	}

	@BeforeEach
	void clear() {
		receiver.clear();
	}

	@Test
	void anOrderIsPublished() {
		instance.bean(Orders.class).order(new Order("1", "bob"));
		receiver.awaitRequests(1);
		assertThat(receiver.requests().get(0).headers()).containsEntry("ce-type", "order.placed")
			.containsEntry("ce-subject", "orders/1")
			.containsEntry("authorization", "Bearer token-of-billing");
	}

	@Test
	void anApplicationEventIsPublished() {
		instance.bean(Orders.class).cancel(new Order("2", "bob"));
		receiver.awaitRequests(1);
		assertThat(receiver.requests().get(0).headers()).containsEntry("ce-type", "order.cancelled");
	}

	@Test
	void aDeadEventIsRequeued() {
		receiver.answer(404);
		instance.bean(Orders.class).order(new Order("3", "alice"));
		Eventually.await(
				() -> database.jdbc()
					.queryForObject("SELECT count(*) FROM durable_notify.work_dead", Integer.class) == 1,
				receiver::toString);
		receiver.answerWell();
		receiver.clear();
		assertThat(OutboxExamples.sendAgain(instance.bean(WorkAdmin.class))).isOne();
		receiver.awaitRequests(1);
	}

	@Test
	void aSenderOfTheApplicationSends() {
		instance.transaction()
			.executeWithoutResult(
					(status) -> instance.bean(Outbox.class).publish(OutboxEvent.of("login", "bob").sender("audit")));
		AuditTrail trail = instance.bean(AuditTrail.class);
		Eventually.await(() -> trail.entries().contains("login bob"), trail::entries);
	}

	@Test
	void sqlPublishesAndSendsAgain() {
		Document document = Document.read(Path.of("../docs/outbox.md"));
		database.jdbc().execute(document.block("sql", "outbox/billing"));
		receiver.awaitRequests(1);
		assertThat(receiver.requests().get(0).text()).isEqualTo("{\"id\": 7}");
		instance.transaction()
			.executeWithoutResult((status) -> instance.bean(Outbox.class)
				.publish(OutboxEvent.of("t", "again").sender("billing").id("7")));
		Eventually.await(() -> database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.outbox_sent WHERE event_id = '7'", Integer.class) == 1,
				receiver::toString);
		database.jdbc().execute(document.block("sql", "outbox_sent"));
		receiver.awaitRequests(3);
		assertThat(receiver.ids().subList(1, 3)).containsExactly("7", "7");
	}

	@Configuration(proxyBeanMethods = false)
	@Import({ JacksonAutoConfiguration.class, Orders.class, OutboxExamples.Credentials.class,
			OutboxExamples.AuditSender.class, AuditTrail.class })
	static class Application {

		@Bean
		OrderRepository orders(JdbcTemplate jdbc) {
			return (order) -> jdbc.update("INSERT INTO orders VALUES (?)", order.id());
		}

	}

}
