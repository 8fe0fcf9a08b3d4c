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

import java.sql.SQLException;
import java.util.Set;

import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.util.StringUtils;

/**
 * Classifies failures by SQLSTATE. Each method takes what was thrown, by the driver or by
 * a pool or Spring around it: the innermost {@link SQLException} decides, or the one of a
 * statement in a transaction that had failed before.
 * <p>
 * The constants have PostgreSQL's names: see its appendix "PostgreSQL Error Codes".
 */
public final class SqlErrors {

	/**
	 * {@code sqlclient_unable_to_establish_sqlconnection}.
	 */
	public static final String UNABLE_TO_CONNECT = "08001";

	/**
	 * {@code sqlserver_rejected_establishment_of_sqlconnection}.
	 */
	public static final String CONNECTION_REJECTED = "08004";

	/**
	 * {@code connection_failure}.
	 */
	public static final String CONNECTION_FAILURE = "08006";

	/**
	 * {@code invalid_authorization_specification}.
	 */
	public static final String INVALID_AUTHORIZATION = "28000";

	/**
	 * {@code invalid_password}.
	 */
	public static final String INVALID_PASSWORD = "28P01";

	/**
	 * {@code invalid_catalog_name}: the database does not exist.
	 */
	public static final String INVALID_CATALOG_NAME = "3D000";

	/**
	 * {@code insufficient_privilege}.
	 */
	public static final String INSUFFICIENT_PRIVILEGE = "42501";

	/**
	 * {@code too_many_connections}, of the server, the database or the role.
	 */
	public static final String TOO_MANY_CONNECTIONS = "53300";

	/**
	 * {@code object_not_in_prerequisite_state}.
	 */
	public static final String OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";

	/**
	 * {@code cannot_connect_now}: the server starts or stops.
	 */
	public static final String CANNOT_CONNECT_NOW = "57P03";

	private static final String CONNECTION_EXCEPTION_CLASS = "08";

	private static final String FEATURE_NOT_SUPPORTED = "0A000";

	private static final String DATA_EXCEPTION_CLASS = "22";

	/**
	 * Also the driver's, for bytes that are not UTF-8: SQL_ASCII databases hold any.
	 */
	private static final String DATA_EXCEPTION = "22000";

	private static final String CHARACTER_NOT_IN_REPERTOIRE = "22021";

	private static final String UNTRANSLATABLE_CHARACTER = "22P05";

	private static final String UNIQUE_VIOLATION = "23505";

	private static final String IN_FAILED_SQL_TRANSACTION = "25P02";

	private static final String IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03";

	private static final String TRANSACTION_TIMEOUT = "25P04";

	private static final String AUTHORIZATION_CLASS = "28";

	private static final String CATALOG_NAME_CLASS = "3D";

	private static final String SERIALIZATION_FAILURE = "40001";

	private static final String DEADLOCK_DETECTED = "40P01";

	private static final String SYNTAX_OR_ACCESS_CLASS = "42";

	/**
	 * Also of a pooler that gives the session to another one.
	 */
	private static final String DUPLICATE_PREPARED_STATEMENT = "42P05";

	private static final String UNDEFINED_OBJECT = "42704";

	private static final String UNDEFINED_FUNCTION = "42883";

	private static final String UNDEFINED_TABLE = "42P01";

	private static final String PROGRAM_LIMIT_EXCEEDED = "54000";

	private static final String LOCK_NOT_AVAILABLE = "55P03";

	private static final String QUERY_CANCELED = "57014";

	/**
	 * {@code admin_shutdown}, {@code crash_shutdown}, {@code cannot_connect_now} and what
	 * else ends a connection; not {@code query_canceled}, 57014.
	 */
	private static final String SHUTDOWN_CLASS = "57P";

	/**
	 * The classes of what has nothing to do with a row: connections, features,
	 * transactions, statement names, authorization, catalogs, schemas, conflicts,
	 * resources, limits, objects in use, operators, the system, the driver,
	 * configuration, foreign servers and bugs.
	 */
	private static final Set<String> OTHER_CLASSES = Set.of("00", "08", "0A", "25", "26", "28", "3D", "3F", "40", "53",
			"54", "55", "57", "58", "60", "99", "F0", "HV", "HY", "XX");

	private static final String DATA_CORRUPTED = "XX001";

	private static final String INDEX_CORRUPTED = "XX002";

	private SqlErrors() {
	}

	/**
	 * Return the SQLSTATE.
	 * @param failure what was thrown
	 * @return the SQLSTATE of the server or the driver, empty without one
	 */
	public static String state(@Nullable Throwable failure) {
		SQLException exception = sqlException(failure);
		String state = (exception != null) ? exception.getSQLState() : null;
		return (state != null) ? state : "";
	}

	/**
	 * Return what the driver says and why, which pools and Spring only wrap.
	 * @param failure what was thrown
	 * @return the reason; it may hold a password of a URL
	 */
	public static String reason(Throwable failure) {
		SQLException exception = sqlException(failure);
		Throwable reason = (exception != null) ? exception : failure;
		String message = StringUtils.trimTrailingCharacter(String.valueOf(reason.getMessage()), '.');
		// The driver says what failed, and only its cause says why
		Throwable root = NestedExceptionUtils.getRootCause(reason);
		String why = (root != null) ? String.valueOf(root.getMessage()) : "";
		return (message.contains(why)) ? message : "%s (%s)".formatted(message, root);
	}

	/**
	 * Return whether a lock was not available within {@code lock_timeout}.
	 * @param failure what was thrown
	 * @return whether it was not
	 */
	public static boolean isLockTimeout(Throwable failure) {
		return state(failure).equals(LOCK_NOT_AVAILABLE);
	}

	/**
	 * Return whether a statement was cancelled, or took longer than
	 * {@code statement_timeout}.
	 * @param failure what was thrown
	 * @return whether it was
	 */
	public static boolean isCanceled(Throwable failure) {
		return state(failure).equals(QUERY_CANCELED);
	}

	/**
	 * Return whether the server gave this transaction up for a concurrent one. It does so
	 * by the isolation level, or to end a deadlock. It can succeed when it is repeated.
	 * @param failure what was thrown
	 * @return whether it did
	 */
	public static boolean isSerializationFailure(Throwable failure) {
		return Set.of(SERIALIZATION_FAILURE, DEADLOCK_DETECTED).contains(state(failure));
	}

	/**
	 * Return whether a row violates one of our unique constraints. Triggers of the
	 * application may violate others.
	 * @param failure what was thrown
	 * @param constraints the names of our constraints and unique indexes
	 * @return whether it does
	 */
	public static boolean isUniqueViolation(Throwable failure, Set<String> constraints) {
		ServerErrorMessage message = (sqlException(failure) instanceof PSQLException exception)
				? exception.getServerErrorMessage() : null;
		return message != null && UNIQUE_VIOLATION.equals(message.getSQLState())
				&& constraints.contains(String.valueOf(message.getConstraint()));
	}

	/**
	 * Return whether the connection was lost, so that it is unknown what the server did
	 * with what was sent last.
	 * @param failure what was thrown
	 * @return whether it was
	 */
	public static boolean isConnectionLost(Throwable failure) {
		String state = state(failure);
		return state.startsWith(CONNECTION_EXCEPTION_CLASS) || state.startsWith(SHUTDOWN_CLASS)
				|| Set.of(IDLE_IN_TRANSACTION_SESSION_TIMEOUT, TRANSACTION_TIMEOUT).contains(state);
	}

	/**
	 * Return whether the server refuses connections for now: it is full, or it starts or
	 * stops.
	 * @param failure what was thrown
	 * @return whether another attempt may succeed soon
	 */
	public static boolean isTransientRefusal(Throwable failure) {
		return Set.of(TOO_MANY_CONNECTIONS, CANNOT_CONNECT_NOW).contains(state(failure));
	}

	/**
	 * Return whether no connection could be established, or it was lost.
	 * @param failure what was thrown
	 * @return whether the SQLSTATE is one of a connect, and of no statement
	 */
	public static boolean isConnectFailure(Throwable failure) {
		String state = state(failure);
		return state.startsWith(CONNECTION_EXCEPTION_CLASS) || isAuthorizationFailure(failure)
				|| state.startsWith(CATALOG_NAME_CLASS) || isTransientRefusal(failure);
	}

	/**
	 * Return whether the server refuses the role or its password.
	 * @param failure what was thrown
	 * @return whether it does
	 */
	static boolean isAuthorizationFailure(Throwable failure) {
		return state(failure).startsWith(AUTHORIZATION_CLASS);
	}

	/**
	 * Return whether the role lacks a right.
	 * @param failure what was thrown
	 * @return whether it does
	 */
	public static boolean isInsufficientPrivilege(Throwable failure) {
		return state(failure).equals(INSUFFICIENT_PRIVILEGE);
	}

	/**
	 * Return whether the transaction failed before, so that no statement can be run in
	 * it.
	 * @param failure what was thrown
	 * @return whether it did
	 */
	static boolean isFailedTransaction(Throwable failure) {
		return state(failure).equals(IN_FAILED_SQL_TRANSACTION);
	}

	/**
	 * Return whether a statement failed for the data that it was given or read. It will
	 * fail again, and others will not.
	 * @param failure what was thrown
	 * @return whether it did
	 */
	public static boolean isDataFailure(Throwable failure) {
		String state = state(failure);
		return state.startsWith(DATA_EXCEPTION_CLASS) || Set.of(DATA_CORRUPTED, INDEX_CORRUPTED).contains(state);
	}

	/**
	 * Return whether a statement failed for what it was to write: for its data, or in a
	 * constraint or a trigger, which has a state of its own choice. It will fail again,
	 * and others will not, unless the {@linkplain #isInvalidStatement statement is not
	 * valid}.
	 * @param failure what was thrown
	 * @return whether it did
	 */
	public static boolean isRefusedWrite(Throwable failure) {
		String state = state(failure);
		return isDataFailure(failure) || state.length() == 5 && !OTHER_CLASSES.contains(state.substring(0, 2))
				&& !Set.of(INSUFFICIENT_PRIVILEGE, DUPLICATE_PREPARED_STATEMENT).contains(state);
	}

	/**
	 * Return whether a statement, or one in a trigger, is not valid: for instance, it
	 * names a table that does not exist.
	 * @param failure what was thrown
	 * @return whether it is not
	 */
	public static boolean isInvalidStatement(Throwable failure) {
		return state(failure).startsWith(SYNTAX_OR_ACCESS_CLASS);
	}

	/**
	 * Return whether the encoding of the database or of the client lacks a text that was
	 * given or read.
	 * @param failure what was thrown
	 * @return whether it does not
	 */
	public static boolean isUntranslatable(Throwable failure) {
		return Set.of(DATA_EXCEPTION, CHARACTER_NOT_IN_REPERTOIRE, UNTRANSLATABLE_CHARACTER).contains(state(failure));
	}

	/**
	 * Return whether NOTIFY failed because the server's queue of notifications is full.
	 * @param failure what NOTIFY threw, or {@code null}
	 * @return whether it is
	 */
	public static boolean isNotificationQueueFull(@Nullable Throwable failure) {
		return state(failure).equals(PROGRAM_LIMIT_EXCEEDED);
	}

	/**
	 * Return whether the server does not answer a question about itself: it does not
	 * know, or must not show.
	 * @param failure what was thrown
	 * @return whether it does not
	 */
	public static boolean isWithheld(Throwable failure) {
		return Set
			.of(FEATURE_NOT_SUPPORTED, INSUFFICIENT_PRIVILEGE, UNDEFINED_OBJECT, UNDEFINED_FUNCTION, UNDEFINED_TABLE,
					OBJECT_NOT_IN_PREREQUISITE_STATE)
			.contains(state(failure));
	}

	private static @Nullable SQLException sqlException(@Nullable Throwable failure) {
		SQLException exception = null;
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			if (cause instanceof SQLException sqlException) {
				exception = sqlException;
				if (IN_FAILED_SQL_TRANSACTION.equals(sqlException.getSQLState())) {
					// Its cause is what an earlier statement has failed with
					break;
				}
			}
		}
		return exception;
	}

}
