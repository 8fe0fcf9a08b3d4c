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

import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.datasource.DriverManagerDataSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link InstanceConnection}.
 */
class InstanceConnectionTests {

	@Fixture
	private static TestDatabase database;

	@Test
	void aConnectionThatIsOpenedAfterTheCloseIsClosed() {
		try (TcpProxy network = TcpProxy.to(database)) {
			InstanceConnection connection = new InstanceConnection(
					new ApplicationDatabase(new DriverManagerDataSource(network.url()), () -> null), "late-lease",
					() -> 0);
			AtomicBoolean used = new AtomicBoolean();
			network.freeze();
			CompletableFuture<Void> renewal = Background.supply(() -> {
				try {
					return connection.execute(Eventually.TIMEOUT, (session, joined) -> {
						used.set(true);
						return null;
					});
				}
				catch (Exception ex) {
					throw new IllegalStateException(ex);
				}
			});
			Eventually.await(() -> network.accepted() == 1, network::accepted);
			connection.close();
			network.pass();
			assertThat(renewal).failsWithin(Eventually.TIMEOUT);
			assertThat(used).isFalse();
			Eventually.await(() -> database.backends("late-lease").isEmpty(), () -> database.backends("late-lease"));
		}
	}

	@Test
	void aConnectionFollowsThePoolToAnotherDatabaseWhenItIsOld() throws SQLException {
		TestDatabase other = PostgresServer.shared().createDatabase();
		try (Moving moving = new Moving()) {
			assertThat(moving.database()).isEqualTo(name(database));
			moving.to(other.url());
			assertThat(moving.database()).isEqualTo(name(database));
			moving.age(InstanceConnection.MAX_AGE);
			// Replaced once this has been answered
			assertThat(moving.database()).isEqualTo(name(database));
			assertThat(moving.database()).isEqualTo(name(other));
			Eventually.await(() -> database.backends("moving").isEmpty(), () -> database.backends("moving"));
			List<Integer> backends = other.backends("moving");
			assertThat(moving.database()).isEqualTo(name(other));
			assertThat(other.backends("moving")).isEqualTo(backends).hasSize(1);
		}
	}

	@Test
	void aConnectionFollowsThePoolToAnotherDatabaseAfterTheListener() throws SQLException {
		TestDatabase other = PostgresServer.shared().createDatabase();
		try (Moving moving = new Moving()) {
			assertThat(moving.database()).isEqualTo(name(database));
			moving.to(other.url());
			moving.reconnects.incrementAndGet();
			assertThat(moving.database()).isEqualTo(name(database));
			assertThat(moving.database()).isEqualTo(name(other));
		}
	}

	@Test
	void anOldConnectionIsKeptUntilThereIsAnother() throws SQLException {
		TestDatabase other = PostgresServer.shared().createDatabase();
		try (TcpProxy network = TcpProxy.to(other); Moving moving = new Moving()) {
			assertThat(moving.database()).isEqualTo(name(database));
			moving.to(network.url());
			network.reject();
			moving.age(InstanceConnection.MAX_AGE);
			assertThat(moving.database()).isEqualTo(name(database));
			network.pass();
			assertThat(moving.database()).isEqualTo(name(database));
			assertThat(moving.database()).isEqualTo(name(database));
			moving.age(Duration.ofMinutes(1));
			assertThat(moving.database()).isEqualTo(name(database));
			assertThat(moving.database()).isEqualTo(name(other));
		}
	}

	@Test
	void theLastConnectionOfARoleIsClosedBeforeTheNextOneIsOpened() throws SQLException {
		database.jdbc().execute("CREATE ROLE one_connection LOGIN CONNECTION LIMIT 1");
		try (Moving moving = new Moving()) {
			moving.to(database.url().replace("user=postgres", "user=one_connection"));
			assertThat(moving.database()).isEqualTo(name(database));
			List<Integer> backends = database.backends("moving");
			moving.age(InstanceConnection.MAX_AGE);
			moving.database();
			Eventually.await(() -> database.backends("moving").isEmpty(), () -> database.backends("moving"));
			assertThat(moving.database()).isEqualTo(name(database));
			assertThat(database.backends("moving")).hasSize(1).isNotEqualTo(backends);
		}
		finally {
			Eventually.await(() -> database.backends("moving").isEmpty(), () -> database.backends("moving"));
			database.jdbc().execute("DROP ROLE one_connection");
		}
	}

	@Test
	void leasesOutliveTheConnection() {
		try (Instance instance = Instance.start(database, "durable-notify.streams.lease=3s")) {
			StreamAppender appender = instance.writer().appender("outliving");
			List<Integer> backends = database.backends("instance-lease");
			String leases = ids(instance);
			instance.listener().reconnect();
			Eventually.await(
					() -> database.backends("instance-lease").size() == 1
							&& !database.backends("instance-lease").equals(backends),
					() -> database.backends("instance-lease"));
			// Renewed on it
			Eventually.await(
					() -> database.jdbc()
						.queryForObject("SELECT bool_and(lease_until > clock_timestamp() + interval '2s') "
								+ "FROM durable_notify.instances", Boolean.class),
					instance.bean(Instances.class)::toString);
			assertThat(ids(instance)).isEqualTo(leases);
			appender.append("still writing");
			appender.complete();
		}
	}

	private static String ids(Instance instance) {
		return instance.bean(Instances.class).leases().stream().map(Lease::instanceId).toList().toString();
	}

	private static String name(TestDatabase database) {
		return database.jdbc().queryForObject("SELECT current_database()", String.class);
	}

	/**
	 * A connection whose pool can move, and whose age is a test's.
	 */
	private static final class Moving implements AutoCloseable {

		private final DriverManagerDataSource pool = new DriverManagerDataSource(database.url());

		private final AtomicLong nanoTime = new AtomicLong();

		private final AtomicLong reconnects = new AtomicLong();

		private final InstanceConnection connection = new InstanceConnection(
				new ApplicationDatabase(this.pool, () -> null), "moving", this.reconnects::get, this.nanoTime::get);

		private void to(String url) {
			this.pool.setUrl(url);
		}

		private void age(Duration duration) {
			this.nanoTime.addAndGet(duration.toNanos());
		}

		private String database() throws SQLException {
			return this.connection.execute(Eventually.TIMEOUT, (session, joined) -> session.getCatalog());
		}

		@Override
		public void close() {
			this.connection.close();
		}

	}

}
