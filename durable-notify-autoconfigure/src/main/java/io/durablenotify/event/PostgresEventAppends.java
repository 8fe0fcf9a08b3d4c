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
import java.sql.Savepoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of appending to runs.
 * <p>
 * An append is several statements in {@link OneTransaction one transaction}. The first
 * locks the run's row; the second, whose snapshot is taken when the lock is held, numbers
 * the event from the end of the primary key and stores it unless it is there; the third
 * reads what is there now. So no event can appear below one that is visible already, and
 * a duplicate names the stored event even if it was stored without the lock.
 */
final class PostgresEventAppends {

	private static final Set<String> CONSTRAINTS = Set.of("workflow_events_pkey", "workflow_events_suspension_unique",
			"workflow_events_suspension_uncorrelated_unique", "workflow_events_idempotency_key_unique");

	private static final String SUSPENSION = "type IN ('step_created', 'wait_created', 'hook_created', 'run_created')";

	private static final String FIND = """
			SELECT id FROM ${schema}.workflow_runs WHERE run_id = ?
			""";

	private static final String FIND_BY_KEY = """
			SELECT type, correlation_id, sequence FROM ${schema}.workflow_events WHERE run_id = ? AND idempotency_key = ?
			""";

	private static final String CREATE = """
			INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
			VALUES (${schema}.next_run_id(), ?) ON CONFLICT (run_id) DO NOTHING;
			""";

	static final String LOCK = """
			SELECT id FROM ${schema}.workflow_runs WHERE run_id = ? FOR NO KEY UPDATE;
			""";

	/**
	 * Locks the run's row as well, for a run that is created after the first statement.
	 * The indexes keep away writers that did not lock: the primary key, and the one that
	 * is named.
	 */
	static final String APPEND = """
			INSERT INTO ${schema}.workflow_events
				(run_id, sequence, event_id, type, correlation_id, idempotency_key, payload, headers)
			SELECT head.run_id, tail.sequence + 1, ?::uuid, ?::text, ?::text, ?::text, ?::json, ?::json
			FROM (SELECT run_id FROM ${schema}.workflow_runs WHERE run_id = ? FOR NO KEY UPDATE) head
			CROSS JOIN (SELECT coalesce((SELECT sequence FROM ${schema}.workflow_events WHERE run_id = ?
				ORDER BY sequence DESC LIMIT 1), 0) AS sequence) tail
			WHERE (?::bigint < 0 OR tail.sequence = ?)
				AND NOT EXISTS (SELECT FROM ${schema}.workflow_events WHERE run_id = ? AND idempotency_key = ?)
			""";

	/**
	 * One statement may number and lock with one snapshot where the last event is the one
	 * that is known: the primary key rejects an event that came between. Skips a locked
	 * run; it waits only for rows by a transaction that does not lock the run, and for a
	 * lock of a table. The id tells a run from one of the same name that was deleted.
	 * Keys are left to their index, which is named as above, so that this fails where it
	 * is missing.
	 */
	static final String APPEND_NEXT = """
			INSERT INTO ${schema}.workflow_events
				(run_id, sequence, event_id, type, correlation_id, idempotency_key, payload, headers)
			SELECT head.run_id, tail.sequence + 1, ?::uuid, ?::text, ?::text, ?::text, ?::json, ?::json
			FROM (SELECT run_id FROM ${schema}.workflow_runs
				WHERE id = ? AND run_id = ? FOR NO KEY UPDATE SKIP LOCKED) head
			CROSS JOIN (SELECT sequence FROM ${schema}.workflow_events WHERE run_id = ? AND sequence >= (SELECT ?::bigint)
				ORDER BY sequence DESC LIMIT 1) tail
			WHERE tail.sequence = (SELECT ?::bigint)
			""";

	/**
	 * The event of the key, the one that this would double, and the run's last event. The
	 * first comes with whether it is like this one. At least one of them is the event
	 * itself if it was stored.
	 */
	private static final String LOOK = """
			SELECT 'K'::"char", event_id, sequence, type = ?::text AND correlation_id IS NOT DISTINCT FROM ?::text
			FROM ${schema}.workflow_events WHERE run_id = ? AND idempotency_key = ?
			UNION ALL
			SELECT 'D', event_id, sequence, true FROM ${schema}.workflow_events
			WHERE run_id = ? AND ${same-correlation} AND type = ? AND ${suspension}
			UNION ALL (
			SELECT 'L', event_id, sequence, true FROM ${schema}.workflow_events
			WHERE run_id = ? ORDER BY sequence DESC LIMIT 1)
			""";

	/**
	 * Each look-up is a probe of its index, however long the run is. Without a conflict
	 * clause, since a row that went missing would leave a gap: a clash is for the caller
	 * to repeat.
	 */
	private static final String APPEND_ALL = """
			WITH head AS MATERIALIZED (
				SELECT run_id FROM ${schema}.workflow_runs WHERE run_id = ? FOR NO KEY UPDATE),
			given AS MATERIALIZED (
				SELECT event_id, type, nullif(correlation_id, '') AS correlation_id,
					nullif(idempotency_key, '') AS idempotency_key, nullif(payload, '') AS payload, is_first, ord
				FROM unnest((SELECT ?::text[]::uuid[]), (SELECT ?::text[]), (SELECT ?::text[]), (SELECT ?::text[]),
						(SELECT ?::text[]), (SELECT ?::boolean[]))
					WITH ORDINALITY AS g(event_id, type, correlation_id, idempotency_key, payload, is_first, ord)),
			known AS MATERIALIZED (
				SELECT g.ord, e.* FROM given g CROSS JOIN LATERAL (
					SELECT 'K'::"char" AS kind, event_id, sequence,
						type = g.type AND correlation_id IS NOT DISTINCT FROM g.correlation_id AS is_like
					FROM ${schema}.workflow_events WHERE run_id = ? AND idempotency_key = g.idempotency_key LIMIT 1) e
				UNION ALL
				SELECT g.ord, e.* FROM given g CROSS JOIN LATERAL (
					SELECT 'D'::"char", event_id, sequence, true FROM ${schema}.workflow_events
					WHERE run_id = ? AND correlation_id = g.correlation_id AND type = g.type AND ${suspension} LIMIT 1) e
				UNION ALL
				SELECT g.ord, e.* FROM given g CROSS JOIN LATERAL (
					SELECT 'D'::"char", event_id, sequence, true FROM ${schema}.workflow_events
					WHERE run_id = ? AND correlation_id IS NULL AND type = g.type AND ${suspension} LIMIT 1) e
				WHERE g.correlation_id IS NULL),
			stored AS (
				INSERT INTO ${schema}.workflow_events
					(run_id, sequence, event_id, type, correlation_id, idempotency_key, payload, headers)
				SELECT head.run_id, tail.sequence + row_number() OVER (ORDER BY g.ord), g.event_id, g.type,
					g.correlation_id, g.idempotency_key, g.payload::json, ?::json
				FROM head
				CROSS JOIN (SELECT coalesce((SELECT sequence FROM ${schema}.workflow_events WHERE run_id = ?
					ORDER BY sequence DESC LIMIT 1), 0) AS sequence) tail
				CROSS JOIN given g
				WHERE g.is_first AND NOT EXISTS (SELECT FROM known k WHERE k.ord = g.ord)
					AND NOT EXISTS (SELECT FROM known k WHERE NOT k.is_like)
				RETURNING event_id, sequence)
			SELECT g.ord, 'A'::"char", s.event_id, s.sequence, true
			FROM stored s JOIN given g ON g.event_id = s.event_id
			UNION ALL
			SELECT * FROM known
			""";

	private final String find;

	private final String findByKey;

	private final Map<Uniqueness, LimitedStatement> appendNext = new EnumMap<>(Uniqueness.class);

	private final Map<Uniqueness, LimitedStatement> appendOnly = new EnumMap<>(Uniqueness.class);

	private final Map<Uniqueness, LimitedStatement> append = new EnumMap<>(Uniqueness.class);

	private final Map<Uniqueness, LimitedStatement> create = new EnumMap<>(Uniqueness.class);

	private final LimitedStatement appendAll;

	private final LimitedStatement createAll;

	PostgresEventAppends(SchemaName schema) {
		this.find = schema.qualify(FIND);
		this.findByKey = schema.qualify(FIND_BY_KEY);
		for (Uniqueness uniqueness : Uniqueness.values()) {
			String sql = LOCK + APPEND + uniqueness.onConflict + ";\n"
					+ LOOK.replace("${same-correlation}", uniqueness.sameCorrelation);
			this.appendNext.put(uniqueness, new LimitedStatement(text(schema, APPEND_NEXT + uniqueness.onConflict)));
			this.appendOnly.put(uniqueness,
					statement(schema, LOCK + APPEND + uniqueness.onConflict + " RETURNING sequence"));
			this.append.put(uniqueness, statement(schema, sql));
			this.create.put(uniqueness, statement(schema, CREATE + sql));
		}
		this.appendAll = statement(schema, LOCK + APPEND_ALL);
		this.createAll = statement(schema, CREATE + LOCK + APPEND_ALL);
	}

	private static LimitedStatement statement(SchemaName schema, String sql) {
		return new LimitedStatement(text(schema, sql));
	}

	static String text(SchemaName schema, String sql) {
		return schema.qualify(sql.replace("${suspension}", SUSPENSION));
	}

	/**
	 * Find a run's id.
	 */
	OptionalLong find(Connection connection, String runId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, runId);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? OptionalLong.of(result.getLong(1)) : OptionalLong.empty();
		}
	}

	/**
	 * Make sure that an event's key does not belong to another.
	 * @throws IdempotencyKeyConflictException if it does
	 */
	void requireNoConflict(Connection connection, NewEvent event) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findByKey)) {
			statement.setString(1, event.runId());
			statement.setString(2, event.idempotencyKey());
			ResultSet result = statement.executeQuery();
			if (result.next() && !event.isLike(result.getString(1), result.getString(2))) {
				throw IdempotencyKeyConflictException.withStored(event, result.getString(1), result.getString(2),
						result.getLong(3));
			}
		}
	}

	/**
	 * Append an event to a run whose last event is known, unless that is wrong, the run
	 * is locked, or the event exists. Not for a suspension with a key: only one of its
	 * indexes is named.
	 * @param lockTimeout how long to wait for a transaction that writes without the lock,
	 * and for a lock of a table
	 * @param headers what is stored with the event, or {@code null}
	 * @param eventId the id that the event gets
	 * @param run the run's number
	 * @param lastSequence the sequence of its last event
	 * @return whether it was stored
	 */
	boolean appendNext(Connection connection, Duration lockTimeout, NewEvent event, @Nullable String headers,
			UUID eventId, long run, long lastSequence) throws SQLException {
		LimitedStatement limited = Objects.requireNonNull(this.appendNext.get(Uniqueness.of(event)));
		try (PreparedStatement statement = limited.prepare(connection, false, lockTimeout)) {
			setNext(statement, 2, event, headers, eventId, run, lastSequence);
			OneTransaction.execute(statement);
			statement.getMoreResults();
			return statement.getUpdateCount() == 1;
		}
	}

	static void setNext(PreparedStatement statement, int first, NewEvent event, @Nullable String headers, UUID eventId,
			long run, long lastSequence) throws SQLException {
		int next = setEvent(statement, first, event, headers, eventId);
		statement.setLong(next++, run);
		statement.setString(next++, event.runId());
		statement.setString(next++, event.runId());
		statement.setLong(next++, lastSequence);
		statement.setLong(next, lastSequence);
	}

	/**
	 * Append an event to an existing run, unless the event exists too or the run is at
	 * another sequence. Does not read what is there then: a statement less, which is a
	 * twentieth of the time.
	 * @param headers what is stored with the event, or {@code null}
	 * @param eventId the id that the event gets
	 * @param expectedSequence the sequence that the run must be at, or -1
	 * @return the event itself, if it was stored
	 */
	Lookup appendOnly(Connection connection, boolean joined, Duration lockTimeout, NewEvent event,
			@Nullable String headers, UUID eventId, long expectedSequence) throws SQLException {
		LimitedStatement limited = Objects.requireNonNull(this.appendOnly.get(Uniqueness.of(event)));
		try (PreparedStatement statement = limited.prepare(connection, joined, lockTimeout)) {
			setAppend(statement, setRun(statement, false, event.runId()), event, headers, eventId, expectedSequence);
			OptionalLong run = readRun(statement, false);
			statement.getMoreResults();
			ResultSet result = statement.getResultSet();
			Found stored = (result.next()) ? new Found(eventId.toString(), result.getLong(1), true) : null;
			return new Lookup(run, null, null, stored);
		}
	}

	/**
	 * Append an event, unless it is there or the run is at another sequence, and read
	 * what is there.
	 * @param joined whether the connection is in a transaction, whose settings have to
	 * stay
	 * @param create whether to create the run if it is missing
	 * @param headers what is stored with the event, or {@code null}
	 * @param eventId the id that the event gets
	 * @param expectedSequence the sequence that the run must be at, or -1
	 */
	Lookup append(Connection connection, boolean joined, Duration lockTimeout, boolean create, NewEvent event,
			@Nullable String headers, UUID eventId, long expectedSequence) throws SQLException {
		Uniqueness uniqueness = Uniqueness.of(event);
		LimitedStatement limited = Objects.requireNonNull(((create) ? this.create : this.append).get(uniqueness));
		try (PreparedStatement statement = limited.prepare(connection, joined, lockTimeout)) {
			int next = setAppend(statement, setRun(statement, create, event.runId()), event, headers, eventId,
					expectedSequence);
			statement.setString(next++, event.type());
			statement.setString(next++, event.correlationId());
			statement.setString(next++, event.runId());
			statement.setString(next++, event.idempotencyKey());
			statement.setString(next++, event.runId());
			statement.setString(next++, event.correlationId());
			statement.setString(next++, event.type());
			statement.setString(next, event.runId());
			OptionalLong run = readRun(statement, create);
			statement.getMoreResults();
			statement.getMoreResults();
			return readLookup(run, statement.getResultSet());
		}
	}

	private static int setEvent(PreparedStatement statement, int next, NewEvent event, @Nullable String headers,
			UUID eventId) throws SQLException {
		statement.setObject(next++, eventId);
		statement.setString(next++, event.type());
		statement.setString(next++, event.correlationId());
		statement.setString(next++, event.idempotencyKey());
		statement.setString(next++, event.payload());
		statement.setString(next++, headers);
		return next;
	}

	private static int setAppend(PreparedStatement statement, int first, NewEvent event, @Nullable String headers,
			UUID eventId, long expectedSequence) throws SQLException {
		int next = setEvent(statement, first, event, headers, eventId);
		statement.setString(next++, event.runId());
		statement.setString(next++, event.runId());
		statement.setLong(next++, expectedSequence);
		statement.setLong(next++, expectedSequence);
		statement.setString(next++, event.runId());
		statement.setString(next++, event.idempotencyKey());
		return next;
	}

	private static Lookup readLookup(OptionalLong run, ResultSet result) throws SQLException {
		Found byKey = null;
		Found doubled = null;
		Found last = null;
		while (result.next()) {
			Found found = readFound(result, 2);
			switch (result.getString(1)) {
				case "K" -> byKey = found;
				case "D" -> doubled = found;
				default -> last = found;
			}
		}
		return new Lookup(run, byKey, doubled, last);
	}

	/**
	 * Append those of the events that are not there, unless a key is that of another
	 * event. In a transaction, nothing but the wait for the lock remains after an error.
	 * @param headers what is stored with each event, or {@code null}
	 * @param eventIds the ids that the events get
	 * @param first by event, whether the list has no other before that it doubles
	 * @return by event, what was stored or found, or {@code null} where there is neither
	 */
	Lookups appendAll(Connection connection, boolean joined, Duration lockTimeout, boolean create, String runId,
			List<NewEvent> events, @Nullable String headers, List<UUID> eventIds, boolean[] first) throws SQLException {
		if (!joined) {
			return executeAll(connection, false, lockTimeout, create, runId, events, headers, eventIds, first);
		}
		Savepoint savepoint = connection.setSavepoint();
		try {
			Lookups found = executeAll(connection, true, lockTimeout, create, runId, events, headers, eventIds, first);
			connection.releaseSavepoint(savepoint);
			return found;
		}
		catch (SQLException ex) {
			rollback(connection, savepoint, ex);
			throw ex;
		}
	}

	private static void rollback(Connection connection, Savepoint savepoint, SQLException cause) {
		try {
			connection.rollback(savepoint);
		}
		catch (SQLException ex) {
			cause.addSuppressed(ex);
		}
	}

	private Lookups executeAll(Connection connection, boolean joined, Duration lockTimeout, boolean create,
			String runId, List<NewEvent> events, @Nullable String headers, List<UUID> eventIds, boolean[] first)
			throws SQLException {
		LimitedStatement limited = (create) ? this.createAll : this.appendAll;
		try (PreparedStatement statement = limited.prepare(connection, joined, lockTimeout)) {
			int next = setRun(statement, create, runId);
			statement.setString(next++, runId);
			statement.setObject(next++, eventIds.stream().map(UUID::toString).toArray(String[]::new));
			statement.setObject(next++, events.stream().map(NewEvent::type).toArray(String[]::new));
			statement.setObject(next++, texts(events, NewEvent::correlationId));
			statement.setObject(next++, texts(events, NewEvent::idempotencyKey));
			statement.setObject(next++, texts(events, NewEvent::payload));
			statement.setObject(next++, first);
			for (int i = 0; i < 3; i++) {
				statement.setString(next++, runId);
			}
			statement.setString(next++, headers);
			statement.setString(next++, runId);
			OptionalLong run = readRun(statement, create);
			statement.getMoreResults();
			ResultSet result = statement.getResultSet();
			@Nullable Lookup[] lookups = new Lookup[events.size()];
			while (result.next()) {
				int event = result.getInt(1) - 1;
				Lookup lookup = (lookups[event] != null) ? lookups[event] : new Lookup(run, null, null, null);
				Found found = readFound(result, 3);
				lookups[event] = switch (result.getString(2)) {
					case "K" -> new Lookup(run, found, lookup.doubled(), null);
					case "D" -> new Lookup(run, lookup.byKey(), found, null);
					default -> new Lookup(run, null, null, found);
				};
			}
			return new Lookups(run, new ArrayList<>(Arrays.asList(lookups)));
		}
	}

	/**
	 * Empty in place of null, which with {@code array_nulls=off} would be the text NULL.
	 */
	private static String[] texts(List<NewEvent> events, Function<NewEvent, @Nullable String> text) {
		return events.stream().map((event) -> Objects.requireNonNullElse(text.apply(event), "")).toArray(String[]::new);
	}

	private static int setRun(PreparedStatement statement, boolean create, String runId) throws SQLException {
		int next = 2;
		if (create) {
			statement.setString(next++, runId);
		}
		statement.setString(next++, runId);
		return next;
	}

	/**
	 * Execute the statement up to the lock.
	 */
	private static OptionalLong readRun(PreparedStatement statement, boolean create) throws SQLException {
		ResultSet result = LimitedStatement.executeForResult(statement, (create) ? 1 : 0);
		return (result.next()) ? OptionalLong.of(result.getLong(1)) : OptionalLong.empty();
	}

	private static Found readFound(ResultSet result, int column) throws SQLException {
		return new Found(result.getString(column), result.getLong(column + 1), result.getBoolean(column + 2));
	}

	/**
	 * Return whether a statement met another transaction, so that it can succeed when it
	 * is repeated.
	 * @param sameSnapshot whether it would be repeated with what it saw before, which
	 * helps only against writers that did not lock
	 */
	boolean isClash(SQLException exception, boolean sameSnapshot) {
		return SqlErrors.isUniqueViolation(exception, CONSTRAINTS)
				|| !sameSnapshot && SqlErrors.isSerializationFailure(exception);
	}

	/**
	 * By which index an event is the only one, so that no other clash passes for its
	 * duplicate.
	 */
	enum Uniqueness {

		CORRELATED_SUSPENSION("ON CONFLICT (run_id, correlation_id, type) WHERE ${suspension} DO NOTHING",
				"correlation_id = ?"),

		UNCORRELATED_SUSPENSION("ON CONFLICT (run_id, type) WHERE ${suspension} AND correlation_id IS NULL DO NOTHING",
				"correlation_id IS NULL AND ?::text IS NULL"),

		KEY("ON CONFLICT (run_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING", "correlation_id = ?"),

		NONE("", "correlation_id = ?");

		final String onConflict;

		private final String sameCorrelation;

		Uniqueness(String onConflict, String sameCorrelation) {
			this.onConflict = onConflict;
			this.sameCorrelation = sameCorrelation;
		}

		static Uniqueness of(NewEvent event) {
			if (event.isSuspension()) {
				return (event.correlationId() != null) ? CORRELATED_SUSPENSION : UNCORRELATED_SUSPENSION;
			}
			return (event.idempotencyKey() != null) ? KEY : NONE;
		}

	}

	/**
	 * An event that is there.
	 *
	 * @param isLike whether it has the type and correlation id of the one that was given
	 */
	record Found(String eventId, long sequence, boolean isLike) {

		boolean is(UUID id) {
			return this.eventId.equals(id.toString());
		}

	}

	/**
	 * What an append found of its run.
	 *
	 * @param run the run's id, if it was there to be locked
	 * @param byKey the event with the same key
	 * @param doubled the event that must be the only one like it
	 * @param last the run's last event; in a list, the event itself
	 */
	record Lookup(OptionalLong run, @Nullable Found byKey, @Nullable Found doubled, @Nullable Found last) {
	}

	/**
	 * What an append of a list found of its run.
	 *
	 * @param run the run's id, if it was there to be locked
	 * @param events by event, what was found
	 */
	record Lookups(OptionalLong run, List<@Nullable Lookup> events) {
	}

}
