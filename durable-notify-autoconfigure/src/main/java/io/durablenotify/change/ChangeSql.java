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
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

import io.durablenotify.change.ChangePage.Place;
import io.durablenotify.database.Instants;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of changes. Not final, for tests that make single statements fail or wait.
 */
class ChangeSql {

	private static final String INSERT = """
			INSERT INTO ${schema}.changes (instance, topic, key, originator) VALUES (?, ?, ?, ?)
			""";

	/**
	 * {@link OneTransaction One transaction}. By the lock, one instance deletes while the
	 * others wait; by each statement's own snapshot, these see that it is done.
	 * <p>
	 * Deleted are changes of another cluster, and changes from before any instance has
	 * taken a position, which may have been restored. So are changes of transactions that
	 * this server has not begun yet: they were restored. If the server does not report
	 * its cluster, only the last are recognized.
	 */
	private static final String ADOPT = """
			INSERT INTO ${schema}.change_log (system_identifier) SELECT ${schema}.cluster()
				WHERE NOT EXISTS (SELECT FROM ${schema}.change_log) ON CONFLICT (one) DO NOTHING;
			SELECT FROM ${schema}.change_log l WHERE ${adopted_from_other} FOR UPDATE OF l;
			DELETE FROM ${schema}.changes WHERE EXISTS (SELECT FROM ${schema}.change_log l WHERE ${adopted_from_other});
			DELETE FROM ${schema}.change_snapshots
				WHERE EXISTS (SELECT FROM ${schema}.change_log l WHERE ${adopted_from_other});
			DELETE FROM ${schema}.changes WHERE xact >= pg_snapshot_xmax(pg_current_snapshot());
			UPDATE ${schema}.change_log l SET system_identifier = ${schema}.cluster(), deleted = NULL
				WHERE ${adopted_from_other};
			UPDATE ${schema}.change_log SET deleted = NULL
				WHERE pg_snapshot_xmax(deleted) > pg_snapshot_xmax(pg_current_snapshot());
			INSERT INTO ${schema}.change_lifetime SELECT WHERE NOT EXISTS (SELECT FROM ${schema}.change_lifetime)
				ON CONFLICT DO NOTHING
			""";

	private static final String ADOPTED_FROM_OTHER = """
			l.system_identifier IS DISTINCT FROM coalesce((SELECT ${schema}.cluster()), l.system_identifier)""";

	/**
	 * The last change must be of another transaction: this one may roll back. PostgreSQL
	 * 14 has no max(xid8).
	 */
	private static final String CURRENT_POSITION = """
			SELECT coalesce(c.id, 0), coalesce(${schema}.timeline(), ''), ${schema}.server_run(),
				coalesce(l.id::text, ''), pg_current_snapshot()::text,
				coalesce(pg_snapshot_xmax(l.deleted)::text::bigint - 1, 0), pg_current_xact_id_if_assigned()::text,
				l.id IS NOT NULL AND l.system_identifier IS NOT DISTINCT FROM coalesce(c.id, l.system_identifier),
				last.xact, last.id, last.created_at
			FROM (SELECT ${schema}.cluster() AS id) c
			LEFT JOIN ${schema}.change_log l ON l.one
			LEFT JOIN LATERAL (SELECT xact, id, created_at FROM ${schema}.changes
				WHERE xact < pg_snapshot_xmax(pg_current_snapshot())
					AND xact IS DISTINCT FROM pg_current_xact_id_if_assigned()
				ORDER BY xact DESC, id DESC LIMIT 1) last ON true
			""";

	/**
	 * Two ranges of the primary key: transactions that began after the position's
	 * snapshot, and those that ran in it. While a target is read page by page, a change
	 * may become visible that the target does not see; it belongs to the next read. The
	 * first row has the state of the server, since each of its columns would cost with
	 * each change.
	 * <p>
	 * Each range has both bounds of the transaction's number once more: from a pair of
	 * bounds the planner expects few rows, and from one, or from a comparison of rows, a
	 * third of the table, which it would read as a whole.
	 * <p>
	 * Scans a limited number of rows, of any topic. The last row of a full scan is
	 * returned in any case, without its topic if that was not asked for, and says how far
	 * the scan has come. The window has the order of the index, so that no row is read
	 * after the last change of a page.
	 * <p>
	 * No change is missed when the server forgets transactions in a crash:
	 * <ol>
	 * <li>The watermark has the number, id and time of the last visible change. Each read
	 * checks that this row still exists. Then its transaction was not forgotten, and
	 * since numbers only grow, neither its number nor a lower one is assigned again.</li>
	 * <li>Changes with a higher number are read, also if the position's snapshot lists
	 * them as visible: the ranges begin after the watermark. No change that was read has
	 * a higher number.</li>
	 * <li>Changes with a lower number that ran in the snapshot are read when they are
	 * visible. All others had ended, and were read if they were visible.</li>
	 * <li>If the row was deleted because of its age, the log of what was deleted replaces
	 * it. If it is gone for another reason, numbers may be assigned again, and handlers
	 * are notified of a gap.</li>
	 * <li>All this holds if the server does not report that it has crashed. If it does,
	 * the changes that were read last are checked, too: a transaction with a lower number
	 * may have committed after the last one, and is lost.</li>
	 * </ol>
	 */
	private static final String READ = """
			WITH head AS MATERIALIZED (
				SELECT t.target IS NULL AS present, coalesce(t.target, pg_current_snapshot()) AS target, l.id AS log, l.deleted
				FROM (SELECT ?::pg_snapshot AS target) t LEFT JOIN ${schema}.change_log l ON l.one)
			SELECT ARRAY[${schema}.server_run(), coalesce(log::text, ''), target::text,
				coalesce(pg_snapshot_xmax(deleted)::text::bigint - 1, 0)::text,
				(k.xact IS NOT NULL AND coalesce(NOT pg_visible_in_snapshot(k.xact, deleted), true) AND NOT EXISTS (
					SELECT FROM ${schema}.changes c
					WHERE c.xact = k.xact AND c.id = k.id AND c.created_at = k.created_at))::text,
				coalesce(pg_snapshot_xmax(deleted) > pg_snapshot_xmax(k.snapshot)
					OR EXISTS (SELECT FROM pg_snapshot_xip(k.snapshot) AS x(xact)
						WHERE pg_visible_in_snapshot(x.xact, deleted)), false)::text],
				last.xact, last.id, last.created_at, NULL::bigint, NULL, NULL, NULL, NULL::bigint
			FROM head CROSS JOIN (SELECT ?::pg_snapshot AS snapshot, ?::text::xid8 AS xact, ?::bigint AS id,
				?::timestamptz AS created_at) k
			LEFT JOIN LATERAL (SELECT xact, id, created_at FROM ${schema}.changes
				WHERE head.present AND xact < pg_snapshot_xmax(head.target)
				ORDER BY xact DESC, id DESC LIMIT 1) last ON true
			UNION ALL (
				SELECT NULL, c.xact, c.id, c.created_at, c.instance, CASE WHEN c.wanted THEN c.topic END,
					CASE WHEN c.wanted THEN c.key END, CASE WHEN c.wanted THEN c.originator END, c.place
				FROM (
					SELECT *, row_number() OVER (ORDER BY xact, id) AS place, topic = ANY((SELECT ?::text[])::text[])
						AND pg_visible_in_snapshot(xact, (SELECT target FROM head)) AS wanted
					FROM (
						(SELECT * FROM ${schema}.changes
							WHERE (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint)) AND xact >= (SELECT ?::text::xid8)
								AND xact < (SELECT pg_snapshot_xmax(target) FROM head)
							ORDER BY xact, id LIMIT ${scan})
						UNION ALL
						(SELECT * FROM ${schema}.changes
							WHERE xact = ANY(ARRAY(SELECT pg_snapshot_xip(?::pg_snapshot)))
								AND (xact, id) > ((SELECT ?::text::xid8), (SELECT ?::bigint))
								AND xact >= (SELECT pg_snapshot_xmin(?::pg_snapshot)) AND xact < (SELECT ?::text::xid8)
							ORDER BY xact, id LIMIT ${scan})
						ORDER BY xact, id LIMIT ${scan}) scanned) c
				WHERE c.wanted OR c.place = ${scan}
				ORDER BY c.xact, c.id LIMIT (SELECT ?::int))
			""";

	/**
	 * The same in 0.25 ms instead of 0.4 with the round trip, where every transaction up
	 * to the watermark's last change had ended in the position's snapshot, and few
	 * changes are new. The rest is left to READ.
	 * <p>
	 * Then READ's second range is empty, and the first one begins after that change's
	 * transaction. Here it begins with that change, which must be the first row: that is
	 * READ's proof that it still exists. Its text is left out, since the client may be
	 * unable to decode it. As the target is this statement's own snapshot, all rows are
	 * visible in it, and the last one is the last of all. What was deleted because of its
	 * age is up to a transaction before that change, or READ follows; so nothing after
	 * the position is among it.
	 */
	private static final String READ_NEW = """
			SELECT ARRAY[${schema}.server_run(), coalesce(l.id::text, ''), pg_current_snapshot()::text,
				coalesce(pg_snapshot_xmax(l.deleted)::text::bigint - 1, 0)::text],
				NULL::xid8, NULL::bigint, NULL::timestamptz, NULL::bigint, NULL, NULL, NULL
			FROM (SELECT) t LEFT JOIN ${schema}.change_log l ON l.one
			UNION ALL (
				SELECT NULL, xact, id, created_at, instance, CASE WHEN wanted THEN topic END, CASE WHEN wanted THEN key END,
					CASE WHEN wanted THEN originator END
				FROM (SELECT *, xact > (SELECT ?::text::xid8) AND topic = ANY((SELECT ?::text[])::text[]) AS wanted
					FROM ${schema}.changes
					WHERE (xact, id) >= ((SELECT ?::text::xid8), (SELECT ?::bigint)) AND xact >= (SELECT ?::text::xid8)
						AND xact < (SELECT pg_snapshot_xmax(pg_current_snapshot()))
					ORDER BY xact, id LIMIT ${few}) c
				ORDER BY xact, id)
			""";

	private static final String HAS = """
			SELECT NOT EXISTS (SELECT FROM unnest(?::text[]::xid8[], ?::bigint[], ?::text[]::timestamptz[])
					AS k(xact, id, created_at)
				WHERE NOT coalesce(pg_visible_in_snapshot(k.xact, (SELECT deleted FROM ${schema}.change_log)), false)
					AND NOT EXISTS (SELECT FROM ${schema}.changes c
						WHERE c.xact = k.xact AND c.id = k.id AND c.created_at = k.created_at))
			""";

	/**
	 * The largest number of rows of a scan, which takes some milliseconds.
	 */
	static final int SCAN = 10_000;

	/**
	 * The largest number of rows of READ_NEW, with the watermark's. With more, READ costs
	 * little in comparison.
	 */
	static final int FEW = 100;

	/**
	 * The number by which rows name this instance. It is random for each context, and not
	 * the id of a lease.
	 */
	private final long instance = ThreadLocalRandom.current().nextLong();

	private final String insert;

	private final String adopt;

	private final String currentPosition;

	private final String read;

	private final String readNew;

	private final String has;

	ChangeSql(SchemaName schema) {
		this.insert = schema.qualify(INSERT);
		this.adopt = schema.qualify(ADOPT.replace("${adopted_from_other}", ADOPTED_FROM_OTHER));
		this.currentPosition = schema.qualify(CURRENT_POSITION);
		this.read = schema.qualify(READ.replace("${scan}", Integer.toString(SCAN)));
		this.readNew = schema.qualify(READ_NEW.replace("${few}", Integer.toString(FEW)));
		this.has = schema.qualify(HAS);
	}

	/**
	 * Store a change in the connection's transaction.
	 */
	void insert(Connection connection, String topic, String key, @Nullable String originator) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			statement.setLong(1, this.instance);
			statement.setString(2, topic);
			statement.setString(3, key);
			statement.setString(4, originator);
			statement.executeUpdate();
		}
	}

	/**
	 * Return the position before all that is committed from now on. First deletes changes
	 * of another cluster, whose transaction numbers mean nothing here, and restores rows
	 * of ours that were removed.
	 * @param connection a connection in autocommit
	 */
	CurrentPosition currentPosition(Connection connection) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.adopt)) {
			OneTransaction.execute(statement);
		}
		try (Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery(this.currentPosition);
			result.next();
			return readCurrentPosition(result, true);
		}
	}

	/**
	 * Return the position at the snapshot of the caller's transaction. It is before all
	 * that is committed later, and before all that this transaction publishes. Writes
	 * nothing.
	 * @return the position, or {@code null} if {@link #currentPosition} has something to
	 * delete or to restore first
	 */
	@Nullable CurrentPosition currentPositionInTransaction(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery(this.currentPosition);
			return (result.next() && result.getBoolean(8)) ? readCurrentPosition(result, false) : null;
		}
	}

	private static CurrentPosition readCurrentPosition(ResultSet result, boolean shared) throws SQLException {
		ServerRun server = new ServerRun(result.getLong(1), result.getString(2), result.getString(3),
				result.getString(4));
		ChangePosition position = ChangePosition.at(server, result.getString(5));
		String own = result.getString(7);
		return new CurrentPosition((own != null) ? position.before(Long.parseLong(own)) : position,
				new Watermark(identity(result, 9), result.getLong(6)), shared);
	}

	private static @Nullable ChangeIdentity identity(ResultSet result, int column) throws SQLException {
		long xact = result.getLong(column);
		return (!result.wasNull())
				? new ChangeIdentity(xact, result.getLong(column + 1), Instants.read(result, column + 2)) : null;
	}

	/**
	 * Read changes that have become visible since a position, and check the watermark.
	 * Scans a limited number of rows, of any topic: a statement that other writers make
	 * too long for its timeout would be repeated forever.
	 * @param connection a connection in autocommit
	 * @param watermark the watermark of the position's run of the server
	 * @param target the snapshot up to which to read if the position has none, or
	 * {@code null} for the present
	 * @param limit the largest number of changes
	 */
	ChangePage read(Connection connection, ChangePosition position, Watermark watermark, @Nullable String target,
			Collection<String> topics, int limit) throws SQLException {
		ChangePage page = (target == null) ? readNew(connection, position, watermark, topics, limit) : null;
		return (page != null) ? page : readAny(connection, position, watermark, target, topics, limit);
	}

	/**
	 * Read what is new.
	 * @return the page, or {@code null} if it takes {@link #readAny}
	 */
	@Nullable ChangePage readNew(Connection connection, ChangePosition position, Watermark watermark, Collection<String> topics,
			int limit) throws SQLException {
		ChangeIdentity last = watermark.last();
		if (last == null || last.xact() <= watermark.deleted() || position.target() != null
				|| position.xmin() <= last.xact()) {
			return null;
		}
		try (PreparedStatement statement = connection.prepareStatement(this.readNew)) {
			String xact = Long.toString(last.xact());
			statement.setString(1, xact);
			statement.setArray(2, connection.createArrayOf("text", topics.toArray()));
			statement.setString(3, xact);
			statement.setLong(4, last.id());
			statement.setString(5, xact);
			return readNewPage(statement.executeQuery(), last, topics, limit);
		}
	}

	private @Nullable ChangePage readNewPage(ResultSet result, ChangeIdentity last, Collection<String> topics,
			int limit) throws SQLException {
		String[] head = {};
		ChangeIdentity end = null;
		List<ChangeRow> rows = new ArrayList<>();
		int read = 0;
		String onlyTopic = onlyTopic(topics);
		while (result.next()) {
			Array array = result.getArray(1);
			if (array != null) {
				head = (String[]) array.getArray();
				continue;
			}
			end = identity(result, 2);
			if ((read++ == 0) ? !last.equals(end) : result.getLong(2) == last.xact()) {
				return null;
			}
			String topic = (read > 1) ? readTopic(result, onlyTopic) : null;
			if (topic != null) {
				rows.add(readRow(result, topic));
			}
		}
		long deleted = Long.parseLong(head[3]);
		return (end != null && read < FEW && rows.size() < limit && deleted < last.xact())
				? new ChangePage(head[0], head[1], head[2], new Watermark(end, deleted), false, false, rows, null)
				: null;
	}

	/**
	 * Read from any position.
	 */
	ChangePage readAny(Connection connection, ChangePosition position, Watermark watermark, @Nullable String target,
			Collection<String> topics, int limit) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.read)) {
			String certain = ChangePosition.limited(position.snapshot(), watermark.durable());
			long xmax = ChangePosition.xmax(certain);
			boolean isInSecondRange = position.afterXact() >= xmax;
			ChangeIdentity last = watermark.last();
			statement.setObject(1, (position.target() != null) ? position.target() : target, Types.OTHER);
			statement.setString(2, position.snapshot());
			statement.setString(3, (last != null) ? Long.toString(last.xact()) : null);
			statement.setLong(4, (last != null) ? last.id() : 0);
			statement.setObject(5, (last != null) ? last.createdAt().atOffset(ZoneOffset.UTC) : null,
					Types.TIMESTAMP_WITH_TIMEZONE);
			statement.setArray(6, connection.createArrayOf("text", topics.toArray()));
			String first = Long.toString((isInSecondRange) ? position.afterXact() : xmax);
			statement.setString(7, first);
			statement.setLong(8, (isInSecondRange) ? position.afterId() : -1);
			statement.setString(9, first);
			statement.setString(10, certain);
			statement.setString(11, Long.toString(position.afterXact()));
			statement.setLong(12, position.afterId());
			statement.setString(13, certain);
			statement.setString(14, Long.toString(xmax));
			statement.setInt(15, limit);
			return readPage(statement.executeQuery(), topics, limit);
		}
	}

	private ChangePage readPage(ResultSet result, Collection<String> topics, int limit) throws SQLException {
		String onlyTopic = onlyTopic(topics);
		String[] head = {};
		ChangeIdentity last = null;
		List<ChangeRow> rows = new ArrayList<>();
		Place end = null;
		int read = 0;
		while (result.next()) {
			Array array = result.getArray(1);
			if (array != null) {
				head = (String[]) array.getArray();
				last = identity(result, 2);
				continue;
			}
			read++;
			String topic = readTopic(result, onlyTopic);
			if (topic != null) {
				rows.add(readRow(result, topic));
			}
			if (read == limit || result.getLong(9) == SCAN) {
				end = new Place(result.getLong(2), result.getLong(3));
			}
		}
		return new ChangePage(head[0], head[1], head[2], new Watermark(last, Long.parseLong(head[3])),
				Boolean.parseBoolean(head[4]), Boolean.parseBoolean(head[5]), rows, end);
	}

	/**
	 * Return whether all of some changes still exist, except those that were deleted
	 * because of their age.
	 */
	boolean has(Connection connection, Collection<ChangeIdentity> changes) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.has)) {
			statement.setObject(1,
					changes.stream().map((change) -> Long.toString(change.xact())).toArray(String[]::new));
			statement.setObject(2, changes.stream().mapToLong(ChangeIdentity::id).toArray());
			statement.setObject(3,
					changes.stream().map((change) -> change.createdAt().toString()).toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getBoolean(1);
		}
	}

	private static @Nullable String onlyTopic(Collection<String> topics) {
		return (topics.size() == 1) ? topics.iterator().next() : null;
	}

	/**
	 * The topic is not decoded if it can be one only.
	 */
	private static @Nullable String readTopic(ResultSet result, @Nullable String onlyTopic) throws SQLException {
		if (onlyTopic == null) {
			return result.getString(6);
		}
		return (result.getBytes(6) != null) ? onlyTopic : null;
	}

	private ChangeRow readRow(ResultSet result, String topic) throws SQLException {
		long instance = result.getLong(5);
		boolean local = instance == this.instance && !result.wasNull();
		return new ChangeRow(result.getLong(2), new Change(topic, result.getString(7), result.getString(8), local,
				result.getLong(3), Instants.read(result, 4)));
	}

}
