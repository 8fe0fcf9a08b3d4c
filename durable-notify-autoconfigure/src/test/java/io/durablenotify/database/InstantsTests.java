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
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.time.Instant;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGStatement;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Instants}.
 */
class InstantsTests {

	@Fixture
	private static TestDatabase database;

	@ParameterizedTest
	@ValueSource(
			strings = { "prepareThreshold=-1", "prepareThreshold=0", "binaryTransfer=false", "preferQueryMode=simple" })
	void aTimeIsReadAsItIsStoredWhateverTheSessionsTimeZone(String settings) throws Exception {
		try (Connection connection = DriverManager.getConnection(url(settings))) {
			for (String zone : new String[] { "UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin" }) {
				connection.createStatement().execute("SET TIME ZONE '" + zone + "'");
				for (String time : new String[] { "2026-11-30T09:36:32.123456Z", "2026-10-25T00:30:00.000001Z",
						"2026-10-25T01:30:00.999999Z", "2026-03-29T01:00:00Z", "1969-12-31T23:59:59.999999Z",
						"1583-01-01T00:00:00.000001Z", "1900-01-01T00:00:00.5Z", "1999-12-31T23:59:59.999999Z",
						"2000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z" }) {
					assertThat(read(connection, time)).as(zone).isEqualTo(Instant.parse(time));
				}
			}
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "prepareThreshold=-1", "binaryTransfer=false" })
	void infinityIsWhatTheDriverMakesOfIt(String settings) throws Exception {
		try (Connection connection = DriverManager.getConnection(url(settings))) {
			assertThat(read(connection, "infinity"))
				.isEqualTo(Instant.ofEpochMilli(PGStatement.DATE_POSITIVE_INFINITY));
			assertThat(read(connection, "-infinity"))
				.isEqualTo(Instant.ofEpochMilli(PGStatement.DATE_NEGATIVE_INFINITY));
		}
	}

	@Test
	void aTimeIsReadThroughAPool() throws Exception {
		HikariConfig config = new HikariConfig();
		config.setJdbcUrl(url("prepareThreshold=-1"));
		try (HikariDataSource pool = new HikariDataSource(config); Connection connection = pool.getConnection()) {
			assertThat(read(connection, "2026-11-30T09:36:32.123456Z"))
				.isEqualTo(Instant.parse("2026-11-30T09:36:32.123456Z"));
		}
	}

	private static String url(String settings) {
		return database.url() + ((database.url().contains("?")) ? "&" : "?") + settings;
	}

	private static Instant read(Connection connection, String time) throws Exception {
		try (PreparedStatement statement = connection
			.prepareStatement("SELECT ?::timestamptz AS t, NULL::timestamptz AS n")) {
			statement.setString(1, time);
			ResultSet result = statement.executeQuery();
			result.next();
			assertThat(Instants.readNullable(result, "n")).isNull();
			assertThat(Instants.readNullable(result, "t")).isEqualTo(Instants.read(result, 1))
				.isEqualTo(Instants.read(result, "t"));
			return Instants.read(result, 1);
		}
	}

}
