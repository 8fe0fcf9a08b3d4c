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
import java.util.List;

import io.durablenotify.schema.SchemaName;

/**
 * The SQL of reading runs.
 */
final class PostgresEventStore {

	/**
	 * The running sum of sizes cuts the page without reading the payloads after the cut.
	 * They are stored as they are, so that the column's size is theirs.
	 */
	private static final String CUT = """
			SELECT run_id, sequence, event_id, type, correlation_id, payload, idempotency_key, created_at, headers,
				found
			FROM (
				SELECT *, count(*) OVER () AS found,
					sum(coalesce(pg_column_size(payload), 0)) OVER (ORDER BY sequence)
						- coalesce(pg_column_size(payload), 0) AS bytes_before
				FROM (SELECT * FROM ${schema}.workflow_events WHERE ${where} ORDER BY sequence LIMIT ?) candidate) sized
			WHERE bytes_before < ?
			ORDER BY sequence
			""";

	private final String page;

	private final String findByCorrelation;

	PostgresEventStore(SchemaName schema) {
		this.page = schema.qualify(CUT.replace("${where}", "run_id = ? AND sequence > ?"));
		this.findByCorrelation = schema.qualify(CUT.replace("${where}", "run_id = ? AND correlation_id = ?"));
	}

	/**
	 * Read the events after a sequence, up to the first hole, and whether there are more.
	 * @throws RunTruncatedException if they begin with a hole
	 */
	EventPage page(Connection connection, String runId, long afterSequence, int limit, long maxBytes)
			throws SQLException {
		EventPage found;
		try (PreparedStatement statement = connection.prepareStatement(this.page)) {
			statement.setString(1, runId);
			statement.setLong(2, afterSequence);
			found = readPage(statement, afterSequence, limit, maxBytes);
		}
		List<StoredEvent> events = found.events();
		int count = 0;
		while (count < events.size() && events.get(count).sequence() == afterSequence + 1 + count) {
			count++;
		}
		if (count == events.size()) {
			return found;
		}
		if (count == 0) {
			throw new FollowedRun(runId).truncated(afterSequence + 1, events.get(0).sequence() + " was found");
		}
		return new EventPage(events.subList(0, count), afterSequence + count, true);
	}

	/**
	 * Read the events of a correlation id, and whether there are more.
	 */
	EventPage findByCorrelation(Connection connection, String runId, String correlationId, int limit, long maxBytes)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findByCorrelation)) {
			statement.setString(1, runId);
			statement.setString(2, correlationId);
			return readPage(statement, 0, limit, maxBytes);
		}
	}

	private static EventPage readPage(PreparedStatement statement, long afterSequence, int limit, long maxBytes)
			throws SQLException {
		// One more shows whether there are more
		statement.setInt(3, limit + 1);
		statement.setLong(4, maxBytes);
		ResultSet result = statement.executeQuery();
		List<StoredEvent> events = new ArrayList<>();
		long found = 0;
		while (events.size() < limit && result.next()) {
			events.add(EventRows.event(result));
			found = result.getLong("found");
		}
		long last = (events.isEmpty()) ? afterSequence : events.get(events.size() - 1).sequence();
		return new EventPage(events, last, events.size() < found);
	}

}
