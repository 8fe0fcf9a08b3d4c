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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.stream.StreamConsumer;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.PermanentFailureException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;
import org.springframework.util.StringUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for broadcast channels in two instances of an application.
 */
class BroadcastChannelTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "spring.datasource.hikari.connection-init-sql=SET application_name = 'pool'",
			sources = JacksonAutoConfiguration.class)
	private static Instance first;

	@Fixture(sources = JacksonAutoConfiguration.class)
	private static Instance second;

	private final List<Subscription> subscriptions = new ArrayList<>();

	@BeforeAll
	static void createTable() {
		database.jdbc().execute("CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, effect text)");
	}

	@AfterEach
	void clear() {
		this.subscriptions.forEach(Subscription::cancel);
		database.jdbc().execute("TRUNCATE effects");
	}

	private static DurableChannels channels(Instance instance) {
		return instance.bean(DurableChannels.class);
	}

	private List<String> subscribe(Instance instance, String channel, String subscriber) {
		List<String> received = new CopyOnWriteArrayList<>();
		subscribe(instance, channel, subscriber, UnaryOperator.identity(), (message) -> received.add(message.text()));
		return received;
	}

	private Subscription subscribe(Instance instance, String channel, String subscriber,
			UnaryOperator<StreamConsumer> settings, MessageHandler handler) {
		Subscription subscription = channels(instance).subscribe(channel, subscriber, settings, handler);
		this.subscriptions.add(subscription);
		return subscription;
	}

	private static void publish(Instance instance, String channel, int from, int to) {
		IntStream.range(from, to).forEach((i) -> channels(instance).publish(channel, "m" + i));
	}

	private static List<String> messages(int from, int to) {
		return IntStream.range(from, to).mapToObj((i) -> "m" + i).toList();
	}

	private static void await(List<String> received, List<String> expected, String channel) {
		Eventually.await(() -> received.size() >= expected.size(),
				() -> received + " " + channels(first).subscribers(channel));
		assertThat(received).isEqualTo(expected);
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT effect FROM effects ORDER BY id", String.class);
	}

	@Test
	void eachSubscriberGetsEachMessageInOrder() {
		List<String> a = subscribe(first, "all", "a");
		List<String> b = subscribe(second, "all", "b");
		for (int i = 0; i < 40; i++) {
			publish((i % 2 == 0) ? first : second, "all", i, i + 1);
		}
		await(a, messages(0, 40), "all");
		await(b, messages(0, 40), "all");
	}

	@Test
	void aNewSubscriberBeginsAtTheEndAndGoesOnWhereItWas() {
		channels(first).create("resumed", ChannelMode.BROADCAST);
		publish(first, "resumed", 0, 3);
		List<String> a = subscribe(second, "resumed", "a");
		publish(first, "resumed", 3, 6);
		await(a, messages(3, 6), "resumed");
		this.subscriptions.get(0).cancel();
		Eventually.await(
				() -> channels(first).subscribers("resumed").get(0).owner() == null
						&& channels(first).subscribers("resumed").get(0).lag() == 0,
				() -> channels(first).subscribers("resumed"));
		publish(first, "resumed", 6, 9);
		await(subscribe(first, "resumed", "a"), messages(6, 9), "resumed");
	}

	@Test
	void anotherInstanceTakesOverASubscriber() {
		Instance gone = Instance.start(database, (application) -> application.sources(JacksonAutoConfiguration.class));
		List<String> there = new CopyOnWriteArrayList<>();
		channels(gone).subscribe("handed-over", "a", (message) -> there.add(message.text()));
		Eventually.await(() -> channels(first).subscribers("handed-over").get(0).owner() != null,
				() -> channels(first).subscribers("handed-over"));
		List<String> here = subscribe(first, "handed-over", "a");
		publish(first, "handed-over", 0, 5);
		Eventually.await(() -> there.size() >= 5, () -> there + " " + here);
		gone.close();
		publish(first, "handed-over", 5, 10);
		Eventually.await(() -> here.contains("m9"), () -> there + " " + here);
		assertThat(there).isEqualTo(messages(0, 5));
		assertThat(here).isEqualTo(messages(5, 10));
	}

	@Test
	void aMessageIsPartOfTheTransaction() {
		List<String> received = subscribe(second, "transaction", "a");
		first.transaction().executeWithoutResult((status) -> {
			channels(first).publish("transaction", "rolled back");
			status.setRollbackOnly();
		});
		first.transaction().executeWithoutResult((status) -> channels(first).publish("transaction", "committed"));
		await(received, List.of("committed"), "transaction");
	}

	@Test
	void aTransactionalSubscriberHasEachEffectOnceAlsoIfItFails() {
		List<String> attempts = new CopyOnWriteArrayList<>();
		subscribe(first, "once", "a", (consumer) -> consumer.inTransaction(), (message) -> {
			first.jdbc().update("INSERT INTO effects (effect) VALUES (?)", message.text());
			attempts.add(message.text());
			if (attempts.size() == 2) {
				throw new IllegalStateException("expected");
			}
			if (attempts.size() == 4) {
				int pid = first.jdbc().queryForObject("SELECT pg_backend_pid()", Integer.class);
				database.jdbc().queryForObject("SELECT pg_terminate_backend(?)", Boolean.class, pid);
			}
		});
		publish(second, "once", 0, 10);
		Eventually.await(() -> effects().size() >= 10, () -> effects() + " " + channels(first).subscribers("once"));
		assertThat(effects()).isEqualTo(messages(0, 10));
		assertThat(attempts).hasSizeGreaterThan(11);
	}

	@Test
	void terminatedBackendsLoseNothing() {
		subscribe(first, "terminated", "a", (consumer) -> consumer.inTransaction(),
				(message) -> first.jdbc().update("INSERT INTO effects (effect) VALUES (?)", message.text()));
		List<String> published = new ArrayList<>();
		for (int i = 0; i < 40; i++) {
			if (i % 10 == 5) {
				database.terminate("pool");
				database.terminate(Instance.LISTENER);
			}
			try {
				publish((i % 2 == 0) ? first : second, "terminated", i, i + 1);
				published.add("m" + i);
			}
			catch (DataAccessException ex) {
				// It may be stored or not
			}
		}
		Eventually.await(() -> effects().containsAll(published),
				() -> effects() + " " + channels(first).subscribers("terminated"));
		assertThat(effects()).doesNotHaveDuplicates();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aMessageThatCannotBeReadIsLoggedOnceAndHoldsUpNoOther(CapturedOutput output) {
		List<Integer> received = new CopyOnWriteArrayList<>();
		List<String> transactional = new CopyOnWriteArrayList<>();
		subscribe(first, "poison", "a", UnaryOperator.identity(),
				(message) -> received.add(message.payload(Integer.class)));
		subscribe(first, "poison", "b", (consumer) -> consumer.inTransaction(),
				(message) -> transactional.add(message.text()));
		channels(first).publish("poison", 1);
		channels(first).publish("poison", "no number");
		first.bean(StreamWriter.class).append("channel/poison", "no message");
		channels(first).publish("poison", 2);
		Eventually.await(() -> received.size() == 2 && transactional.size() == 3, () -> received + "" + transactional);
		assertThat(received).containsExactly(1, 2);
		assertThat(transactional).containsExactly("1", "no number", "2");
		assertThat(StringUtils.countOccurrencesOf(output.toString(), "of channel 'poison' leaves out message"))
			.isEqualTo(3);
		assertThat(output).doesNotContain("has failed with stream 'channel/poison'");
	}

	@Test
	void aMessageThatFailsForGoodHasNoEffect() {
		subscribe(first, "permanent", "a", (consumer) -> consumer.inTransaction(), (message) -> {
			first.jdbc().update("INSERT INTO effects (effect) VALUES (?)", message.text());
			if (message.text().equals("m1") || message.text().equals("m3")) {
				// As a service would that takes part in the transaction
				first.transaction().executeWithoutResult((status) -> {
					throw new PermanentFailureException("expected");
				});
			}
		});
		subscribe(first, "permanent", "b", UnaryOperator.identity(),
				(message) -> first.transaction().executeWithoutResult((status) -> {
					first.jdbc().update("INSERT INTO effects (effect) VALUES (?)", "own " + message.text());
					message.complete();
					if (message.text().equals("m2")) {
						throw new PermanentFailureException("expected");
					}
				}));
		first.transaction().executeWithoutResult((status) -> publish(first, "permanent", 0, 5));
		Eventually.await(() -> effects().containsAll(List.of("m4", "own m4")),
				() -> effects() + " " + channels(first).subscribers("permanent"));
		assertThat(effects()).filteredOn((effect) -> effect.startsWith("m")).containsExactly("m0", "m2", "m4");
		assertThat(effects()).filteredOn((effect) -> effect.startsWith("own"))
			.containsExactly("own m0", "own m1", "own m3", "own m4");
		awaitLag("permanent", 0);
	}

	@Test
	void messagesAreTrimmedWhileSubscribersReadThem() {
		List<String> a = subscribe(first, "trimmed", "a");
		List<String> b = subscribe(second, "trimmed", "b");
		for (int i = 0; i < 100; i++) {
			publish(first, "trimmed", i, i + 1);
			if (i % 10 == 9) {
				clean(Duration.ofDays(7));
			}
		}
		await(a, messages(0, 100), "trimmed");
		await(b, messages(0, 100), "trimmed");
		cleanUntilOneIsLeft("trimmed", Duration.ofDays(7));
	}

	@Test
	void subscribersAreListedAndRemoved() {
		subscribe(first, "listed", "a");
		Subscription cancelled = subscribe(second, "listed", "b", UnaryOperator.identity(), (message) -> {
		});
		subscribe(second, "listed/other", "c");
		Eventually.await(() -> channels(first).subscribers("listed").stream().allMatch((each) -> each.owner() != null),
				() -> channels(first).subscribers("listed"));
		cancelled.cancel();
		Eventually.await(() -> channels(first).subscribers("listed").get(1).owner() == null,
				() -> channels(first).subscribers("listed"));
		publish(first, "listed", 0, 3);
		assertThat(channels(second).subscribers("listed")).extracting(ChannelSubscriber::name)
			.containsExactly("a", "b");
		assertThat(channels(second).subscribers("listed").get(1)).satisfies((subscriber) -> {
			assertThat(subscriber.channel()).isEqualTo("listed");
			assertThat(subscriber.lag()).isEqualTo(3);
			assertThat(subscriber.lastActiveAt()).isNotNull();
		});
		assertThat(channels(first).removeSubscriber("listed", "b")).isTrue();
		assertThat(channels(first).removeSubscriber("listed", "b")).isFalse();
		assertThat(channels(second).subscribers("listed")).hasSize(1);
	}

	@Test
	void messagesAreKeptForSubscribersThatHaveNotHadThem() {
		leaveBehind("kept");
		clean(Duration.ofDays(7));
		assertThat(chunks("kept")).isEqualTo(10);
		await(subscribe(second, "kept", "b"), messages(0, 10), "kept");
		awaitLag("kept", 0);
		cleanUntilOneIsLeft("kept", Duration.ofDays(7));
		publish(first, "kept", 10, 11);
		awaitLag("kept", 0);
	}

	@Test
	void aSubscriberThatWasAwayForTooLongIsToldOfTheGap() {
		leaveBehind("gap");
		cleanUntilOneIsLeft("gap", Duration.ZERO);
		List<Object> received = new CopyOnWriteArrayList<>();
		subscribe(second, "gap", "b", UnaryOperator.identity(), new MessageHandler() {

			@Override
			public void onMessage(Message message) {
				received.add(message.text());
			}

			@Override
			public void onGap(ChannelGap gap) {
				received.add(gap);
			}

		});
		publish(first, "gap", 10, 11);
		Eventually.await(() -> received.contains("m10"), () -> received);
		assertThat(received).containsExactly(new ChannelGap("gap", "b", 9), "m9", "m10");
	}

	/**
	 * Publish 10 messages, of which one subscriber has all and the other none.
	 */
	private void leaveBehind(String channel) {
		List<String> a = subscribe(first, channel, "a");
		Subscription b = subscribe(second, channel, "b", UnaryOperator.identity(), (message) -> {
		});
		b.cancel();
		publish(first, channel, 0, 10);
		await(a, messages(0, 10), channel);
		Eventually.await(
				() -> channels(first).subscribers(channel).get(0).lag() == 0
						&& channels(first).subscribers(channel).get(1).owner() == null,
				() -> channels(first).subscribers(channel));
	}

	private static void awaitLag(String channel, long lag) {
		Eventually.await(
				() -> channels(first).subscribers(channel).stream().allMatch((subscriber) -> subscriber.lag() == lag),
				() -> channels(first).subscribers(channel));
	}

	@Test
	void aFewMessagesDoNotKeepTheJanitorRunning() {
		List<String> a = subscribe(first, "few", "a");
		publish(first, "few", 0, 2);
		await(a, messages(0, 2), "few");
		awaitLag("few", 0);
		assertThat(clean(Duration.ofDays(7))).isFalse();
		cleanUntilOneIsLeft("few", Duration.ofDays(7));
	}

	@Test
	void aBacklogOfLargeMessagesIsOneAlsoIfASliceHasFewOfThem() {
		channels(first).create("large", ChannelMode.BROADCAST);
		channels(first).publish("large", "m0");
		database.jdbc().execute("""
				INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data)
				SELECT stream_id, 1, convert_to(repeat('x', 8000000), 'UTF8')
				FROM durable_notify.streams WHERE name = 'channel/large'""");
		database.jdbc().execute("""
				INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data)
				SELECT c.stream_id, i, c.data FROM durable_notify.stream_chunks c
				JOIN durable_notify.streams s ON s.stream_id = c.stream_id, generate_series(2, 120) i
				WHERE s.name = 'channel/large' AND c.chunk_index = 1""");
		subscribe(first, "large", "a");
		// Ten slices of nine: a slice has 64 MB
		assertThat(clean(Duration.ofDays(7))).isTrue();
		assertThat(chunks("large")).isBetween(20, 40);
		assertThat(clean(Duration.ofDays(7))).isFalse();
		assertThat(chunks("large")).isEqualTo(1);
	}

	private static boolean clean(Duration subscriberLimit) {
		return new ChannelJanitor(first.bean(ApplicationDatabase.class), first.bean(ChannelSql.class),
				first.bean(ChannelModes.class), null, subscriberLimit, ChannelJanitor.INTERVAL)
			.run();
	}

	/**
	 * The last one stays, by which the next is numbered.
	 */
	private static void cleanUntilOneIsLeft(String channel, Duration subscriberLimit) {
		Eventually.await(() -> {
			clean(subscriberLimit);
			return chunks(channel) == 1;
		}, () -> chunks(channel) + " of " + channels(first).subscribers(channel));
	}

	private static int chunks(String channel) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_chunks c JOIN durable_notify.streams s "
					+ "ON s.stream_id = c.stream_id WHERE s.name = ?", Integer.class, "channel/" + channel);
	}

	@Test
	void otherUsesOfTheChannelAreRefused() {
		subscribe(first, "refusing", "a");
		assertThatExceptionOfType(ChannelModeException.class)
			.isThrownBy(() -> channels(second).compete("refusing", (message) -> {
			}));
		assertThatExceptionOfType(ChannelModeException.class)
			.isThrownBy(() -> channels(second).send("refusing", "a", "x"));
		assertThatIllegalArgumentException().isThrownBy(() -> subscribe(first, "refusing", "a/b"))
			.withMessageContaining("slash");
	}

}
