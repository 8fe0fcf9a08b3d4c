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

package io.durablenotify.event;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.LongStream;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.Spelling;
import io.durablenotify.log.LogIdentity;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that lists, deletes and marks runs.
 * <p>
 * The row of a run is marked with the time of its terminal event a minute or so after
 * that was appended, by one instance: so the append is no dearer, with any version of the
 * library, and finding open runs does not have to read those that ended long ago. What is
 * not marked yet is found out from its events.
 */
final class PostgresRunCatalog {

	/**
	 * How many runs are examined, or deleted, in one transaction.
	 */
	static final int RUNS_PER_SLICE = 1_000;

	/**
	 * How many events are deleted in one transaction, unless a single run has more.
	 */
	private static final int EVENTS_PER_SLICE = 5_000;

	/**
	 * How many events of a run are deleted by one statement: with the largest payloads
	 * that are allowed by default, a gigabyte.
	 */
	private static final int EVENTS_PER_STATEMENT = 1_000;

	/**
	 * How far from the end of a run a terminal event may be to be noticed in the
	 * background. A run that has gone on for longer has not ended.
	 */
	private static final int LAST_EVENTS = 100;

	private static final String LAST_EVENT = """
			CROSS JOIN LATERAL (SELECT e.sequence, e.type, e.created_at FROM ${schema}.workflow_events e
				WHERE e.run_id = r.run_id ORDER BY e.sequence DESC LIMIT 1) l
			""";

	private static final String FIND = """
			SELECT r.id, r.run_id, r.created_at, l.sequence, l.type, l.created_at AS last_event_at
			FROM ${schema}.workflow_runs r ${last_event} WHERE r.run_id = ?
			""";

	/**
	 * A slice of the runs, and those of them that are asked for. It is read by the index
	 * on the ids, or that on the ids of what is not marked. Each run's last event is one
	 * look-up; its events are read from the end only where types are excluded.
	 */
	private static final String LIST = """
			WITH slice AS MATERIALIZED (
				SELECT id, run_id, created_at FROM ${schema}.workflow_runs
				WHERE run_id >= ? AND run_id > ? ${open} ORDER BY run_id LIMIT ${runs}),
			listed AS (
				SELECT r.id, r.run_id, r.created_at, l.sequence, l.type, l.created_at AS last_event_at
				FROM slice r ${last_event}
				WHERE starts_with(r.run_id, ?)
					AND (?::bigint IS NULL OR l.created_at <= clock_timestamp() - ?::bigint * interval '1 millisecond')
					AND NOT EXISTS (SELECT FROM (SELECT e.type FROM ${schema}.workflow_events e
							WHERE cardinality(?::text[]) > 0 AND e.run_id = r.run_id
							ORDER BY e.sequence DESC OFFSET 0) t
						WHERE t.type = ANY (?::text[]))
				ORDER BY r.run_id LIMIT ?)
			SELECT s.runs, s.last_run_id, l.* FROM (SELECT count(*) AS runs, max(run_id) AS last_run_id FROM slice) s
			LEFT JOIN listed l ON true ORDER BY l.run_id
			""";

	/**
	 * Waits for appends, whose lock on the run's row excludes this one.
	 */
	private static final String DELETE_HEAD = """
			DELETE FROM ${schema}.workflow_runs WHERE run_id = ? RETURNING id
			""";

	/**
	 * A separate statement, with a snapshot that is taken after the runs' rows were
	 * locked.
	 */
	private static final String LAST_SEQUENCE = """
			SELECT coalesce(max(l.sequence), 0) FROM unnest((SELECT ?::text[])) AS r(run_id)
			""" + LAST_EVENT;

	/**
	 * In ranges, so that the server answers in time, however many events a run has.
	 */
	private static final String DELETE_EVENTS = """
			DELETE FROM ${schema}.workflow_events WHERE run_id = ANY (?::text[]) AND sequence > ? AND sequence <= ?
			""";

	/**
	 * An instance that is stopped in between must not keep the lock.
	 */
	private static final String TRY_LOCK = """
			SELECT set_config('lock_timeout', '1s', true), set_config('idle_in_transaction_session_timeout', '30s', true),
				set_config('statement_timeout', '0', true),
				pg_try_advisory_xact_lock(hashtextextended('${schema}.workflow_runs', 0))
			""";

	/**
	 * A run that an append has locked is left to the next time.
	 */
	private static final String MARK = """
			WITH examined AS MATERIALIZED (
				SELECT id, run_id FROM ${schema}.workflow_runs WHERE ended_at IS NULL AND run_id > ?
				ORDER BY run_id LIMIT ${runs}),
			ended AS MATERIALIZED (
				SELECT x.id, t.created_at FROM examined x CROSS JOIN LATERAL (
					SELECT l.created_at FROM (SELECT e.type, e.created_at, e.sequence FROM ${schema}.workflow_events e
						WHERE e.run_id = x.run_id ORDER BY e.sequence DESC LIMIT ${last}) l
					WHERE l.type = ANY (?::text[]) ORDER BY l.sequence DESC LIMIT 1) t),
			locked AS MATERIALIZED (
				SELECT r.id FROM ${schema}.workflow_runs r WHERE r.id = ANY (ARRAY(SELECT id FROM ended))
				ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED),
			marked AS (
				UPDATE ${schema}.workflow_runs r SET ended_at = e.created_at FROM ended e
				WHERE r.id = e.id AND r.id IN (SELECT id FROM locked))
			SELECT count(*), max(run_id) FROM examined
			""";

	private static final String LOCK_OUTLIVED = """
			SELECT id FROM ${schema}.workflow_runs WHERE ended_at <= statement_timestamp() - ?::bigint * interval '1 millisecond'
			ORDER BY ended_at LIMIT ${runs} FOR UPDATE SKIP LOCKED
			""";

	/**
	 * A separate statement, which sees what was appended before the lock. Those that have
	 * gone on after their terminal event wait until their last one is as old.
	 */
	private static final String CHOOSE_OUTLIVED = """
			WITH sized AS MATERIALIZED (
				SELECT r.id, l.created_at AS last_event_at, l.sequence,
					l.created_at <= clock_timestamp() - ?::bigint * interval '1 millisecond' AS due
				FROM unnest(?::bigint[]) AS o(id)
				CROSS JOIN LATERAL (SELECT h.id, h.run_id FROM ${schema}.workflow_runs h WHERE h.id = o.id OFFSET 0) r
				${last_event}),
			slice AS MATERIALIZED (
				SELECT id, sequence, sum(sequence) OVER (ORDER BY id) AS events FROM sized WHERE due),
			postponed AS (
				UPDATE ${schema}.workflow_runs r SET ended_at = s.last_event_at FROM sized s
				WHERE NOT s.due AND r.id = s.id)
			SELECT id, false AS postponed FROM slice WHERE events <= ${events} OR events = sequence
			UNION ALL
			SELECT id, true FROM sized WHERE NOT due
			""";

	private static final String LOCK_CHOSEN = """
			SELECT id FROM ${schema}.workflow_runs WHERE id = ANY ((SELECT ?::bigint[])::bigint[])
			ORDER BY id FOR UPDATE SKIP LOCKED
			""";

	/**
	 * A separate statement too: one may have gone on since it was chosen.
	 */
	private static final String DELETE_CHOSEN = """
			WITH due AS MATERIALIZED (
				SELECT r.id FROM unnest(?::bigint[]) AS o(id)
				CROSS JOIN LATERAL (SELECT h.id, h.run_id FROM ${schema}.workflow_runs h WHERE h.id = o.id OFFSET 0) r
				${last_event}
				WHERE l.created_at <= clock_timestamp() - ?::bigint * interval '1 millisecond')
			DELETE FROM ${schema}.workflow_runs WHERE id = ANY (ARRAY(SELECT id FROM due))
			RETURNING id, run_id
			""";

	private final String find;

	private final String list;

	private final String listOpen;

	private final LimitedStatement deleteHead;

	private final String lastSequence;

	private final String deleteEvents;

	private final String tryLock;

	private final String mark;

	private final String lockOutlived;

	private final String chooseOutlived;

	private final String lockChosen;

	private final String deleteChosen;

	PostgresRunCatalog(SchemaName schema) {
		this.find = slice(schema, FIND);
		this.list = slice(schema, LIST.replace("${open}", ""));
		this.listOpen = slice(schema, LIST.replace("${open}", "AND ended_at IS NULL"));
		this.deleteHead = new LimitedStatement(schema.qualify(DELETE_HEAD));
		this.lastSequence = schema.qualify(LAST_SEQUENCE);
		this.deleteEvents = schema.qualify(DELETE_EVENTS);
		this.tryLock = schema.qualify(TRY_LOCK);
		this.mark = slice(schema, MARK);
		this.lockOutlived = slice(schema, LOCK_OUTLIVED);
		this.chooseOutlived = slice(schema, CHOOSE_OUTLIVED);
		this.lockChosen = schema.qualify(LOCK_CHOSEN);
		this.deleteChosen = slice(schema, DELETE_CHOSEN);
	}

	private static String slice(SchemaName schema, String sql) {
		return schema.qualify(sql.replace("${last_event}", LAST_EVENT)
			.replace("${runs}", String.valueOf(RUNS_PER_SLICE))
			.replace("${events}", String.valueOf(EVENTS_PER_SLICE))
			.replace("${last}", String.valueOf(LAST_EVENTS)));
	}

	/**
	 * Find a run.
	 */
	Optional<RunInfo> find(Connection connection, String runId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, runId);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(info(result)) : Optional.empty();
		}
	}

	private static RunInfo info(ResultSet result) throws SQLException {
		Instant createdAt = Instants.read(result, "created_at");
		return new RunInfo(result.getString("run_id"), createdAt, result.getLong("sequence"), result.getString("type"),
				Instants.read(result, "last_event_at"), new LogIdentity(result.getLong("id"), createdAt).text());
	}

	/**
	 * List runs.
	 * @param terminalTypes the types that end a run
	 */
	List<RunInfo> list(Connection connection, RunQuery query, Collection<String> terminalTypes) throws SQLException {
		Set<String> excluded = new HashSet<>(query.without());
		if (query.openOnly()) {
			excluded.addAll(Spelling.possible(connection, terminalTypes));
		}
		List<RunInfo> runs = new ArrayList<>();
		String after = query.after();
		do {
			after = list(connection, query, after, excluded.toArray(String[]::new), runs);
		}
		while (after != null && after.startsWith(query.prefix()) && runs.size() < query.limit());
		return runs;
	}

	/**
	 * List those of the next slice.
	 * @return the last run of the slice, or {@code null} if there is no other slice
	 */
	private @Nullable String list(Connection connection, RunQuery query, @Nullable String after, String[] excluded,
			List<RunInfo> runs) throws SQLException {
		Duration idleFor = query.idleFor();
		Long idleMillis = (idleFor != null) ? idleFor.toMillis() : null;
		try (PreparedStatement statement = connection
			.prepareStatement((query.openOnly()) ? this.listOpen : this.list)) {
			statement.setString(1, query.prefix());
			statement.setString(2, (after != null) ? after : "");
			statement.setString(3, query.prefix());
			statement.setObject(4, idleMillis, Types.BIGINT);
			statement.setObject(5, idleMillis, Types.BIGINT);
			statement.setObject(6, excluded);
			statement.setObject(7, excluded);
			statement.setInt(8, query.limit() - runs.size());
			ResultSet result = statement.executeQuery();
			String last = null;
			while (result.next()) {
				last = (result.getInt("runs") >= RUNS_PER_SLICE) ? result.getString("last_run_id") : null;
				if (result.getString("run_id") != null) {
					runs.add(info(result));
				}
			}
			return last;
		}
	}

	/**
	 * Delete a run with its events, in a transaction at READ COMMITTED.
	 * @param joined whether the transaction is the caller's, whose settings have to stay
	 * @return the run's id, empty if there was none
	 */
	OptionalLong delete(Connection connection, boolean joined, String runId, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = this.deleteHead.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, runId);
			ResultSet result = LimitedStatement.executeForResult(statement, 0);
			if (!result.next()) {
				return OptionalLong.empty();
			}
			long id = result.getLong(1);
			deleteEvents(connection, List.of(runId));
			return OptionalLong.of(id);
		}
	}

	private void deleteEvents(Connection connection, Collection<String> runIds) throws SQLException {
		String[] ids = runIds.toArray(String[]::new);
		long last = lastSequence(connection, ids);
		try (PreparedStatement statement = connection.prepareStatement(this.deleteEvents)) {
			statement.setObject(1, ids);
			for (long sequence = 0; sequence < last; sequence += EVENTS_PER_STATEMENT) {
				statement.setLong(2, sequence);
				statement.setLong(3, sequence + EVENTS_PER_STATEMENT);
				statement.executeUpdate();
			}
		}
	}

	private long lastSequence(Connection connection, String[] runIds) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.lastSequence)) {
			statement.setObject(1, runIds);
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getLong(1);
		}
	}

	/**
	 * Be the only instance that cleans up, until the transaction ends.
	 * @return whether no other instance is
	 */
	boolean tryLock(Connection connection) throws SQLException {
		ReadCommitted.begin(connection);
		try (PreparedStatement statement = connection.prepareStatement(this.tryLock)) {
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getBoolean(4);
		}
	}

	/**
	 * Mark runs that have ended, among some that are not marked.
	 * @param after the id after which to begin
	 * @return the last id that was examined, or {@code null} if that was the last of all
	 */
	@Nullable String mark(Connection connection, Collection<String> terminalTypes, String after) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.mark)) {
			statement.setString(1, after);
			statement.setObject(2, Spelling.possible(connection, terminalTypes).toArray(String[]::new));
			ResultSet result = statement.executeQuery();
			result.next();
			return (result.getInt(1) >= RUNS_PER_SLICE) ? result.getString(2) : null;
		}
	}

	/**
	 * Choose a slice of the runs whose terminal event, and whose last one, are old
	 * enough. In a transaction of its own, which locks others too for a moment.
	 */
	Outlived chooseOutlived(Connection connection, Duration retention) throws SQLException {
		long[] outlived;
		try (PreparedStatement statement = connection.prepareStatement(this.lockOutlived)) {
			statement.setLong(1, retention.toMillis());
			outlived = readIds(statement.executeQuery());
		}
		if (outlived.length == 0) {
			return Outlived.NONE;
		}
		try (PreparedStatement statement = connection.prepareStatement(this.chooseOutlived)) {
			statement.setLong(1, retention.toMillis());
			statement.setObject(2, outlived);
			ResultSet result = statement.executeQuery();
			LongStream.Builder chosen = LongStream.builder();
			int done = 0;
			while (result.next()) {
				done++;
				if (!result.getBoolean("postponed")) {
					chosen.add(result.getLong("id"));
				}
			}
			boolean more = outlived.length >= RUNS_PER_SLICE || done < outlived.length;
			return new Outlived(chosen.build().toArray(), more && done > 0);
		}
	}

	private static long[] readIds(ResultSet result) throws SQLException {
		LongStream.Builder ids = LongStream.builder();
		while (result.next()) {
			ids.add(result.getLong(1));
		}
		return ids.build().toArray();
	}

	/**
	 * Delete those of the runs that were chosen that have not gone on since, and that no
	 * other transaction has locked.
	 * @return their ids
	 */
	List<Long> deleteChosen(Connection connection, long[] chosen, Duration retention) throws SQLException {
		long[] locked;
		try (PreparedStatement statement = connection.prepareStatement(this.lockChosen)) {
			statement.setObject(1, chosen);
			locked = readIds(statement.executeQuery());
		}
		try (PreparedStatement statement = connection.prepareStatement(this.deleteChosen)) {
			statement.setObject(1, locked);
			statement.setLong(2, retention.toMillis());
			ResultSet result = statement.executeQuery();
			List<Long> ids = new ArrayList<>();
			List<String> runIds = new ArrayList<>();
			while (result.next()) {
				ids.add(result.getLong(1));
				runIds.add(result.getString(2));
			}
			if (!runIds.isEmpty()) {
				deleteEvents(connection, runIds);
			}
			return ids;
		}
	}

	/**
	 * Runs that are to be deleted.
	 *
	 * @param chosen the ids of those of the first slice
	 * @param more whether there may be more
	 */
	record Outlived(long[] chosen, boolean more) {

		static final Outlived NONE = new Outlived(new long[0], false);

	}

}
