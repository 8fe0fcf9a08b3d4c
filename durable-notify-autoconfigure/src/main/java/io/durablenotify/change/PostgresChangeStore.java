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

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

import io.durablenotify.jdbc.OneTransaction;
import io.durablenotify.jdbc.PageQuery;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * Stores and reads changes on PostgreSQL.
 */
final class PostgresChangeStore implements ChangeStore {

	private static final String INSERT = """
			INSERT INTO ${schema}.changes (instance, topic, key, originator) VALUES (?, ?, ?, ?)
			""";

	/**
	 * {@link OneTransaction One transaction}. The lock lets one instance clean up while
	 * the others wait, and each statement's own snapshot lets those see that it is done.
	 * What was stored before anybody arrived goes, too: nobody's position is older, and
	 * it may have been restored. So was whatever comes from a later transaction than any
	 * here.
	 */
	private static final String ADOPT = """
			SELECT FROM ${schema}.change_log l, pg_control_system() c
				WHERE l.system_identifier IS DISTINCT FROM c.system_identifier FOR UPDATE OF l;
			DELETE FROM ${schema}.changes WHERE EXISTS (SELECT FROM ${schema}.change_log l, pg_control_system() c
				WHERE l.system_identifier IS DISTINCT FROM c.system_identifier);
			DELETE FROM ${schema}.change_snapshots WHERE EXISTS (SELECT FROM ${schema}.change_log l, pg_control_system() c
				WHERE l.system_identifier IS DISTINCT FROM c.system_identifier);
			DELETE FROM ${schema}.changes WHERE xact >= pg_snapshot_xmax(pg_current_snapshot());
			UPDATE ${schema}.change_log l SET system_identifier = c.system_identifier, deleted = NULL
				FROM pg_control_system() c WHERE l.system_identifier IS DISTINCT FROM c.system_identifier;
			INSERT INTO ${schema}.change_lifetime SELECT WHERE NOT EXISTS (SELECT FROM ${schema}.change_lifetime)
				ON CONFLICT DO NOTHING
			""";

	/**
	 * The timeline of what is written now: that of the last checkpoint is still the old
	 * one for a while after a standby has taken over. Older servers have no max(xid8).
	 */
	private static final String ARRIVE = """
			SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
				extract(epoch FROM pg_postmaster_start_time())::text, (SELECT id::text FROM ${schema}.change_lifetime),
				pg_current_snapshot()::text, greatest(
					(SELECT xact::text::bigint FROM ${schema}.changes ORDER BY xact DESC LIMIT 1),
					(SELECT pg_snapshot_xmax(deleted)::text::bigint - 1 FROM ${schema}.change_log), 0)
			FROM pg_control_system()
			""";

	/**
	 * Two ranges of the primary key: transactions that had not begun in the position's
	 * snapshot, and those that ran in it. A change of a page of the target that is not
	 * the first may have become visible since, and belongs to the next look. The head is
	 * a row of its own, since each of its columns would cost with each change.
	 */
	private static final String READ = """
			WITH head AS MATERIALIZED (
				SELECT coalesce(?::pg_snapshot, pg_current_snapshot()) AS target, deleted
				FROM ${schema}.change_log WHERE one)
			SELECT ARRAY[extract(epoch FROM pg_postmaster_start_time())::text,
				coalesce((SELECT id::text FROM ${schema}.change_lifetime), ''), target::text,
				coalesce(pg_snapshot_xmax(deleted)::text::bigint - 1, 0)::text,
				coalesce(pg_snapshot_xmax(deleted) > pg_snapshot_xmax(p.snapshot)
					OR EXISTS (SELECT FROM pg_snapshot_xip(p.snapshot) AS x(xact)
						WHERE pg_visible_in_snapshot(x.xact, deleted)), false)::text],
				NULL::text, NULL::bigint, NULL::timestamptz, NULL::bigint, NULL, NULL, NULL
			FROM head CROSS JOIN (SELECT ?::pg_snapshot AS snapshot) p
			UNION ALL (
				SELECT NULL, c.xact::text, c.id, c.created_at, c.instance, c.topic, c.key, c.originator FROM (
					(SELECT * FROM ${schema}.changes
						WHERE (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint))
							AND xact < (SELECT pg_snapshot_xmax(target) FROM head)
							AND topic = ANY((SELECT ?::text[])::text[])
							AND pg_visible_in_snapshot(xact, (SELECT target FROM head))
						ORDER BY xact, id LIMIT ${limit})
					UNION ALL
					(SELECT * FROM ${schema}.changes
						WHERE xact = ANY(ARRAY(SELECT pg_snapshot_xip(?::pg_snapshot)))
							AND (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint))
							AND topic = ANY((SELECT ?::text[])::text[])
							AND pg_visible_in_snapshot(xact, (SELECT target FROM head))
						ORDER BY xact, id LIMIT ${limit})) c
				ORDER BY c.xact, c.id LIMIT (SELECT ?::int))
			""";

	private final long instance = ThreadLocalRandom.current().nextLong();

	private final String insert;

	private final String adopt;

	private final String arrive;

	private final PageQuery read;

	PostgresChangeStore(SchemaName schema) {
		this.insert = schema.qualify(INSERT);
		this.adopt = schema.qualify(ADOPT);
		this.arrive = schema.qualify(ARRIVE);
		this.read = new PageQuery(schema.qualify(READ));
	}

	@Override
	public void insert(Connection connection, String topic, String key, @Nullable String originator)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			statement.setLong(1, this.instance);
			statement.setString(2, topic);
			statement.setString(3, key);
			statement.setString(4, originator);
			statement.executeUpdate();
		}
	}

	@Override
	public Arrival arrive(Connection connection) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.adopt)) {
			OneTransaction.execute(statement);
		}
		try (Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery(this.arrive);
			result.next();
			ServerRun server = new ServerRun(result.getLong(1), result.getString(2), result.getString(3),
					result.getString(4));
			return new Arrival(ChangePosition.at(server, result.getString(5)), result.getLong(6));
		}
	}

	@Override
	public Page read(Connection connection, ChangePosition position, @Nullable String target, Collection<String> topics,
			int limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.read.sql(limit))) {
			Array array = connection.createArrayOf("text", topics.toArray());
			boolean isInSecondRange = position.afterXact() >= position.xmax();
			statement.setObject(1, (position.target() != null) ? position.target() : target, Types.OTHER);
			statement.setString(2, position.snapshot());
			statement.setString(3, Long.toString((isInSecondRange) ? position.afterXact() : position.xmax()));
			statement.setLong(4, (isInSecondRange) ? position.afterId() : -1);
			statement.setArray(5, array);
			statement.setString(6, position.snapshot());
			statement.setString(7, Long.toString(position.afterXact()));
			statement.setLong(8, position.afterId());
			statement.setArray(9, array);
			statement.setInt(10, limit);
			return readPage(statement.executeQuery());
		}
	}

	private Page readPage(ResultSet result) throws SQLException {
		String[] head = {};
		List<ChangeRow> rows = new ArrayList<>();
		while (result.next()) {
			Array array = result.getArray(1);
			if (array != null) {
				head = (String[]) array.getArray();
			}
			else {
				rows.add(readRow(result));
			}
		}
		return new Page(head[0], head[1], head[2], Long.parseLong(head[3]), Boolean.parseBoolean(head[4]), rows);
	}

	private ChangeRow readRow(ResultSet result) throws SQLException {
		long instance = result.getLong(5);
		boolean local = instance == this.instance && !result.wasNull();
		return new ChangeRow(Long.parseLong(result.getString(2)), new Change(result.getString(6), result.getString(7),
				result.getString(8), local, result.getLong(3), result.getObject(4, OffsetDateTime.class).toInstant()));
	}

}
