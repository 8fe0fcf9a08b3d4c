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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.dao.PessimisticLockingFailureException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for the modes of channels, which the database fixes.
 */
class ChannelModesTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static Instance other;

	@AfterEach
	void clear() {
		ChannelTables.clear(database);
	}

	private static DurableChannels channels(Instance instance) {
		return instance.bean(DurableChannels.class);
	}

	private static String kind(String channel) {
		return database.jdbc()
			.queryForObject("SELECT max(kind) FROM durable_notify.work_queues WHERE name = ?", String.class,
					"channel/" + channel);
	}

	@Test
	void aChannelKeepsItsMode() {
		channels(instance).create("keeps", ChannelMode.COMPETING);
		for (Instance user : new Instance[] { instance, other }) {
			channels(user).create("keeps", ChannelMode.COMPETING);
			assertThatExceptionOfType(ChannelModeException.class)
				.isThrownBy(() -> channels(user).create("keeps", ChannelMode.BROADCAST))
				.withMessage("Channel 'keeps' is COMPETING, but must be BROADCAST: use another name, since a channel "
						+ "keeps its mode")
				.matches((ex) -> ex.mode() == ChannelMode.COMPETING);
			assertThatExceptionOfType(ChannelModeException.class)
				.isThrownBy(() -> channels(user).send("keeps", "a", "x"));
			assertThatExceptionOfType(ChannelModeException.class)
				.isThrownBy(() -> channels(user).handle("keeps", (message) -> {
				}));
		}
		assertThat(ChannelTables.count(database, "work_lane_items")).isZero();
	}

	@Test
	void publishingToAChannelThatDoesNotExistSaysWhatToDo() {
		assertThatIllegalStateException().isThrownBy(() -> channels(instance).publish("missing", "x"))
			.withMessageContaining("Channel 'missing' does not exist")
			.withMessageContaining("create(\"missing\", ChannelMode.COMPETING)");
		channels(other).create("missing", ChannelMode.COMPETING);
		channels(instance).publish("missing", "x");
	}

	@Test
	void ofTwoModesAtTheSameTimeTheFirstCommitCounts() throws Exception {
		CompletableFuture<Void> second = createWhileAnotherCreates("commits", false);
		assertThat(second).failsWithin(30, TimeUnit.SECONDS)
			.withThrowableThat()
			.withCauseInstanceOf(ChannelModeException.class);
		assertThat(kind("commits")).isEqualTo("channel-competing");
	}

	@Test
	void ofTwoModesAtTheSameTimeTheSecondCountsIfTheFirstRollsBack() throws Exception {
		CompletableFuture<Void> second = createWhileAnotherCreates("rolls-back", true);
		assertThat(second).succeedsWithin(30, TimeUnit.SECONDS);
		assertThat(kind("rolls-back")).isEqualTo("channel-direct");
		assertThatExceptionOfType(ChannelModeException.class)
			.isThrownBy(() -> channels(instance).create("rolls-back", ChannelMode.COMPETING));
	}

	private static CompletableFuture<Void> createWhileAnotherCreates(String channel, boolean rollback)
			throws InterruptedException {
		CountDownLatch end = new CountDownLatch(1);
		CompletableFuture<Void> first = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			channels(instance).create(channel, ChannelMode.COMPETING);
			channels(instance).publish(channel, "x");
			end.countDown();
			database.awaitLockWait();
			if (rollback) {
				status.setRollbackOnly();
			}
		}));
		end.await(30, TimeUnit.SECONDS);
		CompletableFuture<Void> second = Background.run(() -> channels(other).send(channel, "a", "y"));
		assertThat(first).succeedsWithin(30, TimeUnit.SECONDS);
		return second;
	}

	@Test
	void aChannelThatAnotherTransactionKeepsLockedIsNotWaitedForForever() {
		try (Instance impatient = Instance.start(database,
				"spring.datasource.hikari.data-source-properties.socketTimeout=1")) {
			instance.transaction().executeWithoutResult((status) -> {
				channels(instance).create("locked", ChannelMode.DIRECT);
				assertThat(Background.run(() -> channels(impatient).send("locked", "a", "x")))
					.failsWithin(30, TimeUnit.SECONDS)
					.withThrowableThat()
					.withCauseInstanceOf(PessimisticLockingFailureException.class)
					.withMessageContaining("Channel 'locked' is being created by another transaction");
			});
		}
	}

	@Test
	void whatASavepointTakesBackIsNotRemembered() {
		instance.transaction().executeWithoutResult((status) -> {
			Object savepoint = status.createSavepoint();
			channels(instance).create("savepoint", ChannelMode.COMPETING);
			status.rollbackToSavepoint(savepoint);
		});
		channels(instance).create("savepoint", ChannelMode.DIRECT);
		assertThat(kind("savepoint")).isEqualTo("channel-direct");
	}

	@Test
	void aQueueWithoutAModeGetsTheFirst() {
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of("channel/adopted", "x"));
		assertThatIllegalStateException().isThrownBy(() -> channels(instance).publish("adopted", "x"));
		channels(instance).create("adopted", ChannelMode.COMPETING);
		assertThat(kind("adopted")).isEqualTo("channel-competing");
	}

	/**
	 * As after a failover to a server that lagged.
	 */
	@Test
	void aChannelThatTheServerHasLostIsForgotten() {
		channels(instance).create("lost", ChannelMode.COMPETING);
		database.jdbc().update("DELETE FROM durable_notify.work_queues WHERE name = 'channel/lost'");
		channels(other).create("lost", ChannelMode.DIRECT);
		assertThatExceptionOfType(ChannelModeException.class)
			.isThrownBy(() -> channels(instance).send("lost", "a", "x"));
		new ChannelJanitor(instance.bean(ApplicationDatabase.class), instance.bean(ChannelSql.class),
				instance.bean(ChannelModes.class), null, Duration.ofDays(7), ChannelJanitor.INTERVAL)
			.run();
		channels(instance).send("lost", "a", "x");
	}

	@Test
	void namesAndTransactionsThatCannotBeUsedAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> channels(instance).create("a b", ChannelMode.COMPETING))
			.withMessageStartingWith("Channel 'a b'");
		assertThatIllegalArgumentException().isThrownBy(() -> channels(instance).publish("a".repeat(248), "x"));
		assertThatIllegalArgumentException().isThrownBy(() -> channels(instance).send("direct", "", "x"))
			.withMessageStartingWith("Address ''");
		instance.transaction()
			.executeWithoutResult((status) -> channels(instance).create("writable", ChannelMode.COMPETING));
		var readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> readOnly.executeWithoutResult((status) -> channels(instance).publish("writable", "x")));
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(instance).compete("writable", (spec) -> spec.concurrency(0), (message) -> {
			}));
	}

	@Test
	void argumentsThatCannotBeUsedAreNamed() {
		MessageHandler handler = (message) -> {
		};
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(instance).compete("settings", (spec) -> null, handler))
			.withMessageStartingWith("The settings of channel 'settings' must return the specification");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(instance).compete("settings", (spec) -> WorkListenerSpec.of("other"), handler))
			.withMessageStartingWith("The settings of channel 'settings' must return the specification");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(instance).subscribe("broadcast-settings", "a", (consumer) -> null, handler))
			.withMessageStartingWith("The settings of channel 'broadcast-settings' must return the consumer");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> channels(instance).handle("settings", (UnaryOperator<WorkListenerSpec>) null, handler))
			.withMessage("'settings' must not be null");
		assertThatIllegalArgumentException().isThrownBy(() -> channels(instance).receive("direct", "a", null))
			.withMessage("'timeout' must not be null");
		assertThatIllegalArgumentException().isThrownBy(() -> ChannelMessage.of("x").header("h", null))
			.withMessage("Header 'h' must have a value");
	}

}
