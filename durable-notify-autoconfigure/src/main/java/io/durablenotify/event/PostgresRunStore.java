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
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import io.durablenotify.database.Instants;
import io.durablenotify.database.PageQuery;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.log.LogStore;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of following runs.
 */
final class PostgresRunStore implements LogStore<StoredEvent> {

	private static final String HEAD = """
			SELECT r.id AS head_id, r.run_id AS head_run_id, r.created_at AS head_created_at,
				(SELECT ${schema}.server_run()) AS server,
				coalesce((SELECT sequence FROM ${schema}.workflow_events WHERE run_id = r.run_id
					ORDER BY sequence DESC LIMIT 1), 0) + 1 AS next_sequence
			FROM ${schema}.workflow_runs r WHERE r.run_id = ?
			""";

	/**
	 * The lower bound spares the index scan all but the last entries of a leaf page.
	 * Where nothing is above it, the run ends below what was received, or nothing was
	 * received: the same as with an empty run. The row without an id names the server.
	 * OFFSET 0 keeps the runs from being joined by a whole index, which seems cheap as
	 * long as they are few.
	 */
	private static final String MOVED = """
			SELECT w.id, NULL AS run_id
			FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[]), (SELECT ?::bigint[])) AS w(id, next, received)
			LEFT JOIN LATERAL (SELECT r.id, r.run_id FROM ${schema}.workflow_runs r WHERE r.id = w.id OFFSET 0) r ON true
			LEFT JOIN LATERAL (SELECT e.sequence + 1 AS next_sequence FROM ${schema}.workflow_events e
				WHERE e.run_id = r.run_id AND e.sequence >= w.next - 1
				ORDER BY e.sequence DESC LIMIT 1) t ON true
			WHERE r.id IS NULL OR coalesce(t.next_sequence, 0) > w.next OR coalesce(t.next_sequence, 0) < w.received
			UNION ALL
			SELECT r.id, r.run_id FROM unnest((SELECT ?::text[])) AS n(run_id)
			CROSS JOIN LATERAL (SELECT id, run_id FROM ${schema}.workflow_runs WHERE run_id = n.run_id OFFSET 0) r
			UNION ALL
			SELECT NULL, ${schema}.server_run()
			""";

	/**
	 * Cut like a page, for each run and again for all. A run that the statement's budget
	 * leaves nothing for has no row at all; one without events has one.
	 */
	private static final String FETCH = """
			WITH server AS MATERIALIZED (SELECT ${schema}.server_run() AS server),
			target AS MATERIALIZED (
				SELECT t.ord, t.first_sequence, r.id AS head_id, r.run_id AS head_run_id,
					r.created_at AS head_created_at,
					coalesce((SELECT sequence FROM ${schema}.workflow_events
							WHERE run_id = r.run_id AND sequence >= t.first_sequence - 1 ORDER BY sequence DESC LIMIT 1),
						(SELECT sequence FROM ${schema}.workflow_events
							WHERE run_id = r.run_id ORDER BY sequence DESC LIMIT 1), 0) + 1 AS next_sequence
				FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[])) WITH ORDINALITY AS t(id, first_sequence, ord)
				LEFT JOIN LATERAL (SELECT * FROM ${schema}.workflow_runs r WHERE r.id = t.id OFFSET 0) r ON true),
			found AS (
				SELECT t.ord, e.*, sum(e.bytes) OVER (ORDER BY t.ord, e.sequence) - e.bytes AS bytes_before
				FROM target t CROSS JOIN LATERAL (
					SELECT run_id, sequence, event_id, type, correlation_id, payload, idempotency_key, created_at, headers, bytes
					FROM (
						SELECT *, sum(bytes) OVER (ORDER BY sequence) - bytes AS bytes_of_run_before
						FROM (
							SELECT *, coalesce(pg_column_size(payload), 0) AS bytes FROM (
								SELECT * FROM ${schema}.workflow_events
								WHERE run_id = t.head_run_id AND sequence >= t.first_sequence
								ORDER BY sequence LIMIT ${limit}) bounded
							LIMIT (SELECT ?::int)) candidate) sized
					WHERE bytes_of_run_before < (SELECT ?::bigint)) e)
			SELECT t.ord, t.head_id, t.head_run_id, t.head_created_at, t.next_sequence, (SELECT server FROM server),
				f.run_id, f.sequence, f.event_id, f.type, f.correlation_id, f.payload, f.idempotency_key,
				f.created_at, f.headers
			FROM target t LEFT JOIN found f ON f.ord = t.ord
			WHERE f.ord IS NULL OR f.bytes_before < (SELECT ?::bigint)
			ORDER BY t.ord, f.sequence
			""";

	private final String head;

	private final String moved;

	private final PageQuery fetch;

	PostgresRunStore(SchemaName schema) {
		this.head = schema.qualify(HEAD);
		this.moved = schema.qualify(MOVED);
		this.fetch = new PageQuery(schema.qualify(FETCH));
	}

	@Override
	public Optional<Head> head(Connection connection, String runId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.head)) {
			statement.setString(1, runId);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(readHead(result)) : Optional.empty();
		}
	}

	private static Head readHead(ResultSet result) throws SQLException {
		return new Head(result.getLong("head_id"), result.getString("head_run_id"),
				Instants.read(result, "head_created_at"), result.getLong("next_sequence"), null,
				result.getString("server"));
	}

	@Override
	public Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.moved)) {
			return Moved.ask(statement, watched, names);
		}
	}

	@Override
	public List<@Nullable Found<StoredEvent>> fetch(Connection connection, List<Target> targets, Budget budget)
			throws SQLException {
		boolean alone = targets.size() == 1;
		int limit = (alone) ? budget.entriesAlone() : budget.entriesPerTarget();
		try (PreparedStatement statement = connection.prepareStatement(this.fetch.sql(limit))) {
			statement.setObject(1, targets.stream().mapToLong(Target::id).toArray());
			statement.setObject(2, targets.stream().mapToLong(Target::index).toArray());
			statement.setInt(3, limit);
			statement.setLong(4, (alone) ? budget.bytesAlone() : budget.bytesPerTarget());
			statement.setLong(5, budget.bytesPerStatement());
			ResultSet result = statement.executeQuery();
			List<@Nullable Found<StoredEvent>> found = new ArrayList<>(Collections.nCopies(targets.size(), null));
			while (result.next()) {
				int target = result.getInt("ord") - 1;
				Found<StoredEvent> known = found.get(target);
				if (known == null) {
					known = new Found<>((result.getString("head_run_id") != null) ? readHead(result) : null,
							new ArrayList<>());
					found.set(target, known);
				}
				if (result.getString("event_id") != null) {
					known.entries().add(EventRows.event(result));
				}
			}
			return found;
		}
	}

}
