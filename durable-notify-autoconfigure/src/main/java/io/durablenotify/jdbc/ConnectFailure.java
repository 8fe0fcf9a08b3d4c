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

package io.durablenotify.jdbc;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.util.StringUtils;

/**
 * Why there is no connection.
 *
 * @param sqlState the SQLSTATE of the server or the driver, or {@code null} without one
 * @param reason what they say; it may hold a password of a URL
 */
public record ConnectFailure(@Nullable String sqlState, String reason) {

	/**
	 * How long is tried again at start-up where the server refuses connections for now.
	 */
	public static final Duration PATIENCE = Duration.ofSeconds(5);

	/**
	 * Beside the classes of SQLSTATE that only a connect has: the server is full, or does
	 * not accept connections yet.
	 */
	private static final Set<String> STATES = Set.of("53300", "57P03");

	private static final Set<String> CLASSES = Set.of("08", "28", "3D");

	/**
	 * Find out why.
	 * @param failure what was thrown, by a pool or a driver
	 * @return what the driver says, which pools only wrap
	 */
	public static ConnectFailure of(Throwable failure) {
		SQLException exception = null;
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			exception = (cause instanceof SQLException sqlException) ? sqlException : exception;
		}
		return (exception != null) ? new ConnectFailure(exception.getSQLState(), reason(exception))
				: new ConnectFailure(null, reason(failure));
	}

	/**
	 * The driver tells what failed, and only its cause tells why.
	 */
	private static String reason(Throwable exception) {
		String message = StringUtils.trimTrailingCharacter(String.valueOf(exception.getMessage()), '.');
		Throwable root = NestedExceptionUtils.getRootCause(exception);
		String why = (root != null) ? String.valueOf(root.getMessage()) : "";
		return (message.contains(why)) ? message : "%s (%s)".formatted(message, root);
	}

	/**
	 * Return whether the server refuses connections for now: it is full, or it starts.
	 * @return whether to try again may help soon
	 */
	public boolean isTemporary() {
		return this.sqlState != null && STATES.contains(this.sqlState);
	}

	/**
	 * Return whether the server does not let this user in.
	 * @return whether the role or its password is refused
	 */
	public boolean isAuthorization() {
		return this.sqlState != null && this.sqlState.startsWith("28");
	}

	/**
	 * Return whether the SQLSTATE is one of a connect, and of no statement.
	 * @return whether it is
	 */
	public boolean isConnect() {
		return this.sqlState != null && (STATES.contains(this.sqlState)
				|| CLASSES.contains(this.sqlState.substring(0, Math.min(2, this.sqlState.length()))));
	}

}
