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

import java.util.Map;
import java.util.stream.Collectors;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Counts what is read of our tables: their rows, and the entries of their indexes.
 */
public final class EntriesRead {

	private static final String READ = """
			SELECT t.relname, t.seq_tup_read + sum(i.idx_tup_read) AS entries
			FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
			WHERE t.schemaname = 'durable_notify' GROUP BY t.relname, t.seq_tup_read
			""";

	private EntriesRead() {
	}

	/**
	 * Return how many were read by table, as far as other sessions have reported.
	 * @param session the session whose own are all counted
	 */
	public static Map<String, Long> byTable(JdbcTemplate session) {
		int version = session.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
		assumeTrue(version >= 150_000, "pg_stat_force_next_flush() came with PostgreSQL 15");
		session.execute("SELECT pg_stat_force_next_flush()");
		return session.queryForList(READ)
			.stream()
			.collect(Collectors.toMap((row) -> (String) row.get("relname"),
					(row) -> ((Number) row.get("entries")).longValue()));
	}

	/**
	 * Return how many of a table are read meanwhile.
	 * @param session the only session that reads it
	 */
	public static long of(JdbcTemplate session, String table, Runnable statements) {
		long before = byTable(session).get(table);
		statements.run();
		return byTable(session).get(table) - before;
	}

}
