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

package io.durablenotify.testsupport;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import com.zaxxer.hikari.HikariDataSource;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DriverSettings}.
 */
class PoolReplacementTests {

	@Fixture
	private static TestDatabase database;

	@Test
	void whoWaitsForAConnectionGetsOneBeforeThePoolIsReplaced() throws Exception {
		try (DriverSettings settings = DriverSettings.of(database, 1)) {
			settings.use("");
			Connection held = settings.getConnection();
			CompletableFuture<Void> waiting = Background.run(() -> takeAndReturn(settings));
			HikariDataSource pool = (HikariDataSource) settings.getTargetDataSource();
			Eventually.await(() -> pool.getHikariPoolMXBean().getThreadsAwaitingConnection() == 1, pool::toString);
			Thread replacing = new Thread(() -> settings.use(""));
			replacing.start();
			Eventually.await(() -> replacing.getState() == Thread.State.WAITING || !replacing.isAlive(),
					replacing::getState);
			held.close();
			waiting.get(30, TimeUnit.SECONDS);
			replacing.join();
			assertThat(pool.isClosed()).isTrue();
			takeAndReturn(settings);
		}
	}

	private static void takeAndReturn(DriverSettings settings) {
		try (Connection connection = settings.getConnection()) {
			assertThat(connection.isClosed()).isFalse();
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
