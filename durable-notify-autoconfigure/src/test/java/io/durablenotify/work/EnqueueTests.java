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
package io.durablenotify.work;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;

import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.TestRole;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link EnqueueSql} and the SQL function {@code enqueue}.
 */
class EnqueueTests extends AbstractWorkSqlTests {

	@Test
	void anItemOfAQueueThatDoesNotExistIsNotStored() {
		int known = this.work.queue("known");
		assertThat(this.work.insert("unknown", "a")).containsExactly((StoredItem) null);
		List<StoredItem> stored = this.work.run((connection, joined) -> this.work.enqueue()
			.insert(connection, List.of(WorkTables.item("known", "a"), WorkTables.item("unknown", "b"),
					WorkTables.item("known", "c"))));
		assertThat(stored.get(1)).isNull();
		assertThat(stored.get(0).queueId()).isEqualTo(known);
		assertThat(stored.get(0).itemId()).isLessThan(stored.get(2).itemId());
		assertThat(this.work.put(WorkTables.keyed("unknown", "key", "a"))).isNull();
		assertThat(this.work.put(WorkTables.ordered("unknown", "key", "a"))).isNull();
		for (int i = 0; i < 2; i++) {
			this.work.run((connection, joined) -> {
				this.work.enqueue().createQueues(connection, List.of("unknown-2", "unknown-1", "known", "unknown-2"));
				return null;
			});
		}
		assertThat(this.work.insert("unknown-2", "a").get(0)).isNotNull();
		assertThat(WorkTables.texts(this.work.claim(known, 10))).containsExactly("a", "c");
	}

	@Test
	void anotherQueueThatIsCreatedMeanwhileHasNoneOfTheItems() {
		int queue = this.work.queue("there");
		this.work.jdbc().execute("""
				CREATE FUNCTION create_queue() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					INSERT INTO durable_notify.work_queues (name) VALUES ('meanwhile');
					RETURN NULL;
				END $$;
				CREATE TRIGGER create_queue AFTER INSERT ON durable_notify.work_items
					FOR EACH STATEMENT EXECUTE FUNCTION create_queue()
				""");
		List<StoredItem> stored;
		try {
			stored = this.work.run((connection, joined) -> this.work.enqueue()
				.insert(connection, List.of(WorkTables.item("there", "a"), WorkTables.item("meanwhile", "b"),
						WorkTables.item("missing", "c"), WorkTables.item("there", "d"))));
		}
		finally {
			this.work.jdbc().execute("DROP TRIGGER create_queue ON durable_notify.work_items");
		}
		assertThat(stored).hasSize(4);
		assertThat(stored.subList(1, 3)).containsOnlyNulls();
		assertThat(this.work.jdbc()
			.queryForList("SELECT item_id FROM durable_notify.work_items WHERE queue_id = ? ORDER BY payload",
					Long.class, queue))
			.containsExactly(stored.get(0).itemId(), stored.get(3).itemId());
	}

	@Test
	void requestsWithAKeyAreCoalescedAndDueAtTheEarliestTime() {
		int queue = this.work.queue("coalesced");
		NewItem later = new NewItem("coalesced", "key", false, null, null, Duration.ofHours(1), null, new byte[1]);
		StoredItem stored = this.work.put(later);
		assertThat(this.work.claim(queue, 10).claim()).isNull();
		StoredItem coalesced = this.work.put(WorkTables.keyed("coalesced", "key", "b"));
		assertThat(coalesced.itemId()).isEqualTo(stored.itemId());
		assertThat(coalesced.coalesced()).isTrue();
		assertThat(coalesced.dueMicros()).isLessThan(stored.dueMicros());
		assertThat(this.work.put(later).dueMicros()).as("others were woken for what is due")
			.isEqualTo(DatabaseMicros.NEVER);
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(claimed.items()).hasSize(1);
		assertThat(claimed.items().get(0).payload()).as("the first").isEqualTo(new byte[1]);
	}

	@Test
	void aRequestForAKeyDoesNotShortenTheBackoffOfItsItem() {
		int queue = this.work.queue("backoff");
		StoredItem stored = this.work.put(WorkTables.keyed("backoff", "key", "a"));
		this.work.fail(WorkTables.done(this.work.claim(queue, 10)).get(0), Duration.ofHours(1), false);
		Object due = this.work.row(stored.itemId()).get("due_at");
		this.work.put(WorkTables.keyed("backoff", "key", "b"));
		this.work.run((connection, joined) -> this.work.enqueue()
			.coalesce(connection,
					List.of(WorkTables.keyed("backoff", "key", "c"), WorkTables.keyed("backoff", "other", "d"))));
		this.work.jdbc().execute("SELECT durable_notify.enqueue('backoff', 'e', key => 'key')");
		assertThat(this.work.row(stored.itemId())).containsEntry("due_at", due)
			.containsEntry("rev", 3)
			.containsEntry("failures", 1);
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("d");
		this.work.run((connection, joined) -> this.work.enqueue()
			.reschedule(connection, "backoff", "key", WorkTables.now(this.work.jdbc())));
		assertThat(WorkTables.texts(this.work.awaitClaim(queue, 10))).as("rescheduled").containsExactly("a");
	}

	@Test
	void aRequestForAKeyDoesNotShortenTheBackoffAfterTheLastAttemptEither() {
		int queue = this.work.queue(new QueueSettings("last-attempt", 1, false, null));
		StoredItem stored = this.work.put(WorkTables.keyed("last-attempt", "key", "a"));
		Claimed claimed = this.work.claim(queue, 10);
		this.work.put(WorkTables.keyed("last-attempt", "key", "b"));
		assertThat(this.work.fail(WorkTables.done(claimed).get(0), Duration.ofHours(1), true).kind())
			.isEqualTo(Returned.Kind.AGAIN);
		Object due = this.work.row(stored.itemId()).get("due_at");
		this.work.put(WorkTables.keyed("last-attempt", "key", "c"));
		this.work.run((connection, joined) -> this.work.enqueue()
			.coalesce(connection, List.of(WorkTables.keyed("last-attempt", "key", "d"),
					WorkTables.keyed("last-attempt", "other", "e"))));
		assertThat(this.work.row(stored.itemId())).containsEntry("due_at", due);
		this.work.jdbc().execute("SELECT durable_notify.enqueue('last-attempt', 'f', key => 'key')");
		assertThat(this.work.row(stored.itemId())).containsEntry("due_at", due)
			.containsEntry("rev", 4)
			.containsEntry("failures", 0);
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("e");
	}

	@Test
	void aReplacementBringsPayloadAndDueTime() {
		int queue = this.work.queue("replacing");
		this.work.put(WorkTables.keyed("replacing", "key", "a"));
		this.work.put(WorkTables.replacing("replacing", "key", "b", Duration.ofHours(1)));
		assertThat(this.work.claim(queue, 10).claim()).isNull();
		this.work.put(WorkTables.replacing("replacing", "key", "c", null));
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("c");
	}

	@Test
	void timesOfAnyLengthAreTaken() {
		int queue = this.work.queue("times");
		this.work.put(new NewItem("times", null, false, null, Instant.MIN, null, null, WorkTables.bytes("past")));
		this.work.put(new NewItem("times", "key", false, null, Instant.MAX, Duration.ofSeconds(Long.MAX_VALUE), null,
				new byte[1]));
		this.work.put(new NewItem("times", null, false, "lane", Instant.MAX, null, null, new byte[1]));
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).containsExactly("past");
		assertThat(claimed.nextDueMicros()).isPositive();
	}

	@Test
	void anItemThatIsDueInThePastIsNotBelowTheBound() {
		int queue = this.work.queue("past");
		StoredItem first = this.work.insert("past", "a").get(0);
		this.work.complete(this.work.claim(queue, 10));
		this.work.searchAll(false);
		this.work.passBy(queue, first.dueMicros());
		Instant past = WorkTables.now(this.work.jdbc()).minusSeconds(60);
		this.work.put(new NewItem("past", null, false, null, past, null, null, WorkTables.bytes("b")));
		this.work.put(WorkTables.keyed("past", "key", "c"));
		this.work.run((connection, joined) -> this.work.enqueue().reschedule(connection, "past", "key", past));
		assertThat(WorkTables.texts(this.work.claim(queue, 10))).containsExactly("b", "c");
	}

	@Test
	void whoIsWokenForItemsOfOneStatementFindsTheFirstOfThem() {
		int queue = this.work.queue("first");
		Instant before = WorkTables.now(this.work.jdbc());
		List<StoredItem> stored = this.work.insert("first", "a", "b", "c");
		long first = this.work.jdbc()
			.queryForObject("SELECT durable_notify.work_micros(min(due_at)) FROM durable_notify.work_items "
					+ "WHERE queue_id = ?", Long.class, queue);
		assertThat(stored).hasSize(3)
			.allSatisfy((item) -> assertThat(item.dueMicros()).isBetween(DatabaseMicros.of(before), first));
	}

	@Test
	void aTriggerEnqueuesInItsTransactionAndWakesOthersAtTheCommit() throws Exception {
		int queue = this.work.queue("orders");
		this.work.jdbc().execute("CREATE TABLE orders (id int PRIMARY KEY, customer text)");
		this.work.jdbc()
			.execute(
					"""
							CREATE FUNCTION enqueue_order() RETURNS trigger LANGUAGE plpgsql AS $$
							BEGIN
								PERFORM durable_notify.enqueue('orders', convert_to(NEW.id::text, 'UTF8'));
								PERFORM durable_notify.enqueue('orders', convert_to('k' || NEW.id, 'UTF8'), key => NEW.customer);
								PERFORM durable_notify.enqueue('orders', convert_to('o' || NEW.id, 'UTF8'), ordering_key => NEW.customer,
									wake => false);
								PERFORM durable_notify.enqueue('new-queue', convert_to('n' || NEW.id, 'UTF8'), due_at => now() + interval '1 hour');
								RETURN NULL;
							END $$
							""");
		this.work.jdbc()
			.execute(
					"CREATE TRIGGER enqueue_order AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION enqueue_order()");
		this.other.jdbc().execute("LISTEN durable_notify_wakeup");
		this.work.begin();
		this.work.jdbc().update("INSERT INTO orders VALUES (0, 'rolled back')");
		this.work.rollback();
		this.work.jdbc().update("INSERT INTO orders VALUES (1, 'customer')");
		this.work.jdbc().update("INSERT INTO orders VALUES (2, 'customer')");
		Claimed claimed = this.other.claim(queue, 10);
		assertThat(WorkTables.texts(claimed)).containsExactly("1", "k1", "", "2");
		assertThat(this.other.laneItems(claimed.items().get(2))).extracting(WorkTables::text)
			.containsExactly("o1", "o2");
		PGNotification[] notifications = this.other.connection().unwrap(PGConnection.class).getNotifications(30_000);
		List<String> payloads = Arrays.stream(notifications)
			.map(PGNotification::getParameter)
			.filter((payload) -> payload.startsWith("1 sql work " + queue + ":-"))
			.toList();
		long due = DatabaseMicros.of(WorkTables.now(this.work.jdbc()));
		assertThat(payloads).hasSizeGreaterThanOrEqualTo(3).allSatisfy((payload) -> {
			assertThat(payload).endsWith(":-");
			assertThat(-Long.parseLong(payload.split(":")[1])).isBetween(due - 60_000_000, due);
		});
		assertThat(this.work.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_queues WHERE name = 'new-queue'", Integer.class))
			.isOne();
	}

	@Test
	void theFunctionRefusesWhatTheApiRefuses() {
		for (String call : List.of("NULL, ''", "'queue', NULL", "'a queue', ''", "'queue', '', key => ''",
				"'queue', '', key => 'a', ordering_key => 'b'", "'queue', '', ordering_key => repeat('x', 3000)")) {
			assertThatExceptionOfType(DataAccessException.class).as(call)
				.isThrownBy(() -> this.work.jdbc().execute("SELECT durable_notify.enqueue(%s)".formatted(call)));
		}
	}

	@Test
	void theSettingsOfAQueueAreThoseThatWereRegisteredLast() {
		int queue = this.work.queue("settings");
		assertThat(this.work.queue(new QueueSettings("settings", 5, true, Duration.ofDays(400)))).isEqualTo(queue);
		assertThat(this.work.queue(new QueueSettings("settings", 5, true, Duration.ofDays(400)))).isEqualTo(queue);
		assertThat(this.work.jdbc()
			.queryForMap("SELECT max_attempts, block_on_dead, extract(epoch FROM retention)::bigint AS retention "
					+ "FROM durable_notify.work_queues WHERE queue_id = ?", queue))
			.containsEntry("max_attempts", 5)
			.containsEntry("block_on_dead", true)
			.containsEntry("retention", Duration.ofDays(400).toSeconds());
	}

	@Test
	void aRoleThatMayOnlyUseTheTablesDoesAllOfIt() {
		int queue = this.work.queue("rights");
		try (TestRole role = TestRole.create(database)) {
			role.grantUse();
			try (WorkTables user = WorkTables.open(new TestDatabase(role.url()));
					WorkTables lost = WorkTables.open(new TestDatabase(role.url()))) {
				user.insert("rights", "a", "b");
				user.put(WorkTables.ordered("rights", "key", "c"));
				user.jdbc().execute("SELECT durable_notify.enqueue('rights', 'd', key => 'key')");
				Claimed claimed = lost.claim(queue, 10);
				assertThat(claimed.items()).hasSize(4);
				lost.complete(WorkTables.done(claimed).subList(0, 1), List.of());
				lost.fail(WorkTables.done(claimed).get(1), Duration.ZERO, true);
				assertThat(user.takeOverFrom(lost)).hasSize(1);
				int requeued = user
					.run((connection, joined) -> user.admin().requeue(connection, "rights", null, null, 10));
				assertThat(requeued).isOne();
				ClaimedItem lane = user.awaitClaim(queue, 10).items().get(0);
				assertThat(lane.lane() || lane.key() == null || lane.key().equals("key")).isTrue();
			}
		}
	}

}
