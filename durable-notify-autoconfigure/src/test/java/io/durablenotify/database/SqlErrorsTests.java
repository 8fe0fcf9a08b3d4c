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

import java.io.IOException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.jdbc.UncategorizedSQLException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/**
 * Tests for {@link SqlErrors}.
 */
class SqlErrorsTests {

	private static final List<String> STATES = List.of("00000", "08001", "08003", "08004", "08006", "0A000", "22000",
			"22003", "22021", "22P05", "23505", "25006", "25P02", "25P03", "25P04", "28000", "28P01", "3D000", "40001",
			"40P01", "42501", "42704", "42883", "42P01", "53300", "54000", "55000", "55P03", "57014", "57P01", "57P02",
			"57P03", "57P05", "MY001", "P0001", "XX001", "XX002");

	static Stream<Arguments> predicates() {
		return Stream.of(predicate(SqlErrors::isLockTimeout, "55P03"),
				predicate(SqlErrors::isSerializationFailure, "40001", "40P01"), predicate(SqlErrors::isConnectionLost,
						"08001", "08003", "08004", "08006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05"),
				predicate(SqlErrors::isTransientRefusal, "53300", "57P03"),
				predicate(SqlErrors::isConnectFailure, "08001", "08003", "08004", "08006", "28000", "28P01", "3D000",
						"53300", "57P03"),
				predicate(SqlErrors::isAuthorizationFailure, "28000", "28P01"),
				predicate(SqlErrors::isInsufficientPrivilege, "42501"),
				predicate(SqlErrors::isFailedTransaction, "25P02"),
				predicate(SqlErrors::isDataFailure, "22000", "22003", "22021", "22P05", "XX001", "XX002"),
				predicate(SqlErrors::isRefusedWrite, "22000", "22003", "22021", "22P05", "23505", "42704", "42883",
						"42P01", "MY001", "P0001", "XX001", "XX002"),
				predicate(SqlErrors::isInvalidStatement, "42501", "42704", "42883", "42P01"),
				predicate(SqlErrors::isUntranslatable, "22000", "22021", "22P05"),
				predicate(SqlErrors::isNotificationQueueFull, "54000"),
				predicate(SqlErrors::isWithheld, "0A000", "42501", "42704", "42883", "42P01", "55000"));
	}

	private static Arguments predicate(Predicate<Throwable> predicate, String... states) {
		return arguments(predicate, List.of(states));
	}

	@ParameterizedTest
	@MethodSource("predicates")
	void eachHasItsStates(Predicate<Throwable> predicate, List<String> states) {
		assertThat(STATES).filteredOn((state) -> predicate.test(new SQLException("failed", state)))
			.containsExactlyElementsOf(states);
		assertThat(predicate.test(new SQLException("failed"))).isFalse();
		assertThat(predicate.test(new IllegalStateException("failed"))).isFalse();
	}

	@Test
	void theInnermostSqlExceptionDecides() {
		SQLException driver = new SQLException("FATAL: sorry, too many clients already.", "53300", new IOException());
		Throwable thrown = new CannotGetJdbcConnectionException("none",
				new SQLTransientConnectionException("timed out", "08S01", driver));
		assertThat(SqlErrors.state(thrown)).isEqualTo("53300");
		assertThat(SqlErrors.isTransientRefusal(thrown)).isTrue();
		assertThat(SqlErrors.isConnectionLost(thrown)).isFalse();
	}

	/**
	 * The driver adds what an earlier statement has failed with as the cause.
	 */
	@Test
	void aStatementInAFailedTransactionIsNotWhatFailedTheTransaction() {
		Throwable thrown = new UncategorizedSQLException("task", null,
				new SQLException("current transaction is aborted", "25P02", new SQLException("taken", "55P03")));
		assertThat(SqlErrors.isFailedTransaction(thrown)).isTrue();
		assertThat(SqlErrors.isLockTimeout(thrown)).isFalse();
	}

	@Test
	void theReasonIsWhatTheDriverSaysAndWhy() {
		SQLException driver = new SQLException("The connection attempt failed.", "08001", new IOException("reset"));
		assertThat(SqlErrors.reason(new DataAccessResourceFailureException("task", driver)))
			.isEqualTo("The connection attempt failed (java.io.IOException: reset)");
		assertThat(SqlErrors.reason(new IllegalStateException("no driver"))).isEqualTo("no driver");
	}

	@Test
	void onlyOurConstraintsAreOurs() {
		SQLException violation = new PSQLException(new ServerErrorMessage("SERROR\0C23505\0Mtaken\0nours_pkey\0"));
		assertThat(SqlErrors.isUniqueViolation(violation, Set.of("ours_pkey"))).isTrue();
		assertThat(SqlErrors.isUniqueViolation(violation, Set.of("theirs_pkey"))).isFalse();
		assertThat(SqlErrors.isUniqueViolation(new SQLException("taken", "23505"), Set.of("ours_pkey"))).isFalse();
		SQLException check = new PSQLException(new ServerErrorMessage("SERROR\0C23514\0Mbad\0nours_pkey\0"));
		assertThat(SqlErrors.isUniqueViolation(check, Set.of("ours_pkey"))).isFalse();
	}

}
