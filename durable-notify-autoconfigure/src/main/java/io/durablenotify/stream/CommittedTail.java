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
import java.util.Optional;

import io.durablenotify.log.LogStore.Tail;
import io.durablenotify.schema.SchemaName;

/**
 * The SQL that finds the end of a stream without the chunks of the current transaction.
 */
final class CommittedTail {

	private static final String FIND = """
			SELECT head.stream_id, true AS visible, head.next_index, ${start}
			FROM (SELECT s.stream_id, coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c
					WHERE c.stream_id = s.stream_id ORDER BY c.chunk_index DESC LIMIT 1), 0) AS next_index
				FROM ${schema}.streams s WHERE s.name = ? OFFSET 0) head
			CROSS JOIN (SELECT ?::bigint) wanted(count)
			""";

	/**
	 * Finds the end for other transactions, in a transaction that may have written to the
	 * stream. Of what is visible, the rows of that transaction and its savepoints do not
	 * count. They are found by xmin, which a row keeps forever and whose upper half is
	 * added here. Whether a number belongs to this transaction is known from its status:
	 * what is visible and yet in progress is ours. The server has no status for numbers
	 * that the snapshot does not know; of these, what is visible is ours too, but for
	 * rows from four thousand million transactions ago. Reads backwards from the end, no
	 * further than our rows go.
	 */
	private static final String FIND_OF_OTHERS = """
			WITH own AS MATERIALIZED (
				SELECT pg_current_xact_id_if_assigned()::text::bigint AS xact,
					pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xact),
			head AS MATERIALIZED (
				SELECT s.stream_id, NOT ${own_stream} AS visible,
					coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c
						WHERE c.stream_id = s.stream_id AND NOT ${own_chunk} ORDER BY c.chunk_index DESC LIMIT 1), 0) AS next_index
				FROM ${schema}.streams s CROSS JOIN own WHERE s.name = ?)
			SELECT head.stream_id, head.visible, head.next_index, ${start} FROM head CROSS JOIN (SELECT ?::bigint) wanted(count)
			""";

	private static final String OWN = """
			coalesce((SELECT CASE WHEN n.xact < own.next_xact THEN ${schema}.in_progress(n.xact::text::xid8)
					ELSE n.xact < own.next_xact + 1000000 END
				FROM (SELECT own.xact + (${row}.xmin::text::bigint - own.xact % 4294967296 + 4294967296) % 4294967296) AS n(xact)
				), false)""";

	/**
	 * The index of the first of the chunks that are wanted and left. The first that is
	 * left is searched only where the one to begin with is missing.
	 */
	static final String START = """
			greatest(head.next_index - wanted.count, 0, CASE WHEN wanted.count > 0 THEN coalesce(
				(SELECT c.chunk_index FROM ${schema}.stream_chunks c
					WHERE c.stream_id = head.stream_id AND c.chunk_index = head.next_index - wanted.count),
				(SELECT c.chunk_index FROM ${schema}.stream_chunks c
					WHERE c.stream_id = head.stream_id ORDER BY c.chunk_index LIMIT 1)) END)""";

	private final String find;

	private final String findOfOthers;

	CommittedTail(SchemaName schema) {
		this.find = schema.qualify(FIND.replace("${start}", START));
		this.findOfOthers = schema.qualify(FIND_OF_OTHERS.replace("${own_stream}", OWN.replace("${row}", "s"))
			.replace("${own_chunk}", OWN.replace("${row}", "c"))
			.replace("${start}", START));
	}

	/**
	 * Find the end of a stream.
	 * @param joined whether the transaction may have written to it
	 * @param count how many chunks before the end are wanted
	 */
	Optional<Tail> find(Connection connection, boolean joined, String stream, long count) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement((joined) ? this.findOfOthers : this.find)) {
			statement.setString(1, stream);
			statement.setLong(2, count);
			ResultSet result = statement.executeQuery();
			return (result.next())
					? Optional
						.of(new Tail(result.getLong(1), result.getBoolean(2), result.getLong(3), result.getLong(4)))
					: Optional.empty();
		}
	}

}
