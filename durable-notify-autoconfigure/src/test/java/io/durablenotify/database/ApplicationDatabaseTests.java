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

package io.durablenotify.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

import javax.sql.DataSource;

import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.then;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ApplicationDatabase}. How it takes part in transactions is tested with
 * streams.
 */
class ApplicationDatabaseTests {

	@Test
	void aServerThatKeepsSilentIsNotWaitedForForEver() {
		TestDatabase server = PostgresServer.shared().createDatabase();
		try (SingleConnectionDataSource dataSource = new SingleConnectionDataSource(
				server.url() + "&ApplicationName=silent", true)) {
			ApplicationDatabase database = new ApplicationDatabase(dataSource, () -> null);
			database.executeSeparately("answer", Duration.ofSeconds(1), (connection, joined) -> {
				assertThat(connection.getNetworkTimeout()).isEqualTo(1000);
				return true;
			});
			database.executeSeparately("look", (connection, joined) -> {
				assertThat(connection.getNetworkTimeout()).isZero();
				return true;
			});
			assertThatExceptionOfType(DataAccessException.class).isThrownBy(
					() -> database.executeSeparately("keep silent", Duration.ofSeconds(1), (connection, joined) -> {
						try (Statement statement = connection.createStatement()) {
							return statement.execute("SELECT pg_sleep(60)");
						}
					}));
		}
		finally {
			// It would be the oldest transaction in other tests
			server.terminate("silent");
		}
	}

	@Test
	void aConnectionThatIsClosedAlreadyGoesBackToThePool() throws SQLException {
		DataSource dataSource = mock();
		Connection connection = mock();
		given(dataSource.getConnection()).willReturn(connection);
		given(connection.getAutoCommit()).willThrow(new SQLException("This connection has been closed.", "08003"));
		ApplicationDatabase database = new ApplicationDatabase(dataSource, () -> null);
		assertThatExceptionOfType(CannotGetJdbcConnectionException.class)
			.isThrownBy(() -> database.executeSeparately("look", (unused, joined) -> true));
		then(connection).should().close();
	}

	@Test
	void aConnectionOfWhichAWrapperFailsGoesBackToThePool() throws SQLException {
		DataSource dataSource = mock();
		Connection connection = mock();
		given(dataSource.getConnection()).willReturn(connection);
		given(connection.getAutoCommit()).willThrow(new UnsupportedOperationException());
		ApplicationDatabase database = new ApplicationDatabase(dataSource, () -> null);
		assertThatExceptionOfType(UnsupportedOperationException.class)
			.isThrownBy(() -> database.executeSeparately("look", (unused, joined) -> true));
		then(connection).should().close();
	}

	@Test
	void thePasswordIsInNoText() {
		DriverConnectionDetails details = new DriverConnectionDetails("jdbc:postgresql://host/db?password=secret", "me",
				"secret", Map.of("sslpassword", "secret"));
		assertThat(details.toString()).isEqualTo("jdbc:postgresql://host/db");
	}

}
