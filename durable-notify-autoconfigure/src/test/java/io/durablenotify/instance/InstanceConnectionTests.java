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

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
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
					new ApplicationDatabase(new DriverManagerDataSource(network.url()), () -> null), "late-lease");
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

}
