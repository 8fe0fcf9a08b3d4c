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

package io.durablenotify.change;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ChangeFeed}, whose handlers run on the test's thread.
 */
class ChangeFeedTests {

	private static final int CAPACITY = 100;

	/**
	 * What the handler found wrong. The feed only logs what a handler throws.
	 */
	private final AtomicReference<Throwable> failure = new AtomicReference<>();

	private final AtomicReference<Consumer<ChangeFeed>> onFirst = new AtomicReference<>((feed) -> {
	});

	private final RecordingChangeHandler handler = new RecordingChangeHandler() {

		@Override
		public void onChange(Change change) throws Exception {
			super.onChange(change);
			if (change.id() == 0) {
				try {
					ChangeFeedTests.this.onFirst.get().accept(ChangeFeedTests.this.feed);
				}
				catch (Throwable ex) {
					ChangeFeedTests.this.failure.set(ex);
				}
			}
		}

	};

	private final List<Integer> room = new ArrayList<>();

	private Runnable onRoom = () -> {
	};

	private final ChangeFeed feed = new ChangeFeed("topic", this.handler, CAPACITY, Runnable::run, Delays.ofJvm(),
			new HandlerMeasures(), Observations.NONE, this::onRoom, (feed) -> {
			});

	@AfterEach
	void handlerHasFoundNothingWrong() {
		assertThat(this.failure).hasNullValue();
	}

	private void onRoom(ChangeFeed feed) {
		assertThat(feed.hasRoom()).isTrue();
		this.room.add(waiting());
		this.onRoom.run();
	}

	private int waiting() {
		return this.feed.state(Duration.ZERO).waiting();
	}

	private void deliver(int from, int to) {
		add(from, to);
		ChangeFeed.signal(List.of(this.feed));
	}

	private void add(int from, int to) {
		this.feed.add(IntStream.range(from, to)
			.mapToObj((id) -> new Change("topic", String.valueOf(id), null, false, id, Instant.EPOCH))
			.toList());
	}

	private static List<String> keys(int from, int to) {
		return IntStream.range(from, to).mapToObj(String::valueOf).toList();
	}

	@Test
	void aGapDropsAllThatWaitsForTheHandlerDuringACall() {
		this.onFirst.set((feed) -> {
			feed.addGap(ChangeGap.Reason.EXPIRED);
			assertThat(waiting()).isZero();
			add(CAPACITY, CAPACITY + 3);
			assertThat(waiting()).isEqualTo(3);
		});
		deliver(0, CAPACITY);
		assertThat(this.handler.keys()).containsExactly("0", "100", "101", "102");
		assertThat(this.handler.gaps()).containsExactly(ChangeGap.Reason.EXPIRED);
	}

	@Test
	void aCancellationDropsAllThatWaitsForTheHandlerDuringACall() {
		this.onFirst.set(ChangeFeed::cancel);
		deliver(0, CAPACITY);
		assertThat(this.handler.keys()).containsExactly("0");
		assertThat(waiting()).isZero();
	}

	@Test
	void allButTheChangeThatIsBeingHandledWait() {
		this.onFirst.set((feed) -> {
			assertThat(waiting()).isEqualTo(CAPACITY - 1);
			assertThat(feed.hasRoom()).isTrue();
			add(CAPACITY, CAPACITY + 1);
			assertThat(feed.hasRoom()).isFalse();
		});
		deliver(0, CAPACITY);
		assertThat(this.handler.keys()).isEqualTo(keys(0, CAPACITY + 1));
		assertThat(waiting()).isZero();
	}

	@Test
	void whatWasTakenForTheHandlerIsWaitingToo() {
		this.onFirst.set((feed) -> assertThat(feed.isWaiting()).isTrue());
		deliver(0, 2);
		assertThat(this.handler.keys()).containsExactly("0", "1");
		assertThat(this.feed.isWaiting()).isFalse();
	}

	@Test
	void thereIsRoomAgainOnceHalfOfItIsHandled() {
		deliver(0, 3 * CAPACITY);
		assertThat(this.handler.keys()).isEqualTo(keys(0, 3 * CAPACITY));
		assertThat(this.room).singleElement().satisfies((waiting) -> assertThat(waiting).isBetween(50, 81));
		deliver(0, CAPACITY / 2);
		assertThat(this.room).hasSize(1);
	}

	@Test
	void whatWaitsIsDeliveredAlsoIfTheSignalThatThereIsRoomFails() {
		this.onRoom = () -> {
			throw new IllegalStateException("Failed by the test");
		};
		deliver(0, CAPACITY);
		this.handler.awaitChanges(CAPACITY);
		assertThat(this.handler.keys()).isEqualTo(keys(0, CAPACITY));
		assertThat(this.room).hasSize(1);
	}

}
