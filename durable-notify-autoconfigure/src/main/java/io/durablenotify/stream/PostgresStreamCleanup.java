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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.Spelling;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * Cleans up on PostgreSQL. A slice is {@link OneTransaction one transaction} and, but in
 * the driver's simple mode, one round trip: no client can leave it open, however it dies.
 * The lock that makes it one instance's at a time is the transaction's too: a session's
 * would remain in a pooler.
 */
final class PostgresStreamCleanup implements StreamCleanup {

	static final int CHUNKS_PER_SLICE = 5_000;

	static final int STREAMS_PER_SLICE = 1_000;

	/**
	 * A large chunk is stored as many rows, and all of them are removed with it.
	 */
	private static final int BYTES_PER_SLICE = 64 * 1024 * 1024;

	/**
	 * How long ago a stream's time was over that is found without checking all.
	 */
	private static final Duration RECENT = Duration.ofHours(1);

	/**
	 * A separate statement, so that the following ones see what the last holder of the
	 * lock has done, in READ COMMITTED. The locks on rows are never waited for; those on
	 * tables, by a DBA, not for long.
	 */
	private static final String TRY_LOCK = """
			SELECT set_config('lock_timeout', '1s', true) IS NOT NULL,
				set_config('statement_timeout', '0', true) IS NOT NULL, set_config('durable_notify.turn',
				pg_try_advisory_xact_lock(hashtextextended('${schema}.deleted_streams', 0))::text, true) IS NOT NULL
			""";

	/**
	 * Has the chunks of what is gone removed. Rows of both tables that were restored may
	 * name a stream that was deleted once before.
	 */
	static final String KEEP_DELETED = """
			INSERT INTO ${schema}.deleted_streams (stream_id) SELECT stream_id FROM gone
			ON CONFLICT (stream_id) DO UPDATE SET deleted_at = excluded.deleted_at, next_index = 0
			RETURNING stream_id
			""";

	private static final String LOCKED = "current_setting('durable_notify.turn') = 'true'";

	/**
	 * By the database's clock and the indexes on both times. A stream that another
	 * transaction has locked is left to the next time. With the index on the end alone,
	 * streams of other families are passed over: those that are kept for long would be so
	 * every time, without a lower bound.
	 */
	private static final String DELETE_HEADS = """
			WITH rules AS MATERIALIZED (
				SELECT prefix, nullif(given, -1) AS millis, now() - nullif(given, -1) * interval '1 millisecond' AS until
				FROM unnest(?::text[], ?::bigint[]) AS rule(prefix, given)),
			expired AS MATERIALIZED (
				SELECT stream_id FROM ${schema}.streams WHERE ${locked} AND expires_at <= now()
				ORDER BY expires_at LIMIT ${streams} FOR UPDATE SKIP LOCKED),
			outlived AS MATERIALIZED (
				SELECT o.stream_id FROM rules r CROSS JOIN LATERAL (
					SELECT s.stream_id FROM ${schema}.streams s
					WHERE ${locked} AND s.ended_at <= r.until
						AND s.ended_at > coalesce(r.until - ?::bigint * interval '1 millisecond', '-infinity')
						AND starts_with(s.name, r.prefix)
						AND NOT EXISTS (SELECT FROM rules longer
							WHERE length(longer.prefix) > length(r.prefix) AND starts_with(s.name, longer.prefix))
					ORDER BY s.ended_at LIMIT ${streams} FOR UPDATE SKIP LOCKED) o
				WHERE r.millis IS NOT NULL LIMIT ${streams}),
			gone AS (
				DELETE FROM ${schema}.streams
				WHERE stream_id = ANY(ARRAY(SELECT stream_id FROM expired UNION SELECT stream_id FROM outlived))
				RETURNING stream_id)
			"""
			+ KEEP_DELETED;

	/**
	 * Whether the stream is there in spite of its row here: rows were restored. Its
	 * chunks stay. OFFSET 0 has it looked up by its id.
	 */
	private static final String IS_THERE = """
			EXISTS (SELECT FROM ${schema}.streams s WHERE s.stream_id = d.stream_id OFFSET 0)""";

	/**
	 * Every chunk of a stream is visible before its id can be. Appends lock the stream's
	 * row until their commit, and the deletion waited for it. From each stream a slice
	 * takes the first ones that are left, by the chunks' primary key. They are removed by
	 * their place, which no plan can turn into reading the whole table; no other code
	 * updates or deletes any.
	 */
	private static final String DELETE_CHUNKS = """
			WITH deleted AS MATERIALIZED (
				SELECT stream_id, next_index FROM ${schema}.deleted_streams d
				WHERE ${locked} AND stream_id > ? AND NOT ${is_there}
				ORDER BY stream_id LIMIT ${streams}),
			slice AS MATERIALIZED (
				SELECT place FROM (
					SELECT place,
						sum(bytes) OVER (ORDER BY stream_id, chunk_index) - bytes AS bytes_before
					FROM (
						SELECT d.stream_id, c.* FROM deleted d CROSS JOIN LATERAL (
							SELECT chunk_index, ctid AS place, octet_length(data)::bigint AS bytes FROM ${schema}.stream_chunks
							WHERE stream_id = d.stream_id AND chunk_index >= d.next_index
							ORDER BY chunk_index LIMIT ${chunks}) c
						LIMIT ${chunks}) candidate) sized
				WHERE bytes_before < ${bytes}),
			removed AS (
				DELETE FROM ${schema}.stream_chunks WHERE ctid = ANY(ARRAY(SELECT place FROM slice))
				RETURNING stream_id, chunk_index),
			moved AS (
				UPDATE ${schema}.deleted_streams d SET next_index = r.next_index
				FROM (SELECT stream_id, max(chunk_index) + 1 AS next_index FROM removed GROUP BY stream_id) r
				WHERE d.stream_id = r.stream_id)
			SELECT coalesce((SELECT max(stream_id) FROM removed), (SELECT max(stream_id) FROM deleted), 0)
			""";

	private static final String FORGET_EMPTY = """
			DELETE FROM ${schema}.deleted_streams d
			WHERE d.stream_id IN (SELECT stream_id FROM ${schema}.deleted_streams WHERE ${locked} AND stream_id > ?
					ORDER BY stream_id LIMIT ${streams})
				AND (${is_there} OR NOT EXISTS (SELECT FROM ${schema}.stream_chunks c
					WHERE c.stream_id = d.stream_id AND c.chunk_index >= d.next_index))
			""";

	private static final String ASK_FOR_MORE = """
			SELECT ${locked} AND EXISTS (SELECT FROM ${schema}.deleted_streams)
			""";

	private final String clean;

	PostgresStreamCleanup(SchemaName schema) {
		this.clean = schema.qualify(
				String.join(";", ReadCommitted.FIRST, TRY_LOCK, DELETE_HEADS, DELETE_CHUNKS, FORGET_EMPTY, ASK_FOR_MORE)
					.replace("${locked}", LOCKED)
					.replace("${is_there}", IS_THERE)
					.replace("${streams}", String.valueOf(STREAMS_PER_SLICE))
					.replace("${chunks}", String.valueOf(CHUNKS_PER_SLICE))
					.replace("${bytes}", String.valueOf(BYTES_PER_SLICE)));
	}

	@Override
	public Slice clean(Connection connection, StreamRetention retention, boolean all, long after) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.clean)) {
			Map<String, @Nullable Duration> byPrefix = retention.byPrefix();
			// No stream has another, and all streams wait for this statement
			List<String> prefixes = Spelling.possible(connection, byPrefix.keySet());
			statement.setObject(1, prefixes.toArray(String[]::new));
			statement.setObject(2, prefixes.stream().mapToLong((prefix) -> millis(byPrefix.get(prefix))).toArray());
			statement.setObject(3, (all) ? null : RECENT.toMillis(), Types.BIGINT);
			statement.setLong(4, after);
			statement.setLong(5, after);
			OneTransaction.execute(statement);
			statement.getMoreResults();
			List<Long> deleted = new ArrayList<>();
			ResultSet heads = next(statement);
			while (heads.next()) {
				deleted.add(heads.getLong(1));
			}
			ResultSet chunks = next(statement);
			chunks.next();
			long last = chunks.getLong(1);
			statement.getMoreResults();
			ResultSet more = next(statement);
			more.next();
			return new Slice(deleted, last, more.getBoolean(1) || deleted.size() >= STREAMS_PER_SLICE);
		}
	}

	/**
	 * Never null: with {@code array_nulls=off} that would be the text NULL.
	 */
	private static long millis(@Nullable Duration duration) {
		return (duration != null) ? duration.toMillis() : -1;
	}

	private static ResultSet next(PreparedStatement statement) throws SQLException {
		statement.getMoreResults();
		return statement.getResultSet();
	}

}
