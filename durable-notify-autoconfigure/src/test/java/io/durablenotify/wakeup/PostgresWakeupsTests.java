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

package io.durablenotify.wakeup;

import java.sql.Connection;
import java.util.List;

import javax.sql.DataSource;

import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.transaction.PlatformTransactionManager;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PostgresWakeups}: the contract, and what other instances hear.
 */
class PostgresWakeupsTests extends WakeupsContract {

	private static final String CHANNEL = "durable_notify_wakeup";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.listener.application-name=other" })
	private static Instance other;

	private final String topic = "other-topic-" + System.nanoTime();

	@Override
	Wakeups wakeups() {
		return instance.bean(Wakeups.class);
	}

	@Override
	PlatformTransactionManager transactionManager() {
		return instance.bean(PlatformTransactionManager.class);
	}

	@Test
	void anotherInstanceReceives() {
		RecordingWakeupHandler handler = subscribe(other);
		wakeups().send(this.topic, Wakeup.moved(1, 7));
		handler.await(Wakeup.moved(1, 7));
		instance.transaction().executeWithoutResult((status) -> {
			wakeups().sendAfterCommit(this.topic, Wakeup.moved(2, 8).created("name/ü"));
			wakeups().sendAfterCommit(this.topic, new Wakeup(2, 3, true, true, null));
		});
		handler.await(new Wakeup(2, 8, true, true, "name/ü"));
		assertThat(handler.resyncs()).isZero();
	}

	@Test
	void anotherInstanceReceivesNothingOfARollback() {
		RecordingWakeupHandler handler = subscribe(other);
		instance.transaction().executeWithoutResult((status) -> {
			wakeups().sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			status.setRollbackOnly();
		});
		wakeups().send(this.topic, Wakeup.moved(2, 2));
		handler.await(Wakeup.moved(2, 2));
		assertThat(handler.wakeups()).containsExactly(Wakeup.moved(2, 2));
	}

	@Test
	void anInstanceIsNotWokenByItsOwnNotifications() {
		RecordingWakeupHandler own = subscribe(instance);
		RecordingWakeupHandler handler = subscribe(other);
		wakeups().send(this.topic, Wakeup.moved(1, 1));
		handler.await(Wakeup.moved(1, 1));
		// After its own in the order of commits
		other.bean(Wakeups.class).send(this.topic, Wakeup.moved(2, 2));
		own.await(Wakeup.moved(2, 2));
		assertThat(own.wakeups()).containsExactly(Wakeup.moved(1, 1), Wakeup.moved(2, 2));
	}

	@Test
	void whatIsTooMuchForNotificationsIsAResyncOfItsTopicAlone() {
		RecordingWakeupHandler handler = subscribe(other);
		RecordingWakeupHandler beside = new RecordingWakeupHandler();
		other.bean(Wakeups.class).subscribe(this.topic + "-beside", beside);
		instance.transaction().executeWithoutResult((status) -> {
			for (int id = 0; id < 1000; id++) {
				wakeups().sendAfterCommit(this.topic, Wakeup.moved(id, 1).created("ü".repeat(100)));
			}
			wakeups().sendAfterCommit(this.topic + "-beside", Wakeup.moved(1, 1));
		});
		handler.awaitResyncs(1);
		beside.await(Wakeup.moved(1, 1));
		assertThat(handler.wakeups()).isEmpty();
		assertThat(beside.resyncs()).isZero();
	}

	@Test
	void anUnreadableNotificationIsAResyncOfEverything() {
		RecordingWakeupHandler handler = subscribe(instance);
		for (String payload : List.of("", "2 future whatever")) {
			int before = handler.resyncs();
			notify(payload);
			handler.awaitResyncs(before + 1);
		}
		assertThat(handler.wakeups()).isEmpty();
	}

	@Test
	void aNewConnectionIsAResyncOfEverything() {
		RecordingWakeupHandler handler = subscribe(instance);
		assertThat(database.terminate(Instance.LISTENER)).isOne();
		handler.awaitResyncs(1);
	}

	@Test
	void underLoadManyWakeupsShareANotification() {
		RecordingWakeupHandler handler = subscribe(other);
		try (ChannelTap tap = ChannelTap.on(database, CHANNEL)) {
			int sent = 20_000;
			for (int position = 1; position <= sent; position++) {
				wakeups().send(this.topic, Wakeup.moved(1, position));
			}
			handler.await(Wakeup.moved(1, sent));
			assertThat(tap.payloads()).hasSizeLessThan(sent / 10);
			assertThat(handler.wakeups()).extracting(Wakeup::position).isSorted();
		}
	}

	@Test
	void aSenderWithoutAConnectionTriesAgainAndLosesNothing(CapturedOutput output) throws Exception {
		RecordingWakeupHandler handler = subscribe(other);
		try (Instance starved = Instance.start(database, "durable-notify.poll.interval=0",
				"spring.datasource.hikari.maximum-pool-size=1", "spring.datasource.hikari.connection-timeout=250")) {
			Wakeups wakeups = starved.bean(Wakeups.class);
			try (Connection held = starved.bean(DataSource.class).getConnection()) {
				wakeups.send(this.topic, Wakeup.moved(1, 1));
				Eventually.await(() -> output.getOut().contains("Failed to send wake-ups"), output::getOut);
				wakeups.send(this.topic, Wakeup.moved(1, 2));
				assertThat(handler.wakeups()).isEmpty();
				assertThat(handler.resyncs()).isZero();
			}
			// "Look at everything" stands for all that could not be sent
			handler.awaitResyncs(1);
			wakeups.send(this.topic, Wakeup.moved(1, 3));
			handler.await(Wakeup.moved(1, 3));
			Eventually.await(() -> output.getOut().contains("Wake-ups are sent again"), output::getOut);
			assertThat(output.getOut()).containsOnlyOnce("Failed to send wake-ups");
		}
	}

	private RecordingWakeupHandler subscribe(Instance instance) {
		RecordingWakeupHandler handler = new RecordingWakeupHandler();
		instance.bean(Wakeups.class).subscribe(this.topic, handler);
		return handler;
	}

	private static void notify(String payload) {
		database.jdbc().query("SELECT pg_notify(?, ?)", (result) -> {
		}, CHANNEL, payload);
	}

}
