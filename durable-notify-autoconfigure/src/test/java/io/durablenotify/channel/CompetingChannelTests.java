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

package io.durablenotify.channel;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for competing channels in two instances of an application.
 */
@ExtendWith(OutputCaptureExtension.class)
class CompetingChannelTests {

	private static final String BACKOFF = "durable-notify.work.backoff.delay=50ms";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { BACKOFF, "spring.datasource.hikari.connection-init-sql=SET application_name = 'pool'" },
			sources = JacksonAutoConfiguration.class)
	private static Instance first;

	@Fixture(properties = BACKOFF, sources = JacksonAutoConfiguration.class)
	private static Instance second;

	private final List<Subscription> subscriptions = new ArrayList<>();

	private final List<Message> handled = new CopyOnWriteArrayList<>();

	@BeforeAll
	static void createTable() {
		database.jdbc().execute("CREATE TABLE effects (effect text)");
	}

	@AfterEach
	void clear() {
		this.subscriptions.forEach(Subscription::cancel);
		database.jdbc().execute("TRUNCATE effects");
		ChannelTables.clear(database);
	}

	private static DurableChannels channels(Instance instance) {
		return instance.bean(DurableChannels.class);
	}

	private void compete(Instance instance, String channel) {
		this.subscriptions.add(channels(instance).compete(channel, (spec) -> spec.inTransaction().concurrency(4),
				(message) -> handle(instance, message)));
	}

	private void handle(Instance instance, Message message) {
		instance.jdbc().update("INSERT INTO effects VALUES (?)", message.text());
		this.handled.add(message);
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT effect FROM effects ORDER BY effect", String.class);
	}

	private void awaitHandled(int size) {
		Eventually.await(() -> effects().size() >= size && ChannelTables.count(database, "work_items") == 0,
				() -> this.handled + " " + effects() + ChannelTables.state(database));
	}

	@Test
	void eachMessageIsHandledByOneSubscriber() {
		Map<String, Instance> by = new ConcurrentHashMap<>();
		Map<Instance, CountDownLatch> handling = Map.of(first, new CountDownLatch(1), second, new CountDownLatch(1));
		for (Instance instance : List.of(first, second)) {
			this.subscriptions
				.add(channels(instance).compete("shared", (spec) -> spec.inTransaction().prefetch(0), (message) -> {
					handle(instance, message);
					by.put(message.text(), instance);
					handling.get(instance).countDown();
					handling.get(other(instance)).await(30, TimeUnit.SECONDS);
				}));
		}
		for (int i = 0; i < 100; i++) {
			channels((i % 2 == 0) ? first : second).publish("shared", "m%03d".formatted(i));
		}
		awaitHandled(100);
		assertThat(effects()).hasSize(100).doesNotHaveDuplicates();
		assertThat(by.values()).contains(first, second);
	}

	private static Instance other(Instance instance) {
		return (instance == first) ? second : first;
	}

	@Test
	void messagesWaitForTheirFirstSubscriber() {
		channels(first).create("early", ChannelMode.COMPETING);
		String id = channels(first).publish("early", ChannelMessage.of("hello").header("tenant", "t"));
		compete(second, "early");
		awaitHandled(1);
		Message message = this.handled.get(0);
		assertThat(message.id()).isEqualTo(id);
		assertThat(message.channel()).isEqualTo("early");
		assertThat(message.address()).isNull();
		assertThat(message.headers()).containsExactly(Map.entry("tenant", "t"));
		assertThat(message.sentAt()).isNotNull();
		assertThat(message.fencingToken()).isPositive();
		assertThat(message.toString()).doesNotContain("hello");
	}

	@Test
	void aMessageIsPartOfTheTransaction() {
		compete(second, "transaction");
		first.transaction().executeWithoutResult((status) -> {
			channels(first).publish("transaction", "rolled back");
			status.setRollbackOnly();
		});
		first.transaction().executeWithoutResult((status) -> channels(first).publish("transaction", "committed"));
		awaitHandled(1);
		assertThat(effects()).containsExactly("committed");
	}

	@Test
	void aHandlerThatFailsHasNoEffectAndGetsTheMessageAgain() {
		List<String> attempts = new CopyOnWriteArrayList<>();
		this.subscriptions.add(channels(first).compete("failing", (spec) -> spec.inTransaction(), (message) -> {
			handle(first, message);
			attempts.add(message.id());
			if (attempts.size() == 1) {
				throw new java.io.IOException("expected");
			}
		}));
		String id = channels(first).publish("failing", "x");
		awaitHandled(1);
		assertThat(attempts).containsExactly(id, id);
		assertThat(effects()).containsExactly("x");
	}

	@Test
	void aHandlerCanCompleteInATransactionOfItsOwn() {
		List<Integer> attempts = new CopyOnWriteArrayList<>();
		this.subscriptions.add(channels(first).compete("own", (message) -> {
			attempts.add(attempts.size() + 1);
			assertThatIllegalStateException().isThrownBy(message::complete);
			first.transaction().executeWithoutResult((status) -> {
				handle(first, message);
				message.complete();
				if (attempts.size() == 1) {
					status.setRollbackOnly();
				}
			});
		}));
		channels(first).publish("own", "x");
		awaitHandled(1);
		assertThat(effects()).containsExactly("x");
		assertThat(attempts).containsExactly(1, 2);
	}

	@Test
	void aConnectionThatIsLostBeforeTheCommitHasTheMessageDeliveredAgain() {
		List<String> attempts = new CopyOnWriteArrayList<>();
		this.subscriptions.add(channels(first).compete("lost", (spec) -> spec.inTransaction(), (message) -> {
			handle(first, message);
			attempts.add(message.id());
			if (attempts.size() == 1) {
				int pid = first.jdbc().queryForObject("SELECT pg_backend_pid()", Integer.class);
				database.jdbc().queryForObject("SELECT pg_terminate_backend(?)", Boolean.class, pid);
			}
		}));
		channels(second).publish("lost", "x");
		awaitHandled(1);
		assertThat(effects()).containsExactly("x");
		assertThat(attempts).hasSize(2);
	}

	@Test
	void terminatedBackendsLoseNothing() {
		compete(first, "terminated");
		compete(second, "terminated");
		List<String> published = new ArrayList<>();
		for (int i = 0; i < 60; i++) {
			if (i % 15 == 7) {
				database.terminate("pool");
				database.terminate(Instance.LISTENER);
			}
			try {
				channels((i % 2 == 0) ? first : second).publish("terminated", "m" + i);
				published.add("m" + i);
			}
			catch (DataAccessException ex) {
				// It may be stored or not
			}
		}
		Eventually.await(() -> effects().containsAll(published), () -> effects() + "" + ChannelTables.state(database));
		assertThat(effects()).doesNotHaveDuplicates();
	}

	@Test
	void whatIsNoMessageOrCannotBeReadIsDead() {
		this.subscriptions.add(channels(first).compete("poison", (message) -> message.payload(Order.class)));
		channels(first).publish("poison", "secret");
		first.bean(WorkQueue.class).enqueue(WorkRequest.of("channel/poison", "secret"));
		channels(first).publish("poison", new Order("7"));
		Eventually.await(() -> ChannelTables.count(database, "work_dead") == 2
				&& ChannelTables.count(database, "work_items") == 0, () -> ChannelTables.state(database));
		assertThat(database.jdbc().queryForList("SELECT last_error FROM durable_notify.work_dead", String.class))
			.allSatisfy((error) -> assertThat(error).doesNotContain("secret"))
			.anySatisfy((error) -> assertThat(error).contains("cannot be read as"))
			.anySatisfy((error) -> assertThat(error).contains("is no message: it is no JSON"));
	}

	record Order(String id) {
	}

	@Test
	void aSubscriberMayBeRegisteredInATransaction() {
		first.transaction().executeWithoutResult((status) -> {
			compete(first, "registered");
			channels(first).publish("registered", "x");
		});
		awaitHandled(1);
	}

	@Test
	void aSubscriberMayBeRegisteredByTheTransactionThatCreatesItsChannel() {
		first.transaction().executeWithoutResult((status) -> {
			channels(first).create("created", ChannelMode.COMPETING);
			channels(first).publish("created", "x");
			assertThatExceptionOfType(ChannelModeException.class)
				.isThrownBy(() -> channels(first).handle("created", this.handled::add));
			compete(first, "created");
			assertThatIllegalStateException().isThrownBy(() -> compete(first, "created"));
		});
		awaitHandled(1);
	}

	@Test
	void aSubscriberThatWasRegisteredInATransactionStaysAfterItsRollback() {
		first.transaction().executeWithoutResult((status) -> {
			compete(first, "rolled-back");
			channels(first).publish("rolled-back", "never");
			status.setRollbackOnly();
		});
		Eventually.await(
				() -> ChannelTables.count(database,
						"work_queues WHERE name = 'channel/rolled-back' AND kind IS NOT NULL") == 1,
				() -> ChannelTables.state(database));
		channels(second).publish("rolled-back", "x");
		awaitHandled(1);
		assertThat(effects()).containsExactly("x");
	}

	@Test
	void aSubscriberDoesNotGetTheMessagesOfAChannelThatHasGotAnotherMode(CapturedOutput output) {
		TransactionTemplate readOnly = first.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			compete(first, "taken");
			Background.run(() -> channels(second).send("taken", "address", "x")).join();
		});
		Eventually.await(
				() -> output.getOut().contains("Failed to claim items of queue 'channel/taken': Channel 'taken'"),
				() -> ChannelTables.state(database));
		assertThat(channels(second).receive("taken", "address", Eventually.TIMEOUT)).isPresent();
		assertThat(effects()).isEmpty();
	}

	@Test
	void anApplicationHasOneSubscriber() {
		compete(first, "single");
		assertThatIllegalStateException().isThrownBy(() -> compete(first, "single"));
		this.subscriptions.get(0).cancel();
		compete(first, "single");
	}

}
