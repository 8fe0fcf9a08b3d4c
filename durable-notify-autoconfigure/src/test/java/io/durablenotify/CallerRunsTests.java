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

package io.durablenotify;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadPoolExecutor;

import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for executors of the application's that run tasks on the caller's thread when
 * they are full.
 */
class CallerRunsTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = OneThread.class)
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	private final List<String> threads = new CopyOnWriteArrayList<>();

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void anAppendCallsNoHandlerThatWouldWaitForIt(CapturedOutput output) {
		writer.append("first", "0");
		reader.subscribe("first", StreamPosition.start(), (chunk) -> {
			this.threads.add(Thread.currentThread().getName());
			writer.append("second", chunk.data());
		});
		awaitLength("second", 1);
		CompletableFuture<String> completed;
		CountDownLatch release = occupy("durableNotifyTaskExecutor");
		try {
			assertThat(Background.run(() -> {
				for (int i = 1; i < 20; i++) {
					writer.append("first", String.valueOf(i));
				}
			})).succeedsWithin(Eventually.TIMEOUT);
			completed = writer.appendAsync("third", new byte[1]).thenApply((index) -> Thread.currentThread().getName());
			assertThat(completed).succeedsWithin(Eventually.TIMEOUT).isNotEqualTo("durable-notify-append");
		}
		finally {
			release.countDown();
		}
		awaitLength("second", 20);
		assertThat(this.threads).hasSize(20).allMatch((thread) -> thread.startsWith("only-"));
		assertThat(output).as("readers and appends have one warning")
			.containsOnlyOnce("runs tasks on the calling thread");
	}

	@Test
	void theThreadThatClaimsWorkCallsNoHandler() {
		CountDownLatch release = occupy("durableNotifyWorkExecutor");
		try {
			instance.bean(WorkQueue.class).enqueue(WorkRequest.of("work", "x"));
			instance.bean(WorkListeners.class).register(WorkListenerSpec.of("work"), (item) -> {
				this.threads.add(Thread.currentThread().getName());
				return WorkOutcome.done();
			});
			Eventually.await(() -> !this.threads.isEmpty() || isClaimed(), this.threads::toString);
		}
		finally {
			release.countDown();
		}
		Eventually.await(() -> !this.threads.isEmpty(), this.threads::toString);
		assertThat(this.threads).allMatch((thread) -> thread.startsWith("only-"));
	}

	private static boolean isClaimed() {
		return Boolean.TRUE.equals(database.jdbc()
			.queryForObject("SELECT EXISTS (SELECT FROM durable_notify.work_claims)", Boolean.class));
	}

	/**
	 * Occupy the only thread of an executor.
	 */
	private static CountDownLatch occupy(String executor) {
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		Executor pool = (Executor) instance.context().getBean(executor);
		Eventually.await(() -> {
			pool.execute(() -> {
				if (Thread.currentThread().getName().startsWith("only-")) {
					held.countDown();
					await(release);
				}
			});
			return held.getCount() == 0;
		}, pool::toString);
		return release;
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			// The executor shuts down
		}
	}

	private static void awaitLength(String stream, long length) {
		Eventually.await(() -> reader.info(stream).map(StreamInfo::nextIndex).orElse(0L) == length,
				() -> reader.info(stream));
	}

	@Configuration(proxyBeanMethods = false)
	static class OneThread {

		@Bean(defaultCandidate = false)
		ThreadPoolTaskExecutor durableNotifyTaskExecutor() {
			return oneThread();
		}

		@Bean(defaultCandidate = false)
		ThreadPoolTaskExecutor durableNotifyWorkExecutor() {
			return oneThread();
		}

		private static ThreadPoolTaskExecutor oneThread() {
			ThreadPoolTaskExecutor executor = new ThreadPoolTaskExecutor();
			executor.setThreadNamePrefix("only-");
			executor.setCorePoolSize(1);
			executor.setMaxPoolSize(1);
			executor.setQueueCapacity(0);
			executor.setRejectedExecutionHandler(new ThreadPoolExecutor.CallerRunsPolicy());
			executor.setAcceptTasksAfterContextClose(true);
			return executor;
		}

	}

}
