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

package io.durablenotify.schema;

import java.util.Map;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamState;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the migrations of the table of streams, while others use it.
 */
class StreamsMigrationTests {

	private static final String BEFORE = "5?";

	@Fixture
	private TestDatabase database;

	@BeforeEach
	void createSchema() {
		migrate(BEFORE);
	}

	private void migrate(String target) {
		Flyway.configure()
			.dataSource(new DriverManagerDataSource(this.database.url()))
			.schemas("durable_notify")
			.defaultSchema("durable_notify")
			.table("schema_history")
			.locations("classpath:io/durablenotify/schema/migration")
			.placeholders(Map.of("schema", "\"durable_notify\"", "wakeup_channel", "durable_notify_wakeup"))
			.target(target)
			.load()
			.migrate();
	}

	@Test
	void streamsOfTheVersionBeforeAreAsTheyWere() {
		this.database.jdbc()
			.update("""
					INSERT INTO durable_notify.streams (name, ended_at, end_state, end_reason)
					VALUES ('completed', now(), 'completed', NULL), ('failed', now(), 'failed', 'broken'), ('open', NULL, NULL, NULL)
					""");
		try (Instance instance = Instance.start(this.database)) {
			assertThat(instance.reader().list(StreamQuery.all())).extracting(StreamInfo::state)
				.containsExactly(StreamState.COMPLETED, StreamState.FAILED, StreamState.OPEN);
			assertThat(instance.writer().cancel("open", "enough")).isTrue();
			assertThat(instance.writer().cancel("failed", "enough")).isFalse();
		}
	}

	/**
	 * In a transaction the driver cannot prepare a statement again whose result has
	 * changed.
	 */
	@Test
	void aColumnOfALaterVersionDisturbsNoTransaction() {
		try (Instance instance = Instance.start(this.database, "spring.datasource.hikari.maximum-pool-size=1")) {
			use(instance);
			this.database.jdbc().execute("ALTER TABLE durable_notify.streams ADD COLUMN later int");
			this.database.jdbc().execute("ALTER TABLE durable_notify.stream_chunks ADD COLUMN later int");
			use(instance);
		}
	}

	private void use(Instance instance) {
		// More often than the driver needs to prepare a statement on the server
		for (int i = 0; i < 12; i++) {
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("used", "a");
				instance.reader().info("used");
				instance.reader().list(StreamQuery.all());
				instance.reader().list(StreamQuery.all().owner("alice").open().descending());
				instance.reader().page("used", StreamPosition.start(), 1);
				instance.reader().page("used", StreamPosition.last(1), 10_000);
			});
		}
	}

	/**
	 * A request for the whole table that waits has all others wait after it.
	 */
	@Test
	void othersPassWhileAMigrationWaitsForATransaction() {
		SingleConnectionDataSource open = new SingleConnectionDataSource(this.database.url(), true);
		open.setAutoCommit(false);
		try {
			new JdbcTemplate(open).execute("INSERT INTO durable_notify.streams (name) VALUES ('open')");
			CompletableFuture<Void> migration = Background.run(() -> migrate("latest"));
			for (int i = 0; i < 3; i++) {
				this.database.awaitLockWait();
				this.database.jdbc()
					.execute("SET statement_timeout = '15s'; INSERT INTO durable_notify.streams (name) VALUES ('%d')"
						.formatted(i));
			}
			assertThat(migration).isNotDone();
			open.destroy();
			migration.join();
		}
		finally {
			open.destroy();
		}
		assertThat(this.database.jdbc().queryForList("SELECT cancelled FROM durable_notify.streams", Boolean.class))
			.containsExactly(false, false, false);
	}

}
