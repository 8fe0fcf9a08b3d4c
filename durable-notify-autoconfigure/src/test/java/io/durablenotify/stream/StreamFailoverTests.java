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

package io.durablenotify.stream;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.Refusals;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for live readers that fail over to a server that was behind and has gone on
 * without what they have received.
 */
class StreamFailoverTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=1000";

	@TempDir
	private Path directory;

	@Test
	void aReaderHearsOfALostTailWhateverIsInItsPlaceAndGoesOnWhereNothingIsLost() {
		// By the stream, how many chunks it has after the failover
		Map<String, Integer> rewritten = Map.of("shorter", 8, "same", 10, "longer", 15);
		try (OwnServer primary = OwnServer.start(this.directory.resolve("primary"));
				TcpProxy proxy = TcpProxy.to(primary.database());
				Instance instance = Instance.start(new TestDatabase(proxy.url()), NO_POLL, IMPATIENT_POOL)) {
			rewritten.keySet().forEach((stream) -> append(instance, stream, 0, 5));
			append(instance, "intact", 0, 5);
			append(instance, "ahead", 0, 5);
			try (OwnServer standby = primary.startStandby(this.directory.resolve("standby"))) {
				Map<String, RecordingHandler> handlers = rewritten.keySet()
					.stream()
					.collect(Collectors.toMap((stream) -> stream, (stream) -> {
						append(instance, stream, 5, 10);
						return read(instance, stream, 0).awaitChunks(10);
					}));
				RecordingHandler intact = read(instance, "intact", 0).awaitChunks(5);
				RecordingHandler ahead = read(instance, "ahead", 10);
				standby.promote();
				try (Instance other = Instance.start(standby.database())) {
					rewritten.forEach((stream, chunks) -> append(other, stream, 5, chunks));
					append(other, "intact", 5, 10);
					append(other, "ahead", 5, 15);
				}
				proxy.leadTo(standby.database());
				handlers.forEach((stream, handler) -> {
					assertThat(handler.awaitError()).as(stream).isInstanceOf(StreamTruncatedException.class);
					handler.assertGapFree(0, 10);
				});
				assertThat(handlers.get("same").error())
					.hasMessageContaining("index 10 was to follow, but the chunk before it is another one");
				append(instance, "intact", 10, 12);
				append(instance, "ahead", 15, 17);
				intact.awaitChunks(12).assertGapFree(0, 12);
				ahead.awaitChunks(7).assertGapFree(10, 7);
				assertThat(intact.ends() + ahead.ends()).isZero();
			}
		}
	}

	/**
	 * A process of the server dies, as when the system runs out of memory: the server
	 * recovers with the same start time, and has forgotten what no commit has waited for.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "listening", "polling", "listening, untold" })
	void aReaderHearsOfATailThatACrashTookAlsoWhereTheServerGoesOnWithoutAStart(String how) {
		Map<String, Integer> rewritten = Map.of("shorter", 8, "same", 10, "longer", 15);
		try (OwnServer server = OwnServer.startForgetful(this.directory)) {
			TestDatabase application = Refusals.asApplication(server.database());
			if (how.endsWith("untold")) {
				Refusals.refuse(server.database(), Refusals.FORBIDDEN, Refusals.FUNCTIONS);
			}
			String[] properties = (how.startsWith("polling"))
					? new String[] { IMPATIENT_POOL, "durable-notify.listener.enabled=false",
							"durable-notify.poll.degraded-interval=100ms", "durable-notify.poll.interval=100ms" }
					: new String[] { IMPATIENT_POOL, NO_POLL };
			try (TcpProxy proxy = TcpProxy.to(application);
					Instance instance = Instance.start(new TestDatabase(proxy.url()), properties)) {
				rewritten.keySet().forEach((stream) -> append(instance, stream, 0, 5));
				append(instance, "intact", 0, 5);
				// Nothing of the server tells of the crash where it is untold
				server.database().jdbc().execute("ALTER TABLE durable_notify.change_lifetime SET LOGGED");
				server.stopWriting();
				Map<String, RecordingHandler> handlers = rewritten.keySet()
					.stream()
					.collect(Collectors.toMap((stream) -> stream, (stream) -> {
						append(instance, stream, 5, 10);
						return read(instance, stream, 0).awaitChunks(10);
					}));
				RecordingHandler intact = read(instance, "intact", 0).awaitChunks(5);
				StreamCursor cursor = instance.reader().cursor("same", StreamPosition.start());
				for (int i = 0; i < 10; i++) {
					assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
				}
				RecordingHandler fromEnd = new RecordingHandler();
				Subscription ofEnd = instance.reader().subscribe("longer", StreamPosition.end(), fromEnd);
				Eventually.await(() -> ofEnd.toString().contains("look IDLE"), ofEnd::toString);
				proxy.reject();
				server.crashProcess();
				assertThat(chunks(server, "same")).as("left").isEqualTo(5);
				try (Instance other = Instance.start(application)) {
					rewritten.forEach((stream, chunks) -> append(other, stream, 5, chunks));
					append(other, "intact", 5, 10);
				}
				proxy.pass();
				handlers.forEach((stream, handler) -> {
					assertThat(handler.awaitError()).as(stream).isInstanceOf(StreamTruncatedException.class);
					handler.assertGapFree(0, 10);
				});
				assertThat(fromEnd.awaitError()).isInstanceOf(StreamTruncatedException.class);
				assertThat(fromEnd.chunks()).isEmpty();
				assertThatExceptionOfType(StreamTruncatedException.class)
					.isThrownBy(() -> cursor.poll(Eventually.TIMEOUT));
				intact.awaitChunks(10).assertGapFree(0, 10);
				assertThat(intact.ends()).isZero();
			}
		}
	}

	private static int chunks(OwnServer server, String stream) {
		return server.database()
			.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_chunks JOIN durable_notify.streams "
					+ "USING (stream_id) WHERE name = ?", Integer.class, stream);
	}

	private static RecordingHandler read(Instance instance, String stream, long index) {
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(stream, StreamPosition.at(index), handler);
		return handler;
	}

	/**
	 * What the pool lends first may be a connection that was cut.
	 */
	private static void append(Instance instance, String stream, int first, int end) {
		for (int index = first; index < end; index++) {
			String text = String.valueOf(index);
			Eventually.await(() -> {
				try {
					instance.writer().append(stream, text);
					return true;
				}
				catch (DataAccessException ex) {
					return false;
				}
			}, () -> stream + " " + text);
		}
	}

}
