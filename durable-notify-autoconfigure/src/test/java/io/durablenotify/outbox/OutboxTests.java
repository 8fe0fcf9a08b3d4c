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
package io.durablenotify.outbox;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.EntriesRead;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.RetryLaterException;
import io.durablenotify.work.WorkAdmin;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.ApplicationEvent;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for the outbox, with senders that record.
 */
class OutboxTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = Senders.class,
			properties = { "durable-notify.work.backoff.delay=50ms", "durable-notify.work.backoff.max-delay=100ms",
					"durable-notify.outbox.circuit.failures=1000", "durable-notify.outbox.retention=1h",
					"durable-notify.work.queues[outbox/impatient].max-attempts=3" })
	private static Instance instance;

	@Fixture
	private Outbox outbox;

	private RecordingSender sender;

	@BeforeEach
	void reset() {
		this.sender = sender("orders");
		this.sender.reset();
		sender("impatient").reset();
	}

	private static RecordingSender sender(String name) {
		return instance.context().getBean(name, RecordingSender.class);
	}

	private static OutboxEvent event(String text) {
		return OutboxEvent.of("t", text).sender("orders");
	}

	private void publish(OutboxEvent... events) {
		instance.transaction().executeWithoutResult((status) -> {
			for (OutboxEvent event : events) {
				this.outbox.publish(event);
			}
		});
	}

	private static int left() {
		return database.jdbc()
			.queryForObject("SELECT (SELECT count(*) FROM durable_notify.work_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_lane_items)", Integer.class);
	}

	private static void awaitNoneLeft() {
		Eventually.await(() -> left() == 0,
				() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
	}

	@Test
	void anEventIsSentAfterTheCommit() {
		instance.transaction().executeWithoutResult((status) -> {
			this.outbox.publish(event("a"));
			assertThat(left()).isZero();
			assertThat(this.sender.attempts()).isEmpty();
		});
		this.sender.awaitAttempts(1);
		awaitNoneLeft();
		assertThat(this.sender.attempts()).singleElement().satisfies((message) -> {
			assertThat(message.type()).isEqualTo("t");
			assertThat(message.source()).isEqualTo("/instance");
			assertThat(message.attempt()).isOne();
		});
	}

	@Test
	void anEventOfATransactionThatRollsBackIsNeverSent() {
		instance.transaction().executeWithoutResult((status) -> {
			this.outbox.publish(event("rolled back"));
			this.outbox.publish(event("rolled back in order").orderingKey("k"));
			status.setRollbackOnly();
		});
		instance.transaction().executeWithoutResult((status) -> {
			Object savepoint = status.createSavepoint();
			this.outbox.publish(event("rolled back to a savepoint"));
			status.rollbackToSavepoint(savepoint);
			this.outbox.publish(event("kept"));
		});
		this.sender.awaitAttempts(1);
		awaitNoneLeft();
		assertThat(this.sender.texts()).containsExactly("kept");
	}

	@Test
	void anEventOutsideOfATransactionIsRefused() {
		assertThatIllegalStateException().isThrownBy(() -> this.outbox.publish(event("a")))
			.withMessageContaining("@Transactional");
		assertThat(left()).isZero();
	}

	@Test
	void anEventInATransactionOfAnotherDataSourceIsRefused() {
		TransactionTemplate other = new TransactionTemplate(
				new DataSourceTransactionManager(new DriverManagerDataSource(database.url())));
		assertThatIllegalStateException()
			.isThrownBy(() -> other.executeWithoutResult((status) -> this.outbox.publish(event("a"))))
			.withMessageContaining("DataSource of durable-notify");
		assertThat(left()).isZero();
	}

	@Test
	void anEventInAReadOnlyTransactionIsRefused() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> readOnly.executeWithoutResult((status) -> this.outbox.publish(event("a"))));
	}

	@Test
	void eventsOfAKeyKeepTheirOrderThroughRetries() {
		Set<String> failed = ConcurrentHashMap.newKeySet();
		this.sender.fail((message) -> {
			// Each fails once
			if (failed.add(message.id())) {
				throw new IllegalStateException("away");
			}
		});
		for (int i = 0; i < 10; i++) {
			int n = i;
			publish(IntStream.range(0, 4)
				.mapToObj((k) -> event(k + ":" + n).orderingKey("k" + k))
				.toArray(OutboxEvent[]::new));
		}
		this.sender.awaitAttempts(80);
		awaitNoneLeft();
		for (int k = 0; k < 4; k++) {
			String prefix = k + ":";
			List<String> expected = new ArrayList<>();
			IntStream.range(0, 10).forEach((i) -> expected.addAll(List.of(prefix + i, prefix + i)));
			assertThat(this.sender.texts().stream().filter((text) -> text.startsWith(prefix))).isEqualTo(expected);
		}
	}

	@Test
	void aDeadEventLetsItsKeyGoOnAndCanBeSentAgain() {
		this.sender.fail((message) -> {
			if (this.sender.texts().size() == 1) {
				throw new PermanentFailureException("refused");
			}
		});
		publish(event("a").orderingKey("k"), event("b").orderingKey("k"));
		this.sender.awaitAttempts(2);
		awaitNoneLeft();
		assertThat(this.sender.texts()).containsExactly("a", "b");
		assertThat(instance.bean(WorkAdmin.class).requeue(DeadQuery.of("outbox/orders"))).isOne();
		this.sender.awaitAttempts(3);
		assertThat(this.sender.texts()).containsExactly("a", "b", "a");
		assertThat(this.sender.attempts().get(2).id()).isEqualTo(this.sender.attempts().get(0).id());
		awaitNoneLeft();
	}

	@Test
	void anEventIsDeadAfterItsLastAttempt() {
		RecordingSender impatient = sender("impatient");
		impatient.fail((message) -> {
			throw new IllegalStateException("away");
		});
		publish(event("a").sender("impatient"));
		impatient.awaitAttempts(3);
		awaitNoneLeft();
		assertThat(impatient.attempts()).extracting(OutboxMessage::attempt).containsExactly(1, 2, 3);
		assertThat(instance.bean(WorkAdmin.class).purge(DeadQuery.of("outbox/impatient"))).isOne();
	}

	@Test
	void theSenderSaysWhenToTryAgain() {
		this.sender.fail((message) -> {
			if (message.attempt() == 1) {
				throw new RetryLaterException("busy", Duration.ofMillis(1_500));
			}
		});
		publish(event("a"));
		this.sender.awaitAttempts(1);
		Eventually.await(
				() -> database.jdbc()
					.queryForObject(
							"SELECT count(*) FROM durable_notify.work_items WHERE failures = 1 AND last_error = 'busy' "
									+ "AND due_at > clock_timestamp() + interval '500 ms'",
							Integer.class) == 1,
				OutboxTests::left);
		this.sender.awaitAttempts(2);
		awaitNoneLeft();
	}

	@Test
	void sentEventsAreKeptForTheRetention() {
		publish(event("kept").id("kept-1").orderingKey("k"));
		awaitNoneLeft();
		assertThat(database.jdbc()
			.queryForMap("SELECT sender, type, ordering_key, convert_from(payload, 'UTF8') AS payload, "
					+ "published_at < sent_at AS later FROM durable_notify.outbox_sent WHERE event_id = 'kept-1'"))
			.containsEntry("sender", "orders")
			.containsEntry("type", "t")
			.containsEntry("ordering_key", "k")
			.containsEntry("later", true)
			.hasEntrySatisfying("payload", (payload) -> assertThat((String) payload).contains("\"data\":\"kept\""));
		SentEvents sent = instance.bean(SentEvents.class);
		assertThat(sent.expire(1_000)).isZero();
		database.jdbc()
			.update("UPDATE durable_notify.outbox_sent SET keep_until = clock_timestamp() WHERE event_id = 'kept-1'");
		assertThat(sent.expire(1_000)).isOne();
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.outbox_sent WHERE event_id = 'kept-1'", Integer.class))
			.isZero();
	}

	@Test
	void sentEventsThatAreKeptAreNotReadByWhatLooksForOthers() {
		TestDatabase kept = PostgresServer.shared().createDatabase();
		Instance.start(kept).close();
		SingleConnectionDataSource session = new SingleConnectionDataSource(kept.url(), true);
		JdbcTemplate jdbc = new JdbcTemplate(session);
		SentEvents sent = new SentEvents(new ApplicationDatabase(session, () -> null), new SchemaName("durable_notify"),
				null);
		jdbc.update(
				"INSERT INTO durable_notify.outbox_sent (event_id, sender, type, published_at, payload, keep_until) "
						+ "SELECT i::text, 's', 't', now(), 'x', clock_timestamp() + i % 100 * interval '1 hour' "
						+ "FROM generate_series(1, 20000) AS i");
		assertThat(EntriesRead.of(jdbc, "outbox_sent", () -> assertThat(sent.expire(1_000)).isEqualTo(200)))
			.isLessThan(1_000);
		session.destroy();
	}

	@Test
	void anEventThatCannotBeKeptIsSentOnce() {
		database.jdbc().execute("ALTER TABLE durable_notify.outbox_sent RENAME TO away");
		try {
			publish(event("not kept"));
			awaitNoneLeft();
		}
		finally {
			database.jdbc().execute("ALTER TABLE durable_notify.away RENAME TO outbox_sent");
		}
		assertThat(this.sender.texts()).containsExactly("not kept");
	}

	@Test
	void anEventCanBePublishedUntilTheCommit() {
		List<RuntimeException> refused = new ArrayList<>();
		instance.transaction()
			.executeWithoutResult((status) -> TransactionSynchronizationManager
				.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void beforeCommit(boolean readOnly) {
						OutboxTests.this.outbox.publish(event("before"));
					}

					@Override
					public void afterCommit() {
						try {
							OutboxTests.this.outbox.publish(event("after"));
						}
						catch (RuntimeException ex) {
							refused.add(ex);
						}
					}

				}));
		this.sender.awaitAttempts(1);
		awaitNoneLeft();
		assertThat(this.sender.texts()).containsExactly("before");
		assertThat(refused).singleElement()
			.isInstanceOf(IllegalStateException.class)
			.satisfies((ex) -> assertThat(ex).hasMessageContaining("before the commit"));
	}

	@Test
	void sqlPublishes() {
		database.jdbc()
			.execute("SELECT durable_notify.enqueue('outbox/orders', convert_to(jsonb_build_object("
					+ "'event_id', 'sql-1', 'type', 'order.placed', 'data', jsonb_build_object('id', 7))::text, 'UTF8'), "
					+ "ordering_key => 'k')");
		this.sender.awaitAttempts(1);
		assertThat(this.sender.texts()).containsExactly("{\"id\": 7}");
		assertThat(this.sender.attempts().get(0).orderingKey()).isEqualTo("k");
		awaitNoneLeft();
	}

	@Externalized(value = "orders", orderingKey = "customer()")
	record OrderPlaced(String id, String customer) {
	}

	static class NotExternalized {

	}

	@Test
	void anExternalizedApplicationEventIsPublishedWithItsTransaction() {
		ApplicationEventPublisher publisher = instance.context();
		instance.transaction().executeWithoutResult((status) -> {
			publisher.publishEvent(new OrderPlaced("1", "bob"));
			status.setRollbackOnly();
		});
		instance.transaction().executeWithoutResult((status) -> {
			publisher.publishEvent(new OrderPlaced("2", "bob"));
			publisher.publishEvent(new NotExternalized());
		});
		this.sender.awaitAttempts(1);
		awaitNoneLeft();
		assertThat(this.sender.attempts()).singleElement().satisfies((message) -> {
			assertThat(message.type()).isEqualTo(OrderPlaced.class.getName());
			assertThat(message.orderingKey()).isEqualTo("bob");
		});
		assertThat(this.sender.texts().get(0)).contains("\"id\":\"2\"");
	}

	@Test
	void anExternalizedApplicationEventFailsOutsideOfATransaction() {
		assertThatIllegalStateException().isThrownBy(() -> instance.context().publishEvent(new OrderPlaced("1", "bob")))
			.withMessageContaining("outside of a transaction");
		instance.context().publishEvent(new NotExternalized());
		assertThat(left()).isZero();
	}

	@Externalized("orders")
	static class SpringEvent extends ApplicationEvent {

		private static final long serialVersionUID = 1L;

		SpringEvent(Object source) {
			super(source);
		}

	}

	@Test
	void anApplicationEventOfSpringsOwnTypeIsRefusedAndNotForgotten() {
		assertThatIllegalStateException().isThrownBy(() -> instance.context().publishEvent(new SpringEvent(this)))
			.withMessageContaining("Publish an object of another class");
	}

	@Test
	void anEventThatBlocksIsRequeuedFirst() {
		try (Instance blocking = Instance.start(database, (application) -> application.sources(Blocking.class),
				"durable-notify.outbox.on-dead=block")) {
			RecordingSender sender = blocking.bean(RecordingSender.class);
			Set<String> refused = ConcurrentHashMap.newKeySet();
			sender.fail((message) -> {
				if (new String(message.data(), StandardCharsets.UTF_8).equals("a") && refused.add(message.id())) {
					throw new PermanentFailureException("refused");
				}
			});
			blocking.transaction().executeWithoutResult((status) -> {
				Outbox outbox = blocking.bean(Outbox.class);
				outbox.publish(OutboxEvent.of("t", "a").orderingKey("k"));
				outbox.publish(OutboxEvent.of("t", "b").orderingKey("k"));
				outbox.publish(OutboxEvent.of("t", "c").orderingKey("l"));
			});
			sender.awaitAttempts(2);
			Eventually.await(() -> left() == 2, OutboxTests::left);
			assertThat(sender.texts()).containsExactlyInAnyOrder("a", "c");
			assertThat(blocking.bean(WorkAdmin.class).requeue(DeadQuery.of("outbox/blocking"))).isOne();
			sender.awaitAttempts(4);
			assertThat(sender.texts().subList(2, 4)).containsExactly("a", "b");
			awaitNoneLeft();
		}
	}

	@Test
	void anEventThatIsTooOldIsDead() {
		try (Instance aging = Instance.start(database, (application) -> application.sources(Aging.class),
				"durable-notify.outbox.max-age=1h", "durable-notify.work.backoff.delay=50ms")) {
			RecordingSender sender = aging.bean(RecordingSender.class);
			sender.fail((message) -> {
				throw new RetryLaterException("busy", Duration.ofHours(3));
			});
			aging.transaction()
				.executeWithoutResult((status) -> aging.bean(Outbox.class).publish(OutboxEvent.of("t", "a").id("old")));
			sender.awaitAttempts(1);
			// Not later than it is too old
			Eventually.await(
					() -> database.jdbc()
						.queryForObject("SELECT count(*) FROM durable_notify.work_items "
								+ "WHERE due_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 hour'",
								Integer.class) == 1,
					() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
			database.jdbc()
				.update("UPDATE durable_notify.work_items SET enqueued_at = enqueued_at - interval '1 hour', "
						+ "due_at = clock_timestamp()");
			awaitNoneLeft();
			assertThat(sender.attempts()).hasSize(1);
			assertThat(database.jdbc()
				.queryForObject("SELECT last_error FROM durable_notify.work_dead d JOIN durable_notify.work_queues q "
						+ "USING (queue_id) WHERE q.name = 'outbox/aging'", String.class))
				.isEqualTo("The event 'old' of type 't' was not sent within durable-notify.outbox.max-age");
			sender.reset();
			assertThat(aging.bean(WorkAdmin.class).requeue(DeadQuery.of("outbox/aging"))).isOne();
			sender.awaitAttempts(1);
			awaitNoneLeft();
		}
	}

	@Configuration(proxyBeanMethods = false)
	@Import(JacksonAutoConfiguration.class)
	static class Senders {

		@Bean
		RecordingSender orders() {
			return new RecordingSender("orders");
		}

		@Bean
		RecordingSender impatient() {
			return new RecordingSender("impatient");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Blocking {

		@Bean
		RecordingSender blocking() {
			return new RecordingSender("blocking");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Aging {

		@Bean
		RecordingSender aging() {
			return new RecordingSender("aging");
		}

	}

}
