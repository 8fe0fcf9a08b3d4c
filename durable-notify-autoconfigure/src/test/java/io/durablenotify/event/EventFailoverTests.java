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

package io.durablenotify.event;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for followers that fail over to a server that was behind and has gone on without
 * what they have received.
 */
class EventFailoverTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=1000";

	@TempDir
	private Path directory;

	@Test
	void aFollowerHearsOfALostTailWhateverIsInItsPlaceAndGoesOnWhereNothingIsLost() {
		// By the run, how many events it has after the failover
		Map<String, Integer> rewritten = Map.of("shorter", 8, "same", 10, "longer", 15);
		try (OwnServer primary = OwnServer.start(this.directory.resolve("primary"));
				TcpProxy proxy = TcpProxy.to(primary.database());
				Instance instance = Instance.start(new TestDatabase(proxy.url()), NO_POLL, IMPATIENT_POOL)) {
			rewritten.keySet().forEach((run) -> append(instance, run, 0, 5));
			append(instance, "intact", 0, 5);
			append(instance, "ahead", 0, 5);
			try (OwnServer standby = primary.startStandby(this.directory.resolve("standby"))) {
				Map<String, RecordingEventHandler> handlers = rewritten.keySet()
					.stream()
					.collect(Collectors.toMap((run) -> run, (run) -> {
						append(instance, run, 5, 10);
						return follow(instance, run, 0).awaitEvents(10);
					}));
				RecordingEventHandler intact = follow(instance, "intact", 0).awaitEvents(5);
				RecordingEventHandler ahead = follow(instance, "ahead", 10);
				standby.promote();
				try (Instance other = Instance.start(standby.database())) {
					rewritten.forEach((run, events) -> append(other, run, 5, events));
					append(other, "intact", 5, 10);
					append(other, "ahead", 5, 15);
				}
				proxy.leadTo(standby.database());
				handlers.forEach((run, handler) -> {
					assertThat(handler.awaitError()).as(run).isInstanceOf(RunTruncatedException.class);
					assertThat(handler.events()).extracting(StoredEvent::sequence)
						.containsExactlyElementsOf(LongStream.rangeClosed(1, 10).boxed().toList());
				});
				assertThat(handlers.get("same").awaitError())
					.hasMessageContaining("sequence 11 was to follow, but the event before it is another one");
				append(instance, "intact", 10, 12);
				append(instance, "ahead", 15, 17);
				intact.awaitEvents(12).assertGapFree(1, 12);
				ahead.awaitEvents(7).assertGapFree(11, 7);
			}
		}
	}

	/**
	 * A process of the server dies, as when the system runs out of memory: the server
	 * recovers with the same start time, and has forgotten what no commit has waited for.
	 */
	@Test
	void aFollowerHearsOfATailThatACrashTookAlsoWhereTheServerGoesOnWithoutAStart() {
		Map<String, Integer> rewritten = Map.of("shorter", 8, "same", 10, "longer", 15);
		try (OwnServer server = OwnServer.startForgetful(this.directory);
				TcpProxy proxy = TcpProxy.to(server.database());
				Instance instance = Instance.start(new TestDatabase(proxy.url()), NO_POLL, IMPATIENT_POOL)) {
			rewritten.keySet().forEach((run) -> append(instance, run, 0, 5));
			append(instance, "intact", 0, 5);
			server.stopWriting();
			Map<String, RecordingEventHandler> handlers = rewritten.keySet()
				.stream()
				.collect(Collectors.toMap((run) -> run, (run) -> {
					append(instance, run, 5, 10);
					return follow(instance, run, 0).awaitEvents(10);
				}));
			RecordingEventHandler intact = follow(instance, "intact", 0).awaitEvents(5);
			proxy.reject();
			server.crashProcess();
			assertThat(server.database()
				.jdbc()
				.queryForObject("SELECT count(*) FROM durable_notify.workflow_events WHERE run_id = 'same'",
						Integer.class))
				.as("left")
				.isEqualTo(5);
			try (Instance other = Instance.start(server.database())) {
				rewritten.forEach((run, events) -> append(other, run, 5, events));
				append(other, "intact", 5, 10);
			}
			proxy.pass();
			handlers.forEach((run, handler) -> {
				assertThat(handler.awaitError()).as(run).isInstanceOf(RunTruncatedException.class);
				assertThat(handler.events()).extracting(StoredEvent::sequence)
					.containsExactlyElementsOf(LongStream.rangeClosed(1, 10).boxed().toList());
			});
			intact.awaitEvents(10).assertGapFree(1, 10);
		}
	}

	private static RecordingEventHandler follow(Instance instance, String run, long after) {
		RecordingEventHandler handler = new RecordingEventHandler();
		instance.events().follow(run, after, handler);
		return handler;
	}

	/**
	 * What the pool lends first may be a connection that was cut.
	 */
	private static void append(Instance instance, String run, int first, int end) {
		for (int index = first; index < end; index++) {
			String text = String.valueOf(index);
			Eventually.await(() -> {
				try {
					instance.events().append(NewEvent.of(run, "type").payload(text));
					return true;
				}
				catch (DataAccessException ex) {
					return false;
				}
			}, () -> run + " " + text);
		}
	}

}
