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
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Phaser;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.HandDelays;
import io.durablenotify.testsupport.WordlessException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Tests for {@link SerialTask}.
 */
class SerialTaskTests {

	/**
	 * Runs what was handed to it when the test says so.
	 */
	private final Queue<Runnable> queue = new ArrayDeque<>();

	private final AtomicInteger runs = new AtomicInteger();

	private static SerialTask task(Executor executor, Runnable task) {
		return new SerialTask(executor, task, () -> true);
	}

	@Test
	void runsOnceForAnyNumberOfSignalsBefore() {
		SerialTask task = task(this.queue::add, this.runs::incrementAndGet);
		task.signal();
		task.signal();
		task.signal();
		runQueued();
		assertThat(this.runs).hasValue(1);
	}

	@Test
	void runsAgainForEachSignalAfterARun() {
		SerialTask task = task(this.queue::add, this.runs::incrementAndGet);
		for (int i = 1; i <= 3; i++) {
			task.signal();
			runQueued();
			assertThat(this.runs).hasValue(i);
		}
	}

	@Test
	void isRepeatedAfterEachFailureUntilItIsNotWantedAnyMore() {
		HandDelays delays = new HandDelays();
		AtomicBoolean wanted = new AtomicBoolean(true);
		SerialTask task = new SerialTask(this.queue::add, () -> {
			this.runs.incrementAndGet();
			throw new WordlessException();
		}, wanted::get, delays);
		task.signal();
		while (delays.elapsed().compareTo(Duration.ofMinutes(1)) < 0) {
			runQueued();
			task.signal();
			assertThat(this.queue).as("not before the delay is over").isEmpty();
			assertThat(delays.waiting()).isOne();
			delays.runNext();
		}
		assertThat(delays.longest()).isEqualTo(Duration.ofSeconds(5));
		assertThat(this.runs).hasValueBetween(10, 30);
		wanted.set(false);
		runQueued();
		assertThat(delays.waiting()).isZero();
		int before = this.runs.get();
		task.signal();
		runQueued();
		assertThat(this.runs).hasValue(before + 1);
	}

	@Test
	void runsOnceMoreForSignalsDuringARun() {
		AtomicReference<SerialTask> task = new AtomicReference<>();
		task.set(task(this.queue::add, () -> {
			if (this.runs.incrementAndGet() == 1) {
				task.get().signal();
				task.get().signal();
			}
		}));
		task.get().signal();
		assertThat(this.queue).hasSize(1);
		this.queue.remove().run();
		assertThat(this.runs).as("not beside itself").hasValue(1);
		runQueued();
		assertThat(this.runs).hasValue(2);
	}

	@Test
	void givesItsThreadBackBetweenRuns() {
		AtomicReference<SerialTask> busy = new AtomicReference<>();
		AtomicInteger other = new AtomicInteger();
		busy.set(task(this.queue::add, () -> {
			this.runs.incrementAndGet();
			busy.get().signal();
		}));
		SerialTask patient = task(this.queue::add, other::incrementAndGet);
		busy.get().signal();
		patient.signal();
		for (int i = 0; i < 3; i++) {
			this.queue.remove().run();
		}
		assertThat(other).hasValue(1);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void isRepeatedAfterAFailureWithoutAnotherSignal(CapturedOutput output) {
		HandDelays delays = new HandDelays();
		SerialTask task = new SerialTask(this.queue::add, () -> {
			if (this.runs.incrementAndGet() <= 3) {
				throw new AssertionError("the failure");
			}
		}, () -> true, delays);
		task.signal();
		for (int delay : List.of(10, 20, 40)) {
			runQueued();
			assertThat(delays.next()).isEqualTo(Duration.ofMillis(delay));
			delays.runNext();
		}
		runQueued();
		assertThat(this.runs).hasValue(4);
		assertThat(delays.waiting()).isZero();
		assertThat(output).containsOnlyOnce("AssertionError: the failure");
	}

	@Test
	void triesAgainWithTheNextSignalIfNoTimerCanBeHadEither() {
		AtomicBoolean exhausted = new AtomicBoolean(true);
		SerialTask task = new SerialTask((command) -> {
			if (exhausted.get()) {
				throw new OutOfMemoryError("unable to create native thread");
			}
			command.run();
		}, this.runs::incrementAndGet, () -> true, (delay, delayed) -> {
			throw new OutOfMemoryError("unable to create native thread");
		});
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(task::signal);
		exhausted.set(false);
		task.signal();
		assertThat(this.runs).hasValue(1);
	}

	@Test
	void runsOnceTheExecutorTakesTasksAgainWithoutAnotherSignal() {
		AtomicInteger refusals = new AtomicInteger();
		SerialTask task = task((command) -> {
			switch (refusals.incrementAndGet()) {
				case 1 -> throw new RejectedExecutionException();
				case 2, 3 -> throw new OutOfMemoryError("unable to create native thread");
				default -> command.run();
			}
		}, this.runs::incrementAndGet);
		assertThatNoException().isThrownBy(task::signal);
		assertThatNoException().isThrownBy(task::signal);
		Eventually.await(() -> this.runs.get() == 1, this.runs::get);
		task.signal();
		assertThat(this.runs).hasValue(2);
	}

	@Test
	void asksForDaysIfItHasToAndAtABoundedPace() {
		HandDelays delays = new HandDelays();
		AtomicInteger refusals = new AtomicInteger();
		AtomicBoolean room = new AtomicBoolean();
		SerialTask task = new SerialTask((command) -> {
			if (!room.get()) {
				refusals.incrementAndGet();
				throw new RejectedExecutionException();
			}
			command.run();
		}, this.runs::incrementAndGet, () -> true, delays);
		task.signal();
		while (delays.elapsed().compareTo(Duration.ofDays(3)) < 0) {
			task.signal();
			assertThat(delays.waiting()).as("one attempt at a time").isOne();
			delays.runNext();
		}
		assertThat(delays.longest()).isEqualTo(Duration.ofSeconds(5));
		assertThat(refusals.get()).isLessThan(3 * 24 * 3600 / 5 + 100);
		assertThat(this.runs).hasValue(0);
		room.set(true);
		delays.runNext();
		assertThat(this.runs).hasValue(1);
		assertThat(delays.waiting()).isZero();
		room.set(false);
		task.signal();
		assertThat(delays.next()).as("begins with short delays again").isEqualTo(Duration.ofMillis(10));
	}

	@Test
	void leavesNothingBehindWhenItIsNotWantedAnyMore() {
		HandDelays delays = new HandDelays();
		AtomicBoolean wanted = new AtomicBoolean(true);
		SerialTask task = new SerialTask((command) -> {
			throw new RejectedExecutionException();
		}, this.runs::incrementAndGet, wanted::get, delays);
		task.signal();
		delays.runNext();
		wanted.set(false);
		delays.runNext();
		assertThat(delays.waiting()).isZero();
		task.signal();
		assertThat(delays.waiting()).isZero();
	}

	@Test
	void runsOnAnExecutorThatWasStartedAgain() {
		HandDelays delays = new HandDelays();
		ThreadPoolTaskExecutor executor = new ThreadPoolTaskExecutor();
		executor.initialize();
		SerialTask task = new SerialTask(executor, this.runs::incrementAndGet, () -> true, delays);
		executor.shutdown();
		task.signal();
		for (int i = 0; i < 1000; i++) {
			delays.runNext();
		}
		executor.initialize();
		delays.runNext();
		Eventually.await(() -> this.runs.get() == 1, this.runs::get);
		executor.shutdown();
	}

	@Test
	void losesNoSignalAndNeverRunsBesideItself() {
		ExecutorService executor = Executors.newFixedThreadPool(4);
		try {
			int threads = 4;
			int signals = 20_000;
			AtomicInteger sent = new AtomicInteger();
			AtomicInteger seen = new AtomicInteger();
			AtomicInteger running = new AtomicInteger();
			AtomicInteger overlaps = new AtomicInteger();
			SerialTask task = task(executor, () -> {
				if (running.incrementAndGet() != 1) {
					overlaps.incrementAndGet();
				}
				seen.set(sent.get());
				this.runs.incrementAndGet();
				running.decrementAndGet();
			});
			Phaser round = new Phaser(threads);
			for (int i = 0; i < threads; i++) {
				Thread thread = new Thread(() -> {
					for (int n = 0; n < signals; n++) {
						sent.incrementAndGet();
						task.signal();
					}
					round.arrive();
				});
				thread.setDaemon(true);
				thread.start();
			}
			Eventually.await(() -> round.getPhase() > 0 && seen.get() == threads * signals,
					() -> "sent %s, seen %s, runs %s".formatted(sent, seen, this.runs));
			assertThat(overlaps).hasValue(0);
			assertThat(this.runs.get()).isLessThanOrEqualTo(threads * signals);
		}
		finally {
			executor.shutdownNow();
		}
	}

	private void runQueued() {
		for (Runnable next = this.queue.poll(); next != null; next = this.queue.poll()) {
			next.run();
		}
	}

}
