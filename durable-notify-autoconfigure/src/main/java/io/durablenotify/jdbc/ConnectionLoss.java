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
import java.util.Set;

/**
 * Tells whether a failure is the end of the connection, so that nobody knows what the
 * server did with what was sent last.
 */
public final class ConnectionLoss {

	private static final String CONNECTION_EXCEPTION = "08";

	private static final String OPERATOR_INTERVENTION = "57P";

	/**
	 * {@code idle_in_transaction_session_timeout} and {@code transaction_timeout}, with
	 * which the server ends the connection.
	 */
	private static final Set<String> TRANSACTION_TIMEOUTS = Set.of("25P03", "25P04");

	private ConnectionLoss() {
	}

	/**
	 * Return whether the connection is gone.
	 * @param exception what a statement threw
	 * @return whether it is
	 */
	public static boolean is(SQLException exception) {
		String state = String.valueOf(exception.getSQLState());
		return state.startsWith(CONNECTION_EXCEPTION) || state.startsWith(OPERATOR_INTERVENTION)
				|| TRANSACTION_TIMEOUTS.contains(state);
	}

}
