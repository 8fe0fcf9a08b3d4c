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

package io.durablenotify.testsupport;

import java.util.Collection;
import java.util.List;

import org.springframework.jdbc.core.JdbcTemplate;

/**
 * Has a database refuse what managed and hardened servers refuse, to a role that is no
 * superuser.
 */
public final class Refusals {

	/**
	 * The functions that report on the server, which some servers refuse.
	 */
	public static final List<String> FUNCTIONS = List.of("pg_postmaster_start_time()", "pg_last_wal_replay_lsn()",
			"pg_current_wal_lsn()", "pg_walfile_name(pg_lsn)", "pg_control_system()", "pg_is_in_recovery()",
			"pg_xact_status(xid8)");

	/**
	 * The SQLSTATE of a function that the role may not call.
	 */
	public static final String FORBIDDEN = "42501";

	/**
	 * The SQLSTATE of a function that does not exist.
	 */
	public static final String UNDEFINED = "42883";

	private static final String ROLE = "durable_notify_application";

	private Refusals() {
	}

	/**
	 * Return a database as a role sees it that owns what it creates there, and no more.
	 */
	public static TestDatabase asApplication(TestDatabase database) {
		JdbcTemplate jdbc = database.jdbc();
		jdbc.execute("""
				DO $$ BEGIN
					PERFORM pg_advisory_xact_lock(4712);
					IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%1$s') THEN
						CREATE ROLE %1$s LOGIN PASSWORD '%1$s';
					END IF;
					EXECUTE format('GRANT CREATE ON DATABASE %%I TO %1$s', current_database());
				END $$
				""".formatted(ROLE));
		return new TestDatabase("%s?user=%2$s&password=%2$s".formatted(database.url().split("\\?")[0], ROLE));
	}

	/**
	 * Let functions fail, in this database only.
	 * @param database the database, as a superuser sees it
	 * @param sqlState with what
	 * @param functions which ones
	 */
	public static void refuse(TestDatabase database, String sqlState, Collection<String> functions) {
		functions.forEach((function) -> {
			switch (sqlState) {
				case FORBIDDEN ->
					database.jdbc().execute("REVOKE EXECUTE ON FUNCTION pg_catalog.%s FROM PUBLIC".formatted(function));
				case UNDEFINED -> hide(database, function, "");
				default -> hide(database, function,
						"""
								EXECUTE format($create$CREATE FUNCTION pg_catalog.%%I(%%s) RETURNS %%s LANGUAGE plpgsql AS $body$ BEGIN
									RAISE EXCEPTION 'Not here' USING ERRCODE = '%s'; END $body$ $create$, name, arguments, result);
								"""
							.formatted(sqlState));
			}
		});
	}

	private static void hide(TestDatabase database, String function, String then) {
		database.jdbc().execute("""
				SET allow_system_table_mods = on;
				DO $$ DECLARE
					name text := (SELECT proname FROM pg_proc WHERE oid = 'pg_catalog.%1$s'::regprocedure);
					arguments text := pg_get_function_arguments('pg_catalog.%1$s'::regprocedure);
					result text := pg_get_function_result('pg_catalog.%1$s'::regprocedure);
				BEGIN
					ALTER FUNCTION pg_catalog.%1$s RENAME TO hidden_%2$s;
					%3$s
				END $$
				""".formatted(function, function.substring(0, function.indexOf('(')), then));
	}

}
