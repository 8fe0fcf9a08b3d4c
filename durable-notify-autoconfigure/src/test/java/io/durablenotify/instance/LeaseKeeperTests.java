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

package io.durablenotify.instance;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.junit.jupiter.api.Test;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link LeaseKeeper}.
 */
class LeaseKeeperTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	/**
	 * The server may have counted the lease from then on.
	 */
	@Test
	void aLeaseCountsFromWhenItsRenewalWasSentAndNotFromItsAnswer() throws SQLException {
		Instances instances = instance.bean(Instances.class);
		Lease lease = instances.lease(Duration.ofSeconds(30));
		// The next one would be a third of the lease later
		assertThat(lease.awaitRenewed(Eventually.TIMEOUT)).isTrue();
		try (Connection locking = DriverManager.getConnection(database.url())) {
			locking.setAutoCommit(false);
			locking.createStatement().execute("SELECT FROM durable_notify.instances FOR UPDATE");
			CompletableFuture<Boolean> renewed = Background.supply(() -> lease.awaitRenewed(Eventually.TIMEOUT));
			database.awaitLockWait();
			long sent = System.nanoTime();
			locking.rollback();
			assertThat(renewed).succeedsWithin(Eventually.TIMEOUT).isEqualTo(true);
			Duration sinceSent = Duration.ofNanos(System.nanoTime() - sent);
			assertThat(instances.sinceRenewal()).isGreaterThan(sinceSent);
		}
	}

	@Test
	void whatCannotBeTakenOverHoldsUpNothingElse() {
		TestDatabase another = PostgresServer.shared().createDatabase();
		try (Instance keeper = Instance.start(another, (application) -> application.sources(Failing.class),
				"durable-notify.streams.lease=1s")) {
			another.jdbc().execute("""
					INSERT INTO durable_notify.instances (instance_id, lease_until) OVERRIDING SYSTEM VALUE
						VALUES (4711, clock_timestamp());
					INSERT INTO durable_notify.streams (name, writer_id) VALUES ('left', 4711);
					""");
			Eventually.await(
					() -> another.jdbc()
						.queryForObject("SELECT ended_at IS NOT NULL FROM durable_notify.streams", Boolean.class),
					keeper.bean(Instances.class)::toString);
		}
	}

	@Configuration(proxyBeanMethods = false)
	static class Failing {

		@Bean
		@Order(Ordered.HIGHEST_PRECEDENCE)
		TakeOver failingTakeOver() {
			return new TakeOver() {

				@Override
				public String topic() {
					return "failing";
				}

				@Override
				public String what() {
					return "failed";
				}

				@Override
				public Written<Integer> takeOver(Connection connection, long instanceId) {
					throw new IllegalStateException("expected");
				}

				@Override
				public boolean isHolder(Connection connection, long instanceId) {
					return false;
				}

			};
		}

	}

}
