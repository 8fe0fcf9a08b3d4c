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
package io.durablenotify.work;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.context.Lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for handlers that take longer than the lease of their instance.
 */
class WorkLeaseTests {

	private static final String LEASE = "durable-notify.work.lease-duration=2s";

	private static final String STREAM_LEASE = "durable-notify.streams.lease=2s";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { LEASE, STREAM_LEASE, "spring.datasource.hikari.maximum-pool-size=2" })
	private static Instance holder;

	@Fixture(properties = { LEASE, STREAM_LEASE })
	private static Instance other;

	private final List<String> begun = new CopyOnWriteArrayList<>();

	private final List<String> takenOver = new CopyOnWriteArrayList<>();

	private static String text(WorkItem item) {
		return new String(item.payload(), StandardCharsets.UTF_8);
	}

	@Test
	void handlersThatHoldAllConnectionsInTransactionsKeepTheirItems() {
		database.jdbc().execute("CREATE TABLE effects (item text)");
		CountDownLatch over = new CountDownLatch(1);
		holder.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("long").inTransaction().concurrency(2), (item) -> {
				holder.jdbc().update("INSERT INTO effects VALUES (?)", text(item));
				this.begun.add(text(item));
				over.await();
				return WorkOutcome.done();
			});
		other.bean(WorkQueue.class).enqueueAll(List.of(WorkRequest.of("long", "a"), WorkRequest.of("long", "b")));
		Eventually.await(() -> this.begun.size() == 2, this.begun::toString);
		other.bean(WorkListeners.class).register(WorkListenerSpec.of("long"), (item) -> {
			this.takenOver.add(text(item));
			return WorkOutcome.done();
		});
		// Three renewals are a lease
		for (int renewals = 0; renewals < 7; renewals++) {
			List<String> before = holdersLease();
			Eventually.await(() -> !before.equals(holdersLease()), before::toString);
		}
		over.countDown();
		awaitNothingLeft();
		assertThat(database.jdbc().queryForList("SELECT item FROM effects", String.class))
			.containsExactlyInAnyOrder("a", "b");
		assertThat(this.takenOver).isEmpty();
	}

	@Test
	void theStopWaitsForNoLeaseThatCannotBeRenewed() {
		other.bean(WorkQueue.class).enqueueAll(List.of(WorkRequest.of("cut", "a"), WorkRequest.of("cut", "b")));
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance cut = Instance.start(new TestDatabase(proxy.url()), LEASE, STREAM_LEASE,
						"spring.datasource.hikari.connection-timeout=500",
						"durable-notify.work.shutdown-timeout=10m")) {
			WorkListeners listeners = cut.bean(WorkListeners.class);
			listeners.register(WorkListenerSpec.of("cut").concurrency(1).prefetch(9), (item) -> {
				this.begun.add(text(item));
				Eventually.await(item::leaseLost, item::toString);
				return WorkOutcome.done();
			});
			Eventually.await(() -> this.begun.size() == 1, this.begun::toString);
			proxy.reject();
			try {
				Eventually.await(WorkLeaseTests::isLeaseAwaited, this.begun::toString);
				CompletableFuture<Void> stopped = Background.run(((Lifecycle) listeners)::stop);
				Eventually.await(stopped::isDone, listeners::toString);
			}
			finally {
				proxy.pass();
			}
		}
		assertThat(this.begun).containsExactly("a");
		Subscription subscription = other.bean(WorkListeners.class).register(WorkListenerSpec.of("cut"), (item) -> {
			this.takenOver.add(text(item));
			return WorkOutcome.done();
		});
		Eventually.await(() -> this.takenOver.contains("b"), this.takenOver::toString);
		awaitNothingLeft();
		subscription.cancel();
	}

	private static boolean isLeaseAwaited() {
		return Thread.getAllStackTraces()
			.values()
			.stream()
			.flatMap(Arrays::stream)
			.anyMatch((frame) -> frame.getMethodName().equals("awaitLease"));
	}

	private static void awaitNothingLeft() {
		Eventually.await(
				() -> database.jdbc()
					.queryForObject("SELECT count(*) FROM durable_notify.work_items", Integer.class) == 0,
				() -> database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"));
	}

	private static List<String> holdersLease() {
		return database.jdbc()
			.queryForList("SELECT lease_until::text FROM durable_notify.instances WHERE instance_id IN "
					+ "(SELECT instance_id FROM durable_notify.work_claims)", String.class);
	}

}
