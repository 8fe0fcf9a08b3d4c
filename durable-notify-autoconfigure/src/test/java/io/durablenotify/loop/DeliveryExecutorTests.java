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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;

import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.core.task.TaskRejectedException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link DeliveryExecutor}.
 */
class DeliveryExecutorTests {

	private final DeliveryExecutor executor = new DeliveryExecutor(4);

	private final CountDownLatch release = new CountDownLatch(1);

	@BeforeEach
	void start() {
		this.executor.setDaemon(true);
		this.executor.initialize();
	}

	@AfterEach
	void stop() {
		this.release.countDown();
		this.executor.shutdown();
	}

	@Test
	void tasksThatComeOneAfterTheOtherShareAThread() throws Exception {
		for (int i = 0; i < 100; i++) {
			this.executor.submit(() -> {
			}).get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
			Eventually.await(() -> this.executor.getActiveCount() == 0, this.executor::getActiveCount);
		}
		// One more where the thread has not begun to wait when the next task comes
		assertThat(this.executor.getPoolSize()).isLessThanOrEqualTo(2);
	}

	@Test
	void manyShortTasksAtOnceStartFewThreads() {
		DeliveryExecutor large = new DeliveryExecutor(256);
		large.setDaemon(true);
		large.initialize();
		AtomicInteger done = new AtomicInteger();
		for (int i = 0; i < 1_000; i++) {
			large.execute(done::incrementAndGet);
		}
		Eventually.await(() -> done.get() == 1_000, done::get);
		assertThat(large.getThreadPoolExecutor().getLargestPoolSize()).isLessThan(100);
		large.shutdown();
	}

	@Test
	void aTaskThatBlocksHoldsUpNoOther() throws Exception {
		this.executor.execute(this::block);
		this.executor.submit(() -> {
		}).get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
	}

	@Test
	void whatFindsAllThreadsBusyIsQueued() {
		AtomicInteger blocked = new AtomicInteger();
		for (int i = 0; i < 4; i++) {
			this.executor.execute(() -> {
				blocked.incrementAndGet();
				block();
			});
		}
		// None that blocks holds up another one
		Eventually.await(() -> blocked.get() == 4, blocked::get);
		List<Integer> order = new ArrayList<>();
		AtomicInteger done = new AtomicInteger();
		for (int i = 0; i < 100; i++) {
			int number = i;
			this.executor.execute(() -> {
				synchronized (order) {
					order.add(number);
				}
				done.incrementAndGet();
			});
		}
		assertThat(this.executor.getPoolSize()).isEqualTo(4);
		assertThat(done).hasValue(0);
		this.release.countDown();
		Eventually.await(() -> done.get() == 100, done::get);
		assertThat(order).doesNotHaveDuplicates().hasSize(100);
		assertThat(this.executor.getPoolSize()).isLessThanOrEqualTo(4);
	}

	/**
	 * With threads that give up at once, so that tasks come while threads end.
	 */
	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 8 })
	void noTaskIsLeftWithoutAThread(int maxThreads) throws Exception {
		DeliveryExecutor busy = new DeliveryExecutor(maxThreads);
		busy.setDaemon(true);
		busy.initialize();
		busy.getThreadPoolExecutor().setKeepAliveTime(20, TimeUnit.MICROSECONDS);
		for (int i = 0; i < 10_000; i++) {
			CountDownLatch second = new CountDownLatch(1);
			// The first needs the second, where there may be two threads
			CompletableFuture<Void> first = CompletableFuture.runAsync((maxThreads > 1) ? () -> await(second) : () -> {
			}, busy);
			if (i % 3 == 0) {
				LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(50_000));
			}
			CompletableFuture<Void> release = CompletableFuture.runAsync(second::countDown, busy);
			CompletableFuture.allOf(first, release).get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		busy.shutdown();
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await(2 * Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private static OutOfMemoryError outOfThreads() {
		return new OutOfMemoryError("unable to create native thread");
	}

	@Test
	void aQueuedTaskForWhichNoThreadCouldBeCreatedIsFoundAgain() throws Exception {
		CountDownLatch begin = new CountDownLatch(1);
		AtomicInteger threads = new AtomicInteger();
		CompletableFuture<Void> done = new CompletableFuture<>();
		DeliveryExecutor exhausted = withThreads((executor, worker) -> switch (threads.incrementAndGet()) {
			case 1 -> {
				Thread first = executor.createThread(worker);
				yield new Thread(() -> {
					await(begin);
					first.run();
				});
			}
			case 2 -> throw outOfThreads();
			default -> executor.createThread(worker);
		});
		exhausted.execute(this::block);
		exhausted.execute(() -> done.complete(null));
		begin.countDown();
		done.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		assertThat(threads).hasValue(3);
		this.release.countDown();
		exhausted.shutdown();
	}

	@Test
	@EnabledForJreRange(max = JRE.JAVA_18, disabledReason = "The pool of this JDK does not call Thread.start()")
	void aTaskThatWasQueuedForAThreadThatCouldNotBeStartedIsFoundAgain() throws Exception {
		AtomicBoolean failing = new AtomicBoolean(true);
		CompletableFuture<Void> done = new CompletableFuture<>();
		DeliveryExecutor exhausted = withThreads((executor, worker) -> new Thread(executor.createThread(worker)) {

			@Override
			public void start() {
				if (failing.getAndSet(false)) {
					executor.execute(() -> done.complete(null));
					throw outOfThreads();
				}
				super.start();
			}

		});
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> exhausted.execute(this::block));
		done.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		exhausted.shutdown();
	}

	private static DeliveryExecutor withThreads(BiFunction<DeliveryExecutor, Runnable, Thread> threads) {
		DeliveryExecutor executor = new DeliveryExecutor(4);
		executor.setDaemon(true);
		executor.setThreadFactory((worker) -> threads.apply(executor, worker));
		executor.initialize();
		return executor;
	}

	@Test
	void afterTheShutdownTasksAreRejected() {
		this.executor.shutdown();
		assertThatExceptionOfType(TaskRejectedException.class).isThrownBy(() -> this.executor.execute(this::block));
	}

	private void block() {
		await(this.release);
	}

}
