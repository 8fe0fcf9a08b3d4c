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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.HandDelays;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link BackgroundLoop}.
 */
@ExtendWith(OutputCaptureExtension.class)
class BackgroundLoopTests {

	private final FailureLog failures = new FailureLog(LogFactory.getLog(getClass()), "It fails", "It works again");

	private final AtomicInteger steps = new AtomicInteger();

	private final Queue<Next> results = new ConcurrentLinkedQueue<>();

	private BackgroundLoop loop = loop(this::step);

	private BackgroundLoop loop(BackgroundLoop.Step step) {
		return new BackgroundLoop("loop-of-test", this.failures, step);
	}

	private Next step() {
		this.steps.incrementAndGet();
		Next result = this.results.poll();
		return (result != null) ? result : Next.IDLE;
	}

	@AfterEach
	void close() {
		this.loop.close();
	}

	private void awaitSteps(int count) {
		Eventually.await(() -> this.steps.get() >= count, this.steps::toString);
	}

	@Test
	void aSignalIsNeverLost() {
		// Each is counted by the step that begins after it
		AtomicLong signalled = new AtomicLong();
		AtomicLong seen = new AtomicLong();
		this.loop = loop(() -> {
			seen.set(signalled.get());
			return Next.IDLE;
		});
		for (int i = 1; i <= 20_000; i++) {
			signalled.set(i);
			this.loop.signal();
			if (i % 100 == 0) {
				long expected = i;
				Eventually.await(() -> seen.get() == expected, seen::toString);
			}
		}
	}

	@Test
	void signalsDuringAStepAreOneStep() {
		CountDownLatch begun = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		this.loop = loop(() -> {
			begun.countDown();
			release.await();
			return step();
		});
		this.loop.signal();
		Eventually.await(() -> begun.getCount() == 0, begun::toString);
		for (int i = 0; i < 100; i++) {
			this.loop.signal();
		}
		release.countDown();
		awaitSteps(2);
		assertThat(this.loop.finish(Eventually.TIMEOUT)).isTrue();
		assertThat(this.steps).hasValue(2);
	}

	@Test
	void aFailureThatCannotBeLoggedIsRepeatedToo() {
		Log log = mock(Log.class);
		willThrow(new IllegalStateException("The appender fails")).willDoNothing().given(log).warn(any());
		this.loop = new BackgroundLoop("loop-of-test", new FailureLog(log, "It fails", "It works again"), () -> {
			if (this.steps.incrementAndGet() == 1) {
				throw new IllegalStateException("The first step fails");
			}
			return Next.IDLE;
		});
		this.loop.signal();
		awaitSteps(2);
		this.loop.signal();
		awaitSteps(3);
	}

	@Test
	void aStepThatHasMoreToDoRunsAgain() {
		this.results.add(Next.AGAIN);
		this.results.add(Next.againIf(true));
		this.loop.signal();
		awaitSteps(3);
		assertThat(this.loop.finish(Eventually.TIMEOUT)).isTrue();
		assertThat(this.steps).hasValue(3);
	}

	@Test
	void aStepRunsAfterTheDelayThatItAskedFor() {
		this.results.add(Next.after(Duration.ofMillis(50)));
		long start = System.nanoTime();
		this.loop.signal();
		awaitSteps(2);
		assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Duration.ofMillis(50).toNanos());
	}

	@Test
	void aSignalEndsADelay() {
		this.results.add(Next.after(Duration.ofHours(1)));
		this.loop.signal();
		awaitSteps(1);
		this.loop.signal();
		awaitSteps(2);
	}

	@Test
	void aSignalDoesNotEndAPause() {
		this.results.add(Next.pause(Duration.ofMillis(300)));
		long start = System.nanoTime();
		this.loop.signal();
		awaitSteps(1);
		this.loop.signal();
		awaitSteps(2);
		assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Duration.ofMillis(300).toNanos());
	}

	@Test
	void aStepThatFailsIsRepeatedAndLoggedOnce(CapturedOutput output) {
		this.loop = loop(() -> {
			if (this.steps.incrementAndGet() <= 3) {
				throw new IllegalStateException("Expected");
			}
			return Next.IDLE;
		});
		long start = System.nanoTime();
		this.loop.signal();
		// Nothing is repeated earlier because of that
		Eventually.await(() -> {
			this.loop.signal();
			return this.steps.get() > 3;
		}, this.steps::toString);
		assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Duration.ofMillis(700).toNanos());
		Eventually.await(() -> output.getOut().contains("It works again"), output::getOut);
		assertThat(output.getOut()).containsOnlyOnce("It fails: Expected");
	}

	@Test
	void aThreadThatIsIdleForLongEndsAndAStepThatIsDueLaterHasOneAgain() {
		HandDelays delays = new HandDelays();
		this.loop = new BackgroundLoop(new DaemonThreadFactory("loop-of-test-later"), this.failures, this::step,
				delays);
		this.results.add(Next.after(Duration.ofSeconds(25)));
		this.loop.signal();
		Eventually.await(() -> delays.waiting() == 1, delays::toString);
		assertThat(delays.next()).isBetween(Duration.ofSeconds(10), Duration.ofSeconds(15));
		Eventually.await(() -> threads("loop-of-test-later") == 0, () -> threads("loop-of-test-later"));
		assertThat(this.steps).hasValue(1);
		this.loop.signal();
		awaitSteps(2);
		assertThat(threads("loop-of-test-later")).isOne();
	}

	@Test
	void aTimerThatIsOverAtOnceStartsAThread() {
		AtomicReference<Thread> ended = new AtomicReference<>();
		this.loop = new BackgroundLoop(new DaemonThreadFactory("loop-of-test-over"), this.failures, this::step,
				(delay, task) -> {
					ended.compareAndSet(null, Thread.currentThread());
					task.run();
					return new CompletableFuture<>();
				});
		this.results.add(Next.after(Duration.ofHours(1)));
		this.loop.signal();
		Eventually.await(() -> ended.get() != null && !ended.get().isAlive(), ended::toString);
		assertThat(threads("loop-of-test-over")).isOne();
	}

	@Test
	void aLaterRequestPostponesNoStepForWhichATimerWaits() {
		HandDelays delays = new HandDelays();
		this.loop = new BackgroundLoop(new DaemonThreadFactory("loop-of-test"), this.failures, this::step, delays);
		this.loop.signalAfter(Duration.ofSeconds(15));
		this.loop.signalAfter(Duration.ofHours(1));
		assertThat(delays.waiting()).isOne();
		assertThat(delays.next()).isEqualTo(Duration.ofSeconds(15));
	}

	@Test
	void aSignalStartsAThreadIfTheOneBeforeCouldHaveNeitherThatNorATimer() {
		AtomicInteger threads = new AtomicInteger();
		this.loop = new BackgroundLoop((task) -> {
			if (threads.incrementAndGet() == 1) {
				throw new OutOfMemoryError("unable to create native thread");
			}
			return new DaemonThreadFactory("loop-of-test").newThread(task);
		}, this.failures, this::step, (delay, task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		});
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(this.loop::signal);
		this.loop.signal();
		awaitSteps(1);
	}

	private static long threads(String name) {
		return Thread.getAllStackTraces().keySet().stream().filter((thread) -> thread.getName().equals(name)).count();
	}

	@Test
	void closingInterruptsAStepAndItsFailureIsNotLogged(CapturedOutput output) {
		CountDownLatch begun = new CountDownLatch(1);
		AtomicBoolean interrupted = new AtomicBoolean();
		this.loop = loop(() -> {
			begun.countDown();
			try {
				Thread.sleep(Duration.ofHours(1).toMillis());
			}
			catch (InterruptedException ex) {
				interrupted.set(true);
				throw ex;
			}
			return Next.IDLE;
		});
		this.loop.signal();
		Eventually.await(() -> begun.getCount() == 0, begun::toString);
		this.loop.close();
		assertThat(this.loop.isClosing()).isTrue();
		Eventually.await(interrupted::get, interrupted::toString);
		Eventually.await(() -> threads("loop-of-test") == 0, () -> threads("loop-of-test"));
		this.loop.signal();
		assertThat(threads("loop-of-test")).isZero();
		assertThat(output.getOut()).doesNotContain("It fails");
	}

	@Test
	void finishingRunsWhatWasSignalledWithoutAPause() {
		this.results.add(Next.pause(Duration.ofHours(1)));
		this.loop.signal();
		awaitSteps(1);
		this.loop.signal();
		assertThat(this.loop.finish(Eventually.TIMEOUT)).isTrue();
		assertThat(this.steps).hasValue(2);
	}

	@Test
	void finishingWaitsNoLongerThanItMay() {
		CountDownLatch release = new CountDownLatch(1);
		this.loop = loop(() -> {
			release.await();
			return step();
		});
		this.loop.signal();
		Background.run(() -> this.loop.finish(Duration.ofMillis(20))).join();
		assertThat(this.loop.isClosing()).isTrue();
		assertThat(this.steps).hasValue(0);
	}

	@Test
	void finishingWaitsForNoStepThatHasFailed() {
		CountDownLatch begun = new CountDownLatch(1);
		this.loop = loop(() -> {
			begun.countDown();
			while (!this.loop.isClosing()) {
				Thread.onSpinWait();
			}
			throw new IllegalStateException("failed while closing");
		});
		this.loop.signal();
		Eventually.await(() -> begun.getCount() == 0, begun::toString);
		assertThat(this.loop.finish(Eventually.TIMEOUT)).isTrue();
	}

	@Test
	void finishingAgainWaitsForTheStepThatRuns() {
		CountDownLatch begun = new CountDownLatch(1);
		AtomicBoolean release = new AtomicBoolean();
		this.loop = loop(() -> {
			begun.countDown();
			while (!release.get()) {
				Thread.onSpinWait();
			}
			return step();
		});
		this.loop.signal();
		Eventually.await(() -> begun.getCount() == 0, begun::toString);
		assertThat(this.loop.finish(Duration.ZERO)).isFalse();
		Background.run(() -> release.set(true));
		assertThat(this.loop.finish(Eventually.TIMEOUT)).isTrue();
		assertThat(this.steps).hasValue(1);
	}

}
