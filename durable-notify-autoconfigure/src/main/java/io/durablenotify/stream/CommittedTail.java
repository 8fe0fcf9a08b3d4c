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
	private static final String FIND = """
			WITH own AS MATERIALIZED (
				SELECT pg_current_xact_id_if_assigned()::text::bigint AS xact,
					pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xact)
			SELECT s.stream_id, NOT ${own_stream} AS visible,
				coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c
					WHERE c.stream_id = s.stream_id AND NOT ${own_chunk} ORDER BY c.chunk_index DESC LIMIT 1), 0) AS next_index
			FROM ${schema}.streams s CROSS JOIN own WHERE s.name = ?
			""";

	private static final String OWN = """
			coalesce((SELECT CASE WHEN n.xact < own.next_xact THEN ${schema}.in_progress(n.xact::text::xid8)
					ELSE n.xact < own.next_xact + 1000000 END
				FROM (SELECT own.xact + (${row}.xmin::text::bigint - own.xact % 4294967296 + 4294967296) % 4294967296) AS n(xact)
				), false)""";

	private final String find;

	CommittedTail(SchemaName schema) {
		this.find = schema.qualify(FIND.replace("${own_stream}", OWN.replace("${row}", "s"))
			.replace("${own_chunk}", OWN.replace("${row}", "c")));
	}

	Optional<Tail> find(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, stream);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(new Tail(result.getLong(1), result.getBoolean(2), result.getLong(3)))
					: Optional.empty();
		}
	}

}
