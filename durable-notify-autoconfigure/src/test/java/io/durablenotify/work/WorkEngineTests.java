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

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.autoconfigure.DurableNotifyObservationAutoConfiguration;
import io.durablenotify.observation.AttemptContext;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.Enqueued.Outcome;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Listeners of work on a real server.
 */
class WorkEngineTests {

	private static final Backoff SOON = new Backoff(Duration.ofMillis(60), 1, Duration.ofMillis(60));

	private static int queues;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.work.lease-duration=5s")
	private static Instance instance;

	private final List<Subscription> subscriptions = Collections.synchronizedList(new ArrayList<>());

	private final List<String> handled = Collections.synchronizedList(new ArrayList<>());

	private String queue;

	private WorkQueue work;

	private WorkListeners listeners;

	@BeforeEach
	void nameQueue() {
		this.queue = "queue-" + ++queues;
		this.work = instance.bean(WorkQueue.class);
		this.listeners = instance.bean(WorkListeners.class);
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (item text, holder text)");
		database.jdbc().execute("TRUNCATE effects");
	}

	@AfterEach
	void cancelListeners() {
		this.subscriptions.forEach(Subscription::cancel);
	}

	private void listen(WorkListenerSpec spec, WorkHandler handler) {
		this.subscriptions.add(this.listeners.register(spec, handler));
	}

	private WorkOutcome record(WorkItem item) {
		this.handled.add(text(item));
		return WorkOutcome.done();
	}

	private static String text(WorkItem item) {
		return new String(item.payload(), StandardCharsets.UTF_8);
	}

	private void awaitHandled(int count) {
		Eventually.await(() -> this.handled.size() >= count, this::state);
	}

	private void awaitNothingLeft() {
		Eventually.await(() -> left() == 0, this::state);
	}

	private static int left() {
		return database.jdbc()
			.queryForObject("SELECT (SELECT count(*) FROM durable_notify.work_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_lane_items) "
					+ "+ (SELECT count(*) FROM durable_notify.work_claims)", Integer.class);
	}

	private String state() {
		JdbcTemplate jdbc = database.jdbc();
		return "handled %s, items %s, lane items %s, claims %s, dead %s, %s".formatted(this.handled, jdbc.queryForList(
				"SELECT item_id, queue_id, due_at, token, rev, failures, lane, key, last_error FROM durable_notify.work_items"),
				jdbc.queryForList("SELECT lane_id, item_id, failures FROM durable_notify.work_lane_items"),
				jdbc.queryForList("SELECT * FROM durable_notify.work_claims"),
				jdbc.queryForList("SELECT item_id, queue_id, last_error FROM durable_notify.work_dead"),
				this.listeners);
	}

	@Test
	void thisInstanceKnowsWhatItHoldsAndHandles() {
		CountDownLatch going = new CountDownLatch(1);
		listen(WorkListenerSpec.of(this.queue).concurrency(2).prefetch(3), (item) -> {
			going.await();
			return record(item);
		});
		this.work.enqueueAll(IntStream.range(0, 9).mapToObj((i) -> WorkRequest.of(this.queue, "item " + i)).toList());
		Eventually.await(() -> handling().equals(new QueueListenerState(this.queue, 2, 2, 5, null)), this::state);
		going.countDown();
		awaitHandled(9);
		Eventually.await(() -> handling().equals(new QueueListenerState(this.queue, 2, 0, 0, null)), this::state);
	}

	private QueueListenerState handling() {
		return handling(instance, this.queue);
	}

	private static QueueListenerState handling(Instance holder, String queue) {
		return holder.bean(WorkHandling.class)
			.listeners()
			.stream()
			.filter((state) -> state.queue().equals(queue))
			.findFirst()
			.orElseThrow();
	}

	@Test
	void anItemIsHandledOnceAndIsGone() {
		listen(WorkListenerSpec.of(this.queue), this::record);
		Enqueued enqueued = this.work.enqueue(WorkRequest.of(this.queue, "a"));
		assertThat(enqueued.outcome()).isEqualTo(Outcome.ENQUEUED);
		awaitHandled(1);
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("a");
	}

	/**
	 * Not each time: the database's clock is known with the uncertainty of a claim, and
	 * an item that seems not to be due yet is announced.
	 */
	@Test
	void anItemThatThisInstanceCanBeginIsAnnouncedToNoOther() {
		CountDownLatch goOn = new CountDownLatch(1);
		listen(WorkListenerSpec.of(this.queue).concurrency(2).prefetch(0), (item) -> {
			if (text(item).equals("long")) {
				goOn.await(30, TimeUnit.SECONDS);
			}
			return record(item);
		});
		try (ChannelTap tap = ChannelTap.on(database, "durable_notify_wakeup");
				Instance other = Instance.start(database, "durable-notify.work.poll-interval=1h")) {
			Eventually.await(() -> {
				long before = announced(tap);
				int handled = this.handled.size();
				this.work.enqueue(WorkRequest.of(this.queue, "short"));
				awaitHandled(handled + 1);
				return announced(tap) == before;
			}, tap::payloads);
			this.work.enqueueAll(List.of(WorkRequest.of(this.queue, "long"), WorkRequest.of(this.queue, "long")));
			Eventually.await(() -> handling().running() == 2 && isClaimThreadIdle(), this::state);
			other.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), (item) -> {
				this.handled.add("by the other");
				return WorkOutcome.done();
			});
			long before = announced(tap);
			this.work.enqueue(WorkRequest.of(this.queue, "short"));
			Eventually.await(() -> this.handled.contains("by the other"), this::state);
			assertThat(announced(tap)).isEqualTo(before + 1);
			goOn.countDown();
			awaitNothingLeft();
		}
	}

	/**
	 * Return how many notifications of work there were until now.
	 */
	private static long announced(ChannelTap tap) {
		String mark = "mark-" + System.nanoTime();
		instance.bean(Wakeups.class).send(mark, Wakeup.moved(1, 1));
		Eventually.await(() -> tap.payloads().stream().anyMatch((payload) -> payload.contains(mark)), tap::payloads);
		return tap.payloads().stream().filter((payload) -> payload.contains(" " + WorkTopics.QUEUES + " ")).count();
	}

	@Test
	void whatWasThereBeforeTheListenerIsHandled() {
		this.work.enqueueAll(IntStream.range(0, 1200).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		listen(WorkListenerSpec.of(this.queue).concurrency(1).prefetch(99), this::record);
		awaitHandled(1200);
		awaitNothingLeft();
		assertThat(this.handled).containsExactlyElementsOf(IntStream.range(0, 1200).mapToObj("%d"::formatted).toList());
	}

	@Test
	void whatATransactionEnqueuesIsHandledAfterItsCommit() {
		listen(WorkListenerSpec.of(this.queue), this::record);
		instance.transaction().executeWithoutResult((status) -> {
			this.work.enqueue(WorkRequest.of(this.queue, "rolled back"));
			status.setRollbackOnly();
		});
		instance.transaction().executeWithoutResult((status) -> {
			this.work.enqueue(WorkRequest.of(this.queue, "late"));
			this.work.enqueueOnCommit(WorkRequest.of(this.queue, "later"));
			// Others are claimed meanwhile
			instance.newTransaction()
				.executeWithoutResult((inner) -> this.work.enqueue(WorkRequest.of(this.queue, "early")));
			awaitHandled(1);
			assertThat(this.handled).containsExactly("early");
		});
		awaitHandled(3);
		awaitNothingLeft();
		assertThat(this.handled).containsExactlyInAnyOrder("early", "late", "later");
	}

	@Test
	void aFailedItemIsRetriedAndDiesAfterItsLastAttempt() {
		List<Integer> attempts = Collections.synchronizedList(new ArrayList<>());
		listen(WorkListenerSpec.of(this.queue).maxAttempts(3).backoff(SOON), (item) -> {
			attempts.add(item.attempt());
			throw new IllegalStateException("no luck");
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		Eventually.await(() -> dead() == 1, this::state);
		awaitNothingLeft();
		assertThat(attempts).containsExactly(1, 2, 3);
		assertThat(deadError()).contains("no luck");
	}

	@Test
	void wakeUpsForOtherItemsDoNotShortenTheBackoff() {
		List<Long> attempts = Collections.synchronizedList(new ArrayList<>());
		listen(WorkListenerSpec.of(this.queue).backoff(new Backoff(Duration.ofSeconds(1), 1, Duration.ofSeconds(1))),
				(item) -> {
					if (!text(item).equals("failing")) {
						return record(item);
					}
					attempts.add(System.nanoTime());
					return (item.attempt() == 1) ? WorkOutcome.fail("once") : WorkOutcome.done();
				});
		this.work.enqueue(WorkRequest.of(this.queue, "failing"));
		Eventually.await(() -> attempts.size() == 1, this::state);
		for (int i = 1; i <= 20; i++) {
			this.work.enqueue(WorkRequest.of(this.queue, "" + i));
			awaitHandled(i);
		}
		awaitNothingLeft();
		assertThat(attempts).hasSize(2);
		assertThat(Duration.ofNanos(attempts.get(1) - attempts.get(0))).isGreaterThanOrEqualTo(Duration.ofMillis(800));
	}

	@Test
	void anItemWhoseCompletionIsRefusedIsDeadAfterItsLastAttempt() {
		database.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
					DECLARE stack text;
					BEGIN
						GET DIAGNOSTICS stack = PG_CONTEXT;
						IF stack NOT LIKE '%work_bury%' THEN RAISE 'not to be completed'; END IF;
						RETURN OLD;
					END $$;
				CREATE TRIGGER refuse BEFORE DELETE ON durable_notify.work_items FOR EACH ROW
					WHEN (OLD.payload = 'bad') EXECUTE FUNCTION refuse();
				CREATE TRIGGER refuse BEFORE DELETE ON durable_notify.work_lane_items FOR EACH ROW
					WHEN (OLD.payload = 'bad') EXECUTE FUNCTION refuse();
				""");
		this.work.enqueueAll(List.of(WorkRequest.of(this.queue, "bad"), WorkRequest.of(this.queue, "good"),
				WorkRequest.of(this.queue, "bad").orderingKey("o"),
				WorkRequest.of(this.queue, "good").orderingKey("o")));
		listen(WorkListenerSpec.of(this.queue).maxAttempts(2).backoff(SOON), this::record);
		Eventually.await(() -> dead() == 2, this::state);
		awaitNothingLeft();
		database.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(this.handled).filteredOn("bad"::equals).hasSize(4);
		assertThat(this.handled).filteredOn("good"::equals).hasSize(2);
		assertThat(database.jdbc()
			.queryForList("SELECT last_error FROM durable_notify.work_dead d JOIN durable_notify.work_queues q "
					+ "USING (queue_id) WHERE q.name = ?", String.class, this.queue))
			.allSatisfy((error) -> assertThat(error).contains("not to be completed"));
	}

	@Test
	void anItemWhoseNextTimeIsRefusedIsDeadAfterItsLastAttempt() {
		database.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'too late'; END $$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.due_at > now() + interval '1 hour') EXECUTE FUNCTION refuse();
				""");
		this.work.enqueueAll(List.of(WorkRequest.of(this.queue, "again"), WorkRequest.of(this.queue, "postponed"),
				WorkRequest.of(this.queue, "postponed").orderingKey("o")));
		listen(WorkListenerSpec.of(this.queue).maxAttempts(2).backoff(SOON), (item) -> {
			record(item);
			return (text(item).equals("again")) ? WorkOutcome.again(Instant.now().plus(Duration.ofDays(1)))
					: WorkOutcome.postpone(Duration.ofDays(1));
		});
		Eventually.await(() -> dead() == 3, this::state);
		awaitNothingLeft();
		database.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(this.handled).hasSize(6);
		assertThat(deadError()).contains("too late");
	}

	private int dead() {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_dead d JOIN durable_notify.work_queues q "
					+ "ON q.queue_id = d.queue_id WHERE q.name = ?", Integer.class, this.queue);
	}

	private String deadError() {
		return database.jdbc()
			.queryForObject(
					"SELECT max(d.last_error) FROM durable_notify.work_dead d "
							+ "JOIN durable_notify.work_queues q ON q.queue_id = d.queue_id WHERE q.name = ?",
					String.class, this.queue);
	}

	@Test
	void aTransactionThatAHandlerCannotBeginIsAFailureOfTheHandler() {
		for (boolean transactional : List.of(false, true)) {
			String name = this.queue + "/" + transactional;
			WorkListenerSpec spec = WorkListenerSpec.of(name).maxAttempts(2).backoff(SOON);
			listen((transactional) ? spec.inTransaction() : spec, (item) -> {
				this.handled.add(name + " " + item.attempt());
				throw new CannotCreateTransactionException("another database is down");
			});
			this.work.enqueue(WorkRequest.of(name, "a"));
			awaitHandled(2);
			awaitNothingLeft();
			assertThat(this.handled).containsExactly(name + " 1", name + " 2");
			this.handled.clear();
		}
	}

	@Test
	void anInterruptThatAHandlerLeavesDoesNotReachTheCommit() {
		listen(WorkListenerSpec.of(this.queue).inTransaction(), (item) -> {
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void beforeCommit(boolean readOnly) {
					WorkEngineTests.this.handled.add("interrupted " + Thread.currentThread().isInterrupted());
				}

			});
			Thread.currentThread().interrupt();
			return WorkOutcome.done();
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		awaitHandled(1);
		assertThat(this.handled).containsExactly("interrupted false");
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aTransactionThatCannotBeginForAHandlerIsNoAttemptAndIsLogged(CapturedOutput output) {
		try (Instance other = Instance.start(database,
				(application) -> application.sources(FailingTransactions.class))) {
			FailingTransactions.left.set(3);
			other.bean(WorkListeners.class)
				.register(WorkListenerSpec.of(this.queue).inTransaction().maxAttempts(2).backoff(SOON), (item) -> {
					this.handled.add("attempt " + item.attempt());
					return WorkOutcome.done();
				});
			this.work.enqueue(WorkRequest.of(this.queue, "a"));
			awaitHandled(1);
			awaitNothingLeft();
			assertThat(FailingTransactions.left).hasNonPositiveValue();
		}
		assertThat(this.handled).containsExactly("attempt 1");
		assertThat(output)
			.containsOnlyOnce(
					"The transaction of a handler of queue '%s' could not begin: no transaction".formatted(this.queue))
			.contains("The handler of queue '%s' succeeds again".formatted(this.queue));
	}

	@Test
	void aPermanentFailureIsDeadAtOnce() {
		listen(WorkListenerSpec.of(this.queue).dontRetryOn(List.of(ArithmeticException.class)), (item) -> {
			if (text(item).equals("a")) {
				throw new PermanentFailureException("never");
			}
			throw new ArithmeticException("neither");
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		this.work.enqueue(WorkRequest.of(this.queue, "b"));
		Eventually.await(() -> dead() == 2, this::state);
		awaitNothingLeft();
	}

	@Test
	void aTransactionalHandlersEffectAndCompletionCommitTogether() {
		AtomicInteger attempts = new AtomicInteger();
		listen(WorkListenerSpec.of(this.queue).inTransaction().backoff(SOON), (item) -> {
			instance.jdbc().update("INSERT INTO effects VALUES (?, 'tx')", text(item));
			if (attempts.incrementAndGet() == 1) {
				throw new IllegalStateException("first attempt");
			}
			return WorkOutcome.done();
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		Eventually.await(() -> attempts.get() == 2, this::state);
		awaitNothingLeft();
		assertThat(effects()).containsExactly("a");
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT item FROM effects ORDER BY item", String.class);
	}

	@Test
	void aHandlerCompletesInATransactionOfItsOwn() {
		AtomicBoolean refused = new AtomicBoolean();
		listen(WorkListenerSpec.of(this.queue).backoff(SOON), (item) -> {
			assertThatIllegalStateException().isThrownBy(item::complete).withMessageContaining("in a transaction only");
			refused.set(true);
			instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().update("INSERT INTO effects VALUES (?, 'own')", text(item));
				item.complete();
				if (item.attempt() == 1) {
					status.setRollbackOnly();
				}
			});
			return WorkOutcome.done();
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		Eventually.await(() -> effects().size() == 1, this::state);
		awaitNothingLeft();
		assertThat(refused).isTrue();
		assertThat(effects()).containsExactly("a");
	}

	@Test
	void postponingAndRecurringDoNotCountAsFailures() {
		List<Integer> attempts = Collections.synchronizedList(new ArrayList<>());
		listen(WorkListenerSpec.of(this.queue).maxAttempts(1), (item) -> {
			attempts.add(item.attempt());
			return switch (attempts.size()) {
				case 1 -> WorkOutcome.postpone(Duration.ofMillis(60));
				case 2 -> WorkOutcome.again(Instant.now().plusMillis(60));
				default -> WorkOutcome.done();
			};
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k"));
		Eventually.await(() -> attempts.size() == 3, this::state);
		awaitNothingLeft();
		assertThat(attempts).containsExactly(1, 1, 1);
	}

	@Test
	void handlersOfOneClaimPostponeInTransactionsWithoutWaitingForEachOther() {
		AtomicInteger calls = new AtomicInteger();
		this.work.enqueueAll(List.of(WorkRequest.of(this.queue, "open"), WorkRequest.of(this.queue, "short")));
		listen(WorkListenerSpec.of(this.queue).concurrency(3), (item) -> {
			record(item);
			if (calls.incrementAndGet() > 2) {
				return WorkOutcome.done();
			}
			boolean open = text(item).equals("open");
			instance.transaction().executeWithoutResult((status) -> {
				item.postpone(Duration.ofMillis(60));
				if (open) {
					awaitHandled(3);
				}
			});
			if (!open) {
				// It is handled again after the commit, and not after the return
				awaitHandled(3);
			}
			return WorkOutcome.done();
		});
		awaitHandled(4);
		awaitNothingLeft();
		assertThat(this.handled).containsExactlyInAnyOrder("open", "short", "open", "short");
		assertThat(this.handled.subList(2, 4)).containsExactly("short", "open");
	}

	@Test
	void itemsOfAnOrderingKeyAreHandledOneAfterTheOtherAlsoWhenOneFails() {
		Map<String, AtomicInteger> concurrent = new ConcurrentHashMap<>();
		AtomicBoolean sideBySide = new AtomicBoolean();
		AtomicBoolean failed = new AtomicBoolean();
		listen(WorkListenerSpec.of(this.queue).concurrency(8).backoff(SOON), (item) -> {
			AtomicInteger running = concurrent.computeIfAbsent(item.key(), (key) -> new AtomicInteger());
			sideBySide.compareAndSet(false, running.incrementAndGet() > 1);
			try {
				if (text(item).equals("key-3/57") && failed.compareAndSet(false, true)) {
					throw new IllegalStateException("once");
				}
				return record(item);
			}
			finally {
				running.decrementAndGet();
			}
		});
		for (int i = 0; i < 120; i++) {
			for (int key = 0; key < 6; key++) {
				String name = "key-" + key;
				this.work.enqueue(WorkRequest.of(this.queue, name + "/" + i).orderingKey(name));
			}
		}
		awaitHandled(720);
		awaitNothingLeft();
		assertThat(sideBySide).isFalse();
		for (int key = 0; key < 6; key++) {
			String name = "key-" + key + "/";
			assertThat(this.handled.stream().filter((item) -> item.startsWith(name)))
				.containsExactlyElementsOf(IntStream.range(0, 120).mapToObj((i) -> name + i).toList());
		}
	}

	@Test
	void aDeadItemBlocksItsKeyIfTheListenerSaysSo() {
		AtomicBoolean failed = new AtomicBoolean();
		listen(WorkListenerSpec.of(this.queue).onDead(OnDead.BLOCK), (item) -> {
			if (text(item).equals("1") && failed.compareAndSet(false, true)) {
				throw new PermanentFailureException("bad");
			}
			return record(item);
		});
		for (int i = 0; i < 4; i++) {
			this.work.enqueue(WorkRequest.of(this.queue, "" + i).orderingKey("key"));
		}
		this.work.enqueue(WorkRequest.of(this.queue, "other").orderingKey("other"));
		Eventually.await(() -> dead() == 1, this::state);
		awaitHandled(2);
		assertThat(this.handled).containsExactlyInAnyOrder("0", "other");
		assertThat(instance.bean(WorkAdmin.class).requeue(DeadQuery.of(this.queue))).isOne();
		awaitHandled(5);
		awaitNothingLeft();
		assertThat(this.handled.subList(2, 5)).containsExactly("1", "2", "3");
	}

	@Test
	void theNextItemOfAKeyComesByAWakeUpAfterOneThatIsDead() {
		try (Instance patient = Instance.start(database, "durable-notify.work.poll-interval=1h")) {
			for (boolean transactional : List.of(false, true)) {
				String name = this.queue + "/" + transactional;
				WorkListenerSpec spec = WorkListenerSpec.of(name).maxAttempts(2).backoff(SOON);
				patient.bean(WorkListeners.class).register((transactional) ? spec.inTransaction() : spec, (item) -> {
					switch (text(item)) {
						case "permanent" -> throw new PermanentFailureException("bad");
						case "failing" -> throw new IllegalStateException("bad");
						default -> record(item);
					}
					return WorkOutcome.done();
				});
				patient.bean(WorkQueue.class)
					.enqueueAll(Stream.of("permanent", "a", "failing", "b")
						.map((payload) -> WorkRequest.of(name, payload).orderingKey("key"))
						.toList());
				awaitHandled(2);
				assertThat(this.handled).containsExactly("a", "b");
				this.handled.clear();
			}
		}
		awaitNothingLeft();
	}

	@Test
	void aClaimWhoseItemsCannotBeFetchedIsGivenBack() {
		JdbcTemplate jdbc = database.jdbc();
		this.work.enqueue(WorkRequest.of(this.queue, "a").orderingKey("key"));
		jdbc.execute("ALTER TABLE durable_notify.work_lane_items RENAME TO hidden");
		try {
			listen(WorkListenerSpec.of(this.queue), this::record);
			// The next holder has a higher token than one that may not know yet
			Eventually.await(
					() -> jdbc.queryForObject("SELECT max(token) FROM durable_notify.work_items", Integer.class) > 0,
					() -> jdbc.queryForList("SELECT * FROM durable_notify.work_claims"));
		}
		finally {
			jdbc.execute("ALTER TABLE durable_notify.hidden RENAME TO work_lane_items");
		}
		awaitHandled(1);
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("a");
	}

	@Test
	void anItemThatIsAskedForWhileItRunsRunsOnceMore() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch asked = new CountDownLatch(1);
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			running.countDown();
			asked.await(30, TimeUnit.SECONDS);
			return record(item);
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k"));
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(this.work.enqueue(WorkRequest.of(this.queue, "b").key("k")).outcome()).isEqualTo(Outcome.COALESCED);
		asked.countDown();
		awaitHandled(2);
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("a", "a");
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void anItemWhoseLastAttemptFailsIsNotLoggedAsDeadIfItWasAskedForOrCancelledMeanwhile(CapturedOutput output) {
		List<CountDownLatch> latches = Stream.generate(() -> new CountDownLatch(1)).limit(2).toList();
		AtomicInteger attempts = new AtomicInteger();
		listen(WorkListenerSpec.of(this.queue).maxAttempts(1).backoff(SOON), (item) -> {
			int attempt = attempts.getAndIncrement();
			if (attempt < 2) {
				latches.get(attempt).await(30, TimeUnit.SECONDS);
				throw new IllegalStateException("attempt " + attempt);
			}
			return record(item);
		});
		this.work.enqueue(WorkRequest.of(this.queue, "asked for").key("k"));
		Eventually.await(() -> attempts.get() == 1, this::state);
		this.work.enqueue(WorkRequest.of(this.queue, "again").key("k"));
		this.work.enqueue(WorkRequest.of(this.queue, "cancelled").key("c"));
		Eventually.await(() -> attempts.get() == 2, this::state);
		this.work.cancel(this.queue, "c");
		latches.forEach(CountDownLatch::countDown);
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("asked for");
		assertThat(output)
			.contains("of queue '%s' has failed in attempt 1, its last, but is tried again".formatted(this.queue))
			.doesNotContain("is dead after");
	}

	@Test
	void aCancelledItemsCompletionIsRefused() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch over = new CountDownLatch(1);
		AtomicBoolean requested = new AtomicBoolean();
		listen(WorkListenerSpec.of(this.queue).inTransaction(), (item) -> {
			instance.jdbc().update("INSERT INTO effects VALUES (?, 'cancelled')", text(item));
			running.countDown();
			Eventually.await(item::cancelRequested, this::state);
			requested.set(true);
			over.countDown();
			return WorkOutcome.done();
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k"));
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(this.work.cancel(this.queue, "k")).isEqualTo(CancelOutcome.CANCELLED_WHILE_RUNNING);
		assertThat(over.await(30, TimeUnit.SECONDS)).isTrue();
		awaitNothingLeft();
		assertThat(effects()).isEmpty();
		assertThat(this.work.cancel(this.queue, "k")).isEqualTo(CancelOutcome.NOT_FOUND);
	}

	@ParameterizedTest
	@CsvSource({ "false, false", "true, false", "false, true" })
	void aHandlerMayCancelItsItemInItsTransactionAndRequestItAgain(boolean own, boolean again) {
		WorkListenerSpec spec = WorkListenerSpec.of(this.queue).backoff(SOON);
		WorkHandler handler = (item) -> {
			this.handled.add(text(item));
			instance.jdbc().update("INSERT INTO effects VALUES (?, 'tx')", text(item));
			assertThat(this.work.cancel(this.queue, "k")).isEqualTo(CancelOutcome.CANCELLED_WHILE_RUNNING);
			if (again) {
				this.work.enqueue(WorkRequest.of(this.queue, "b").key("k").dueIn(Duration.ofHours(1)));
			}
			return WorkOutcome.done();
		};
		listen((own) ? spec : spec.inTransaction(), (own) ? (item) -> {
			instance.transaction().executeWithoutResult((status) -> {
				assertThatNoException().isThrownBy(() -> handler.handle(item));
				item.complete();
			});
			return WorkOutcome.done();
		} : handler);
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k"));
		Eventually.await(() -> effects().size() == 1, this::state);
		Eventually.await(() -> left() == ((again) ? 1 : 0), this::state);
		assertThat(this.work.cancel(this.queue, "k"))
			.isEqualTo((again) ? CancelOutcome.CANCELLED : CancelOutcome.NOT_FOUND);
		assertThat(this.handled).containsExactly("a");
	}

	@Test
	void aCancellationThatASavepointUndoesIsNotBelieved() {
		TransactionTemplate nested = instance.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		listen(WorkListenerSpec.of(this.queue).inTransaction().maxAttempts(1), (item) -> {
			nested.executeWithoutResult((status) -> {
				this.work.cancel(this.queue, "k");
				status.setRollbackOnly();
			});
			database.jdbc().update("DELETE FROM durable_notify.work_items WHERE item_id = ?", item.id());
			instance.jdbc().update("INSERT INTO effects VALUES (?, 'tx')", text(item));
			return record(item);
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k"));
		awaitHandled(1);
		awaitNothingLeft();
		assertThat(effects()).isEmpty();
		assertThat(dead()).isZero();
	}

	@Test
	void anItemThatARollbackBringsBackHasFailed() {
		listen(WorkListenerSpec.of(this.queue).inTransaction().maxAttempts(2).backoff(SOON), (item) -> {
			for (String table : List.of("work_items", "work_lane_items")) {
				instance.jdbc()
					.update("DELETE FROM durable_notify.%s WHERE item_id = ? AND payload = ?".formatted(table),
							item.id(), item.payload());
			}
			return record(item);
		});
		this.work.enqueueAll(
				List.of(WorkRequest.of(this.queue, "a"), WorkRequest.of(this.queue, "of a key").orderingKey("o")));
		Eventually.await(() -> dead() == 2, this::state);
		awaitNothingLeft();
		assertThat(this.handled).containsExactlyInAnyOrder("a", "a", "of a key", "of a key");
		assertThat(deadError()).contains("was cancelled");
	}

	@Test
	void aCancelledItemWhoseHandlerHasNotBegunIsNotHandled() {
		for (boolean batches : List.of(false, true)) {
			String name = this.queue + "/" + batches;
			CountDownLatch goOn = new CountDownLatch(1);
			WorkListenerSpec spec = WorkListenerSpec.of(name).concurrency(1).prefetch(5);
			WorkHandler handler = (item) -> {
				goOn.await(30, TimeUnit.SECONDS);
				return record(item);
			};
			this.subscriptions.add((batches) ? this.listeners.registerBatch(spec, (items) -> {
				for (WorkItem item : items) {
					handler.handle(item);
				}
			}) : this.listeners.register(spec, handler));
			this.work.enqueue(WorkRequest.of(name, "a").key("a"));
			Eventually.await(() -> handling(instance, name).running() == 1, this::state);
			this.work.enqueueAll(Stream.of("b", "c", "d").map((key) -> WorkRequest.of(name, key).key(key)).toList());
			Eventually.await(() -> handling(instance, name).held() == 4, this::state);
			assertThat(this.work.cancel(name, "b")).isEqualTo(CancelOutcome.CANCELLED_WHILE_RUNNING);
			assertThat(this.work.cancel(name, "d")).isEqualTo(CancelOutcome.CANCELLED_WHILE_RUNNING);
			goOn.countDown();
			awaitNothingLeft();
			assertThat(this.handled).containsExactly("a", "c");
			Eventually.await(() -> handling(instance, name).held() == 0, this::state);
			this.handled.clear();
		}
	}

	@Test
	void anItemThatIsSetToALaterTimeBeforeItsHandlerHasBegunIsNotHandledBefore() {
		for (boolean batches : List.of(false, true)) {
			String name = this.queue + "/" + batches;
			CountDownLatch goOn = new CountDownLatch(1);
			WorkListenerSpec spec = WorkListenerSpec.of(name).concurrency(1).prefetch(10);
			WorkHandler handler = (item) -> {
				goOn.await(30, TimeUnit.SECONDS);
				return (item.cancelRequested()) ? WorkOutcome.done() : record(item);
			};
			this.subscriptions.add((batches) ? this.listeners.registerBatch(spec, (items) -> {
				for (WorkItem item : items) {
					handler.handle(item);
				}
			}) : this.listeners.register(spec, handler));
			this.work.enqueue(WorkRequest.of(name, "a").key("a"));
			Eventually.await(() -> handling(instance, name).running() == 1, this::state);
			List<String> ahead = List.of("b", "c", "d", "e");
			this.work.enqueueAll(ahead.stream().map((key) -> WorkRequest.of(name, key).key(key)).toList());
			Eventually.await(() -> handling(instance, name).held() == 5, this::state);
			Instant later = Instant.now().plus(Duration.ofHours(1));
			this.work.reschedule(name, "a", later);
			this.work.reschedule(name, "b", later);
			this.work.enqueue(WorkRequest.of(name, "c").key("c").replacing().dueAt(later));
			this.work.enqueueAll(Stream.of("d", "e")
				.map((key) -> WorkRequest.of(name, key).key(key).replacing().dueIn(Duration.ofHours(1)))
				.toList());
			goOn.countDown();
			Eventually.await(() -> handling(instance, name).held() == 0, this::state);
			assertThat(this.handled).containsExactly("a");
			for (String key : List.of("a", "b", "c", "d", "e")) {
				assertThat(this.work.cancel(name, key)).isEqualTo(CancelOutcome.CANCELLED);
			}
			awaitNothingLeft();
			this.handled.clear();
		}
	}

	@Test
	void aTimerFiresAtItsTimeAndCanBeSetAgain() {
		listen(WorkListenerSpec.of(this.queue), (item) -> record(item));
		long start = System.nanoTime();
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("k").replacing().dueIn(Duration.ofHours(1)));
		this.work.enqueue(WorkRequest.of(this.queue, "b").key("k").replacing().dueIn(Duration.ofMillis(300)));
		awaitHandled(1);
		long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
		assertThat(this.handled).containsExactly("b");
		assertThat(millis).isBetween(300L, 10_000L);
		awaitNothingLeft();
	}

	@ParameterizedTest
	@ValueSource(ints = { 2, 3, 4 })
	void queuesNamedFirstComeFirstAndEachOfTheLaterOnesGetsATurn(int count) {
		List<String> names = IntStream.range(0, count).mapToObj((i) -> this.queue + "-" + i).toList();
		names.forEach((name) -> this.work
			.enqueueAll(IntStream.range(0, 200).mapToObj((i) -> WorkRequest.of(name, name)).toList()));
		listen(WorkListenerSpec.of(names.toArray(String[]::new)).concurrency(1).prefetch(0), this::record);
		awaitHandled(200 * count);
		awaitNothingLeft();
		List<String> early = this.handled.subList(0, 160);
		assertThat(Collections.frequency(early, names.get(0))).isGreaterThan(120);
		// After each eighth claim, of one item
		assertThat(names.subList(1, count)).allSatisfy(
				(name) -> assertThat(Collections.frequency(early, name)).as(name).isGreaterThan(10 / (count - 1)));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aBatchIsHandledAtOnceAndItsItemsAloneIfItFails(CapturedOutput output) {
		List<Integer> sizes = Collections.synchronizedList(new ArrayList<>());
		this.work.enqueueAll(IntStream.range(0, 50).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		this.subscriptions.add(this.listeners
			.registerBatch(WorkListenerSpec.of(this.queue).concurrency(1).prefetch(99).maxAttempts(1), (items) -> {
				sizes.add(items.size());
				if (items.stream().anyMatch((item) -> text(item).equals("13"))) {
					throw new IllegalStateException("thirteen");
				}
				items.forEach(this::record);
			}));
		awaitHandled(49);
		awaitNothingLeft();
		assertThat(sizes.get(0)).isEqualTo(50);
		assertThat(sizes).hasSize(51);
		assertThat(dead()).isOne();
		Eventually.await(() -> output.toString().contains("is dead after attempt 1"), this::state);
		assertThat(output).containsOnlyOnce("is dead after attempt 1")
			.containsOnlyOnce("The handler of 50 items of queue '%s' has failed, and each is handled alone"
				.formatted(this.queue));
	}

	@Test
	void aTransactionalBatchAndACallerLockKeysInTheSameOrder() throws Exception {
		CountDownLatch begun = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		this.work.enqueue(WorkRequest.of(this.queue, "b").key("b"));
		this.work.enqueue(WorkRequest.of(this.queue, "a").key("a"));
		this.subscriptions.add(this.listeners
			.registerBatch(WorkListenerSpec.of(this.queue).inTransaction().concurrency(1).prefetch(9), (items) -> {
				items.forEach(this::record);
				begun.countDown();
				goOn.await(30, TimeUnit.SECONDS);
			}));
		assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(this.handled).containsExactly("b", "a");
		instance.transaction().executeWithoutResult((status) -> {
			this.work.enqueue(WorkRequest.of(this.queue, "a").key("a"));
			goOn.countDown();
			Eventually.await(() -> !waiting().isEmpty(), this::state);
			this.work.enqueue(WorkRequest.of(this.queue, "b").key("b"));
		});
		awaitNothingLeft();
		assertThat(this.handled).hasSize(4);
		assertThat(this.handled.subList(2, 4)).containsExactlyInAnyOrder("a", "b");
	}

	@Test
	void anErrorAtOneItemOfAFailedBatchConcernsNoOther() throws Exception {
		CountDownLatch goOn = new CountDownLatch(1);
		this.work.enqueue(WorkRequest.of(this.queue, "ordered").orderingKey("key"));
		this.work
			.enqueueAll(Stream.of("a", "error", "c").map((payload) -> WorkRequest.of(this.queue, payload)).toList());
		FailingObservations.failing.set(true);
		try (Instance other = Instance.start(database,
				(application) -> application.sources(FailingObservations.class))) {
			other.bean(WorkListeners.class)
				.registerBatch(WorkListenerSpec.of(this.queue).concurrency(2).prefetch(99), (items) -> {
					if (items.size() > 1) {
						throw new IllegalStateException("a batch");
					}
					if (items.get(0).key() != null) {
						goOn.await(30, TimeUnit.SECONDS);
					}
					record(items.get(0));
				});
			Eventually.await(() -> ofQueue("work_items") == 1, this::state);
			assertThat(FailingObservations.failing).isFalse();
			assertThat(ofQueue("work_claims")).as("the ordering key is handled").isOne();
			assertThat(this.handled).containsExactlyInAnyOrder("a", "error", "c");
			goOn.countDown();
			awaitHandled(4);
			awaitNothingLeft();
		}
	}

	private int ofQueue(String table) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify." + table + " JOIN durable_notify.work_queues q "
					+ "USING (queue_id) WHERE q.name = ?", Integer.class, this.queue);
	}

	@Test
	void aQueueThatCannotBeClaimedHoldsUpNoOther() {
		JdbcTemplate jdbc = database.jdbc();
		String next = this.queue + "-next";
		this.work.enqueue(WorkRequest.of(this.queue, "first"));
		jdbc.execute("ALTER TABLE durable_notify.work_claims ADD CONSTRAINT broken CHECK (queue_id <> " + jdbc
			.queryForObject("SELECT queue_id FROM durable_notify.work_queues WHERE name = ?", Integer.class, this.queue)
				+ ")");
		try {
			listen(WorkListenerSpec.of(this.queue, next), this::record);
			for (int i = 1; i <= 3; i++) {
				this.work.enqueue(WorkRequest.of(next, "next"));
				awaitHandled(i);
			}
		}
		finally {
			jdbc.execute("ALTER TABLE durable_notify.work_claims DROP CONSTRAINT broken");
		}
		awaitHandled(4);
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("next", "next", "next", "first");
	}

	@Test
	void noMoreThanTheLimitRunInAllInstances() {
		AtomicInteger running = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		WorkAdmin admin = instance.bean(WorkAdmin.class);
		this.work.enqueue(WorkRequest.of(this.queue, "first"));
		admin.limit(this.queue, 3);
		this.work.enqueueAll(IntStream.range(0, 60).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		WorkHandler handler = (item) -> {
			most.accumulateAndGet(running.incrementAndGet(), Math::max);
			// Until as many run as may, or too few are left
			Eventually.await(() -> running.get() >= 3 || this.handled.size() > 55, this::state);
			running.decrementAndGet();
			return record(item);
		};
		try (Instance other = Instance.start(database)) {
			listen(WorkListenerSpec.of(this.queue), handler);
			other.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), handler);
			awaitHandled(61);
		}
		awaitNothingLeft();
		assertThat(most).hasValue(3);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whatIsDoneOfALimitedQueueMakesRoomWhileOthersRun(boolean transactional) {
		instance.bean(WorkAdmin.class).limit(this.queue, 3);
		this.work.enqueueAll(IntStream.range(0, 6).mapToObj((i) -> {
			WorkRequest request = WorkRequest.of(this.queue, "" + i);
			return (transactional) ? request : request.orderingKey("key " + i);
		}).toList());
		WorkListenerSpec spec = WorkListenerSpec.of(this.queue).concurrency(3);
		listen((transactional) ? spec.inTransaction() : spec, (item) -> {
			if (text(item).equals("0")) {
				awaitHandled(5);
			}
			return record(item);
		});
		awaitHandled(6);
		awaitNothingLeft();
		assertThat(this.handled.get(5)).isEqualTo("0");
	}

	@Test
	void aLimitedQueueHasAllItsHandlersAtOnce() {
		Eventually.assertTakesLess(Duration.ofSeconds(2), () -> {
			nameQueue();
			instance.bean(WorkAdmin.class).limit(this.queue, 16);
			this.work.enqueueAll(IntStream.range(0, 16 * 20)
				.mapToObj((i) -> WorkRequest.of(this.queue, "" + i).orderingKey("key " + i % 16))
				.toList());
			CountDownLatch begun = new CountDownLatch(16);
			long start = System.nanoTime();
			listen(WorkListenerSpec.of(this.queue).concurrency(16).prefetch(0), (item) -> {
				begun.countDown();
				assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
				return WorkOutcome.done();
			});
			Eventually.await(() -> begun.getCount() == 0, this::state);
			return Duration.ofNanos(System.nanoTime() - start);
		});
		awaitNothingLeft();
	}

	@ParameterizedTest
	@CsvSource({ "1, 8, 0", "2, 2, 8" })
	void orderingKeysWithManyItemsDelayNoTimerOfTheirListener(int keys, int concurrency, int prefetch) {
		Duration delay = Duration.ofMillis(300);
		try (Instance held = startWithHeldThreads()) {
			// The listener looks again after a second
			Eventually.assertTakesLess(Duration.ofMillis(900), () -> {
				nameQueue();
				CountDownLatch goOn = new CountDownLatch(1);
				HeldThreads.goOn = new CountDownLatch(1);
				this.work.enqueueAll(IntStream.range(0, 20 * keys)
					.mapToObj((i) -> WorkRequest.of(this.queue, "" + i).orderingKey("key " + i % keys))
					.toList());
				long start = System.nanoTime();
				this.work.enqueue(WorkRequest.of(this.queue, "timer").dueIn(delay));
				held.bean(WorkListeners.class)
					.register(WorkListenerSpec.of(this.queue).concurrency(concurrency).prefetch(prefetch), (item) -> {
						goOn.await(30, TimeUnit.SECONDS);
						return WorkOutcome.done();
					});
				Eventually.await(() -> ofQueue("work_claims") == 1 && isClaimThreadIdle(), this::state);
				HeldThreads.goOn.countDown();
				Eventually.await(() -> ofQueue("work_claims") == 2, this::state);
				Duration taken = Duration.ofNanos(System.nanoTime() - start);
				goOn.countDown();
				awaitNothingLeft();
				return taken;
			});
		}
	}

	/**
	 * Without wake-ups, which have items claimed too.
	 */
	private static Instance startWithHeldThreads() {
		return Instance.start(database, (application) -> application.sources(HeldThreads.class),
				"durable-notify.listener.enabled=false", "durable-notify.poll.interval=1h",
				"durable-notify.work.poll-interval=1h");
	}

	private boolean isClaimThreadIdle() {
		return Thread.getAllStackTraces()
			.entrySet()
			.stream()
			.filter((entry) -> entry.getKey().getName().equals("durable-notify-work-claim-" + this.queue))
			.flatMap((entry) -> Arrays.stream(entry.getValue()))
			.anyMatch((frame) -> frame.getMethodName().equals("awaitTurn"));
	}

	@Test
	void whatWasDoneBeforeALimitWasSetMakesRoomWhileOthersOfItsClaimRun() {
		this.work.enqueueAll(IntStream.range(0, 9).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		listen(WorkListenerSpec.of(this.queue).concurrency(2).prefetch(20), (item) -> {
			if (text(item).equals("0")) {
				awaitHandled(12);
			}
			return record(item);
		});
		Eventually.await(() -> ofQueue("work_items") == 1, this::state);
		assertThat(ofQueue("work_claims")).isOne();
		instance.bean(WorkAdmin.class).limit(this.queue, 2);
		this.work.enqueueAll(IntStream.range(9, 13).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		awaitHandled(13);
		awaitNothingLeft();
		assertThat(this.handled.get(12)).isEqualTo("0");
	}

	@Test
	void aPausedQueueIsNotClaimed() {
		WorkAdmin admin = instance.bean(WorkAdmin.class);
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		admin.pause(this.queue);
		listen(WorkListenerSpec.of(this.queue, this.queue + "-other"), this::record);
		this.work.enqueue(WorkRequest.of(this.queue + "-other", "other"));
		awaitHandled(1);
		assertThat(this.handled).containsExactly("other");
		admin.resume(this.queue);
		awaitHandled(2);
		awaitNothingLeft();
	}

	@Test
	void whatIsClaimedAheadOfAPausedOrLimitedQueueIsGivenBack() {
		for (boolean batches : List.of(false, true)) {
			// With and without room for a claim
			for (int prefetch : List.of(10, 4)) {
				pauseAfterTheFirst(instance, batches, prefetch);
				limitAfterTheFirst(instance, batches, prefetch);
			}
		}
	}

	@Test
	void thatIsFoundByTheWakeUpWithoutThePoll() {
		try (Instance patient = Instance.start(database, "durable-notify.poll.interval=1h",
				"durable-notify.work.poll-interval=1h")) {
			pauseAfterTheFirst(patient, false, 10);
			limitAfterTheFirst(patient, false, 10);
		}
	}

	@Test
	void withoutAWakeUpThatIsFoundWithThePoll() {
		try (Instance deaf = Instance.start(database, "durable-notify.listener.enabled=false",
				"durable-notify.work.poll-interval=200ms")) {
			pauseAfterTheFirst(deaf, false, 10);
			limitAfterTheFirst(deaf, false, 10);
		}
	}

	@Test
	void withoutAWakeUpAndRoomForAClaimThatIsFoundWithinASecond() {
		try (Instance deaf = Instance.start(database, "durable-notify.listener.enabled=false",
				"durable-notify.poll.interval=1h", "durable-notify.work.poll-interval=1h")) {
			pauseAfterTheFirst(deaf, false, 4);
			limitAfterTheFirst(deaf, false, 4);
		}
	}

	@Test
	void nothingElseThatAThreadHasTakenIsBegunOnceItsQueueIsPaused() {
		for (boolean batches : List.of(false, true)) {
			String name = this.queue + "/" + batches;
			CountDownLatch goOn = new CountDownLatch(1);
			this.work.enqueueAll(Stream.of("a", "b")
				.map((payload) -> WorkRequest.of(name, payload))
				.map((request) -> (batches) ? request : request.orderingKey("key"))
				.toList());
			WorkListenerSpec spec = WorkListenerSpec.of(name).concurrency(1).prefetch(10);
			this.subscriptions.add((batches) ? this.listeners.registerBatch(spec, (items) -> {
				items.forEach(this::record);
				goOn.await(30, TimeUnit.SECONDS);
				if (items.size() > 1) {
					throw new IllegalStateException("a batch");
				}
			}) : this.listeners.register(spec, (item) -> {
				record(item);
				goOn.await(30, TimeUnit.SECONDS);
				return WorkOutcome.done();
			}));
			int units = (batches) ? 2 : 1;
			Eventually.await(() -> handling(instance, name).running() == units, this::state);
			this.work.enqueue(WorkRequest.of(name, "ahead"));
			Eventually.await(() -> handling(instance, name).held() == units + 1, this::state);
			instance.bean(WorkAdmin.class).pause(name);
			Eventually.await(() -> handling(instance, name).held() == units, this::state);
			goOn.countDown();
			Eventually.await(() -> handling(instance, name).held() == 0, this::state);
			assertThat(this.handled).isEqualTo(List.of("a", "b").subList(0, units));
			instance.bean(WorkAdmin.class).resume(name);
			awaitNothingLeft();
			assertThat(this.handled).contains("b", "ahead");
			this.handled.clear();
		}
	}

	private void pauseAfterTheFirst(Instance holder, boolean batches, int prefetch) {
		String name = this.queue + "/" + batches + prefetch;
		CountDownLatch goOn = new CountDownLatch(1);
		claimAhead(holder, name, batches, prefetch, goOn);
		instance.bean(WorkAdmin.class).pause(name);
		Eventually.await(() -> handling(holder, name).held() == 1, this::state);
		goOn.countDown();
		Eventually.await(() -> handling(holder, name).held() == 0, this::state);
		assertThat(this.handled).containsExactly("first");
		holder.bean(WorkAdmin.class).resume(name);
		awaitAllOfFive();
	}

	private void limitAfterTheFirst(Instance holder, boolean batches, int prefetch) {
		String name = this.queue + "/limited/" + batches + prefetch;
		CountDownLatch goOn = new CountDownLatch(1);
		claimAhead(holder, name, batches, prefetch, goOn);
		instance.bean(WorkAdmin.class).limit(name, 1);
		Eventually.await(() -> handling(holder, name).held() == 1, this::state);
		goOn.countDown();
		awaitAllOfFive();
	}

	private void awaitAllOfFive() {
		awaitHandled(5);
		awaitNothingLeft();
		assertThat(this.handled).containsExactlyInAnyOrder("first", "0", "1", "2", "3");
		this.handled.clear();
	}

	private void claimAhead(Instance holder, String name, boolean batches, int prefetch, CountDownLatch goOn) {
		WorkListenerSpec spec = WorkListenerSpec.of(name).concurrency(1).prefetch(prefetch);
		WorkHandler handler = (item) -> {
			goOn.await(30, TimeUnit.SECONDS);
			return record(item);
		};
		WorkQueue work = holder.bean(WorkQueue.class);
		work.enqueue(WorkRequest.of(name, "first"));
		WorkListeners listeners = holder.bean(WorkListeners.class);
		this.subscriptions.add((batches) ? listeners.registerBatch(spec, (items) -> {
			for (WorkItem item : items) {
				handler.handle(item);
			}
		}) : listeners.register(spec, handler));
		Eventually.await(() -> handling(holder, name).running() == 1, this::state);
		work.enqueueAll(IntStream.range(0, 4).mapToObj((i) -> WorkRequest.of(name, "" + i)).toList());
		Eventually.await(() -> handling(holder, name).held() == 5, this::state);
	}

	@Test
	void twoInstancesShareTheItemsAndHandleEachOnce() {
		try (Instance other = Instance.start(database)) {
			Map<String, AtomicInteger> counts = new ConcurrentHashMap<>();
			CountDownLatch byOther = new CountDownLatch(1);
			listen(WorkListenerSpec.of(this.queue), (item) -> {
				assertThat(byOther.await(30, TimeUnit.SECONDS)).isTrue();
				counts.computeIfAbsent(text(item), (key) -> new AtomicInteger()).incrementAndGet();
				return record(item);
			});
			other.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), (item) -> {
				byOther.countDown();
				counts.computeIfAbsent(text(item), (key) -> new AtomicInteger()).incrementAndGet();
				return record(item);
			});
			for (int batch = 0; batch < 20; batch++) {
				int first = batch * 500;
				this.work.enqueueAll(IntStream.range(first, first + 500)
					.mapToObj((i) -> WorkRequest.of(this.queue, "" + i))
					.toList());
			}
			Eventually.await(() -> counts.size() == 10_000, () -> counts.size());
			awaitNothingLeft();
			assertThat(counts.values()).allMatch((count) -> count.get() == 1);
		}
	}

	@Test
	void anInstanceThatStopsGivesBackWhatItHasNotBegun() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		Instance other = Instance.start(database);
		other.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(this.queue).concurrency(1).prefetch(50), (item) -> {
				running.countDown();
				goOn.await(30, TimeUnit.SECONDS);
				return record(item);
			});
		this.work.enqueueAll(IntStream.range(0, 30).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		CompletableFuture<Void> closing = Background.run(other::close);
		List<Integer> attempts = Collections.synchronizedList(new ArrayList<>());
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			attempts.add(item.attempt());
			return record(item);
		});
		awaitHandled(29);
		goOn.countDown();
		assertThat(closing).succeedsWithin(Eventually.TIMEOUT);
		awaitHandled(30);
		awaitNothingLeft();
		assertThat(this.handled)
			.containsExactlyInAnyOrderElementsOf(IntStream.range(0, 30).mapToObj("%d"::formatted).toList());
		assertThat(attempts).containsOnly(1);
	}

	@Test
	void anInstanceThatStopsGivesBackTheItemsOfABatchThatHasFailed() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		this.work.enqueueAll(IntStream.range(0, 20).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
		Instance other = Instance.start(database);
		other.bean(WorkListeners.class)
			.registerBatch(WorkListenerSpec.of(this.queue).concurrency(1).prefetch(50), (items) -> {
				items.forEach((item) -> this.handled.add("at the stop " + item.id()));
				running.countDown();
				goOn.await(30, TimeUnit.SECONDS);
				throw new IllegalStateException("at the stop");
			});
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		Thread closing = new Thread(other::close);
		closing.start();
		Eventually.await(() -> Background.isIn(closing, "awaitStop"), () -> Arrays.toString(closing.getStackTrace()));
		goOn.countDown();
		closing.join(Eventually.TIMEOUT.toMillis());
		assertThat(closing.isAlive()).isFalse();
		assertThat(this.handled).doesNotHaveDuplicates();
		this.handled.clear();
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			this.handled.add("attempt " + item.attempt());
			return WorkOutcome.done();
		});
		awaitHandled(20);
		awaitNothingLeft();
		assertThat(this.handled).containsOnly("attempt 1");
	}

	@Test
	void aHandlerOfAListenerThatWasCancelledIsWaitedForAtTheStop() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		Instance other = Instance.start(database);
		Subscription subscription = other.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(this.queue), (item) -> {
				running.countDown();
				goOn.await(30, TimeUnit.SECONDS);
				return record(item);
			});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		subscription.cancel();
		Thread closing = new Thread(other::close);
		closing.start();
		Eventually.await(() -> !closing.isAlive() || Background.isIn(closing, "awaitStop"),
				() -> Arrays.toString(closing.getStackTrace()));
		goOn.countDown();
		closing.join(Eventually.TIMEOUT.toMillis());
		assertThat(closing.isAlive()).isFalse();
		List<Integer> again = Collections.synchronizedList(new ArrayList<>());
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			again.add(item.attempt());
			return WorkOutcome.done();
		});
		awaitNothingLeft();
		assertThat(this.handled).containsExactly("a");
		assertThat(again).isEmpty();
	}

	@Test
	void theStopWaitsForTheClaimsOfAllListenersAtOnce() throws Exception {
		List<String> queues = IntStream.range(0, 4).mapToObj((i) -> this.queue + "-" + i).toList();
		try (Instance other = Instance.start(database);
				Connection locking = lock("LOCK TABLE durable_notify.work_claims")) {
			queues.forEach((name) -> other.bean(WorkListeners.class)
				.register(WorkListenerSpec.of(name), (item) -> WorkOutcome.done()));
			Eventually.await(() -> waiting().size() >= queues.size(), WorkEngineTests::waiting);
			long start = System.nanoTime();
			((Lifecycle) other.bean(WorkListeners.class)).stop();
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofSeconds(4),
					Duration.ofSeconds(14));
			locking.rollback();
		}
	}

	@Test
	void aQueueThatAnotherTransactionHasLockedDoesNotHoldUpTheOthersOfItsListener() throws Exception {
		String free = this.queue + "-free";
		listen(WorkListenerSpec.of(this.queue, free), this::record);
		this.work.enqueue(WorkRequest.of(this.queue, "first"));
		awaitHandled(1);
		try (Connection locking = lock(
				"UPDATE durable_notify.work_queues SET looked_at = looked_at WHERE name = '" + this.queue + "'")) {
			this.work.enqueue(WorkRequest.of(this.queue, "locked"));
			for (int i = 0; i < 20; i++) {
				this.work.enqueue(WorkRequest.of(free, "free"));
				awaitHandled(i + 2);
			}
			assertThat(this.handled).doesNotContain("locked");
			locking.rollback();
		}
		awaitHandled(22);
		assertThat(this.handled).endsWith("locked");
		awaitNothingLeft();
	}

	private static Connection lock(String sql) throws SQLException {
		Connection connection = DriverManager.getConnection(database.url());
		connection.setAutoCommit(false);
		connection.createStatement().execute(sql);
		return connection;
	}

	/**
	 * Return when the statements began that wait for a lock.
	 */
	private static List<String> waiting() {
		return database.jdbc()
			.queryForList("SELECT query_start::text FROM pg_stat_activity "
					+ "WHERE datname = current_database() AND wait_event_type = 'Lock'", String.class);
	}

	@Test
	void completionsThatComeWhileOthersAreWrittenShareACommit() throws Exception {
		JdbcTemplate jdbc = database.jdbc();
		jdbc.execute("""
				CREATE TABLE completions (xid xid8);
				CREATE FUNCTION complete_slowly() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					WHILE NOT pg_try_advisory_xact_lock_shared(15) LOOP
						PERFORM pg_sleep(0.005);
					END LOOP;
					INSERT INTO public.completions VALUES (pg_current_xact_id());
					RETURN NULL;
				END $$;
				CREATE TRIGGER complete_slowly AFTER DELETE ON durable_notify.work_items
					FOR EACH ROW EXECUTE FUNCTION complete_slowly()
				""");
		try (Connection locking = lock("SELECT pg_advisory_xact_lock(15)")) {
			CountDownLatch goOn = new CountDownLatch(1);
			listen(WorkListenerSpec.of(this.queue).concurrency(50), (item) -> {
				goOn.await(30, TimeUnit.SECONDS);
				return record(item);
			});
			this.work.enqueueAll(IntStream.range(0, 50).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
			Eventually.await(() -> handling().running() == 50, this::state);
			goOn.countDown();
			Eventually.await(() -> this.listeners.toString().endsWith(", 0 handlers]"), this::state);
			locking.rollback();
			awaitNothingLeft();
			// That of the first ones, and that of the others
			assertThat(jdbc.queryForMap("SELECT count(*) AS items, count(DISTINCT xid) AS commits FROM completions"))
				.containsEntry("items", 50L)
				.hasEntrySatisfying("commits", (commits) -> assertThat((long) commits).isLessThanOrEqualTo(2));
		}
		finally {
			jdbc.execute("DROP FUNCTION complete_slowly() CASCADE; DROP TABLE completions");
		}
	}

	@Test
	void aCompletionThatWaitsForALockIsWrittenDuringTheStop() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		Instance other = Instance.start(database);
		other.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), (item) -> {
			running.countDown();
			goOn.await(30, TimeUnit.SECONDS);
			return record(item);
		});
		long stored = this.work.enqueue(WorkRequest.of(this.queue, "a")).id();
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		Thread closing = new Thread(other::close);
		try (Connection locking = lock(
				"SELECT FROM durable_notify.work_items WHERE item_id = " + stored + " FOR UPDATE")) {
			goOn.countDown();
			closing.start();
			Eventually.await(() -> Arrays.stream(closing.getStackTrace())
				.anyMatch((frame) -> frame.getClassName().equals(Settlements.class.getName())), this::state);
			Set<String> attempts = new HashSet<>();
			Eventually.await(() -> {
				attempts.addAll(waiting());
				return attempts.size() >= 4 || !closing.isAlive();
			}, () -> attempts);
			locking.rollback();
		}
		closing.join(Eventually.TIMEOUT.toMillis());
		assertThat(closing.isAlive()).isFalse();
		assertThat(ofQueue("work_items")).isZero();
		assertThat(ofQueue("work_claims")).isZero();
		assertThat(this.handled).containsExactly("a");
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aHandlerThatRunsOnAfterTheShutdownTimeoutIsRefusedWhileTheNextHolderRuns(CapturedOutput output)
			throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		CountDownLatch lateGoesOn = new CountDownLatch(1);
		CountDownLatch nextGoesOn = new CountDownLatch(1);
		CompletableFuture<Integer> late = new CompletableFuture<>();
		WorkListenerSpec spec = WorkListenerSpec.of(this.queue).inTransaction();
		try (Instance other = Instance.start(database, "durable-notify.work.shutdown-timeout=100ms")) {
			other.bean(WorkListeners.class).register(spec, (item) -> {
				other.jdbc().update("INSERT INTO effects VALUES ('late', 'other')");
				TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void afterCompletion(int status) {
						late.complete(status);
					}

				});
				running.countDown();
				lateGoesOn.await(30, TimeUnit.SECONDS);
				return WorkOutcome.done();
			});
			this.work.enqueue(WorkRequest.of(this.queue, "a"));
			assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
			((Lifecycle) other.bean(WorkListeners.class)).stop();
			assertThat(output)
				.contains("1 handlers of work still run after durable-notify.work.shutdown-timeout=PT0.1S: their items "
						+ "are given back, and their completions will be refused");
			listen(spec, (item) -> {
				instance.jdbc().update("INSERT INTO effects VALUES ('next', 'this')");
				this.handled.add("attempt " + item.attempt());
				nextGoesOn.await(30, TimeUnit.SECONDS);
				return WorkOutcome.done();
			});
			awaitHandled(1);
			lateGoesOn.countDown();
			assertThat(late).succeedsWithin(Eventually.TIMEOUT)
				.isEqualTo(TransactionSynchronization.STATUS_ROLLED_BACK);
			assertThat(ofQueue("work_items")).isOne();
			nextGoesOn.countDown();
			awaitNothingLeft();
		}
		assertThat(effects()).containsExactly("next");
		assertThat(this.handled).containsExactly("attempt 1");
	}

	@Test
	void whatAStopCouldNotGiveBackIsGivenBackLater() throws Exception {
		CountDownLatch goOn = new CountDownLatch(1);
		List<String> byOther = Collections.synchronizedList(new ArrayList<>());
		try (Instance other = Instance.start(database, "durable-notify.work.shutdown-timeout=100ms")) {
			WorkListeners stopping = other.bean(WorkListeners.class);
			stopping.register(WorkListenerSpec.of(this.queue).concurrency(1).prefetch(9), (item) -> {
				byOther.add(text(item));
				goOn.await(60, TimeUnit.SECONDS);
				return WorkOutcome.done();
			});
			this.work.enqueueAll(IntStream.range(0, 3).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
			Eventually.await(
					() -> handling(other, this.queue).equals(new QueueListenerState(this.queue, 1, 1, 3, null)),
					this::state);
			try (Connection locking = lock("SELECT FROM durable_notify.work_claims FOR UPDATE")) {
				((Lifecycle) stopping).stop();
				locking.rollback();
			}
			listen(WorkListenerSpec.of(this.queue), (item) -> {
				assertThat(item.attempt()).isOne();
				return record(item);
			});
			awaitHandled(3);
			awaitNothingLeft();
			goOn.countDown();
		}
		assertThat(byOther).containsExactly("0");
		assertThat(this.handled).containsExactlyInAnyOrder("0", "1", "2");
	}

	@Test
	void whatIsClaimedDuringAStopIsGivenBackLater() throws Exception {
		try (Instance other = Instance.start(database)) {
			WorkListeners stopping = other.bean(WorkListeners.class);
			stopping.register(WorkListenerSpec.of(this.queue), (item) -> {
				this.handled.add("by the other");
				return WorkOutcome.done();
			});
			this.work.enqueue(WorkRequest.of(this.queue, "first"));
			awaitHandled(1);
			awaitNothingLeft();
			// In which a claim is written
			try (Connection locking = lock("LOCK TABLE durable_notify.work_claims IN EXCLUSIVE MODE")) {
				this.work.enqueue(WorkRequest.of(this.queue, "a"));
				Eventually.await(() -> !waiting().isEmpty(), WorkEngineTests::waiting);
				((Lifecycle) stopping).stop();
				locking.rollback();
			}
			listen(WorkListenerSpec.of(this.queue), this::record);
			awaitHandled(2);
			awaitNothingLeft();
			assertThat(this.handled).containsExactly("by the other", "a");
		}
	}

	@Test
	void withoutTheListenerTheSameHappensAtThePaceOfThePoll() {
		try (Instance deaf = Instance.start(database, "durable-notify.listener.enabled=false",
				"durable-notify.poll.interval=1s", "durable-notify.work.poll-interval=200ms")) {
			deaf.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), this::record);
			for (int i = 0; i < 5; i++) {
				this.work.enqueue(WorkRequest.of(this.queue, "" + i));
				awaitHandled(i + 1);
			}
			awaitNothingLeft();
		}
	}

	@Test
	void anErrorThatTheDatabaseCannotStoreHoldsUpNoOther() {
		listen(WorkListenerSpec.of(this.queue).maxAttempts(1), (item) -> {
			if (text(item).startsWith("bad")) {
				throw new IllegalStateException("a NUL \0, half a pair \ud800, and much more ".repeat(1000));
			}
			return record(item);
		});
		for (int i = 0; i < 10; i++) {
			this.work.enqueue(WorkRequest.of(this.queue, "bad " + i));
			this.work.enqueue(WorkRequest.of(this.queue, "good " + i));
		}
		awaitHandled(10);
		Eventually.await(() -> dead() == 10, this::state);
		awaitNothingLeft();
		assertThat(deadError()).contains("a NUL ?").hasSizeLessThan(5000);
	}

	@Test
	void aCompletionThatASavepointUndoesIsNotBelieved() {
		TransactionTemplate nested = instance.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		listen(WorkListenerSpec.of(this.queue).inTransaction().backoff(SOON), (item) -> {
			instance.jdbc().update("INSERT INTO effects VALUES (?, 'outer')", text(item));
			nested.executeWithoutResult((status) -> {
				item.complete();
				status.setRollbackOnly();
			});
			return record(item);
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		awaitHandled(1);
		awaitNothingLeft();
		assertThat(effects()).containsExactly("a");
		assertThat(this.handled).containsExactly("a");
	}

	@Test
	void whatIsShortIsHandledBesideHandlersThatRunLong() throws Exception {
		CountDownLatch goOn = new CountDownLatch(1);
		listen(WorkListenerSpec.of(this.queue).concurrency(8).prefetch(0), (item) -> {
			if (text(item).equals("long")) {
				goOn.await(60, TimeUnit.SECONDS);
			}
			return record(item);
		});
		List<WorkRequest> requests = new ArrayList<>();
		for (int i = 0; i < 30; i++) {
			requests.add(WorkRequest.of(this.queue, (i % 4 == 0 && i < 28) ? "long" : "short " + i));
		}
		this.work.enqueueAll(requests);
		awaitHandled(23);
		assertThat(this.handled).doesNotContain("long");
		goOn.countDown();
		awaitHandled(30);
		awaitNothingLeft();
	}

	@Test
	void whatIsShortIsGivenBackWhenAllHandlersTurnLong() throws Exception {
		CountDownLatch goOn = new CountDownLatch(1);
		WorkHandler handler = (item) -> {
			if (text(item).equals("long")) {
				goOn.await(60, TimeUnit.SECONDS);
			}
			return record(item);
		};
		try (Instance other = Instance.start(database, "durable-notify.work.poll-interval=1h")) {
			listen(WorkListenerSpec.of(this.queue), handler);
			this.work.enqueueAll(IntStream.range(0, 200).mapToObj((i) -> WorkRequest.of(this.queue, "" + i)).toList());
			awaitHandled(200);
			awaitNothingLeft();
			this.work.enqueueAll(IntStream.range(0, 28)
				.mapToObj((i) -> WorkRequest.of(this.queue, (i < 8) ? "long" : "short " + i))
				.toList());
			Eventually.await(() -> handling().equals(new QueueListenerState(this.queue, 8, 8, 28, null)), this::state);
			other.bean(WorkListeners.class).register(WorkListenerSpec.of(this.queue), (item) -> {
				assertThat(item.attempt()).isOne();
				return handler.handle(item);
			});
			awaitHandled(220);
			Eventually.await(() -> handling().equals(new QueueListenerState(this.queue, 8, 8, 8, null)), this::state);
			assertThat(this.handled).doesNotContain("long").doesNotHaveDuplicates();
			goOn.countDown();
			awaitHandled(228);
			awaitNothingLeft();
		}
	}

	@Test
	void aListenerThatIsRegisteredInATransactionBeginsAfterIt() {
		for (boolean rollback : List.of(false, true)) {
			String other = this.queue + "-" + rollback;
			instance.transaction().executeWithoutResult((status) -> {
				// Locks the queue
				this.work.enqueue(WorkRequest.of(other, "own"));
				listen(WorkListenerSpec.of(other), this::record);
				assertThatIllegalStateException()
					.isThrownBy(() -> this.listeners.register(WorkListenerSpec.of(other), this::record));
				if (rollback) {
					status.setRollbackOnly();
				}
			});
			this.work.enqueue(WorkRequest.of(other, "later"));
			awaitHandled((rollback) ? 3 : 2);
		}
		assertThat(this.handled).containsExactlyInAnyOrder("own", "later", "later");
	}

	@Test
	void aListenerThatIsCancelledBeforeItsTransactionEndsNeverBegins() {
		instance.transaction().executeWithoutResult((status) -> {
			listen(WorkListenerSpec.of(this.queue), this::record);
			this.subscriptions.remove(0).cancel();
			this.work.enqueue(WorkRequest.of(this.queue, "a"));
		});
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			this.handled.add("second");
			return WorkOutcome.done();
		});
		awaitHandled(1);
		assertThat(this.handled).containsExactly("second");
	}

	@Test
	void aHandlerMayCancelWhileTheListenersStop() throws Exception {
		CountDownLatch running = new CountDownLatch(1);
		WorkListenerRegistry registry = (WorkListenerRegistry) this.listeners;
		listen(WorkListenerSpec.of(this.queue), (item) -> {
			running.countDown();
			Eventually.await(() -> !registry.isRunning(), () -> "running");
			this.subscriptions.forEach(Subscription::cancel);
			assertThat(this.subscriptions).noneMatch(Subscription::isActive);
			return record(item);
		});
		this.work.enqueue(WorkRequest.of(this.queue, "a"));
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		registry.stop();
		assertThat(this.handled).containsExactly("a");
		registry.start();
		awaitNothingLeft();
	}

	@Test
	@SuppressWarnings("NullAway")
	void aListenerHasAHandler() {
		WorkListenerSpec spec = WorkListenerSpec.of(this.queue);
		assertThatIllegalArgumentException().isThrownBy(() -> this.listeners.register(spec, null));
		assertThatIllegalArgumentException().isThrownBy(() -> this.listeners.registerBatch(spec, null));
	}

	@Test
	void aQueueHasOneListenerInAnInstance() {
		listen(WorkListenerSpec.of(this.queue), this::record);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.listeners.register(WorkListenerSpec.of("other", this.queue), this::record))
			.withMessageContaining(this.queue);
	}

	/**
	 * A transaction manager whose next transactions cannot begin.
	 */
	@Configuration(proxyBeanMethods = false)
	static class FailingTransactions {

		static final AtomicInteger left = new AtomicInteger();

		@Bean
		PlatformTransactionManager transactionManager(DataSource dataSource) {
			return new JdbcTransactionManager(dataSource) {

				@Override
				protected void doBegin(Object transaction, TransactionDefinition definition) {
					if (left.getAndDecrement() > 0) {
						throw new CannotCreateTransactionException("no transaction");
					}
					super.doBegin(transaction, definition);
				}

			};
		}

	}

	/**
	 * An executor whose threads begin when the test says so.
	 */
	@Configuration(proxyBeanMethods = false)
	static class HeldThreads {

		static volatile CountDownLatch goOn = new CountDownLatch(0);

		@Bean
		AsyncTaskExecutor durableNotifyWorkExecutor() {
			SimpleAsyncTaskExecutor executor = new SimpleAsyncTaskExecutor("held-");
			executor.setTaskDecorator((task) -> () -> {
				try {
					goOn.await(30, TimeUnit.SECONDS);
				}
				catch (InterruptedException ex) {
					throw new IllegalStateException(ex);
				}
				task.run();
			});
			return executor;
		}

	}

	/**
	 * An observation handler that fails once with an {@link Error}.
	 */
	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(DurableNotifyObservationAutoConfiguration.class)
	static class FailingObservations implements ObservationHandler<AttemptContext> {

		static final AtomicBoolean failing = new AtomicBoolean();

		@Bean
		ObservationRegistry observationRegistry() {
			ObservationRegistry registry = ObservationRegistry.create();
			registry.observationConfig().observationHandler(this);
			return registry;
		}

		@Override
		public void onStart(AttemptContext context) {
			if (context.getItems().size() == 1 && text((WorkItem) context.getItems().get(0)).equals("error")
					&& failing.compareAndSet(true, false)) {
				throw new AssertionError("once");
			}
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return context instanceof AttemptContext;
		}

	}

}
