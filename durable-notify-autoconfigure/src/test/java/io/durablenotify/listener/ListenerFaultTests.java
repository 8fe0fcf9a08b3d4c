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
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import io.durablenotify.Subscription;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what the listener notices by probing, and what it does not mistake for a
 * fault.
 */
class ListenerFaultTests {

	private static final String[] FAST_PROBE = { "durable-notify.listener.probe.interval=500ms",
			"durable-notify.listener.probe.timeout=1s", "durable-notify.listener.connect-timeout=1s",
			"durable-notify.listener.backoff.max-delay=500ms" };

	@Fixture
	private TestDatabase database;

	@Test
	void aFrozenLinkIsNoticedByTheProbeAndThePollGoesOn() {
		try (TcpProxy proxy = TcpProxy.to(this.database);
				Instance instance = start("durable-notify.listener.url=" + proxy.url(),
						"durable-notify.poll.degraded-interval=200ms")) {
			RecordingHandler handler = subscribe(instance);
			append("before", true);
			handler.awaitChunks(1);
			assertThat(instance.bean(Poll.class).intervalInForce()).isEqualTo(Duration.ofSeconds(5));
			proxy.freeze();
			instance.awaitStatus(Status.BACKING_OFF);
			assertThat(instance.listener().state().lastError()).contains("did not answer within 1s");
			assertThat(instance.bean(Poll.class).intervalInForce()).isEqualTo(Duration.ofMillis(200));
			append("by the poll", false);
			handler.awaitChunks(2);
			assertThat(instance.listener().state().isHealthy()).isFalse();
			proxy.pass();
			instance.awaitStatus(Status.LISTENING);
			Eventually.await(() -> instance.listener().state().isHealthy(), instance.listener()::state);
			append("heard again", true);
			handler.awaitChunks(3);
			Eventually.await(() -> this.database.backends(Instance.LISTENER).size() == 1,
					() -> this.database.backends(Instance.LISTENER));
		}
	}

	@Test
	void anExhaustedPoolIsNotMistakenForDeafness() throws Exception {
		try (Instance instance = start("spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=500")) {
			Eventually.await(() -> instance.listener().state().isHealthy(), instance.listener()::state);
			ListenerState before = instance.listener().state();
			try (Connection held = instance.bean(DataSource.class).getConnection()) {
				for (int i = 0; i < 3; i++) {
					Eventually.await(() -> instance.listener().state().lastProbe() == ProbeOutcome.NOT_SENT,
							instance.listener()::state);
					// Hearing anything else proves as much as a probe
					append("heard", true);
					Eventually.await(() -> instance.listener().state().lastProbe() == ProbeOutcome.HEARD,
							instance.listener()::state);
				}
			}
			assertThat(instance.listener().state()).isEqualTo(before);
			assertThat(instance.listener().state().isHealthy()).isTrue();
		}
	}

	@Test
	void manyProbesInARowThatCannotBeSentDoNotMakeTheListenerDeaf() throws Exception {
		try (Instance instance = start("spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=500")) {
			HikariDataSource dataSource = instance.bean(HikariDataSource.class);
			HikariPoolMXBean pool = dataSource.getHikariPoolMXBean();
			try (Connection held = dataSource.getConnection()) {
				// Only a probe asks for a connection here. Two that were not received
				// would be enough
				for (int i = 0; i < 4; i++) {
					Eventually.await(() -> pool.getThreadsAwaitingConnection() > 0, instance.listener()::state);
					Eventually.await(() -> pool.getThreadsAwaitingConnection() == 0, instance.listener()::state);
				}
				assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
				assertThat(instance.listener().state().lastProbe()).isEqualTo(ProbeOutcome.NOT_SENT);
				assertThat(instance.listener().state().reconnects()).isZero();
			}
		}
	}

	@Test
	void whoListensToTheProbesAndCancelsDoesNotMakeTheListenerDeaf() {
		try (ChannelTap tap = ChannelTap.on(this.database, "durable_notify_probe"); Instance instance = start()) {
			AtomicInteger resyncs = new AtomicInteger();
			ChannelHandler handler = new ChannelHandler() {

				@Override
				public void onNotification(String payload) {
				}

				@Override
				public void onResync() {
					resyncs.incrementAndGet();
				}

			};
			Subscription subscription = instance.listener().listen("durable_notify_probe", handler);
			Eventually.await(() -> resyncs.get() == 1, resyncs::get);
			subscription.cancel();
			// The second one that is not received makes a listener deaf
			tap.await(tap.payloads().size() + 4);
			assertThat(instance.listener().state().reconnects()).isZero();
			assertThat(instance.listener().state().isHealthy()).isTrue();
		}
	}

	@Test
	void withAnExhaustedPoolTheListenerListensUnproven() throws Exception {
		try (Instance instance = start("spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=500")) {
			try (Connection held = instance.bean(DataSource.class).getConnection()) {
				instance.listener().stop();
				instance.listener().start();
				assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
				assertThat(instance.listener().state().lastProbe()).isEqualTo(ProbeOutcome.NOT_SENT);
				assertThat(instance.bean(Poll.class).intervalInForce()).isEqualTo(Duration.ofSeconds(1));
			}
			Eventually.await(() -> instance.listener().state().isHealthy(), instance.listener()::state);
		}
	}

	@Test
	void aPoolOfOneIsEnoughForEverything() {
		try (Instance instance = start("spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=1000");
				Instance other = start("spring.datasource.hikari.maximum-pool-size=1",
						"spring.datasource.hikari.connection-timeout=1000")) {
			RecordingHandler handler = subscribe(instance);
			RecordingHandler ofOther = subscribe(other);
			instance.writer().append("stream", "outside a transaction");
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("stream", "in a transaction");
				assertThat(instance.reader().info("stream").orElseThrow().nextIndex()).isEqualTo(2);
			});
			other.writer().append("stream", "from another instance");
			handler.awaitChunks(3);
			this.database.terminate(Instance.LISTENER);
			other.writer().complete("stream");
			handler.awaitComplete();
			ofOther.awaitComplete().assertGapFree(0, 3);
			Eventually.await(
					() -> instance.listener().state().isHealthy() && instance.listener().state().reconnects() == 1,
					instance.listener()::state);
		}
	}

	@Test
	void idleInstancesShareTheirProbes() {
		int probes = 15;
		Duration interval = Duration.ofMillis(500);
		List<Instance> instances = new ArrayList<>();
		try (ChannelTap tap = ChannelTap.on(this.database, "durable_notify_probe")) {
			for (int i = 0; i < 8; i++) {
				instances.add(start("spring.datasource.hikari.maximum-pool-size=1", "durable-notify.poll.interval=0"));
			}
			int before = tap.payloads().size();
			long start = System.nanoTime();
			tap.await(before + probes);
			Duration taken = Duration.ofNanos(System.nanoTime() - start);
			// Each on its own would need about a sixth of this
			assertThat(taken).isGreaterThan(interval.multipliedBy(probes / 2));
			assertThat(instances).allSatisfy((instance) -> {
				assertThat(instance.listener().state().isHealthy()).isTrue();
				assertThat(instance.listener().state().reconnects()).isZero();
			});
		}
		finally {
			instances.forEach(Instance::close);
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void theProbeOfAStartIsReceivedAtOnce(boolean promptSocket) {
		try (Instance instance = Instance.start(this.database, "durable-notify.listener.probe.timeout=20s",
				"durable-notify.listener.prompt-socket=" + promptSocket)) {
			long start = System.nanoTime();
			for (int i = 0; i < 20; i++) {
				instance.listener().stop();
				instance.listener().start();
				assertThat(instance.listener().state().isHealthy()).isTrue();
			}
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
		}
	}

	private Instance start(String... properties) {
		List<String> all = new ArrayList<>(List.of(FAST_PROBE));
		all.addAll(List.of(properties));
		return Instance.start(this.database, all.toArray(String[]::new));
	}

	private static RecordingHandler subscribe(Instance instance) {
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe("stream", StreamPosition.start(), handler);
		return handler;
	}

	private void append(String text, boolean wake) {
		this.database.jdbc()
			.queryForObject("SELECT durable_notify.append('stream', ?, ?)", Long.class,
					text.getBytes(StandardCharsets.UTF_8), wake);
	}

}
