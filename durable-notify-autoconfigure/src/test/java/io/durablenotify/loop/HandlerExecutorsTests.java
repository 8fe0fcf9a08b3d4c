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

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link HandlerExecutors}.
 */
class HandlerExecutorsTests {

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void besideItsCallerATaskIsRefusedThatWouldRunOnTheCallersThread(CapturedOutput output) {
		Executor executor = HandlerExecutors.besideCaller(Runnable::run);
		AtomicInteger runs = new AtomicInteger();
		for (int i = 0; i < 3; i++) {
			assertThatExceptionOfType(RejectedExecutionException.class)
				.isThrownBy(() -> executor.execute(runs::incrementAndGet));
		}
		assertThat(runs).hasValue(0);
		assertThat(output).containsOnlyOnce("runs tasks on the calling thread");
	}

	@Test
	void besideItsCallerATaskRunsLaterOnTheThreadThatHasHandedItOver() {
		ExecutorService pool = Executors.newSingleThreadExecutor();
		try {
			Executor executor = HandlerExecutors.besideCaller(pool);
			CompletableFuture<Thread> first = new CompletableFuture<>();
			CompletableFuture<Thread> second = new CompletableFuture<>();
			executor.execute(() -> {
				executor.execute(() -> second.complete(Thread.currentThread()));
				first.complete(Thread.currentThread());
			});
			assertThat(second).succeedsWithin(Eventually.TIMEOUT).isSameAs(first.join());
		}
		finally {
			pool.shutdownNow();
		}
	}

}
