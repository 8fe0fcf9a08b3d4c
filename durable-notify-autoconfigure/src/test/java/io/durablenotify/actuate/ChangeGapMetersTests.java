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

package io.durablenotify.actuate;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that gaps in changes are counted by their reasons, and handlers that lag.
 */
class ChangeGapMetersTests {

	private static final String TOPIC = "topic";

	@Fixture
	private static TestDatabase database;

	private final Semaphore heard = new Semaphore(0);

	private static Instance start(TestDatabase database, String... properties) {
		return Instance.start(database, (application) -> application.sources(WithMetrics.class), properties);
	}

	private static void publish(Instance instance) {
		instance.bean(ChangeNotifier.class).publish(TOPIC, "key");
	}

	private void subscribe(Instance instance) throws InterruptedException {
		instance.bean(ChangeNotifier.class).subscribe(TOPIC, (change) -> this.heard.release());
		publish(instance);
		this.heard.acquire();
	}

	/**
	 * Wait until there was one gap, for this reason.
	 */
	private static void awaitGap(Instance instance, String reason) {
		WithMetrics.await(instance, DurableNotifyMeters.CHANGES_GAPS, (value) -> value == 1, "reason", reason);
		assertThat(WithMetrics.value(instance, DurableNotifyMeters.CHANGES_GAPS)).isEqualTo(1);
	}

	@Test
	void whatWasNotReadWithinTheRetentionHasExpired() throws Exception {
		try (Instance deaf = start(database, "durable-notify.changes.retention=1s",
				"spring.datasource.hikari.allow-pool-suspension=true")) {
			subscribe(deaf);
			deaf.listener().stop();
			HikariPoolMXBean pool = deaf.bean(HikariDataSource.class).getHikariPoolMXBean();
			pool.suspendPool();
			Eventually.await(() -> pool.getActiveConnections() == 0, pool::getActiveConnections);
			try (Instance other = Instance.start(database, "durable-notify.changes.retention=1s")) {
				publish(other);
				Eventually.await(
						() -> database.jdbc()
							.queryForObject("SELECT count(*) FROM durable_notify.changes", Integer.class) == 0,
						() -> database.jdbc().queryForList("SELECT * FROM durable_notify.changes"));
			}
			pool.resumePool();
			deaf.listener().start();
			deaf.awaitStatus(Status.LISTENING);
			awaitGap(deaf, "expired");
		}
	}

	@Test
	void whatWasRemovedIsAsAfterAFailover() throws Exception {
		try (Instance instance = start(database)) {
			subscribe(instance);
			publish(instance);
			this.heard.acquire();
			database.jdbc().execute("DELETE FROM durable_notify.changes");
			publish(instance);
			awaitGap(instance, "failover");
		}
	}

	@Test
	void aDatabaseOfAnotherClusterIsAGap(@TempDir Path directory) throws Exception {
		try (OwnServer before = OwnServer.start(directory.resolve("before"));
				OwnServer after = OwnServer.start(directory.resolve("after"));
				TcpProxy proxy = TcpProxy.to(before.database());
				Instance instance = start(new TestDatabase(proxy.url()))) {
			subscribe(instance);
			Instance.start(after.database()).close();
			proxy.leadTo(after.database());
			awaitGap(instance, "other_cluster");
		}
	}

	@Test
	void aHandlerThatLagsIsBehind() throws Exception {
		try (Instance instance = start(database)) {
			CountDownLatch release = new CountDownLatch(1);
			Subscription subscription = instance.bean(ChangeNotifier.class).subscribe(TOPIC, (change) -> {
				release.await();
				this.heard.release();
			});
			instance.jdbc()
				.execute(
						"INSERT INTO durable_notify.changes (topic, key) SELECT 'topic', n FROM generate_series(1, 3000) n");
			publish(instance);
			WithMetrics.await(instance, DurableNotifyMeters.CHANGES_BEHIND, (value) -> value == 1);
			release.countDown();
			this.heard.acquire(3_001);
			WithMetrics.await(instance, DurableNotifyMeters.CHANGES_BEHIND, (value) -> value == 0);
			subscription.cancel();
		}
	}

}
