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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

import org.springframework.beans.factory.BeanClassLoaderAware;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the executor of {@link DeliveryConfiguration}.
 */
class DeliveryConfigurationTests {

	private final CountDownLatch release = new CountDownLatch(1);

	private final AtomicInteger started = new AtomicInteger();

	private final AtomicInteger done = new AtomicInteger();

	private ThreadPoolTaskExecutor executor;

	@AfterEach
	void shutDown() {
		this.release.countDown();
		this.executor.shutdown();
	}

	private void createExecutor(int maxThreads) {
		this.executor = (ThreadPoolTaskExecutor) new DeliveryConfiguration()
			.durableNotifyTaskExecutor(new DeliveryProperties(maxThreads), new MockEnvironment());
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
		assertThat(this.executor.getQueueSize()).isEqualTo(96);
		this.release.countDown();
		Eventually.await(() -> this.done.get() == 100, this::state);
		assertThat(this.executor.getThreadPoolExecutor().getLargestPoolSize()).isEqualTo(4);
	}

	@Test
	void tasksOfABurstThatWaitForEachOtherAllStart() {
		createExecutor(20);
		for (int i = 0; i < 20; i++) {
			this.executor.execute(this::block);
		}
		Eventually.await(() -> this.started.get() == 20, this::state);
	}

	@Test
	void endsThreadsThatAreIdle() {
		createExecutor(2);
		this.executor.execute(this::block);
		ThreadPoolExecutor pool = this.executor.getThreadPoolExecutor();
		pool.setKeepAliveTime(1, TimeUnit.MILLISECONDS);
		this.release.countDown();
		Eventually.await(() -> pool.getPoolSize() == 0, this::state);
	}

	@Test
	void itsThreadsHaveNothingOfTheThreadThatATaskComesFrom() throws Exception {
		createExecutor(2);
		assertTaskHasNothing(this.executor);
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "Virtual threads need Java 21")
	void virtualThreadsHaveNothingOfTheThreadThatATaskComesFromEither() throws Exception {
		createExecutor(2);
		assertTaskHasNothing(new DeliveryConfiguration().durableNotifyTaskExecutor(new DeliveryProperties(2),
				new MockEnvironment().withProperty("spring.threads.virtual.enabled", "true")));
	}

	private void assertTaskHasNothing(AsyncTaskExecutor executor) throws Exception {
		InheritableThreadLocal<String> user = new InheritableThreadLocal<>();
		ClassLoader foreign = new ClassLoader(null) {
		};
		ClassLoader application = new ClassLoader(null) {
		};
		((BeanClassLoaderAware) executor).setBeanClassLoader(application);
		CompletableFuture<Thread> thread = new CompletableFuture<>();
		CompletableFuture<String> found = new CompletableFuture<>();
		Background.run(() -> {
			user.set("a caller");
			Thread.currentThread().setContextClassLoader(foreign);
			executor.execute(() -> {
				thread.complete(Thread.currentThread());
				found.complete(user.get());
				block();
			});
		});
		assertThat(found.get(30, TimeUnit.SECONDS)).isNull();
		assertThat(thread.join().getContextClassLoader()).isSameAs(application);
		assertThat(thread.join().getName()).isEqualTo("durable-notify-1");
		assertThat(thread.join().isDaemon()).isTrue();
	}

	private String state() {
		return "started %s, done %s, %s".formatted(this.started, this.done, this.executor.getThreadPoolExecutor());
	}

}
