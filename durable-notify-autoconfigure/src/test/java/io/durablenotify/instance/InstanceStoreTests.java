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
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.instance.InstanceStore.Gone;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link InstanceStore} where transactions have another isolation level by
 * default.
 */
class InstanceStoreTests {

	private static final Duration LEASE = Duration.ofMinutes(1);

	private final InstanceStore store = new InstanceStore(new SchemaName("durable_notify"));

	@Fixture
	private TestDatabase database;

	@BeforeEach
	void migrate() {
		Instance.start(this.database).close();
	}

	@Test
	void renewalsAtTheSameTimeDoNotFail() throws SQLException {
		onEachRow("UPDATE", "PERFORM pg_advisory_xact_lock_shared(1)");
		try (Connection first = connect("serializable");
				Connection second = connect("serializable");
				Connection holder = connect("serializable")) {
			long firstId = this.store.register(first, "first", LEASE);
			long secondId = this.store.register(second, "second", LEASE);
			holder.setAutoCommit(false);
			execute(holder, "SELECT pg_advisory_xact_lock(1)");
			CompletableFuture<List<Long>> renewals = renew(first, firstId).thenCombine(renew(second, secondId),
					List::of);
			this.database.awaitLockWaits(2);
			holder.commit();
			assertThat(renewals).succeedsWithin(Eventually.TIMEOUT).isEqualTo(List.of(firstId, secondId));
		}
	}

	private CompletableFuture<Long> renew(Connection connection, long id) {
		return Background.supply(() -> {
			try {
				return this.store.renew(connection, Map.of(id, LEASE)).ids().iterator().next();
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "repeatable%5C%20read", "serializable", "serializable&preferQueryMode=simple",
			"serializable&stringtype=unspecified&prepareThreshold=1", "serializable&prepareThreshold=-1",
			"serializable&autosave=always&defaultRowFetchSize=1" })
	void everythingIsWrittenInReadCommitted(String isolation) throws SQLException {
		onEachRow("INSERT OR UPDATE", """
				IF current_setting('transaction_isolation') <> 'read committed'
						OR current_setting('idle_in_transaction_session_timeout') <> '5s' THEN
					RAISE EXCEPTION 'Isolation level %', current_setting('transaction_isolation');
				END IF""");
		try (Connection connection = connect(isolation)) {
			// A prepared statement changes its ways at the fifth execution at the latest
			for (int round = 0; round < 8; round++) {
				long id = this.store.register(connection, "lapsed", Duration.ZERO);
				assertThat(this.store.renew(connection, Map.of(id, Duration.ZERO)).ids()).containsExactly(id);
				assertThat(this.store.markGone(connection, List.of(id))).contains(new Gone(id, "lapsed"));
				assertThat(this.store.renew(connection, Map.of(id, LEASE)).ids()).isEmpty();
				assertThat(connection.getAutoCommit()).isTrue();
				assertThat(gone()).isEqualTo(round + 1);
			}
		}
	}

	private int gone() {
		return this.database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.instances WHERE gone_at IS NOT NULL", Integer.class);
	}

	private Connection connect(String isolation) throws SQLException {
		String separator = (this.database.url().contains("?")) ? "&" : "?";
		return DriverManager
			.getConnection(this.database.url() + separator + "options=-c%20default_transaction_isolation=" + isolation);
	}

	private void onEachRow(String event, String statement) {
		this.database.jdbc().execute("""
				CREATE FUNCTION on_each_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s; RETURN NEW; END $$;
				CREATE TRIGGER on_each_row BEFORE %s ON durable_notify.instances
					FOR EACH ROW EXECUTE FUNCTION on_each_row()
				""".formatted(statement, event));
	}

	private static void execute(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

}
