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

package io.durablenotify.web;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.testsupport.WordlessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;

import org.springframework.http.codec.ServerSentEvent;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SseFlux}, with a subscriber that requests as much as a test says.
 */
@Timeout(60)
class SseFluxTests {

	private static final String COMMENT = ":";

	private static final long HEARTBEAT = TimeUnit.SECONDS.toNanos(15);

	private final ManualSource source = new ManualSource();

	private final Checks all = new Checks();

	private final Client client = new Client();

	private Executor executor = Runnable::run;

	/**
	 * Finds what is checked. Only the tests check.
	 */
	private static final class Checks {

		private final ResponseChecks checks = new ResponseChecks(
				new SseProperties(Duration.ofHours(1), Duration.ofHours(1)), new SseMeasures());

		Checks() {
			this.checks.close();
		}

		void check(long afterNanos, long heartbeatNanos) {
			this.checks.count((checked) -> {
				checked.check(System.nanoTime() + afterNanos, heartbeatNanos, HEARTBEAT, false);
				return true;
			});
		}

		int count() {
			return this.checks.count();
		}

		SseState state() {
			return this.checks.state();
		}

	}

	@AfterEach
	void nothingIsLeft() {
		this.client.cancel();
		assertThat(this.all.count()).isZero();
		if (this.source.subscription() != null) {
			assertThat(this.source.subscription().isCancelled() || this.client.end.get() != null).isTrue();
		}
	}

	private ManualSource.Reading subscribe(long demand) {
		new SseFlux(this.source.feed(), null, this.all.checks, this.executor).subscribe(this.client);
		if (demand > 0) {
			this.client.request(demand);
		}
		return this.source.subscription();
	}

	@Test
	void aClientThatRequestsNothingIsWaiting() {
		ManualSource.Reading reading = subscribe(0);
		assertThat(this.all.state()).isEqualTo(new SseState(0, 1, 0));
		this.client.request(2);
		assertThat(this.all.state()).isEqualTo(new SseState(1, 0, 0));
		reading.next("a");
		assertThat(this.all.state()).isEqualTo(new SseState(0, 1, 0));
	}

	@Test
	void aCommentComesFirstAndAnEventIsReadWhenItIsRequested() {
		ManualSource.Reading reading = subscribe(0);
		assertThat(this.client.received).isEmpty();
		this.client.request(1);
		assertThat(this.client.received).containsExactly(COMMENT);
		assertThat(reading.requested()).isZero();
		this.client.request(1);
		assertThat(reading.requested()).isOne();
		reading.next("a");
		assertThat(this.client.received).containsExactly(COMMENT, " a");
		assertThat(reading.requested()).isZero();
		this.client.request(Long.MAX_VALUE);
		for (int i = 0; i < 10; i++) {
			assertThat(reading.requested()).isOne();
			reading.next("b" + i);
		}
		assertThat(this.client.received).hasSize(12).endsWith(" b8", " b9");
	}

	@Test
	void anEventThatComesWhenACommentHasTakenTheDemandIsSentLater() {
		ManualSource.Reading reading = subscribe(2);
		assertThat(reading.requested()).isOne();
		this.all.check(HEARTBEAT, HEARTBEAT);
		assertThat(this.client.received).containsExactly(COMMENT, COMMENT);
		reading.next("a");
		assertThat(this.client.received).hasSize(2);
		this.client.request(1);
		assertThat(this.client.received).containsExactly(COMMENT, COMMENT, " a");
		assertThat(reading.requested()).isZero();
	}

	@Test
	void aCommentComesOnlyAfterSilenceAndIfItIsRequested() {
		subscribe(1);
		this.all.check(2 * HEARTBEAT, HEARTBEAT);
		assertThat(this.client.received).containsExactly(COMMENT);
		this.client.request(5);
		assertThat(this.client.received).containsExactly(COMMENT);
		this.all.check(0, HEARTBEAT);
		assertThat(this.client.received).containsExactly(COMMENT);
		this.all.check(HEARTBEAT, HEARTBEAT);
		assertThat(this.client.received).containsExactly(COMMENT, COMMENT);
	}

	@Test
	void theEndComesAfterTheLastEventAndNeedsNoRequest() {
		ManualSource.Reading reading = subscribe(2);
		reading.next("last");
		assertThat(reading.isCancelled()).isTrue();
		assertThat(this.client.received).containsExactly(COMMENT, " last");
		assertThat(this.client.end.get()).isNull();
		this.client.request(2);
		assertThat(this.client.received).containsExactly(COMMENT, " last", " rest", " ");
		assertThat(this.client.end).hasValue("complete");
	}

	@Test
	void aSubscriberThatCancelsIsNotReadFor() {
		ManualSource.Reading reading = subscribe(2);
		this.client.cancel();
		assertThat(reading.isCancelled()).isTrue();
		reading.next("a");
		assertThat(this.client.received).containsExactly(COMMENT);
	}

	@Test
	void aSubscriberThatCancelsBeforeTheFeedIsSubscribedToIsNotReadFor() {
		List<Runnable> tasks = new ArrayList<>();
		this.executor = tasks::add;
		subscribe(2);
		this.client.cancel();
		assertThat(this.all.count()).isZero();
		tasks.forEach(Runnable::run);
		assertThat(this.source.subscription().isCancelled()).isTrue();
	}

	@Test
	void aSubscriberThatCancelsAtOnceLeavesNothing() {
		this.client.cancelling = true;
		subscribe(0);
		assertThat(this.all.count()).isZero();
		assertThat(this.source.subscription()).isNull();
	}

	@Test
	void anExecutorThatRefusesEndsTheResponse() {
		this.executor = (task) -> {
			throw new RejectedExecutionException("closed");
		};
		subscribe(5);
		assertThat(this.client.end).hasValue("complete");
	}

	@Test
	void anExecutorThatIsOutOfThreadsEndsTheResponse() {
		this.executor = (task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		};
		subscribe(5);
		assertThat(this.client.end).hasValue("complete");
		assertThat(this.all.count()).isZero();
	}

	@ParameterizedTest
	@MethodSource("failures")
	void aFailureOfTheFeedEndsTheResponse(RuntimeException failure) {
		this.source.failToSubscribe(failure);
		subscribe(5);
		assertThat(this.client.end).hasValue("complete");
	}

	@ParameterizedTest
	@MethodSource("failures")
	void aFailureToSendEndsTheResponse(RuntimeException failure) {
		ManualSource.Reading reading = subscribe(5);
		this.client.failure = failure;
		reading.next("a");
		assertThat(reading.isCancelled()).isTrue();
		assertThat(this.client.end.get()).isSameAs(this.client.failure);
	}

	private static List<RuntimeException> failures() {
		return List.of(new IllegalStateException("unexpected"), new WordlessException());
	}

	/**
	 * Entries, requests and checks come from three threads.
	 */
	@Test
	void nothingIsLostBetweenThreads() throws InterruptedException {
		int count = 100_000;
		ManualSource.Reading reading = subscribe(1);
		Thread entries = new Thread(() -> {
			for (int i = 0; i < count;) {
				if (reading.requested() > 0) {
					reading.next(String.valueOf(i++));
				}
			}
			reading.next("last");
		});
		Thread checks = new Thread(() -> {
			while (this.client.end.get() == null) {
				this.all.check(0, HEARTBEAT);
			}
		});
		entries.start();
		checks.start();
		while (this.client.end.get() == null) {
			this.client.request(1);
		}
		entries.join();
		checks.join();
		List<String> events = this.client.received.stream().filter((event) -> !event.equals(COMMENT)).toList();
		assertThat(events).hasSize(count + 3);
		for (int i = 0; i < count; i++) {
			assertThat(events.get(i)).isEqualTo(" " + i);
		}
	}

	private static final class Client implements CoreSubscriber<ServerSentEvent<String>> {

		private final List<String> received = new ArrayList<>();

		private final AtomicReference<Object> end = new AtomicReference<>();

		private Subscription subscription;

		private boolean cancelling;

		private RuntimeException failure;

		@Override
		public void onSubscribe(Subscription subscription) {
			this.subscription = subscription;
			if (this.cancelling) {
				cancel();
			}
		}

		void request(long count) {
			this.subscription.request(count);
		}

		void cancel() {
			this.subscription.cancel();
		}

		@Override
		public void onNext(ServerSentEvent<String> event) {
			if (this.failure != null) {
				throw this.failure;
			}
			this.received.add((event.data() != null) ? event.data() : COMMENT);
		}

		@Override
		public void onError(Throwable failure) {
			this.end.set(failure);
		}

		@Override
		public void onComplete() {
			this.end.set("complete");
		}

	}

}
