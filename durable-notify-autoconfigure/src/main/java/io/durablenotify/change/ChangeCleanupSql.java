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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;

import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.schema.SchemaName;

/**
 * The SQL of the retention of changes.
 */
final class ChangeCleanupSql {

	static final int SLICE = 5_000;

	private static final String LOCKED = "current_setting('durable_notify.turn') = 'true'";

	/**
	 * {@link OneTransaction One transaction}, of one instance at a time: the others find
	 * the lock taken, and do nothing. Each snapshot is older than the time in its row.
	 * <p>
	 * What may be deleted is noted in the same transaction, so that readers that come too
	 * late find a gap. The note never shrinks, also if the clock is set back. A restored
	 * snapshot of a transaction that this server has not begun yet is ignored.
	 */
	private static final String CLEAN = ReadCommitted.FIRST + """
			;
			SELECT set_config('durable_notify.turn',
				pg_try_advisory_xact_lock(hashtextextended('${schema}.changes', 0))::text, true) IS NOT NULL;
			INSERT INTO ${schema}.change_log (system_identifier) SELECT ${schema}.cluster()
				WHERE ${locked} AND NOT EXISTS (SELECT FROM ${schema}.change_log) ON CONFLICT (one) DO NOTHING;
			INSERT INTO ${schema}.change_snapshots (snapshot) SELECT pg_current_snapshot()
				WHERE ${locked} AND EXISTS (SELECT FROM ${schema}.changes) AND NOT EXISTS (
					SELECT FROM ${schema}.change_snapshots WHERE taken_at > statement_timestamp() - ?::interval)
				ON CONFLICT DO NOTHING;
			UPDATE ${schema}.change_log l SET deleted = s.snapshot FROM (
					SELECT snapshot FROM ${schema}.change_snapshots WHERE taken_at < statement_timestamp() - ?::interval
						ORDER BY taken_at DESC LIMIT 1) s
				WHERE ${locked} AND pg_snapshot_xmax(s.snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
					AND (l.deleted IS NULL OR l.deleted::text <> s.snapshot::text
						AND pg_snapshot_xmax(l.deleted) <= pg_snapshot_xmax(s.snapshot)
						AND NOT EXISTS (SELECT FROM pg_snapshot_xip(s.snapshot) AS x(xact)
							WHERE pg_visible_in_snapshot(x.xact, l.deleted)));
			DELETE FROM ${schema}.change_snapshots WHERE ${locked}
				AND taken_at < statement_timestamp() - ?::interval;
			WITH slice AS MATERIALIZED (
				SELECT ctid AS place FROM ${schema}.changes
				WHERE ${locked}
					AND xact < (SELECT pg_snapshot_xmax(deleted) FROM ${schema}.change_log)
					AND pg_visible_in_snapshot(xact, (SELECT deleted FROM ${schema}.change_log))
				ORDER BY xact, id LIMIT ?),
			removed AS (
				DELETE FROM ${schema}.changes WHERE ctid = ANY (ARRAY(SELECT place FROM slice)))
			SELECT count(*) FROM slice
			""";

	private final String clean;

	ChangeCleanupSql(SchemaName schema) {
		this.clean = schema.qualify(CLEAN.replace("${locked}", LOCKED));
	}

	/**
	 * Note which changes are visible now, and delete some of those that were visible a
	 * retention ago.
	 * @param connection a connection in autocommit
	 * @param retention how long changes are kept
	 * @param interval the shortest time between two notes
	 * @return how many were deleted; {@value #SLICE} where there may be more
	 */
	int clean(Connection connection, Duration retention, Duration interval) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.clean)) {
			statement.setString(1, interval.toMillis() + "ms");
			statement.setString(2, retention.toMillis() + "ms");
			statement.setString(3, retention.toMillis() + "ms");
			statement.setInt(4, SLICE);
			OneTransaction.execute(statement);
			for (int i = 0; i < 6; i++) {
				statement.getMoreResults();
			}
			ResultSet result = statement.getResultSet();
			return (result.next()) ? result.getInt(1) : 0;
		}
	}

}
