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

package io.durablenotify.wakeup;

import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

import io.durablenotify.Subscription;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link AdaptivePoll} with the state of a test listener.
 */
class AdaptivePollTests {

	private static final Duration SHORT = Duration.ofMillis(50);

	private static final Duration LONG = Duration.ofMinutes(10);

	private final AtomicReference<ListenerState> listener = new AtomicReference<>(state(Status.LISTENING, true));

	private AdaptivePoll poll = poll(SHORT, SHORT);

	@AfterEach
	void stop() {
		this.poll.stop();
	}

	@ParameterizedTest
	@CsvSource({ "LISTENING, true, 5", "LISTENING, false, 1", "DISABLED, false, 5", "CONNECTING, false, 1",
			"BACKING_OFF, false, 1", "DEAF, false, 1", "STOPPED, false, 1", "BACKING_OFF, true, 1" })
	void theIntervalIsLongWhereTheListenerIsProvenToHearOrMeantToBeOff(Status status, boolean proven, int seconds) {
		this.poll = poll(Duration.ofSeconds(5), Duration.ofSeconds(1));
		this.listener.set(state(status, proven));
		assertThat(this.poll.intervalInForce()).isEqualTo(Duration.ofSeconds(seconds));
	}

	@ParameterizedTest
	@EnumSource(Status.class)
	void withoutADegradedIntervalTheIntervalIsTheRegularOne(Status status) {
		this.poll = poll(Duration.ofSeconds(5), Duration.ZERO);
		this.listener.set(state(status, false));
		assertThat(this.poll.intervalInForce()).isEqualTo(Duration.ofSeconds(5));
	}

	@ParameterizedTest
	@EnumSource(Status.class)
	void theDegradedIntervalIsNeverTheLongerOne(Status status) {
		this.poll = poll(Duration.ofSeconds(1), Duration.ofSeconds(5));
		this.listener.set(state(status, false));
		assertThat(this.poll.intervalInForce()).isEqualTo(Duration.ofSeconds(1));
	}

	@ParameterizedTest
	@EnumSource(Status.class)
	void anIntervalOfZeroIsNoPollAndNoThread(Status status) {
		this.poll = poll(Duration.ZERO, SHORT);
		this.listener.set(state(status, false));
		Set<Thread> before = threads();
		this.poll.register(() -> {
		});
		this.poll.start();
		assertThat(this.poll.intervalInForce()).isZero();
		assertThat(threads()).isEqualTo(before);
	}

	@Test
	void theThreadExistsOnlyWhileSomethingIsRegistered() {
		Set<Thread> before = threads();
		this.poll.start();
		assertThat(threads()).isEqualTo(before);
		Subscription first = this.poll.register(() -> {
		});
		Subscription second = this.poll.register(() -> {
		});
		Set<Thread> during = threads();
		during.removeAll(before);
		assertThat(during).hasSize(1);
		assertThat(during.iterator().next().isDaemon()).isTrue();
		first.cancel();
		first.cancel();
		assertThat(first.isActive()).isFalse();
		assertThat(second.isActive()).isTrue();
		assertThat(threads()).containsAll(during);
		second.cancel();
		awaitEnd(during);
		assertThat(this.poll.isRunning()).isTrue();
	}

	/**
	 * To begin a thread for each reader took longer than its first read.
	 */
	@Test
	void readersThatComeOneAfterTheOtherShareAThread() {
		this.poll = poll(LONG, LONG);
		Set<Thread> before = threads();
		Set<Thread> during = new HashSet<>();
		for (int i = 0; i < 100; i++) {
			Subscription only = this.poll.register(() -> {
			});
			during.addAll(threads());
			only.cancel();
		}
		during.removeAll(before);
		assertThat(during).hasSizeLessThan(10);
		awaitEnd(during);
	}

	@Test
	void everythingRegisteredIsCalledAgainAndAgain() {
		AtomicInteger first = count();
		AtomicInteger second = count();
		awaitCalls(first, 3);
		awaitCalls(second, 3);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aCheckThatThrowsDisturbsNeitherTheOthersNorItself(CapturedOutput output) {
		AtomicInteger failing = new AtomicInteger();
		this.poll.register(() -> {
			failing.incrementAndGet();
			throw new IllegalStateException("Expected");
		});
		AtomicInteger calls = count();
		awaitCalls(failing, 3);
		awaitCalls(calls, 3);
		assertThat(output).contains("Failed to poll; the next poll follows after its interval");
	}

	@Test
	void aCancelledCheckIsNotCalledAnyMore() {
		AtomicInteger cancelled = new AtomicInteger();
		Subscription subscription = this.poll.register(cancelled::incrementAndGet);
		AtomicInteger calls = count();
		awaitCalls(calls, 1);
		subscription.cancel();
		// The round under way, if there is one, may still call it
		awaitCalls(calls, calls.get() + 1);
		int before = cancelled.get();
		awaitCalls(calls, calls.get() + 3);
		assertThat(cancelled).hasValue(before);
	}

	@Test
	void aChangeOfTheListenersStateIsNoticedWithinTheShortInterval() {
		this.poll = poll(LONG, SHORT);
		AtomicInteger calls = count();
		this.listener.set(state(Status.BACKING_OFF, false));
		awaitCalls(calls, 3);
		this.listener.set(state(Status.LISTENING, true));
		int before = calls.get();
		this.listener.set(state(Status.DEAF, false));
		awaitCalls(calls, before + 1);
	}

	@Test
	void nothingIsCalledBeforeItsTime() {
		this.poll = poll(Duration.ofSeconds(1), SHORT);
		long start = System.nanoTime();
		AtomicInteger calls = count();
		awaitCalls(calls, 2);
		// Shortened by up to two fifths, so that instances do not poll in step
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(2 * 600));
	}

	@Test
	void stopEndsTheThreadAndStartBeginsAgain() {
		Set<Thread> before = threads();
		AtomicInteger calls = count();
		awaitCalls(calls, 1);
		for (int round = 0; round < 3; round++) {
			Set<Thread> during = threads();
			during.removeAll(before);
			assertThat(during).hasSize(1);
			this.poll.stop();
			this.poll.stop();
			assertThat(this.poll.isRunning()).isFalse();
			awaitEnd(during);
			this.poll.start();
			this.poll.start();
			assertThat(this.poll.isRunning()).isTrue();
			awaitCalls(calls, calls.get() + 1);
		}
	}

	@Test
	void whatIsRegisteredAfterARestartIsCalled() {
		AtomicInteger calls = new AtomicInteger();
		Subscription before = this.poll.register(calls::incrementAndGet);
		awaitCalls(calls, 1);
		this.poll.stop();
		before.cancel();
		this.poll.start();
		awaitCalls(count(), 1);
	}

	@Test
	void whatIsRegisteredWhileStoppedIsCalledAfterTheStart() {
		this.poll.stop();
		Set<Thread> before = threads();
		AtomicInteger calls = count();
		// Those of other tests may end in between
		assertThat(before).containsAll(threads());
		this.poll.start();
		awaitCalls(calls, 1);
	}

	private AdaptivePoll poll(Duration interval, Duration degradedInterval) {
		return new AdaptivePoll(new PollProperties(interval, degradedInterval), this.listener::get);
	}

	private AtomicInteger count() {
		AtomicInteger calls = new AtomicInteger();
		this.poll.register(calls::incrementAndGet);
		return calls;
	}

	private static void awaitCalls(AtomicInteger calls, int count) {
		Eventually.await(() -> calls.get() >= count, calls::get);
	}

	private static void awaitEnd(Set<Thread> threads) {
		Eventually.await(() -> threads.stream().noneMatch(Thread::isAlive), () -> threads);
	}

	private static Set<Thread> threads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("durable-notify-poll"))
			.collect(Collectors.toSet());
	}

	private static ListenerState state(Status status, boolean proven) {
		return new ListenerState(status, Instant.EPOCH, proven, 0, null, null, null, null);
	}

}
