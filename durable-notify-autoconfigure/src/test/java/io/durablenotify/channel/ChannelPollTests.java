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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for direct channels without notifications, and for waits that end with the
 * instance.
 */
class ChannelPollTests {

	private static final String POLL = "durable-notify.channels.poll-interval=100ms";

	private static final String LISTENER_OFF = "durable-notify.listener.enabled=false";

	/**
	 * Longer than a test waits for what it receives.
	 */
	private static final Duration WAIT = Duration.ofMinutes(2);

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { POLL, LISTENER_OFF })
	private static Instance first;

	@Fixture(properties = { POLL, LISTENER_OFF })
	private static Instance second;

	private static DurableChannels channels(Instance instance) {
		return instance.bean(DurableChannels.class);
	}

	private static CompletableFuture<Optional<Message>> receive(Instance instance, String address) {
		return Background.supply(() -> channels(instance).receive("replies", address, WAIT));
	}

	@Test
	void thePollFindsWhatNoNotificationTellsOf() {
		CompletableFuture<Optional<Message>> blocking = receive(first, "blocking");
		CompletableFuture<Optional<Message>> async = channels(first).receiveAsync("replies", "async", WAIT);
		DirectChannelTests.awaitWait();
		channels(second).send("replies", "blocking", "a");
		channels(second).send("replies", "async", "b");
		assertThat(blocking).succeedsWithin(Eventually.TIMEOUT)
			.satisfies((message) -> assertThat(message.orElseThrow().text()).isEqualTo("a"));
		assertThat(async).succeedsWithin(Eventually.TIMEOUT)
			.satisfies((message) -> assertThat(message.orElseThrow().text()).isEqualTo("b"));
	}

	@Test
	void competingAndBroadcastMessagesAreDeliveredByThePollToo() {
		List<String> received = new CopyOnWriteArrayList<>();
		Subscription competing = channels(first).compete("competing", (message) -> received.add(message.text()));
		Subscription broadcast = channels(first).subscribe("broadcast", "a", (message) -> received.add(message.text()));
		channels(second).publish("competing", "c");
		channels(second).publish("broadcast", "b");
		Eventually.await(() -> received.size() == 2, () -> received);
		assertThat(received).containsExactlyInAnyOrder("b", "c");
		competing.cancel();
		broadcast.cancel();
	}

	@Test
	void thePollGoesOnAfterItHadNothingToDo() {
		for (int i = 0; i < 3; i++) {
			CompletableFuture<Optional<Message>> received = receive(first, "again");
			DirectChannelTests.awaitWait();
			channels(second).send("replies", "again", "x");
			assertThat(received).succeedsWithin(Eventually.TIMEOUT).matches(Optional::isPresent);
		}
	}

	@Test
	void waitsEndWithTheInstance() {
		Instance closing = Instance.start(database, POLL);
		CompletableFuture<Optional<Message>> blocking = receive(closing, "closing");
		CompletableFuture<Optional<Message>> async = channels(closing).receiveAsync("replies", "closing-async", WAIT);
		DirectChannelTests.awaitWait();
		closing.close();
		assertThat(blocking).succeedsWithin(Eventually.TIMEOUT).isEqualTo(Optional.empty());
		assertThat(async).succeedsWithin(Eventually.TIMEOUT).isEqualTo(Optional.empty());
	}

}
