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

package io.durablenotify.listener;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for starting and stopping the listener, in each of its states.
 */
class ListenerLifecycleTests {

	/**
	 * Less than all that a stop could wait for.
	 */
	private static final Duration QUICK = Duration.ofSeconds(10);

	@Fixture
	private TestDatabase database;

	private TcpProxy proxy;

	@BeforeEach
	void openProxy() {
		this.proxy = TcpProxy.to(this.database);
	}

	@AfterEach
	void closeProxy() {
		this.proxy.close();
	}

	@Test
	void stopDuringAWaitIsQuickAndLeavesNoBackend() {
		try (Instance instance = start()) {
			assertThat(this.database.backends(Instance.LISTENER)).hasSize(1);
			stopWithThread(instance);
			awaitNoBackend();
			stopQuickly(instance);
			assertListensAfterStart(instance);
		}
	}

	@Test
	void stopDuringAConnectIsQuickAndTheConnectionIsClosedAsSoonAsItExists() {
		this.proxy.freeze();
		try (Instance instance = start("durable-notify.listener.fail-fast=false")) {
			Eventually.await(() -> this.proxy.open() == 1, this.proxy::accepted);
			assertThat(instance.listener().state().status()).isEqualTo(Status.CONNECTING);
			stopQuickly(instance);
			stopQuickly(instance);
			this.proxy.pass();
			awaitNoBackend();
			assertThat(instance.listener().state().status()).isEqualTo(Status.STOPPED);
			assertThat(this.proxy.accepted()).isOne();
			assertListensAfterStart(instance);
		}
	}

	@Test
	void aStartBesideAConnectThatWasStoppedListensOnce() {
		this.proxy.freeze();
		try (Instance instance = start("durable-notify.listener.fail-fast=false")) {
			Eventually.await(() -> this.proxy.open() == 1, this.proxy::accepted);
			instance.listener().stop();
			instance.listener().start();
			Eventually.await(() -> this.proxy.open() == 2, this.proxy::accepted);
			this.proxy.pass();
			instance.awaitStatus(Status.LISTENING);
			Eventually.await(() -> this.proxy.open() == 1, this.proxy::open);
			assertThat(instance.listener().state().reconnects()).isZero();
			assertThat(instance.listener().state().lastError()).isNull();
		}
	}

	@Test
	void aConnectionThatIsAskedForDuringAConnectIsNotTheReasonOfALaterLoss() {
		this.proxy.freeze();
		try (Instance instance = start("durable-notify.listener.fail-fast=false")) {
			Eventually.await(() -> this.proxy.open() == 1, this.proxy::accepted);
			instance.listener().reconnect();
			this.proxy.pass();
			instance.awaitStatus(Status.LISTENING);
			assertThat(this.proxy.accepted()).isOne();
			this.proxy.reset();
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			assertThat(instance.listener().state().lastError()).startsWith("lost the connection to ");
		}
	}

	@Test
	void stopDuringAStartThatWaitsForTheFirstConnectEndsThatStart() throws Exception {
		try (Instance instance = start()) {
			instance.listener().stop();
			this.proxy.freeze();
			CompletableFuture<Void> start = Background.run(instance.listener()::start);
			Eventually.await(() -> this.proxy.accepted() == 2, this.proxy::accepted);
			assertThat(start).isNotDone();
			stopQuickly(instance);
			start.get(30, TimeUnit.SECONDS);
			this.proxy.pass();
			awaitNoBackend();
			assertListensAfterStart(instance);
		}
	}

	@Test
	void stopDuringBackoffIsQuickAndTheNextStartConnectsAtOnce() {
		this.proxy.reject();
		try (Instance instance = start("durable-notify.listener.fail-fast=false",
				"durable-notify.listener.backoff.delay=10m", "durable-notify.listener.backoff.max-delay=10m")) {
			instance.awaitStatus(Status.BACKING_OFF);
			stopWithThread(instance);
			this.proxy.pass();
			assertListensAfterStart(instance);
		}
	}

	@Test
	void stopWhileAFrozenServerIsAskedForAnAnswerIsQuick() {
		try (Instance instance = start("durable-notify.listener.probe.interval=1s",
				"durable-notify.listener.probe.timeout=60s")) {
			this.proxy.freeze();
			Eventually.await(ListenerLifecycleTests::isAskingForAnAnswer, instance.listener()::state);
			stopWithThread(instance);
			this.proxy.pass();
			awaitNoBackend();
		}
	}

	@Test
	void aConnectionThatEndsLateChangesNothingOfTheNextRun() {
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		try (Instance instance = start("durable-notify.listener.fail-fast=false")) {
			instance.awaitStatus(Status.LISTENING);
			instance.listener().listen("late", new ChannelHandler() {

				@Override
				public void onNotification(String payload) {
					called.countDown();
					Eventually.await(() -> release.getCount() == 0, release::toString);
				}

				@Override
				public void onResync() {
				}

			}, Runnable::run);
			Eventually.await(() -> {
				this.database.jdbc().execute("NOTIFY late");
				return called.getCount() == 0;
			}, called::toString);
			Map<Thread, StackTraceElement[]> late = listenerThreads();
			stopQuickly(instance);
			this.proxy.freeze();
			instance.listener().start();
			release.countDown();
			Eventually.await(() -> late.keySet().stream().noneMatch(Thread::isAlive), late::toString);
			assertThat(instance.listener().state()).satisfies((state) -> {
				assertThat(state.status()).isEqualTo(Status.CONNECTING);
				assertThat(state.proven()).isFalse();
				assertThat(state.lastProbe()).isNull();
			});
			this.proxy.pass();
			instance.awaitStatus(Status.LISTENING);
		}
	}

	@Test
	void readersGoOnAfterStopAndStart() {
		try (Instance instance = start("durable-notify.poll.interval=0")) {
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("stream", StreamPosition.start(), handler);
			for (int round = 0; round < 3; round++) {
				stopQuickly(instance);
				append("while stopped", false);
				instance.listener().start();
				handler.awaitChunks(round + 1);
			}
			instance.writer().complete("stream");
			handler.awaitComplete().assertGapFree(0, 3);
		}
	}

	@Test
	void theContextCanBeStoppedAndStarted() {
		try (Instance instance = start("durable-notify.poll.interval=0")) {
			for (int round = 0; round < 2; round++) {
				instance.context().stop();
				assertThat(instance.listener().isRunning()).isFalse();
				awaitNoBackend();
				instance.context().start();
				RecordingHandler handler = new RecordingHandler();
				instance.reader().subscribe("stream", StreamPosition.start(), handler);
				append("by another", true);
				handler.awaitChunks(round + 1);
			}
			assertThat(this.database.backends(Instance.LISTENER)).hasSize(1);
		}
	}

	@Test
	void startsAndStopsAtOnceLeaveOneConnectionOrNone() throws Exception {
		try (Instance instance = start()) {
			List<CompletableFuture<Void>> threads = new ArrayList<>();
			for (int thread = 0; thread < 4; thread++) {
				threads.add(Background.run(() -> {
					for (int i = 0; i < 20; i++) {
						instance.listener().stop();
						instance.listener().start();
					}
				}));
			}
			for (CompletableFuture<Void> thread : threads) {
				thread.get(60, TimeUnit.SECONDS);
			}
			instance.listener().start();
			Eventually.await(() -> this.database.backends(Instance.LISTENER).size() == 1,
					() -> this.database.backends(Instance.LISTENER));
			instance.awaitStatus(Status.LISTENING);
			instance.listener().stop();
			awaitNoBackend();
			assertThat(instance.listener().state().status()).isEqualTo(Status.STOPPED);
			assertThat(instance.listener().isRunning()).isFalse();
		}
	}

	private static boolean isAskingForAnAnswer() {
		return listenerThreads().values()
			.stream()
			.flatMap(Arrays::stream)
			.anyMatch((frame) -> frame.getMethodName().equals("requireAnswer"));
	}

	private static Map<Thread, StackTraceElement[]> listenerThreads() {
		return Thread.getAllStackTraces()
			.entrySet()
			.stream()
			.filter((entry) -> entry.getKey().getName().equals("durable-notify-listener"))
			.collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
	}

	private Instance start(String... properties) {
		List<String> all = new ArrayList<>(List.of("durable-notify.listener.url=" + this.proxy.url(),
				"durable-notify.listener.connect-timeout=60s"));
		all.addAll(List.of(properties));
		return Instance.start(this.database, all.toArray(String[]::new));
	}

	/**
	 * But for a connect, which the driver cannot give up, the thread ends too.
	 */
	private static void stopWithThread(Instance instance) {
		stopQuickly(instance);
		Eventually.await(() -> listenerThreads().isEmpty(), ListenerLifecycleTests::listenerThreads);
	}

	private static void stopQuickly(Instance instance) {
		long start = System.nanoTime();
		instance.listener().stop();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(QUICK);
		assertThat(instance.listener().isRunning()).isFalse();
		assertThat(instance.listener().state().status()).isEqualTo(Status.STOPPED);
	}

	private void assertListensAfterStart(Instance instance) {
		instance.listener().start();
		instance.listener().start();
		instance.awaitStatus(Status.LISTENING);
		assertThat(instance.listener().isRunning()).isTrue();
		assertThat(this.database.backends(Instance.LISTENER)).hasSize(1);
	}

	private void awaitNoBackend() {
		Eventually.await(() -> this.proxy.open() == 0 && this.database.backends(Instance.LISTENER).isEmpty(),
				() -> this.proxy.open() + " links, backends " + this.database.backends(Instance.LISTENER));
	}

	private void append(String text, boolean wake) {
		this.database.jdbc()
			.queryForObject("SELECT durable_notify.append('stream', ?, ?)", Long.class,
					text.getBytes(StandardCharsets.UTF_8), wake);
	}

}
