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

package io.durablenotify.listener;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests for a session of another application that listens and does not read, until the
 * server takes no notifications any more.
 */
@ExtendWith(OutputCaptureExtension.class)
class FullQueueTests {

	/**
	 * Neither a probe nor the poll comes by chance.
	 */
	private static final String[] RARE = { "durable-notify.listener.probe.interval=10m",
			"durable-notify.poll.interval=10m", "durable-notify.poll.degraded-interval=200ms" };

	private static OwnServer server;

	private static TestDatabase database;

	@BeforeAll
	static void startServer(@TempDir Path directory) {
		int version = PostgresServer.shared()
			.createDatabase()
			.jdbc()
			.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
		assumeTrue(version >= 170_000, "The queue has 8 GB before PostgreSQL 17, which has max_notify_queue_pages");
		server = OwnServer.start(directory, Map.of("max_notify_queue_pages", "64"));
		database = server.database();
	}

	@AfterAll
	static void stopServer() {
		if (server != null) {
			server.close();
		}
	}

	@Test
	void aFullQueueIsNoticedAndNamedAndHealsWhenTheSessionIsGone(CapturedOutput output) throws SQLException {
		try (Instance instance = Instance.start(database, RARE); Instance other = Instance.start(database, RARE)) {
			assertThat(instance.listener().state().isHealthy()).isTrue();
			RecordingHandler handler = new RecordingHandler();
			other.reader().subscribe("stream", StreamPosition.start(), handler);
			try (Connection stuck = fillQueue()) {
				instance.writer().append("stream", "a");
				instance.awaitStatus(Status.QUEUE_FULL);
				ListenerState state = instance.listener().state();
				assertThat(state.isHealthy()).isFalse();
				assertThat(output.getOut()).contains("application 'stuck'");
				// What the endpoint and the health show, also to those who may see no
				// names
				assertThat(state.lastError()).contains("NOTIFY queue is full").doesNotContain("stuck");
				assertThat(instance.listener().history().toString()).contains("NOTIFY queue is full")
					.doesNotContain("stuck");
				assertThat(instance.bean(Poll.class).intervalInForce()).isEqualTo(Duration.ofMillis(200));
				// The other one sends nothing, and finds out by its own probe
				other.listener().probe();
				handler.awaitChunks(1);
				assertThat(output.getOut()).contains("No notification can be sent on ",
						"because a session that listens");
			}
			instance.awaitStatus(Status.LISTENING);
			other.awaitStatus(Status.LISTENING);
			assertThat(instance.listener().state().isHealthy()).isTrue();
			assertThat(instance.listener().state().reconnects()).isZero();
			assertThat(output.getOut()).contains("The server accepts notifications again");
			instance.writer().append("stream", "b");
			handler.awaitChunks(2);
		}
	}

	@Test
	void anApplicationStartsWhileTheQueueIsFull() throws SQLException {
		try (Connection stuck = fillQueue(); Instance instance = Instance.start(database, RARE)) {
			instance.awaitStatus(Status.QUEUE_FULL);
			stuck.close();
			instance.awaitStatus(Status.LISTENING);
		}
	}

	/**
	 * Return the connection of the session that does not read.
	 */
	private static Connection fillQueue() throws SQLException {
		Connection stuck = database.jdbc().getDataSource().getConnection();
		try (Statement statement = stuck.createStatement()) {
			statement.execute("SET application_name = 'stuck'");
			statement.execute("LISTEN unread");
			stuck.setAutoCommit(false);
			statement.execute("SELECT 1");
		}
		try (Connection connection = database.jdbc().getDataSource().getConnection();
				Statement statement = connection.createStatement()) {
			assertThatExceptionOfType(SQLException.class).isThrownBy(() -> {
				for (int i = 0; i < 10_000; i++) {
					statement
						.execute("SELECT pg_notify('foreign', repeat('x', 7900) || n) FROM generate_series(1, 10) n");
				}
			}).satisfies((ex) -> assertThat(SqlErrors.isNotificationQueueFull(ex)).isTrue());
			// What is left of the last page
			Eventually.await(() -> isFull(statement), () -> "not full");
		}
		return stuck;
	}

	private static boolean isFull(Statement statement) {
		try {
			statement.execute("NOTIFY durable_notify_nobody");
			return false;
		}
		catch (SQLException ex) {
			return SqlErrors.isNotificationQueueFull(ex);
		}
	}

}
