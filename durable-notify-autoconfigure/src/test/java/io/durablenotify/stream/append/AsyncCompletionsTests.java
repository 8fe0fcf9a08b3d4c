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

package io.durablenotify.stream.append;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import io.durablenotify.loop.AsyncCompletions;
import io.durablenotify.loop.Delays;
import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.HandDelays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

/**
 * Tests for {@link AsyncCompletions}.
 */
class AsyncCompletionsTests {

	private final CountDownLatch release = new CountDownLatch(1);

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private final CompletableFuture<Long> last = new CompletableFuture<>();

	@AfterEach
	void stop() {
		this.release.countDown();
		this.executor.shutdownNow();
	}

	@Test
	void aCallbackThatBlocksHoldsUpNoOtherOutcome() throws Exception {
		CompletableFuture<Long> blocking = new CompletableFuture<>();
		blocking.thenAccept((index) -> block());
		completions(this.executor).complete(List.of(stored(blocking), stored(this.last)));
		assertThat(this.last.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isEqualTo(42);
	}

	@Test
	void aCallbackThatComesAtTheLastMomentHoldsUpNoOtherOutcome() throws Exception {
		CompletableFuture<Long> blocking = new LateCallback((future) -> future.thenAccept((index) -> block()));
		completions(this.executor).complete(List.of(stored(blocking), stored(this.last)));
		assertThat(this.last.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isEqualTo(42);
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2 })
	void aCallbackThatTheExecutorRefusesRunsOnNoThreadThatWrites(int settled) throws Exception {
		CompletableFuture<Thread> thread = this.last.thenApply((index) -> {
			block();
			return Thread.currentThread();
		});
		completions((task) -> {
			throw new RejectedExecutionException("full");
		}).complete(List.of(stored(new CompletableFuture<>()), stored(this.last)).subList(2 - settled, 2));
		assertThat(thread).isNotDone();
		this.release.countDown();
		assertThat(thread.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isNotEqualTo(Thread.currentThread());
	}

	@Test
	void callbacksThatTakeNoTimeShareATaskAndKeepTheirOrder() {
		AtomicInteger tasks = new AtomicInteger();
		List<Integer> called = new ArrayList<>();
		List<Append> settled = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			int number = i;
			CompletableFuture<Long> future = new CompletableFuture<>();
			future.thenAccept((index) -> called.add(number));
			settled.add(stored(future));
		}
		completions((task) -> {
			tasks.incrementAndGet();
			task.run();
		}).complete(settled);
		assertThat(tasks).hasValue(1);
		assertThat(called).containsExactlyElementsOf(IntStream.range(0, 100).boxed().toList());
	}

	@Test
	void whatFollowsACallbackThatBlocksHasATaskForEachCallback() throws Exception {
		CompletableFuture<Long> blocking = new CompletableFuture<>();
		blocking.thenAccept((index) -> block());
		List<Append> settled = new ArrayList<>(List.of(stored(blocking)));
		for (int i = 0; i < 100; i++) {
			CompletableFuture<Long> future = new CompletableFuture<>();
			future.thenAccept((index) -> {
			});
			settled.add(stored(future));
		}
		AtomicInteger tasks = new AtomicInteger();
		completions((task) -> {
			// The first is with the one that blocks, the second goes on without it
			if (tasks.incrementAndGet() <= 2) {
				this.executor.execute(task);
			}
		}).complete(settled);
		Eventually.await(() -> tasks.get() == 2 + 100, tasks::toString);
	}

	@Test
	void anExecutorWithoutRoomIsGivenNoMoreThanOneTaskABatch() {
		HandDelays delays = new HandDelays();
		List<Runnable> tasks = new ArrayList<>();
		AsyncCompletions<Append> outcomes = completions(tasks::add, delays);
		List<CompletableFuture<Long>> futures = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			List<Append> settled = new ArrayList<>();
			for (int j = 0; j < 2; j++) {
				CompletableFuture<Long> future = new CompletableFuture<>();
				future.thenAccept((index) -> {
				});
				futures.add(future);
				settled.add(stored(future));
			}
			outcomes.complete(settled);
		}
		while (delays.waiting() > 0 && delays.elapsed().compareTo(Duration.ofMinutes(10)) < 0) {
			delays.runNext();
		}
		assertThat(tasks).hasSize(10);
		assertThat(delays.waiting()).isZero();
		// Room, after all
		tasks.forEach(Runnable::run);
		assertThat(futures).allMatch(CompletableFuture::isDone);
	}

	@Test
	void whileCallbacksBlockOneTaskWaitsAtMost() {
		HandDelays delays = new HandDelays();
		List<Runnable> tasks = Collections.synchronizedList(new ArrayList<>());
		List<Append> settled = new ArrayList<>();
		AtomicInteger blocked = new AtomicInteger();
		Consumer<CompletableFuture<Long>> callback = (future) -> future.thenAccept((index) -> {
			blocked.incrementAndGet();
			block();
		});
		CompletableFuture<Long> first = new CompletableFuture<>();
		callback.accept(first);
		settled.add(stored(first));
		for (int i = 1; i < 10; i++) {
			settled.add(stored(new LateCallback(callback)));
		}
		completions(tasks::add, delays).complete(settled);
		for (int begun = 0; begun < 5; begun++) {
			assertThat(tasks).hasSize(begun + 1);
			int expected = begun + 1;
			this.executor.execute(tasks.get(begun));
			Eventually.await(() -> blocked.get() == expected, blocked::get);
			assertThat(tasks).hasSize(begun + 1);
			delays.runNext();
			assertThat(delays.waiting()).isZero();
		}
	}

	@Test
	void whatTheExecutorRefusesTakesABoundedNumberOfThreads() {
		AtomicInteger running = new AtomicInteger();
		AsyncCompletions<Append> outcomes = completions((task) -> {
			throw new RejectedExecutionException("full");
		});
		List<CompletableFuture<Void>> callbacks = new ArrayList<>();
		for (int i = 0; i < 200; i++) {
			CompletableFuture<Long> future = new CompletableFuture<>();
			callbacks.add(future.thenAccept((index) -> {
				running.incrementAndGet();
				block();
			}));
			outcomes.complete(List.of(stored(future)));
		}
		// One of another test's may be about to end
		Eventually.await(() -> running.get() == 16 && outcomeThreads() == 16, running::get);
		this.release.countDown();
		callbacks.forEach(CompletableFuture::join);
		Eventually.await(() -> outcomeThreads() == 0, AsyncCompletionsTests::outcomeThreads);
	}

	@Test
	void futuresAreCompletedWhereNoTimerCanBeHad() {
		completions(Runnable::run, (delay, task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		}).complete(List.of(stored(new CompletableFuture<>()), stored(this.last)));
		assertThat(this.last).isCompletedWithValue(42L);
	}

	@Test
	void whatNeitherAThreadNorATimerCanBeHadForIsCompletedWithTheNextOne() {
		AtomicBoolean exhausted = new AtomicBoolean(true);
		AsyncCompletions<Append> outcomes = completions((task) -> {
			if (exhausted.get()) {
				throw new OutOfMemoryError("unable to create native thread");
			}
			task.run();
		}, (delay, task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		});
		((ThreadPoolExecutor) ReflectionTestUtils.getField(outcomes, "overflow")).setThreadFactory((task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		});
		CompletableFuture<Long> first = new CompletableFuture<>();
		assertThatCode(() -> outcomes.complete(List.of(stored(first)))).doesNotThrowAnyException();
		assertThat(first).isNotDone();
		exhausted.set(false);
		outcomes.complete(List.of(stored(this.last)));
		assertThat(first).isCompletedWithValue(42L);
		assertThat(this.last).isCompletedWithValue(42L);
	}

	private static AsyncCompletions<Append> completions(Executor executor) {
		return completions(executor, Delays.ofJvm());
	}

	private static AsyncCompletions<Append> completions(Executor executor, Delays delays) {
		return new AsyncCompletions<>("durable-notify-append-outcome", executor,
				(append) -> append.completeFuture(AsyncCompletionsTests::index), Append::hasDependents, delays);
	}

	private static long index(Append append) {
		return ((Stored) append.outcome()).index();
	}

	private static long outcomeThreads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("durable-notify-append-outcome"))
			.count();
	}

	private void block() {
		try {
			this.release.await(2 * Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private Append stored(CompletableFuture<Long> future) {
		Append append = new Append("stream", AppendConditions.NONE, List.of(new byte[0])).completing(future);
		append.complete(new Stored(1, 42, 43));
		return append;
	}

	/**
	 * Gets a callback right after another thread has seen that there is none.
	 */
	private static final class LateCallback extends CompletableFuture<Long> {

		private final Consumer<CompletableFuture<Long>> callback;

		LateCallback(Consumer<CompletableFuture<Long>> callback) {
			this.callback = callback;
		}

		@Override
		public int getNumberOfDependents() {
			int before = super.getNumberOfDependents();
			if (before == 0) {
				this.callback.accept(this);
			}
			return before;
		}

	}

}
