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

import java.time.Duration;
import java.time.Instant;

import io.durablenotify.listener.ListenerException.Problem;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.Pooler;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests through real poolers and proxies.
 */
@ExtendWith(OutputCaptureExtension.class)
class PoolerTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String SMALL_POOL = "spring.datasource.hikari.maximum-pool-size=3";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=5000";

	private static final String FAST_PROBE = "durable-notify.listener.probe.timeout=1s";

	@Fixture
	private TestDatabase database;

	@Test
	void inTransactionModeStartUpFailsAndSaysWhy(CapturedOutput output) {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction")) {
			assertThatExceptionOfType(Exception.class).isThrownBy(() -> Instance.start(pooler.through(), FAST_PROBE))
				.havingRootCause()
				.isInstanceOfSatisfying(ListenerException.class,
						(ex) -> assertThat(ex.getProblem()).isEqualTo(Problem.DEAF))
				.withMessageMatching(("\\Qdurable-notify cannot hear notifications on %s: one sent from another "
						+ "connection did not arrive within 1s, and the backend changed from pid \\E-?\\d+ to \\d+\\Q. "
						+ "A connection pooler in transaction mode stands between.\\E")
					.formatted(pooler.address()));
			assertThat(output).contains("durable-notify cannot hear notifications on " + pooler.address())
				.contains("Set durable-notify.listener.url to reach PostgreSQL directly, or "
						+ "durable-notify.listener.enabled=false to run on polling alone (delay up to 5s).");
		}
		Eventually.await(() -> this.database.backends(Instance.LISTENER).isEmpty(),
				() -> this.database.backends(Instance.LISTENER));
	}

	@Test
	void inTransactionModeThePollGoesOnDelivering(CapturedOutput output) {
		String[] properties = { FAST_PROBE, "durable-notify.listener.fail-fast=false",
				"durable-notify.poll.interval=1m", "durable-notify.poll.degraded-interval=200ms" };
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction");
				Instance instance = Instance.start(pooler.through(), properties);
				Instance other = Instance.start(pooler.through(), properties)) {
			instance.awaitStatus(Status.DEAF);
			assertThat(instance.listener().state().lastError()).contains("A connection pooler in transaction mode");
			assertThat(instance.bean(ListenerMeasures.class).probes().of(ProbeOutcome.NOT_HEARD).sum())
				.isGreaterThanOrEqualTo(2);
			assertThat(instance.bean(Poll.class).intervalInForce()).isEqualTo(Duration.ofMillis(200));
			assertDelivers(other, instance);
			assertDelivers(instance, other);
			assertThat(instance.listener().state().status()).isEqualTo(Status.DEAF);
			assertThat(output)
				.contains("transaction mode stands between. Set durable-notify.listener.url to reach PostgreSQL "
						+ "directly");
		}
	}

	@Test
	void inTransactionModeADirectUrlReceives() {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction");
				Instance instance = Instance.start(pooler.through(), NO_POLL,
						"durable-notify.listener.url=" + this.database.url());
				Instance other = Instance.start(pooler.through(), NO_POLL,
						"durable-notify.listener.url=" + this.database.url())) {
			assertThat(instance.listener().state().isHealthy()).isTrue();
			assertDelivers(other, instance);
			assertDelivers(instance, other);
		}
	}

	@Test
	void theMigrationLeavesNothingBehindOnThePoolersConnections() {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "transaction");
				Instance instance = Instance.start(pooler.through(), "durable-notify.listener.enabled=false")) {
			for (int i = 0; i < 20; i++) {
				assertThat(pooler.through().jdbc().queryForObject("SHOW search_path", String.class))
					.isEqualTo("\"$user\", public");
			}
			assertDelivers(instance, instance);
		}
	}

	@Test
	void inSessionModeAllIsRight() {
		try (Pooler pooler = Pooler.pgBouncer(this.database, "session");
				Instance instance = Instance.start(pooler.through(), NO_POLL);
				Instance other = Instance.start(pooler.through(), NO_POLL)) {
			assertThat(instance.listener().state().isHealthy()).isTrue();
			assertDelivers(other, instance);
			this.database.terminate(Instance.LISTENER);
			assertDelivers(instance, other);
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			assertDelivers(other, instance);
		}
	}

	@Test
	void throughPgPoolAllIsRight() {
		try (Pooler pooler = Pooler.pgPool(this.database);
				Instance instance = Instance.start(pooler.through(), NO_POLL, SMALL_POOL);
				Instance other = Instance.start(pooler.through(), NO_POLL, SMALL_POOL)) {
			assertThat(instance.listener().state().isHealthy()).isTrue();
			assertDelivers(other, instance);
			assertDelivers(instance, other);
		}
	}

	/**
	 * The probe comes long before what proxies take for idle.
	 */
	@Test
	void aProxyThatCutsIdleConnectionsDoesNotCutTheListeners() {
		try (Pooler proxy = Pooler.haProxy(this.database, Duration.ofSeconds(2));
				Instance instance = Instance.start(proxy.through(), NO_POLL, SMALL_POOL, IMPATIENT_POOL,
						"durable-notify.listener.probe.interval=1s")) {
			Instant start = Instant.now();
			Eventually.await(() -> Duration.between(start, Instant.now()).toSeconds() > 6, instance.listener()::state);
			assertThat(instance.listener().state().isHealthy()).isTrue();
			assertThat(instance.listener().state().reconnects()).isZero();
			assertDelivers(instance, instance);
		}
	}

	@Test
	void whatAProxyCutsIsConnectedAgainAndLosesNothing() {
		try (Pooler proxy = Pooler.haProxy(this.database, Duration.ofSeconds(1));
				Instance instance = Instance.start(proxy.through(), NO_POLL, SMALL_POOL, IMPATIENT_POOL);
				Instance other = Instance.start(this.database, NO_POLL)) {
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("cut", StreamPosition.start(), handler);
			for (int cut = 1; cut <= 3; cut++) {
				long reconnects = cut;
				Eventually.await(() -> instance.listener().state().reconnects() >= reconnects,
						instance.listener()::state);
				other.writer().append("cut", String.valueOf(cut));
				handler.awaitChunks(cut);
			}
			handler.assertGapFree(0, 3);
		}
	}

	private static void assertDelivers(Instance from, Instance to) {
		String stream = "stream/" + System.nanoTime();
		RecordingHandler handler = new RecordingHandler();
		to.reader().subscribe(stream, StreamPosition.start(), handler);
		from.writer().append(stream, "a");
		from.transaction().executeWithoutResult((status) -> from.writer().append(stream, "b"));
		handler.awaitChunks(2);
		from.writer().complete(stream);
		handler.awaitComplete();
	}

}
