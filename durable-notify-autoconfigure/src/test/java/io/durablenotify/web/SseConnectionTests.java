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

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.observation.Observations;
import io.durablenotify.testsupport.Eventually;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.mock.web.MockAsyncContext;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SseConnection}, with a container that takes as much as a test says.
 */
@Timeout(60)
class SseConnectionTests {

	private static final long HEARTBEAT = TimeUnit.SECONDS.toNanos(15);

	private static final long TIMEOUT = TimeUnit.SECONDS.toNanos(30);

	private final ManualSource source = new ManualSource();

	private final ResponseChecks checks = new ResponseChecks(
			new SseProperties(Duration.ofHours(1), Duration.ofHours(1)), new SseMeasures());

	private final Output output = new Output();

	private final Async async = new Async();

	private final AtomicInteger dispatched = new AtomicInteger();

	private final List<Runnable> tasks = new ArrayList<>();

	private Executor executor = this.tasks::add;

	private SseConnections connections;

	private SseConnection connection;

	SseConnectionTests() {
		// Only the tests check
		this.checks.close();
	}

	@AfterEach
	void theContainerWasAskedBeforeEachWrite() {
		assertThat(this.output.unasked).isZero();
	}

	private void open(Flow.Publisher<SseEvent> feed, boolean blocksAtEnd, boolean dispatchedAtEnd,
			boolean nonBlocking) {
		this.connections = new SseConnections(this.checks, this.executor, Observations.NONE);
		this.connection = new SseConnection(this.connections, this.async, this.output, blocksAtEnd, dispatchedAtEnd,
				this.dispatched::incrementAndGet);
		this.connection.open(feed, null, nonBlocking);
	}

	private ManualSource.Reading open() {
		open(this.source.feed(), false, false, true);
		return this.source.subscription();
	}

	/**
	 * Open a response that takes whatever is written.
	 */
	private ManualSource.Reading openAndTake() {
		ManualSource.Reading reading = open();
		this.output.take(Integer.MAX_VALUE);
		return reading;
	}

	/**
	 * Have the container take no more than a comment.
	 */
	private void stall() {
		this.output.room = 0;
		check(HEARTBEAT, false);
		assertThat(this.connection.isStalled()).isTrue();
	}

	private void check(long afterNanos, boolean stopping) {
		this.connection.check(System.nanoTime() + afterNanos, HEARTBEAT, TIMEOUT, stopping);
	}

	private void assertThatItIsOver() {
		assertThat(this.async.completed).isOne();
		assertThat(this.dispatched).hasValue(0);
		assertThat(this.checks.count()).isZero();
	}

	private void assertThatItIsGivenUp(ManualSource.Reading reading) {
		assertThat(reading.isCancelled()).isTrue();
		assertThat(this.connections.count()).isZero();
	}

	@Test
	void nothingIsWrittenOrRequestedBeforeTheContainerCalls() {
		this.output.room = Integer.MAX_VALUE;
		ManualSource.Reading reading = open();
		check(HEARTBEAT, false);
		assertThat(this.output.text()).isEmpty();
		assertThat(reading.requested()).isZero();
		this.output.take(Integer.MAX_VALUE);
		assertThat(this.output.flushed()).isEqualTo(":\n\n");
		assertThat(reading.requested()).isOne();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 3, 4, 5 })
	void eachEventIsWrittenOnceAndInOrderHoweverLittleTheContainerTakes(int atOnce) {
		ManualSource.Reading reading = open();
		StringBuilder expected = new StringBuilder(":\n\n");
		for (int i = 0; i < 50; i++) {
			while (reading.requested() == 0) {
				this.output.take(atOnce);
			}
			String data = i + "x".repeat((i % 7 == 0) ? 20_000 : 5);
			expected.append("data: ").append(data).append("\n\n");
			reading.next(data);
			assertThat(reading.requested()).isLessThanOrEqualTo(1);
		}
		reading.complete();
		while (this.async.completed == 0) {
			this.output.take(atOnce);
		}
		assertThat(this.output.flushed()).startsWith(expected)
			.endsWith("data: rest\n\nid:end@1-1\nevent:complete\ndata: \n\n");
		assertThatItIsOver();
	}

	@Test
	void anErrorInTheSubscriptionEndsTheResponse() {
		open((subscriber) -> {
			throw new StackOverflowError("once");
		}, false, false, true);
		this.output.take(Integer.MAX_VALUE);
		assertThatItIsOver();
	}

	@Test
	void anEventThatComesWhileTheContainerTakesNothingIsWrittenLaterAndNoOtherRequested() {
		ManualSource.Reading reading = openAndTake();
		stall();
		reading.next("a");
		assertThat(reading.requested()).isZero();
		assertThat(this.output.text()).isEqualTo(":\n\n:\n\n");
		this.output.take(1);
		assertThat(this.output.text()).isEqualTo(":\n\n:\n\ndata: a\n\n");
		assertThat(reading.requested()).as("not flushed").isZero();
		this.output.take(1);
		assertThat(reading.requested()).as("flushed, and not taken").isZero();
		this.output.take(1);
		assertThat(reading.requested()).isOne();
	}

	@Test
	void theContainerIsAskedOnceForEachWrite() {
		ManualSource.Reading reading = openAndTake();
		int before = this.output.asked;
		reading.next("a");
		reading.next("b");
		assertThat(this.output.asked - before).as("a write and a flush for each").isEqualTo(4);
	}

	@Test
	void anEntryWithoutAnEventHoldsNothingUp() {
		ManualSource.Reading reading = openAndTake();
		this.source.buffer(true);
		reading.next("a");
		assertThat(this.output.flushed()).isEqualTo(":\n\n");
		this.source.buffer(false);
		reading.next("skipped");
		assertThat(this.output.flushed()).endsWith("data: a\n\n");
		assertThat(reading.requested()).isOne();
	}

	@Test
	void eventsThatAreBufferedGoOutTogetherUpToALimit() {
		ManualSource.Reading reading = openAndTake();
		int flushes = this.output.flushes;
		this.source.buffer(true);
		for (int i = 0; i < 3; i++) {
			reading.next("x".repeat(4_000));
		}
		assertThat(this.output.flushes).isEqualTo(flushes);
		this.source.buffer(false);
		reading.next("x");
		assertThat(this.output.flushes).isEqualTo(flushes + 1);
		this.source.buffer(true);
		for (int i = 0; i < 9; i++) {
			reading.next("x".repeat(8_000));
		}
		assertThat(this.output.flushes).isEqualTo(flushes + 4);
	}

	@Test
	void anEventThatIsNotFlushedWaitsNoLongerThanTheNextCheck() {
		ManualSource.Reading reading = openAndTake();
		this.source.buffer(true);
		reading.next("a");
		assertThat(this.output.flushed()).isEqualTo(":\n\n");
		check(TimeUnit.MILLISECONDS.toNanos(20), false);
		Eventually.await(() -> {
			check(TimeUnit.MILLISECONDS.toNanos(20), false);
			return this.output.flushed().endsWith("data: a\n\n");
		}, this.output::text);
	}

	@Test
	void theContainerIsGivenLittleAtOnce() {
		ManualSource.Reading reading = openAndTake();
		reading.next("x".repeat(20_000));
		assertThat(this.output.sizes).containsExactly(3, 8192, 8192, 20_000 + 8 - 2 * 8192);
	}

	@Test
	void aHeartbeatIsSentAfterSilenceToAClientThatTakesIt() {
		ManualSource.Reading reading = openAndTake();
		check(HEARTBEAT - TimeUnit.SECONDS.toNanos(5), false);
		assertThat(this.output.text()).isEqualTo(":\n\n");
		check(HEARTBEAT, false);
		assertThat(this.output.flushed()).isEqualTo(":\n\n:\n\n");
		stall();
		check(HEARTBEAT, false);
		this.output.take(Integer.MAX_VALUE);
		assertThat(this.output.flushed()).isEqualTo(":\n\n:\n\n:\n\n");
		assertThat(reading.requested()).isOne();
	}

	@Test
	void aClientThatTakesNothingIsGivenUp() {
		ManualSource.Reading reading = openAndTake();
		stall();
		reading.next("a");
		check(TIMEOUT - TimeUnit.SECONDS.toNanos(5), false);
		assertThat(reading.isCancelled()).isFalse();
		check(TIMEOUT, false);
		assertThatItIsGivenUp(reading);
		assertThatItIsOver();
		this.output.take(10);
		reading.next("b");
		assertThat(this.output.text()).isEqualTo(":\n\n:\n\n");
	}

	@Test
	void aContainerThatNeverCallsIsGivenUp() {
		ManualSource.Reading reading = open();
		check(TIMEOUT, false);
		assertThatItIsGivenUp(reading);
		assertThatItIsOver();
	}

	@Test
	void aClientThatIsSilentAndTakesEverythingIsNotGivenUp() {
		ManualSource.Reading reading = openAndTake();
		check(2 * TIMEOUT, false);
		reading.next("a");
		check(2 * TIMEOUT, false);
		assertThat(reading.isCancelled()).isFalse();
	}

	@Test
	void aContainerThatWouldBlockEndsAResponseWhenTheClientTakesSomethingAgain() {
		open(this.source.feed(), true, false, true);
		ManualSource.Reading reading = this.source.subscription();
		this.output.take(Integer.MAX_VALUE);
		stall();
		reading.next("a");
		check(TIMEOUT, false);
		assertThatItIsGivenUp(reading);
		check(TIMEOUT, false);
		assertThat(this.async.completed).isZero();
		this.output.take(10);
		assertThat(this.output.text()).isEqualTo(":\n\n:\n\n");
		assertThatItIsOver();
	}

	/**
	 * The container has called before, and will not call again.
	 */
	@Test
	void aClientThatTakesSomethingAgainWhileItIsGivenUpIsEnded() {
		open(this.source.feed(), true, false, true);
		this.output.take(Integer.MAX_VALUE);
		stall();
		this.source.subscription().next("a");
		this.output.room = Integer.MAX_VALUE;
		check(TIMEOUT, false);
		assertThatItIsGivenUp(this.source.subscription());
		assertThatItIsOver();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aStopEndsTheResponseOfAClientThatTakesNothing(boolean givenUpBefore) {
		open(this.source.feed(), true, false, true);
		this.output.take(Integer.MAX_VALUE);
		stall();
		this.source.subscription().next("a");
		if (givenUpBefore) {
			check(TIMEOUT, false);
			assertThat(this.async.completed).isZero();
		}
		check(TIMEOUT, true);
		assertThatItIsGivenUp(this.source.subscription());
		assertThatItIsOver();
	}

	@Test
	void aClientThatHasLeftIsNotReadForAnyMore() {
		ManualSource.Reading reading = openAndTake();
		this.output.failure = new IOException("broken pipe");
		reading.next("a");
		assertThatItIsGivenUp(reading);
		assertThatItIsOver();
	}

	@Test
	void aFailureThatTheContainerReportsEndsTheResponse() {
		open(this.source.feed(), true, false, true);
		this.output.take(Integer.MAX_VALUE);
		stall();
		this.source.subscription().next("a");
		this.output.listener.onError(new IOException("reset"));
		assertThatItIsGivenUp(this.source.subscription());
		assertThatItIsOver();
	}

	@Test
	void aResponseThatTheContainerEndsIsLeft() {
		ManualSource.Reading reading = openAndTake();
		this.connection.onError(new AsyncEvent(this.async));
		assertThatItIsGivenUp(reading);
		// Before the container could send an error page
		int completed = this.async.completed;
		assertThat(completed).isPositive();
		this.connection.onComplete(new AsyncEvent(this.async));
		assertThat(this.checks.count()).isZero();
		check(TIMEOUT, true);
		assertThat(this.async.completed).isEqualTo(completed);
	}

	@Test
	void aResponseThatTheContainerEndsWhileItOpensIsLeft() {
		open((subscriber) -> {
			this.connection.onError(new AsyncEvent(this.async));
			this.source.feed().subscribe(subscriber);
		}, false, false, true);
		assertThat(this.source.subscription().isCancelled()).isTrue();
		assertThat(this.checks.count()).isZero();
	}

	@Test
	void aResponseIsEndedByADispatchIfSomethingWaitsForThat() {
		open(this.source.feed(), false, true, true);
		this.output.take(Integer.MAX_VALUE);
		this.connection.close();
		assertThat(this.dispatched).hasValue(1);
		assertThat(this.async.completed).isZero();
		assertThat(this.checks.count()).isZero();
	}

	@Test
	void closingWritesTheEventThatHasCome() {
		ManualSource.Reading reading = openAndTake();
		stall();
		reading.next("a");
		this.connection.close();
		assertThat(reading.isCancelled()).isTrue();
		assertThat(this.async.completed).isZero();
		this.output.take(Integer.MAX_VALUE);
		assertThat(this.output.flushed()).endsWith("data: a\n\n");
		assertThatItIsOver();
	}

	@Test
	void withoutAFeedNothingIsWritten() {
		open(null, false, false, true);
		this.output.take(Integer.MAX_VALUE);
		assertThat(this.output.text()).isEmpty();
		assertThatItIsOver();
	}

	@Test
	void aResponseWithoutAWriteListenerIsWrittenByTheExecutor() {
		open(this.source.feed(), false, false, false);
		this.output.room = Integer.MAX_VALUE;
		assertThat(this.output.text()).isEmpty();
		runTasks();
		assertThat(this.output.flushed()).isEqualTo(":\n\n");
		this.source.subscription().next("a");
		assertThat(this.output.flushed()).isEqualTo(":\n\n");
		runTasks();
		assertThat(this.output.flushed()).endsWith("data: a\n\n");
		this.source.subscription().complete();
		runTasks();
		assertThat(this.dispatched).hasValue(1);
		// Nobody asks where nothing is known
		assertThat(this.output.asked).isZero();
		this.output.unasked = 0;
	}

	private void runTasks() {
		while (!this.tasks.isEmpty()) {
			this.tasks.remove(0).run();
		}
	}

	@Test
	void aWriteThatBlocksIsInterruptedAfterTheTimeout() throws InterruptedException {
		List<Boolean> interrupted = new ArrayList<>();
		List<Thread> threads = new ArrayList<>();
		this.executor = (task) -> {
			Thread thread = new Thread(() -> {
				task.run();
				interrupted.add(Thread.currentThread().isInterrupted());
			});
			threads.add(thread);
			thread.start();
		};
		this.output.blocking = true;
		open(this.source.feed(), false, false, false);
		this.output.blocked.await();
		check(TIMEOUT - TimeUnit.SECONDS.toNanos(5), false);
		assertThat(this.source.subscription().isCancelled()).isFalse();
		check(TIMEOUT, false);
		threads.get(0).join();
		assertThat(this.output.interrupted).isTrue();
		assertThatItIsGivenUp(this.source.subscription());
		Eventually.await(() -> this.dispatched.get() == 1, this.dispatched::get);
		assertThat(interrupted.get(0)).isFalse();
		this.output.unasked = 0;
	}

	/**
	 * Entries, checks and the container's calls come from three threads.
	 */
	@Test
	void nothingIsLostBetweenThreads() throws InterruptedException {
		int count = 2_000;
		ManualSource.Reading reading = open();
		Thread entries = new Thread(() -> {
			for (int i = 0; i < count;) {
				if (reading.requested() > 0) {
					reading.next(String.valueOf(i++));
				}
				Thread.yield();
			}
			reading.next("last");
		});
		Thread checks = new Thread(() -> {
			while (this.async.completed == 0) {
				this.connection.check(System.nanoTime(), HEARTBEAT / 100_000, TIMEOUT, false);
				Thread.yield();
			}
		});
		entries.start();
		checks.start();
		while (this.async.completed == 0) {
			this.output.takeIfStalled(3);
			// As a container may without a need
			this.connection.onWritePossible();
			Thread.yield();
		}
		entries.join();
		checks.join();
		String[] events = this.output.flushed().replace(":\n\n", "").split("\n\n");
		assertThat(events).hasSize(count + 3);
		for (int i = 0; i < count; i++) {
			assertThat(events[i]).isEqualTo("data: " + i);
		}
	}

	private static final class Async extends MockAsyncContext {

		private volatile int completed;

		Async() {
			super(new MockHttpServletRequest(), new MockHttpServletResponse());
		}

		@Override
		public void complete() {
			this.completed++;
			super.complete();
		}

	}

	/**
	 * Takes a number of writes and flushes, and then no more until it is told to. Has to
	 * be asked before each.
	 */
	private static final class Output extends ServletOutputStream {

		private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

		private final List<Integer> sizes = new ArrayList<>();

		private final CountDownLatch blocked = new CountDownLatch(1);

		private WriteListener listener;

		private int room;

		private boolean ready;

		/**
		 * Whether it has said that it is not ready, and will call.
		 */
		private boolean calling = true;

		private int asked;

		/**
		 * How often it was written to without being asked.
		 */
		private int unasked;

		private int flushes;

		private int flushed;

		private IOException failure;

		private boolean blocking;

		private volatile boolean interrupted;

		@Override
		public synchronized boolean isReady() {
			this.asked++;
			this.ready = this.room > 0;
			this.calling = !this.ready;
			return this.ready;
		}

		@Override
		public void setWriteListener(WriteListener listener) {
			this.listener = listener;
		}

		/**
		 * Take some, and call if that was promised.
		 */
		void take(int count) {
			synchronized (this) {
				this.room = count;
				if (!this.calling) {
					return;
				}
				this.calling = false;
			}
			call();
		}

		void takeIfStalled(int count) {
			synchronized (this) {
				if (!this.calling) {
					return;
				}
			}
			take(count);
		}

		private void call() {
			try {
				this.listener.onWritePossible();
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}

		private synchronized void taken() throws IOException {
			if (!this.ready) {
				this.unasked++;
			}
			this.ready = false;
			this.room--;
			if (this.failure != null) {
				throw this.failure;
			}
		}

		@Override
		public void write(int value) {
			throw new UnsupportedOperationException();
		}

		@Override
		public void write(byte[] bytes, int offset, int length) throws IOException {
			if (this.blocking) {
				this.blocked.countDown();
				try {
					Thread.sleep(Eventually.TIMEOUT.toMillis());
				}
				catch (InterruptedException ex) {
					this.interrupted = true;
					Thread.currentThread().interrupt();
					throw new InterruptedIOException();
				}
			}
			taken();
			synchronized (this) {
				this.sizes.add(length);
				this.bytes.write(bytes, offset, length);
			}
		}

		@Override
		public void flush() throws IOException {
			taken();
			synchronized (this) {
				this.flushes++;
				this.flushed = this.bytes.size();
			}
		}

		synchronized String text() {
			return this.bytes.toString(StandardCharsets.UTF_8);
		}

		/**
		 * Return what was flushed.
		 */
		synchronized String flushed() {
			return new String(this.bytes.toByteArray(), 0, this.flushed, StandardCharsets.UTF_8);
		}

	}

}
