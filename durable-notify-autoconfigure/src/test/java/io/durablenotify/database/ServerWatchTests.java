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

package io.durablenotify.database;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ServerWatch}.
 */
@ExtendWith(OutputCaptureExtension.class)
class ServerWatchTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	private final ServerWatch watch = new ServerWatch(InstantSource.system());

	private void log(double queue, double clockSeconds) throws SQLException {
		log(new ServerState(queue, Duration.ofMillis((long) (clockSeconds * 1_000))));
	}

	private void log(ServerState state) throws SQLException {
		try (Connection connection = DriverManager.getConnection(database.url())) {
			this.watch.log(state, connection);
		}
	}

	@Test
	void anInstanceAsksWithoutMetrics() {
		ServerWatch watch = instance.bean(ServerWatch.class);
		instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class).wake();
		Eventually.await(() -> watch.last().notificationQueue() != null, () -> watch.last());
		assertThat(watch.last().notificationQueue()).isBetween(0.0, 0.5);
		assertThat(watch.last().clockDifference()).isBetween(Duration.ofSeconds(-5), Duration.ofSeconds(5));
	}

	@Test
	void aClockThatIsLateIsMeasuredAndLogged(CapturedOutput output) throws SQLException {
		ServerWatch watch = new ServerWatch(InstantSource.offset(InstantSource.system(), Duration.ofMinutes(-2)));
		try (Connection connection = DriverManager.getConnection(database.url())) {
			assertThat(watch.check(connection).clockDifference()).isBetween(Duration.ofSeconds(110),
					Duration.ofSeconds(130));
			assertThat(watch.last().clockDifference()).isNotNull();
			watch.check(connection);
		}
		assertThat(output).containsOnlyOnce("The database's clock differs from this machine's by 1");
	}

	@Test
	void whatAServerRefusesIsUnknown() throws SQLException {
		try (Connection connection = DriverManager.getConnection(database.url())) {
			assertThat(ServerWatch.number(connection, "SELECT no_such_function()")).isNull();
			assertThat(ServerWatch.number(connection, "SELECT NULL::float8")).isNull();
			assertThat(ServerWatch.number(connection, "SELECT 0.5")).isEqualTo(0.5);
		}
	}

	@Test
	void nothingIsLoggedWhileAllIsWellOrUnknown(CapturedOutput output) throws SQLException {
		log(0.1, 29);
		log(ServerState.UNKNOWN);
		assertThat(this.watch.last()).isEqualTo(ServerState.UNKNOWN);
		assertThat(output).doesNotContain("WARN", "queue of notifications", "clock");
	}

	@Test
	void aQueueThatFillsHasOneLineUntilItIsEmpty(CapturedOutput output) throws SQLException {
		log(0.12, 0);
		log(0.09, 0);
		log(0.5, 0);
		assertThat(output).containsOnlyOnce("The server's queue").contains("queue of notifications is 12% full");
		log(0.01, 0);
		assertThat(output).contains("nearly empty again");
		log(0.2, 0);
		assertThat(output).contains("is 20% full");
	}

	@Test
	void aQueueThatFillsNamesTheSessionWithTheOldestTransaction(CapturedOutput output) throws SQLException {
		try (Connection holder = DriverManager.getConnection(database.url())) {
			holder.setAutoCommit(false);
			Double pid = ServerWatch.number(holder, "SELECT pg_backend_pid()");
			log(0.12, 0);
			assertThat(output).containsOnlyOnce(
					"The oldest transaction that this role can see is that of pid %.0f (role ".formatted(pid));
		}
	}

	@Test
	void noOtherCheckWaitsForTheNameOfTheSession() throws SQLException {
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch answer = new CountDownLatch(1);
		Connection connection = mock();
		given(connection.createStatement()).willAnswer((call) -> {
			asked.countDown();
			answer.await();
			throw new SQLException("permission denied", SqlErrors.INSUFFICIENT_PRIVILEGE);
		});
		CompletableFuture<Void> asking = check(new ServerState(0.5, null), connection);
		Eventually.await(() -> asked.getCount() == 0, asking::toString);
		assertThat(check(new ServerState(null, Duration.ZERO), mock())).succeedsWithin(Eventually.TIMEOUT);
		answer.countDown();
		assertThat(asking).succeedsWithin(Eventually.TIMEOUT);
	}

	private CompletableFuture<Void> check(ServerState state, Connection connection) {
		return Background.run(() -> {
			try {
				this.watch.log(state, connection);
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		});
	}

	@Test
	void aClockThatDiffersHasOneLineUntilItAgrees(CapturedOutput output) throws SQLException {
		log(0, -31.4);
		log(0, 20);
		log(0, 40);
		assertThat(output).containsOnlyOnce("The database's clock").contains("differs from this machine's by 31s");
		log(0, 1);
		assertThat(output).contains("agrees with this machine's again");
	}

}
