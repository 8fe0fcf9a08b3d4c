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
import java.time.Duration;
import java.util.List;

import io.durablenotify.listener.ListenerException.Problem;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for servers that crash, are away, or are not the one to listen to.
 */
@ExtendWith(OutputCaptureExtension.class)
class ServerOutageTests {

	private static final String NOT_LISTENING = "LISTEN connection failed: ";

	private static final String PASSWORD = "Xyzzy42";

	@TempDir
	private Path directory;

	@Test
	void afterACrashOfTheServerEverythingArrives(CapturedOutput output) {
		try (OwnServer server = OwnServer.start(this.directory);
				Instance instance = Instance.start(server.database(), "durable-notify.poll.interval=0",
						"spring.datasource.hikari.connection-timeout=1000");
				Instance other = Instance.start(server.database(), "durable-notify.poll.interval=0",
						"spring.datasource.hikari.connection-timeout=1000")) {
			for (int round = 0; round < 2; round++) {
				String stream = "stream/" + round;
				RecordingHandler handler = subscribe(instance, stream);
				RecordingHandler ofOther = subscribe(other, stream);
				other.writer().append(stream, "before");
				handler.awaitChunks(1);
				server.crash();
				instance.awaitStatus(Status.BACKING_OFF);
				other.awaitStatus(Status.BACKING_OFF);
				assertThatExceptionOfType(DataAccessException.class)
					.isThrownBy(() -> other.writer().append(stream, "lost"));
				server.restart();
				instance.awaitStatus(Status.LISTENING);
				other.awaitStatus(Status.LISTENING);
				appendUntilStored(other, stream, "after");
				other.writer().complete(stream);
				handler.awaitComplete();
				ofOther.awaitComplete();
				assertThat(handler.texts()).containsExactly("before", "after");
				assertThat(ofOther.texts()).isEqualTo(handler.texts());
			}
			assertThat(instance.listener().state().reconnects()).isEqualTo(2);
			assertThat(server.database().backends(Instance.LISTENER)).hasSize(2);
		}
		// One line per instance and crash
		assertThat(output.getOut().split(NOT_LISTENING, -1)).hasSize(1 + 4);
	}

	/**
	 * What the pool lends first may be a connection that was cut.
	 */
	private static void appendUntilStored(Instance instance, String stream, String text) {
		Eventually.await(() -> {
			try {
				instance.writer().append(stream, text);
				return true;
			}
			catch (DataAccessException ex) {
				return false;
			}
		}, () -> text);
	}

	@Test
	void aServerThatIsAwayIsTriedSeldomAndLoggedOnce(CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = Instance.start(database, "durable-notify.listener.url=" + proxy.url())) {
			RecordingHandler handler = subscribe(instance, "stream");
			assertThat(proxy.accepted()).isOne();
			long start = System.nanoTime();
			proxy.reject();
			int attempts = 4;
			Eventually.await(() -> proxy.accepted() > attempts, proxy::accepted);
			// Each delay is twice the one before, but for a jitter of a fifth
			assertThat(Duration.ofNanos(System.nanoTime() - start))
				.isGreaterThan(Duration.ofMillis(200 + 400 + 800 + 1600));
			assertThat(output.getOut().split(NOT_LISTENING, -1)).hasSize(1 + 1);
			instance.writer().append("stream", "meanwhile");
			proxy.pass();
			instance.awaitStatus(Status.LISTENING);
			handler.awaitChunks(1);
			assertThat(output.getOut()).containsOnlyOnce(" again after ");
		}
	}

	@Test
	void ifTheFirstConnectIsRefusedStartUpFailsAndNamesAddressAndCause(CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		TcpProxy closed = TcpProxy.to(database);
		closed.close();
		String url = "jdbc:postgresql://127.0.0.1:%d/orders".formatted(closed.port());
		for (String[] credentials : List.of(
				new String[] { "durable-notify.listener.url=" + url, "durable-notify.listener.username=listener",
						"durable-notify.listener.password=" + PASSWORD },
				new String[] { "durable-notify.listener.url=" + url + "?user=listener&password=" + PASSWORD })) {
			assertThatExceptionOfType(Exception.class).isThrownBy(() -> Instance.start(database, credentials))
				.satisfies((ex) -> {
					ListenerException failure = listenerException(ex);
					assertThat(failure.getProblem()).isEqualTo(Problem.CONNECT);
					assertThat(failure).hasMessageContaining("127.0.0.1:%d/orders".formatted(closed.port()))
						.hasMessageContaining("refused");
				});
		}
		assertThat(output).contains("durable-notify cannot listen: no connection to 127.0.0.1:")
			.contains("durable-notify.listener.fail-fast=false")
			.doesNotContain("Reconnecting")
			.doesNotContain(PASSWORD);
		assertThat(database.backends(Instance.LISTENER)).isEmpty();
	}

	@Test
	void ifTheServerRefusesTheFirstConnectStartUpFailsWithItsReason(CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		String url = database.url().replaceFirst("\\?.*", "");
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> Instance.start(database, "durable-notify.listener.url=" + url,
					"durable-notify.listener.username=nobody_knows", "durable-notify.listener.password=" + PASSWORD))
			.satisfies((ex) -> {
				ListenerException failure = listenerException(ex);
				assertThat(failure.getProblem()).isEqualTo(Problem.CONNECT);
				assertThat(failure).hasMessageContaining("nobody_knows")
					.hasMessageContaining(url.substring(url.lastIndexOf('/') + 1));
			});
		assertThat(output).doesNotContain(PASSWORD);
	}

	@Test
	void withoutFailFastTheContextStartsOnPollingAndGoesOnTrying(CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (TcpProxy proxy = TcpProxy.to(database)) {
			proxy.reject();
			try (Instance instance = Instance.start(database, "durable-notify.listener.url=" + proxy.url(),
					"durable-notify.listener.fail-fast=false", "durable-notify.poll.degraded-interval=200ms");
					Instance other = Instance.start(database)) {
				instance.awaitStatus(Status.BACKING_OFF);
				assertThat(instance.listener().state().lastError()).contains("127.0.0.1:" + proxy.port())
					.containsAnyOf("reset", "EOF");
				RecordingHandler handler = subscribe(instance, "stream");
				other.writer().append("stream", "by the poll");
				handler.awaitChunks(1);
				assertThat(instance.listener().state().status()).isEqualTo(Status.BACKING_OFF);
				proxy.pass();
				instance.awaitStatus(Status.LISTENING);
				other.writer().complete("stream");
				handler.awaitComplete();
				assertThat(output.getOut().split(NOT_LISTENING, -1)).hasSize(1 + 1);
			}
		}
	}

	@Test
	void aStandbyIsNotListenedTo(@TempDir Path copy, CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (OwnServer primary = OwnServer.start(this.directory);
				OwnServer standby = primary.startStandby(copy.resolve("data"))) {
			String url = "durable-notify.listener.url=" + standby.database().url();
			assertThatExceptionOfType(Exception.class).isThrownBy(() -> Instance.start(database, url))
				.satisfies((ex) -> {
					ListenerException failure = listenerException(ex);
					assertThat(failure.getProblem()).isEqualTo(Problem.STANDBY);
					assertThat(failure).hasMessageMatching("localhost:\\d+/postgres is a standby, .*");
				});
			assertThat(output).contains("targetServerType=primary");
			try (Instance instance = Instance.start(database, url, "durable-notify.listener.fail-fast=false")) {
				instance.awaitStatus(Status.BACKING_OFF);
				assertThat(instance.listener().state().lastError()).contains("is a standby");
			}
		}
	}

	private static ListenerException listenerException(Throwable thrown) {
		Throwable cause = thrown;
		while (cause != null && !(cause instanceof ListenerException)) {
			cause = cause.getCause();
		}
		assertThat(cause).as("cause of " + thrown).isInstanceOf(ListenerException.class);
		return (ListenerException) cause;
	}

	private static RecordingHandler subscribe(Instance instance, String stream) {
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(stream, StreamPosition.start(), handler);
		return handler;
	}

}
