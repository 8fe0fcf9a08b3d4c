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

package io.durablenotify.delivery;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

import org.springframework.core.task.TaskRejectedException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link CachedTaskExecutor}.
 */
class CachedTaskExecutorTests {

	private final CountDownLatch release = new CountDownLatch(1);

	private final AtomicInteger started = new AtomicInteger();

	private final AtomicInteger done = new AtomicInteger();

	private CachedTaskExecutor executor;

	@AfterEach
	void shutDown() {
		this.release.countDown();
		this.executor.shutdown();
	}

	private void createExecutor(int maxThreads) {
		this.executor = new CachedTaskExecutor(maxThreads);
		this.executor.afterPropertiesSet();
	}

	private void block() {
		this.started.incrementAndGet();
		try {
			this.release.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		this.done.incrementAndGet();
	}

	@Test
	void startsAThreadForEachTaskThatFindsNoneWaiting() {
		createExecutor(50);
		for (int i = 1; i <= 50; i++) {
			this.executor.execute(this::block);
			int expected = i;
			Eventually.await(() -> this.started.get() == expected, this::state);
		}
		assertThat(this.executor.getPoolSize()).isEqualTo(50);
	}

	@Test
	void queuesOnceAllThreadsAreBusyAndLosesNothing() {
		createExecutor(4);
		for (int i = 0; i < 100; i++) {
			this.executor.execute(this::block);
		}
		Eventually.await(() -> this.started.get() == 4, this::state);
		// What wakes a thread for tasks that are left counts as well
		assertThat(this.executor.getQueueSize()).isBetween(96, 101);
		this.release.countDown();
		Eventually.await(() -> this.done.get() == 100, this::state);
		assertThat(this.executor.getThreadPoolExecutor().getLargestPoolSize()).isEqualTo(4);
	}

	@RepeatedTest(value = 50, failureThreshold = 1)
	void tasksOfABurstThatWaitForEachOtherAllStart() {
		createExecutor(20);
		for (int i = 0; i < 20; i++) {
			this.executor.execute(this::block);
		}
		Eventually.await(() -> this.started.get() == 20, this::state);
	}

	@RepeatedTest(value = 20, failureThreshold = 1)
	void aTaskThatFailsHoldsUpNoneOfItsBurst() {
		createExecutor(2);
		for (int i = 0; i < 1_000; i++) {
			this.executor.execute(() -> {
				if (this.done.incrementAndGet() % 10 == 0) {
					throw new IllegalStateException("expected by the test");
				}
			});
		}
		Eventually.await(() -> this.done.get() == 1_000, this::state);
	}

	@Test
	void anInterruptIsForOneTask() throws Exception {
		createExecutor(2);
		AtomicInteger interrupted = new AtomicInteger();
		for (int i = 0; i < 10_000; i++) {
			this.executor.execute(() -> {
				if (Thread.currentThread().isInterrupted()) {
					interrupted.incrementAndGet();
				}
				Thread.currentThread().interrupt();
				this.done.incrementAndGet();
			});
		}
		Eventually.await(() -> this.done.get() == 10_000, this::state);
		assertThat(interrupted).hasValue(0);
	}

	@Test
	void losesNothingOfSmallBursts() {
		createExecutor(8);
		int burst = Runtime.getRuntime().availableProcessors() + 1;
		for (int i = 1; i <= 50_000; i++) {
			for (int n = 0; n < burst; n++) {
				this.executor.execute(this.done::incrementAndGet);
			}
			int expected = i * burst;
			long start = System.nanoTime();
			while (this.done.get() < expected && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(1)) {
				Thread.onSpinWait();
			}
			Eventually.await(() -> this.done.get() == expected, this::state);
		}
	}

	@RepeatedTest(value = 50, failureThreshold = 1)
	void whatWasAcceptedBeforeAShutdownIsRun() throws Exception {
		createExecutor(2);
		this.executor.setWaitForTasksToCompleteOnShutdown(true);
		AtomicInteger accepted = new AtomicInteger();
		List<Thread> producers = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			Thread producer = new Thread(() -> {
				try {
					while (true) {
						this.executor.execute(this.done::incrementAndGet);
						accepted.incrementAndGet();
					}
				}
				catch (TaskRejectedException ex) {
					// Shut down meanwhile
				}
			});
			producer.start();
			producers.add(producer);
		}
		Eventually.await(() -> accepted.get() > 100, this::state);
		this.executor.shutdown();
		for (Thread producer : producers) {
			producer.join();
		}
		Eventually.await(() -> this.done.get() == accepted.get(), this::state);
	}

	@Test
	void aBurstWakesFewThreads() {
		int few = Runtime.getRuntime().availableProcessors();
		createExecutor(4 * few);
		// Threads that are woken get no further than to their first task
		this.executor.stop();
		for (int i = 0; i < 4 * few; i++) {
			this.executor.execute(this.done::incrementAndGet);
		}
		assertThat(this.executor.getPoolSize()).isEqualTo(few);
		assertThat(this.done).hasValue(0);
		this.executor.start();
		Eventually.await(() -> this.done.get() == 4 * few, this::state);
	}

	@Test
	void whatIsLeftWaitsForTheStartWhereTasksAreStopped() {
		createExecutor(50);
		this.executor.execute(this::block);
		Eventually.await(() -> this.started.get() == 1, this::state);
		this.executor.stop();
		for (int i = 0; i < 100; i++) {
			this.executor.execute(this.done::incrementAndGet);
		}
		this.release.countDown();
		Eventually.await(() -> this.executor.getThreadPoolExecutor().getCompletedTaskCount() == 1, this::state);
		assertThat(this.done).hasValue(1);
		this.executor.start();
		Eventually.await(() -> this.done.get() == 101, this::state);
	}

	@Test
	void usesThreadsThatWaitAgain() {
		createExecutor(50);
		Set<Thread> threads = ConcurrentHashMap.newKeySet();
		for (int i = 1; i <= 200; i++) {
			this.executor.execute(() -> {
				threads.add(Thread.currentThread());
				this.done.incrementAndGet();
			});
			int expected = i;
			Eventually.await(
					() -> this.done.get() == expected && this.executor.getThreadPoolExecutor().getActiveCount() == 0,
					this::state);
		}
		assertThat(threads).hasSizeLessThan(10).allMatch(Thread::isDaemon);
	}

	@Test
	void losesNothingWhenTasksComeFromManyThreadsAndThreadsTimeOut() throws Exception {
		createExecutor(3);
		// Threads end as soon as they are idle: the moment in which a task could be
		// stranded
		this.executor.getThreadPoolExecutor().setKeepAliveTime(1, TimeUnit.NANOSECONDS);
		int producers = 4;
		int tasks = 20_000;
		AtomicInteger running = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		Runnable task = () -> {
			most.accumulateAndGet(running.incrementAndGet(), Math::max);
			running.decrementAndGet();
			this.done.incrementAndGet();
		};
		for (int i = 0; i < producers; i++) {
			Thread thread = new Thread(() -> {
				for (int n = 0; n < tasks; n++) {
					this.executor.execute(task);
				}
			});
			thread.setDaemon(true);
			thread.start();
		}
		Eventually.await(() -> this.done.get() == producers * tasks, this::state);
		// Not the largest size of the pool, which counts threads that are ending
		assertThat(most).hasValueLessThanOrEqualTo(3);
	}

	@Test
	void losesNothingOneByOneWhenThreadsTimeOut() {
		createExecutor(1);
		this.executor.getThreadPoolExecutor().setKeepAliveTime(1, TimeUnit.NANOSECONDS);
		for (int i = 1; i <= 20_000; i++) {
			this.executor.execute(this.done::incrementAndGet);
			if (i % 1000 == 0) {
				int expected = i;
				Eventually.await(() -> this.done.get() == expected, this::state);
			}
		}
	}

	@Test
	void runsATaskThatIsQueuedJustAfterTheLastThreadHasEnded() {
		createExecutor(1);
		ThreadPoolExecutor pool = this.executor.getThreadPoolExecutor();
		assertThat(pool.getPoolSize()).isZero();
		// What the pool does with a task that has found it full
		pool.getRejectedExecutionHandler().rejectedExecution(this.done::incrementAndGet, pool);
		Eventually.await(() -> this.done.get() == 1, this::state);
	}

	@Test
	void refusesTasksAfterShutdown() {
		createExecutor(1);
		this.executor.shutdown();
		assertThatExceptionOfType(TaskRejectedException.class)
			.isThrownBy(() -> this.executor.execute(this.done::incrementAndGet));
	}

	@Test
	void takesTasksAfterAStopAndAStart() {
		createExecutor(2);
		this.executor.stop();
		this.executor.start();
		this.executor.execute(this.done::incrementAndGet);
		Eventually.await(() -> this.done.get() == 1, this::state);
	}

	private String state() {
		return "started %s, done %s, %s".formatted(this.started, this.done, this.executor.getThreadPoolExecutor());
	}

}
