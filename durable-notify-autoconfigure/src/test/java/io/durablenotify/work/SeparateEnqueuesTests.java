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
package io.durablenotify.work;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;

import org.springframework.core.task.TaskRejectedException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.then;
import static org.mockito.BDDMockito.willDoNothing;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link SeparateEnqueues} without a server.
 */
class SeparateEnqueuesTests {

	private final WorkWrites writes = mock(WorkWrites.class);

	@Test
	void whatIsBeingStoredAtTheEndMayBeStoredAndNothingElseIsStoredAfterIt() throws InterruptedException {
		CountDownLatch storing = new CountDownLatch(1);
		CountDownLatch offered = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
		given(this.writes.inBackground(any())).willReturn(this.writes);
		given(this.writes.store(any())).willAnswer((call) -> {
			threads.add(Thread.currentThread());
			if (threads.size() == 1) {
				offered.await();
				return new StoredItem(1, 1, false, 0);
			}
			storing.countDown();
			while (goOn.getCount() > 0) {
				try {
					goOn.await();
				}
				catch (InterruptedException ex) {
					// As the driver does, which waits for the server's answer
				}
			}
			return new StoredItem(1, 1, false, 0);
		});
		SeparateEnqueues enqueues = new SeparateEnqueues(this.writes, 10, Duration.ofMillis(1), (completed) -> {
		});
		PendingEnqueue first = pending("a");
		PendingEnqueue second = pending("a");
		PendingEnqueue other = pending("b");
		enqueues.offer(pending("before"));
		for (PendingEnqueue pending : List.of(first, second, other)) {
			enqueues.offer(pending);
		}
		offered.countDown();
		storing.await();
		enqueues.close();
		assertThat(first.outcome()).isCompletedExceptionally()
			.failsWithin(Duration.ZERO)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(EnqueueOutcomeUnknownException.class)
			.withMessageContaining("may or may not be stored");
		for (PendingEnqueue left : List.of(second, other)) {
			assertThat(left.outcome()).failsWithin(Duration.ZERO)
				.withThrowableThat()
				.withCauseInstanceOf(TaskRejectedException.class);
		}
		goOn.countDown();
		Eventually.await(() -> !threads.get(0).isAlive(), threads::toString);
		assertThat(threads).hasSize(2);
	}

	@Test
	void whatFailsForWantOfAThreadIsNotStoredWithTheNextOne() throws Exception {
		BackgroundLoop loop = mock();
		AtomicReference<Step> step = new AtomicReference<>();
		List<PendingEnqueue> completed = new ArrayList<>();
		given(this.writes.inBackground(any())).willReturn(this.writes);
		given(this.writes.store(any())).willReturn(new StoredItem(1, 1, false, 0));
		SeparateEnqueues enqueues = new SeparateEnqueues(this.writes, 3, Duration.ofSeconds(1), completed::addAll,
				(write) -> {
					step.set(write);
					return loop;
				});
		PendingEnqueue handedOver = pending("a");
		willThrow(new OutOfMemoryError("unable to create native thread")).given(loop).signal();
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> enqueues.offer(pending("a")));
		assertThatCode(() -> enqueues.take(handedOver)).doesNotThrowAnyException();
		assertThat(handedOver.outcome()).isCompletedExceptionally();
		assertThat(completed).containsExactly(handedOver);
		willDoNothing().given(loop).signal();
		PendingEnqueue next = pending("a");
		enqueues.offer(next);
		step.get().run();
		then(this.writes).should().store(any());
		assertThat(next.outcome()).isCompleted();
	}

	private static PendingEnqueue pending(String key) {
		return new PendingEnqueue(new NewItem("queue", key, false, null, null, Duration.ZERO, null, new byte[0]), null);
	}

}
