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

import java.sql.SQLException;
import java.sql.Statement;

import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.callback.Callback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;

/**
 * Sets the session settings that migrations rely on, regardless of those of the role or
 * the database. They are those that change how SQL is read, and time limits, which are
 * for the application's statements. A {@link Callback} that sets them for each
 * migration's transaction.
 */
final class MigrationSettings implements Callback {

	/**
	 * Without those that the server does not know.
	 */
	private static final String SET = """
			SELECT set_config(s.name, v.value, %s) FROM (VALUES
				('standard_conforming_strings', 'on'), ('backslash_quote', 'safe_encoding'), ('array_nulls', 'on'),
				('transform_null_equals', 'off'), ('statement_timeout', '0'), ('lock_timeout', '0'),
				('transaction_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0')
			) v (name, value) JOIN pg_catalog.pg_settings s ON s.name = v.name
			""";

	/**
	 * For a session that is the migration's own. Flyway keeps its lock in a transaction
	 * that is idle while it migrates in another.
	 */
	static final String SET_FOR_SESSION = SET.formatted(false);

	private static final String SET_FOR_TRANSACTION = SET.formatted(true);

	/**
	 * Undoes {@link #SET_FOR_SESSION} and the search path that Flyway sets.
	 */
	static final String RESET = """
			SELECT set_config(name, reset_val, false) FROM pg_catalog.pg_settings WHERE name IN ('search_path',
				'standard_conforming_strings', 'backslash_quote', 'array_nulls', 'transform_null_equals',
				'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout',
				'idle_session_timeout')
			""";

	@Override
	public boolean supports(Event event, Context context) {
		return event == Event.BEFORE_EACH_MIGRATE;
	}

	@Override
	public boolean canHandleInTransaction(Event event, Context context) {
		return true;
	}

	@Override
	public void handle(Event event, Context context) {
		try (Statement statement = context.getConnection().createStatement()) {
			statement.execute(SET_FOR_TRANSACTION);
		}
		catch (SQLException ex) {
			throw new FlywayException("The session could not be prepared for a migration", ex);
		}
	}

	@Override
	public String getCallbackName() {
		return "durable-notify-settings";
	}

}
