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
					(SELECT pg_snapshot_xmax(deleted)::text::bigint - 1 FROM ${schema}.change_log), 0),
				pg_current_xact_id_if_assigned()::text, system_identifier = (SELECT system_identifier FROM ${schema}.change_log)
			FROM pg_control_system()
			""";

	/**
	 * Two ranges of the primary key: transactions that had not begun in the position's
	 * snapshot, and those that ran in it. A change of a page of the target that is not
	 * the first may have become visible since, and belongs to the next look. The head is
	 * a row of its own, since each of its columns would cost with each change.
	 * <p>
	 * Reads a limited number of rows, whatever their topics are, and tells how far it
	 * came: the last row of a full scan is there without a topic, unless it is one of
	 * those that are asked for. The window's order is the index's, so that nothing is
	 * read after the last change of a page.
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
				NULL::text, NULL::bigint, NULL::timestamptz, NULL::bigint, NULL, NULL, NULL, NULL::bigint
			FROM head CROSS JOIN (SELECT ?::pg_snapshot AS snapshot) p
			UNION ALL (
				SELECT NULL, c.xact::text, c.id, c.created_at, c.instance, CASE WHEN c.wanted THEN c.topic END, c.key,
					c.originator, c.place
				FROM (
					SELECT *, row_number() OVER (ORDER BY xact, id) AS place, topic = ANY((SELECT ?::text[])::text[])
						AND pg_visible_in_snapshot(xact, (SELECT target FROM head)) AS wanted
					FROM (
						(SELECT * FROM ${schema}.changes
							WHERE (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint))
								AND xact < (SELECT pg_snapshot_xmax(target) FROM head)
							ORDER BY xact, id LIMIT ${scan})
						UNION ALL
						(SELECT * FROM ${schema}.changes
							WHERE xact = ANY(ARRAY(SELECT pg_snapshot_xip(?::pg_snapshot)))
								AND (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint))
							ORDER BY xact, id LIMIT ${scan})
						ORDER BY xact, id LIMIT ${scan}) scanned) c
				WHERE c.wanted OR c.place = ${scan}
				ORDER BY c.xact, c.id LIMIT (SELECT ?::int))
			""";

	/**
	 * Some milliseconds.
	 */
	static final int SCAN = 10_000;

	private final long instance = ThreadLocalRandom.current().nextLong();

	private final String insert;

	private final String adopt;

	private final String arrive;

	private final String read;

	PostgresChangeStore(SchemaName schema) {
		this.insert = schema.qualify(INSERT);
		this.adopt = schema.qualify(ADOPT);
		this.arrive = schema.qualify(ARRIVE);
		this.read = schema.qualify(READ.replace("${scan}", Integer.toString(SCAN)));
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
			return arrival(result, true);
		}
	}

	@Override
	public @Nullable Arrival arriveJoined(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery(this.arrive);
			return (result.next() && result.getBoolean(8)) ? arrival(result, false) : null;
		}
	}

	private static Arrival arrival(ResultSet result, boolean shared) throws SQLException {
		String lifetime = result.getString(4);
		ServerRun server = new ServerRun(result.getLong(1), result.getString(2), result.getString(3),
				(lifetime != null) ? lifetime : ServerRun.UNKNOWN_LIFETIME);
		ChangePosition position = ChangePosition.at(server, result.getString(5));
		String own = result.getString(7);
		return new Arrival((own != null) ? position.before(Long.parseLong(own)) : position, result.getLong(6), shared);
	}

	@Override
	public Page read(Connection connection, ChangePosition position, @Nullable String target, Collection<String> topics,
			int limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.read)) {
			boolean isInSecondRange = position.afterXact() >= position.xmax();
			statement.setObject(1, (position.target() != null) ? position.target() : target, Types.OTHER);
			statement.setString(2, position.snapshot());
			statement.setArray(3, connection.createArrayOf("text", topics.toArray()));
			statement.setString(4, Long.toString((isInSecondRange) ? position.afterXact() : position.xmax()));
			statement.setLong(5, (isInSecondRange) ? position.afterId() : -1);
			statement.setString(6, position.snapshot());
			statement.setString(7, Long.toString(position.afterXact()));
			statement.setLong(8, position.afterId());
			statement.setInt(9, limit);
			return readPage(statement.executeQuery(), limit);
		}
	}

	private Page readPage(ResultSet result, int limit) throws SQLException {
		String[] head = {};
		List<ChangeRow> rows = new ArrayList<>();
		Place end = null;
		int read = 0;
		while (result.next()) {
			Array array = result.getArray(1);
			if (array != null) {
				head = (String[]) array.getArray();
				continue;
			}
			read++;
			if (result.getString(6) != null) {
				rows.add(readRow(result));
			}
			if (read == limit || result.getLong(9) == SCAN) {
				end = new Place(Long.parseLong(result.getString(2)), result.getLong(3));
			}
		}
		return new Page(head[0], head[1], head[2], Long.parseLong(head[3]), Boolean.parseBoolean(head[4]), rows, end);
	}

	private ChangeRow readRow(ResultSet result) throws SQLException {
		long instance = result.getLong(5);
		boolean local = instance == this.instance && !result.wasNull();
		return new ChangeRow(Long.parseLong(result.getString(2)), new Change(result.getString(6), result.getString(7),
				result.getString(8), local, result.getLong(3), result.getObject(4, OffsetDateTime.class).toInstant()));
	}

}
