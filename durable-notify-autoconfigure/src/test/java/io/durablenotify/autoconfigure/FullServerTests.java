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

package io.durablenotify.autoconfigure;

import java.sql.Connection;
import java.sql.DriverManager;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for a start where the server has few connections left for the application.
 */
@ExtendWith(OutputCaptureExtension.class)
class FullServerTests {

	private static final int POOL = 3;

	private static final String ROLE = "few_" + ProcessHandle.current().pid();

	private static final String REFUSED = "The server refuses connections for now: FATAL: too many connections";

	@Fixture
	private TestDatabase database;

	private String url;

	@BeforeEach
	void createDatabaseAndRole() {
		this.url = this.database.url().substring(0, this.database.url().indexOf('?'));
		String name = this.url.substring(this.url.lastIndexOf('/') + 1);
		this.database.jdbc().execute("CREATE ROLE " + ROLE + " LOGIN PASSWORD 'secret'");
		this.database.jdbc().execute("GRANT CREATE ON DATABASE %s TO %s".formatted(name, ROLE));
	}

	@AfterEach
	void dropRole() {
		Eventually.await(() -> connections() == 0, this::connections);
		this.database.jdbc().execute("DROP OWNED BY " + ROLE);
		this.database.jdbc().execute("DROP ROLE " + ROLE);
	}

	private void limit(int connections) {
		this.database.jdbc().execute("ALTER ROLE %s CONNECTION LIMIT %d".formatted(ROLE, connections));
	}

	private int connections() {
		Integer count = this.database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE usename = ?", Integer.class, ROLE);
		return (count != null) ? count : 0;
	}

	private Instance start(int pool, String... properties) {
		String[] all = new String[properties.length + 5];
		all[0] = "spring.datasource.url=" + this.url;
		all[1] = "spring.datasource.username=" + ROLE;
		all[2] = "spring.datasource.password=secret";
		all[3] = "spring.datasource.hikari.maximum-pool-size=" + pool;
		all[4] = "spring.datasource.hikari.minimum-idle=" + pool;
		System.arraycopy(properties, 0, all, 5, properties.length);
		return Instance.start(this.database, all);
	}

	private Connection hold() throws Exception {
		return DriverManager.getConnection(this.url, ROLE, "secret");
	}

	@Test
	void anApplicationTakesItsPoolsConnectionsAndTwo() {
		limit(POOL + 2);
		for (int i = 0; i < 10; i++) {
			try (Instance instance = start(POOL)) {
				assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
				instance.writer().appender("stream/" + i).complete();
				Eventually.await(() -> connections() == POOL + 2, this::connections);
			}
			Eventually.await(() -> connections() == 0, this::connections);
		}
	}

	/**
	 * The pool gets the last connection, so that the migration gets none.
	 */
	@Test
	void aMigrationThatGetsNoConnectionForAMomentIsTriedAgainAndLoggedOnce(CapturedOutput output) throws Exception {
		limit(3);
		Connection first = hold();
		Connection second = hold();
		CompletableFuture<Void> released = CompletableFuture.runAsync(() -> {
			Eventually.await(() -> output.getAll().contains(REFUSED), output::getAll);
			close(first);
			close(second);
		});
		try (Instance instance = start(1)) {
			assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
		}
		released.join();
		assertThat(output.getAll().split("refuses connections for now", -1)).hasSize(2);
	}

	@Test
	void aPoolThatGetsNoConnectionForAMomentIsTriedAgain(CapturedOutput output) throws Exception {
		limit(1);
		Connection held = hold();
		CompletableFuture<Void> released = CompletableFuture.runAsync(() -> {
			Eventually.await(() -> output.getAll().contains(REFUSED), output::getAll);
			limit(POOL + 2);
			close(held);
		});
		start(POOL).close();
		released.join();
	}

	@Test
	void aListenerThatGetsNoConnectionForAMomentIsTriedAgain(CapturedOutput output) throws Exception {
		limit(1);
		Connection held = hold();
		CompletableFuture<Void> released = CompletableFuture.runAsync(() -> {
			Eventually.await(() -> output.getAll().contains("LISTEN connection failed: no connection to"),
					output::getAll);
			close(held);
		});
		try (Instance instance = Instance.start(this.database, "durable-notify.listener.url=" + this.url,
				"durable-notify.listener.username=" + ROLE, "durable-notify.listener.password=secret")) {
			assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
		}
		released.join();
	}

	private static void close(Connection connection) {
		try {
			connection.close();
		}
		catch (Exception ex) {
			LoggerFactory.getLogger(FullServerTests.class).warn("Not closed", ex);
		}
	}

}
