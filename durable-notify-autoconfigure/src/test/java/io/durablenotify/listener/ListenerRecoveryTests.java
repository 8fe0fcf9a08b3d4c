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

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.ListenerState.StatusChange;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what readers get while notifications are lost, suppressed or turned off.
 */
class ListenerRecoveryTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String WAKEUP_CHANNEL = "durable_notify_wakeup";

	@Fixture
	private TestDatabase database;

	@Test
	void aTerminatedBackendIsReplacedByExactlyOneAndReadersGoOn() {
		try (Instance instance = Instance.start(this.database, NO_POLL);
				Instance other = Instance.start(this.database, NO_POLL,
						"durable-notify.listener.application-name=other")) {
			RecordingHandler handler = subscribe(instance, "stream");
			other.writer().append("stream", "before");
			handler.awaitChunks(1);
			List<Integer> backends = listeners();
			assertThat(backends).hasSize(1);
			assertThat(this.database.terminate(Instance.LISTENER)).isOne();
			other.writer().append("stream", "meanwhile");
			Eventually.await(() -> listeners().size() == 1 && !listeners().equals(backends),
					instance.listener()::state);
			instance.awaitStatus(Status.LISTENING);
			other.writer().append("stream", "after");
			other.writer().complete("stream");
			handler.awaitComplete();
			assertThat(handler.texts()).containsExactly("before", "meanwhile", "after");
			assertThat(listeners()).hasSize(1).doesNotContainAnyElementsOf(backends);
			assertThat(instance.listener().state().reconnects()).isOne();
		}
	}

	@Test
	void aConnectionThatIsAskedForReplacesTheOneThereIs() {
		try (Instance instance = Instance.start(this.database, NO_POLL)) {
			List<Integer> backends = listeners();
			instance.listener().reconnect();
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			Eventually.await(() -> listeners().size() == 1, instance.listener()::state);
			assertThat(listeners()).doesNotContainAnyElementsOf(backends);
			assertThat(instance.listener().history()).extracting(StatusChange::status)
				.containsExactly(Status.LISTENING, Status.BACKING_OFF, Status.LISTENING, Status.CONNECTING);
			assertThat(instance.listener().history().get(1).error()).isEqualTo("a new connection was asked for");
			assertThat(instance.listener().channels()).containsEntry(WAKEUP_CHANNEL, 1);
		}
	}

	@Test
	void whatWasWrittenWithoutAListenerIsDeliveredByTheResync() {
		try (TcpProxy proxy = TcpProxy.to(this.database);
				Instance instance = Instance.start(this.database, NO_POLL, listenerUrl(proxy))) {
			RecordingHandler handler = subscribe(instance, "stream");
			RecordingHandler waiting = subscribe(instance, "unknown");
			append("stream", "before", true);
			handler.awaitChunks(1);
			proxy.reject();
			instance.awaitStatus(Status.BACKING_OFF);
			append("stream", "meanwhile", false);
			append("unknown", "meanwhile", false);
			assertThat(handler.texts()).containsExactly("before");
			proxy.pass();
			handler.awaitChunks(2);
			waiting.awaitChunks(1);
			assertThat(handler.texts()).containsExactly("before", "meanwhile");
		}
	}

	@Test
	void fiftyTerminationsUnderLoadLoseDoubleAndReorderNothing() throws Exception {
		String[] properties = { NO_POLL, "durable-notify.listener.backoff.delay=5ms",
				"durable-notify.listener.backoff.max-delay=20ms", "durable-notify.listener.backoff.jitter=1ms" };
		try (Instance instance = Instance.start(this.database, properties);
				Instance other = Instance.start(this.database, properties)) {
			List<RecordingHandler> handlers = List.of(subscribe(instance, "stream"), subscribe(instance, "stream"),
					subscribe(other, "stream"));
			AtomicBoolean done = new AtomicBoolean();
			List<CompletableFuture<Integer>> writers = List.of(writeUntil(done, instance), writeUntil(done, other));
			for (int round = 0; round < 50; round++) {
				List<Integer> backends = awaitListeners(2, List.of());
				assertThat(this.database.terminate(Instance.LISTENER)).isPositive();
				awaitListeners(2, backends);
			}
			done.set(true);
			int written = writers.get(0).get() + writers.get(1).get();
			instance.writer().complete("stream");
			for (RecordingHandler handler : handlers) {
				handler.awaitComplete().assertGapFree(0, written);
			}
			assertThat(instance.listener().state().reconnects()).isPositive();
			assertThat(awaitListeners(2, List.of())).hasSize(2);
		}
	}

	private CompletableFuture<Integer> writeUntil(AtomicBoolean done, Instance instance) {
		return Background.supply(() -> {
			int written = 0;
			while (!done.get()) {
				instance.writer().append("stream", "chunk");
				written++;
			}
			return written;
		});
	}

	private List<Integer> awaitListeners(int count, List<Integer> gone) {
		List<Integer> backends = new ArrayList<>();
		Eventually.await(() -> {
			backends.clear();
			backends.addAll(listeners());
			return backends.size() == count && gone.stream().noneMatch(backends::contains);
		}, () -> backends + " after " + gone);
		return backends;
	}

	@Test
	void whatHasNoNotificationIsDeliveredByThePoll() {
		try (Instance instance = Instance.start(this.database, "durable-notify.poll.interval=300ms")) {
			RecordingHandler handler = subscribe(instance, "stream");
			RecordingHandler waiting = subscribe(instance, "unknown");
			append("stream", "first", true);
			handler.awaitChunks(1);
			append("stream", "by the function", false);
			handler.awaitChunks(2);
			this.database.jdbc().update("""
					INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data)
					SELECT stream_id, 2, 'by hand' FROM durable_notify.streams WHERE name = 'stream'
					""");
			handler.awaitChunks(3);
			append("unknown", "created", false);
			waiting.awaitChunks(1);
			this.database.jdbc().update("""
					UPDATE durable_notify.streams SET ended_at = now(), end_state = 'completed' WHERE name = 'stream'
					""");
			handler.awaitComplete();
			assertThat(handler.texts()).containsExactly("first", "by the function", "by hand");
			assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
		}
	}

	@Test
	void withoutPollWhatHasNoNotificationIsDeliveredAtTheNextWakeup() {
		try (Instance instance = Instance.start(this.database, NO_POLL)) {
			RecordingHandler handler = subscribe(instance, "stream");
			append("stream", "first", true);
			handler.awaitChunks(1);
			append("stream", "second", false);
			append("stream", "third", false);
			assertThat(handler.texts()).containsExactly("first");
			append("stream", "fourth", true);
			handler.awaitChunks(4);
			assertThat(handler.texts()).containsExactly("first", "second", "third", "fourth");
		}
	}

	@Test
	void withTheListenerOffEverythingWorksByPolling() {
		String[] properties = { "durable-notify.listener.enabled=false", "durable-notify.poll.interval=200ms" };
		try (Instance instance = Instance.start(this.database, properties);
				Instance other = Instance.start(this.database, properties)) {
			assertThat(instance.listener().state().status()).isEqualTo(Status.DISABLED);
			assertThat(listeners()).isEmpty();
			RecordingHandler handler = subscribe(instance, "stream");
			RecordingHandler failing = subscribe(instance, "failing");
			other.writer().append("stream", "from another instance");
			handler.awaitChunks(1);
			other.writer().complete("stream");
			other.writer().fail("failing", "reason");
			handler.awaitComplete();
			failing.awaitError();
			RecordingHandler own = subscribe(instance, "own");
			instance.writer().append("own", "from this instance");
			own.awaitChunks(1);
			instance.listener().stop();
			instance.listener().start();
			assertThat(instance.listener().state().status()).isEqualTo(Status.DISABLED);
		}
	}

	@Test
	void withoutWakeupsOtherInstancesHearByPolling() {
		try (ChannelTap tap = ChannelTap.on(this.database, WAKEUP_CHANNEL);
				Instance instance = Instance.start(this.database, "durable-notify.poll.interval=200ms");
				Instance other = Instance.start(this.database, "durable-notify.wakeup.mode=none", NO_POLL)) {
			RecordingHandler handler = subscribe(instance, "stream");
			RecordingHandler own = subscribe(other, "stream");
			other.writer().append("stream", "a");
			other.transaction().executeWithoutResult((status) -> other.writer().append("stream", "b"));
			handler.awaitChunks(2);
			own.awaitChunks(2);
			assertThat(tap.payloads()).isEmpty();
		}
	}

	@Test
	void aReaderOpenedRightAfterStartUpMissesNothing() throws Exception {
		try (Instance other = Instance.start(this.database)) {
			for (int round = 0; round < 5; round++) {
				String stream = "stream/" + round;
				AtomicBoolean done = new AtomicBoolean();
				CompletableFuture<Integer> writer = Background.supply(() -> {
					int written = 0;
					while (!done.get()) {
						other.writer().append(stream, "chunk");
						written++;
					}
					other.writer().complete(stream);
					return written;
				});
				try (Instance instance = Instance.start(this.database, NO_POLL)) {
					RecordingHandler handler = subscribe(instance, stream);
					handler.awaitChunks(1);
					done.set(true);
					handler.awaitComplete().assertGapFree(0, writer.get());
				}
			}
		}
	}

	@Test
	void aReaderOpenedBeforeTheListenerListensMissesNothing() {
		try (TcpProxy proxy = TcpProxy.to(this.database)) {
			proxy.freeze();
			try (Instance instance = Instance.start(this.database, NO_POLL, listenerUrl(proxy),
					"durable-notify.listener.fail-fast=false")) {
				RecordingHandler handler = subscribe(instance, "stream");
				append("stream", "unheard", false);
				assertThat(instance.listener().state().status()).isEqualTo(Status.CONNECTING);
				proxy.pass();
				handler.awaitChunks(1);
			}
		}
	}

	@Test
	void applicationsWithDifferentSchemasDoNotWakeEachOther() {
		try (Instance blue = Instance.start(this.database, NO_POLL, "durable-notify.schema.name=blue");
				Instance green = Instance.start(this.database, NO_POLL, "durable-notify.schema.name=green");
				Instance otherBlue = Instance.start(this.database, NO_POLL, "durable-notify.schema.name=blue")) {
			List<Wakeup> heardByBlue = recordWakeups(blue);
			List<Wakeup> heardByGreen = recordWakeups(green);
			RecordingHandler handler = subscribe(green, "stream");
			otherBlue.writer().append("stream", "blue");
			Eventually.await(() -> heardByBlue.size() == 1, heardByBlue::toString);
			green.writer().append("stream", "green");
			handler.awaitChunks(1);
			otherBlue.writer().append("stream", "blue again");
			Eventually.await(() -> heardByBlue.size() == 2, heardByBlue::toString);
			// Heard in the order of the commits: what was sent to green before is there
			// too
			this.database.jdbc().query("SELECT pg_notify('green_wakeup', '1 test streams 999:1:-')", (result) -> {
			});
			Eventually.await(() -> heardByGreen.stream().anyMatch((wakeup) -> wakeup.id() == 999),
					heardByGreen::toString);
			assertThat(handler.texts()).containsExactly("green");
			assertThat(heardByGreen).hasSize(2);
			assertThat(heardByBlue).extracting(Wakeup::position).containsExactly(1L, 2L);
		}
	}

	private static List<Wakeup> recordWakeups(Instance instance) {
		List<Wakeup> wakeups = Collections.synchronizedList(new ArrayList<>());
		instance.bean(Wakeups.class).subscribe("streams", new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
				wakeups.add(wakeup);
			}

			@Override
			public void onResync() {
			}

		});
		return wakeups;
	}

	private static RecordingHandler subscribe(Instance instance, String stream) {
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(stream, StreamPosition.start(), handler);
		return handler;
	}

	private void append(String stream, String text, boolean wake) {
		this.database.jdbc()
			.queryForObject("SELECT durable_notify.append(?, ?, ?)", Long.class, stream,
					text.getBytes(StandardCharsets.UTF_8), wake);
	}

	private List<Integer> listeners() {
		return this.database.backends(Instance.LISTENER);
	}

	private static String listenerUrl(TcpProxy proxy) {
		return "durable-notify.listener.url=" + proxy.url();
	}

}
