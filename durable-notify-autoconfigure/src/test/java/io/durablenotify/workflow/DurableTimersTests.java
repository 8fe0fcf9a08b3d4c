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

package io.durablenotify.workflow;

import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.CancelOutcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DurableTimers} in instances of an application.
 */
class DurableTimersTests {

	@Fixture
	private static TestDatabase database;

	/**
	 * Has no handler.
	 */
	@Fixture
	private static Instance setting;

	private Instance expiring;

	@AfterEach
	void close() {
		if (this.expiring != null) {
			this.expiring.close();
		}
		database.jdbc().execute("DELETE FROM durable_notify.work_items");
	}

	private Sleeping start(String... properties) {
		this.expiring = Instance.start(database, (application) -> application.sources(Sleeping.class), properties);
		return this.expiring.bean(Sleeping.class);
	}

	private static DurableTimers timers() {
		return setting.bean(DurableTimers.class);
	}

	private static Instant now() {
		return database.jdbc().queryForObject("SELECT clock_timestamp()", Timestamp.class).toInstant();
	}

	@Test
	void aTimerExpiresWhereItsHandlerIsAndNotEarly() {
		Sleeping handler = start();
		Instant expiry = now().plusMillis(1_500);
		timers().set("sleep", "wf/1", "t", expiry);
		Expired expired = handler.await(1).get(0);
		assertThat(expired.timer().instanceId()).isEqualTo("wf/1");
		assertThat(expired.timer().timerId()).isEqualTo("t");
		assertThat(expired.timer().expiresAt()).isEqualTo(expiry);
		assertThat(expired.at()).isAfterOrEqualTo(expiry);
	}

	/**
	 * Half of them at least. One after the other, so that none is found with another, and
	 * without the poll. The database's clock is that of this machine.
	 */
	@Test
	void aTimerExpiresWithin100MillisecondsOfItsTime() {
		Sleeping handler = start("durable-notify.work.poll-interval=1h");
		Eventually.assertTakesLess(Duration.ofMillis(100), () -> {
			List<Duration> lateness = new ArrayList<>();
			for (int i = 0; i < 9; i++) {
				int count = handler.expired().size();
				Instant expiry = now().plusMillis(200);
				timers().set("sleep", "wf/" + count, "t", expiry);
				lateness.add(Duration.between(expiry, handler.await(count + 1).get(count).at()));
			}
			assertThat(lateness).noneMatch(Duration::isNegative);
			return lateness.stream().sorted().toList().get(4);
		});
	}

	/**
	 * Without the poll.
	 */
	@Test
	void aTimerOfAnInstanceThatIsGoneExpiresInAnotherAtItsTime() {
		Sleeping handler = start("durable-notify.work.poll-interval=1h");
		Eventually.assertTakesLess(Duration.ofMillis(900), () -> {
			int count = handler.expired().size();
			Instant expiry;
			try (Instance gone = Instance.start(database)) {
				expiry = now().plusSeconds(3);
				gone.bean(DurableTimers.class).set("sleep", "wf/" + count, "t", expiry);
			}
			boolean early = now().isBefore(expiry);
			Duration late = Duration.between(expiry, handler.await(count + 1).get(count).at());
			// Else the other one was not yet gone
			return (early) ? late : Duration.ofDays(1);
		});
	}

	@Test
	void aTimerOfAnInstanceThatIsGoneExpires() {
		try (Instance gone = Instance.start(database)) {
			gone.bean(DurableTimers.class).set("sleep", "wf", "early", now().minusSeconds(3_600));
			gone.bean(DurableTimers.class).set("sleep", "wf", "late", now().plusMillis(100));
		}
		assertThat(start().await(2)).extracting((expired) -> expired.timer().timerId())
			.containsExactlyInAnyOrder("early", "late");
	}

	/**
	 * Within five seconds: a workflow engine that polls for such deadlines itself does so
	 * at this interval.
	 */
	@Test
	void theDeadlineOfAWaitWhoseInstanceIsGoneExpiresInAnotherAlsoWithoutNotifications() {
		Sleeping handler = start("durable-notify.listener.enabled=false");
		Instant deadline;
		CompletableFuture<Optional<Message>> wait;
		try (Instance waiting = Instance.start(database)) {
			deadline = now().plusSeconds(2);
			waiting.bean(DurableTimers.class).set("sleep", "wf", "deadline", deadline);
			wait = waiting.bean(DurableChannels.class).receiveAsync("replies", "wf", Duration.ofMinutes(1));
		}
		assertThat(wait.join()).isEmpty();
		assertThat(Duration.between(deadline, handler.await(1).get(0).at())).isBetween(Duration.ZERO,
				Duration.ofSeconds(5));
	}

	@Test
	void aTimerThatIsSetAgainExpiresOnceAtTheNewTime() {
		Sleeping handler = start();
		Instant far = now().plusSeconds(3_600);
		Instant soon = now().plusMillis(300);
		timers().set("sleep", "wf", "brought-forward", far);
		timers().set("sleep", "wf", "brought-forward", soon);
		timers().set("sleep", "wf", "put-off", soon);
		timers().set("sleep", "wf", "put-off", far);
		timers().set("sleep", "wf", "last", soon.plusMillis(200));
		assertThat(handler.await(2)).extracting((expired) -> expired.timer().timerId())
			.containsExactly("brought-forward", "last");
		assertThat(handler.expired().get(0).timer().expiresAt()).isEqualTo(soon);
	}

	@Test
	void aTimerThatIsCancelledDoesNotExpire() {
		Sleeping handler = start();
		Instant soon = now().plusMillis(300);
		timers().set("sleep", "wf", "cancelled", soon);
		assertThat(timers().cancel("sleep", "wf", "cancelled")).isEqualTo(CancelOutcome.CANCELLED);
		assertThat(timers().cancel("sleep", "wf", "cancelled")).isEqualTo(CancelOutcome.NOT_FOUND);
		timers().set("sleep", "wf", "last", soon.plusMillis(200));
		assertThat(handler.await(1)).extracting((expired) -> expired.timer().timerId()).containsExactly("last");
	}

	@Test
	void aTimerIsPartOfTheTransaction() {
		Sleeping handler = start();
		Instant soon = now().plusMillis(200);
		setting.transaction().executeWithoutResult((status) -> {
			timers().set("sleep", "wf", "rolled-back", soon);
			status.setRollbackOnly();
		});
		setting.transaction().executeWithoutResult((status) -> timers().set("sleep", "wf", "committed", soon));
		assertThat(handler.await(1)).extracting((expired) -> expired.timer().timerId()).containsExactly("committed");
	}

	@Test
	void aTimerThatIsSetAgainWhileItsHandlerRunsExpiresOnceMore() {
		Sleeping handler = start();
		handler.hold = new CountDownLatch(1);
		Instant first = now();
		timers().set("sleep", "wf", "t", first);
		handler.await(1);
		Instant second = now().plusMillis(200);
		timers().set("sleep", "wf", "t", second);
		handler.hold.countDown();
		assertThat(handler.await(2)).extracting((expired) -> expired.timer().expiresAt())
			.containsExactly(first, second);
		assertThat(handler.expired().get(1).at()).isAfterOrEqualTo(second);
	}

	record Expired(Timer timer, Instant at) {
	}

	static class Sleeping implements TimerHandler {

		private final List<Expired> expired = new CopyOnWriteArrayList<>();

		private volatile CountDownLatch hold = new CountDownLatch(0);

		@Override
		public String name() {
			return "sleep";
		}

		@Override
		public void onTimer(Timer timer) throws Exception {
			this.expired.add(new Expired(timer, Instant.now()));
			this.hold.await();
		}

		List<Expired> expired() {
			return this.expired;
		}

		List<Expired> await(int size) {
			Eventually.await(() -> this.expired.size() >= size,
					() -> this.expired + " " + database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
			assertThat(this.expired).hasSize(size);
			return this.expired;
		}

	}

}
