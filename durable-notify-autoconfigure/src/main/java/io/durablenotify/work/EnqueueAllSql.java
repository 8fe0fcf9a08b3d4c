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

package io.durablenotify.work;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToLongFunction;

import io.durablenotify.database.LimitedStatement;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/**
 * The SQL that enqueues many items of a queue with one statement, as {@link EnqueueSql}
 * does one by one.
 * <p>
 * Items are stored, and keys locked, in the order of the list. Nothing is stored where
 * the queue does not exist.
 */
final class EnqueueAllSql {

	/**
	 * Set-returning functions in the list of columns need no temporary storage, and keep
	 * the order. Empty in place of null, which with {@code array_nulls=off} would be the
	 * text NULL.
	 */
	private static final String ROWS = """
			FROM (SELECT q.queue_id, q.name, unnest(?::bigint[]) AS due_at, unnest(?::bigint[]) AS due_in,
				unnest(?::text[]) AS key, unnest(?::text[]) AS headers, unnest(?::bytea[]) AS payload
				FROM ${schema}.work_queues q WHERE q.name = ? OFFSET 0) u
			""";

	private static final String DUE = """
			greatest(clock_timestamp(), 'epoch'::timestamptz + u.due_at * interval '1 microsecond')
				+ u.due_in * interval '1 microsecond'""";

	/**
	 * Without keys, headers and due times of their own. A time from before they are due
	 * will do for the wake-up, and is computed once.
	 */
	private static final String INSERT = """
			INSERT INTO ${schema}.work_items (queue_id, payload)
			SELECT q.queue_id, unnest(?::bytea[]) FROM ${schema}.work_queues q WHERE q.name = ?
			RETURNING queue_id, item_id, (SELECT ${schema}.work_micros(statement_timestamp())), false, false
			""";

	/**
	 * @see EnqueueSql#COALESCE
	 */
	private static final String COALESCE = """
			INSERT INTO ${schema}.work_items AS i (queue_id, due_at, key, headers, payload)
			SELECT u.queue_id, ${due}, u.key, nullif(u.headers, ''), u.payload ${rows}
			ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO UPDATE SET rev = i.rev + 1, ${changes}
			RETURNING i.queue_id, i.item_id,
				CASE WHEN i.due_at < statement_timestamp() THEN 9223372036854775807 ELSE ${schema}.work_micros(i.due_at) END,
				i.rev > 0, ${held}
			""";

	/**
	 * This statement's own snapshot decides whether a queue exists. The function takes
	 * one for each of its statements, and so would find a queue that is created in the
	 * meantime for the last items only.
	 */
	private static final String APPEND = """
			SELECT a.queue_id, a.item_id, a.due, false, false ${rows}
			CROSS JOIN LATERAL ${schema}.work_append(u.name, u.key, u.due_at, u.due_in, nullif(u.headers, ''), u.payload) a
			""";

	private final String insert;

	private final LimitedStatement coalesce;

	private final LimitedStatement replace;

	private final LimitedStatement append;

	EnqueueAllSql(SchemaName schema) {
		String coalesce = COALESCE.replace("${due}", DUE).replace("${rows}", ROWS);
		this.insert = schema.qualify(INSERT);
		this.coalesce = new LimitedStatement(schema.qualify(EnqueueSql.coalesce(coalesce, false)));
		this.replace = new LimitedStatement(schema.qualify(EnqueueSql.coalesce(coalesce, true)));
		this.append = new LimitedStatement(schema.qualify(APPEND.replace("${rows}", ROWS)));
	}

	/**
	 * Insert items that are due now, without keys and headers.
	 * @return what was stored, nothing if the queue does not exist
	 */
	List<@Nullable StoredItem> insert(Connection connection, List<NewItem> items) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.insert)) {
			transferInBinary(statement);
			statement.setObject(1, payloads(items));
			statement.setString(2, items.get(0).queue());
			return read(statement.executeQuery(), items.size());
		}
	}

	/**
	 * Insert items with different keys, or coalesce them into those that are there; all
	 * or none of them are replacing.
	 * @return what was stored, nothing if the queue does not exist
	 */
	List<@Nullable StoredItem> coalesce(Connection connection, List<NewItem> items, Duration lockTimeout)
			throws SQLException {
		return store(connection, (items.get(0).replacing()) ? this.replace : this.coalesce, items, lockTimeout);
	}

	/**
	 * Append items to their ordering keys.
	 * @return what was stored, nothing if the queue does not exist
	 */
	List<@Nullable StoredItem> append(Connection connection, List<NewItem> items, Duration lockTimeout)
			throws SQLException {
		return store(connection, this.append, items, lockTimeout);
	}

	private static List<@Nullable StoredItem> store(Connection connection, LimitedStatement limited,
			List<NewItem> items, Duration lockTimeout) throws SQLException {
		try (PreparedStatement statement = limited.prepare(connection, !connection.getAutoCommit(), lockTimeout)) {
			transferInBinary(statement);
			statement.setObject(2, longs(items, NewItem::dueAtMicros));
			statement.setObject(3, longs(items, NewItem::dueInMicros));
			statement.setObject(4, texts(items, NewItem::lockedKey));
			statement.setObject(5, texts(items, NewItem::headers));
			statement.setObject(6, payloads(items));
			statement.setString(7, items.get(0).queue());
			return read(LimitedStatement.executeForResult(statement, 0), items.size());
		}
	}

	static byte[][] payloads(List<NewItem> items) {
		return items.stream().map(NewItem::payload).toArray(byte[][]::new);
	}

	static String[] texts(List<NewItem> items, Function<NewItem, @Nullable String> text) {
		return items.stream().map((item) -> Objects.requireNonNullElse(text.apply(item), "")).toArray(String[]::new);
	}

	static long[] longs(List<NewItem> items, ToLongFunction<NewItem> value) {
		return items.stream().mapToLong(value).toArray();
	}

	private static List<@Nullable StoredItem> read(ResultSet result, int count) throws SQLException {
		List<@Nullable StoredItem> stored = new ArrayList<>(count);
		while (result.next()) {
			int queueId = result.getInt(1);
			if (!result.wasNull()) {
				stored.add(new StoredItem(queueId, result.getLong(2), result.getBoolean(4), result.getLong(3),
						result.getBoolean(5)));
			}
		}
		return stored;
	}

	/**
	 * Arrays go as text, twice as long, until a statement is prepared on the server. That
	 * is from its fifth execution on. Not where the user has turned that off.
	 */
	static void transferInBinary(PreparedStatement statement) throws SQLException {
		if (statement.isWrapperFor(PGStatement.class)) {
			PGStatement driverStatement = statement.unwrap(PGStatement.class);
			if (driverStatement.getPrepareThreshold() > 1) {
				driverStatement.setPrepareThreshold(1);
			}
		}
	}

}
