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
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

/**
 * The SQL that counts the items of queues. Each count reads a bounded part of an index.
 */
final class WorkBacklogSql implements WorkBacklog {

	/**
	 * What is claimed is due, and has a row until it is done. A message to an address is
	 * not late: it waits for its receiver.
	 */
	private static final String READ = """
			SELECT q.name, p.queue_id IS NOT NULL,
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_items i WHERE i.queue_id = q.queue_id LIMIT ${counted}) i),
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_items i
					WHERE i.queue_id = q.queue_id AND i.due_at <= statement_timestamp() LIMIT ${counted}) i),
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_claims c CROSS JOIN unnest(c.item_ids) AS u(item)
					CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item OFFSET 0) i
					WHERE c.queue_id = q.queue_id LIMIT ${counted}) r),
				(SELECT count(*) FROM (SELECT FROM ${schema}.work_dead d WHERE d.queue_id = q.queue_id LIMIT ${counted}) d),
				(SELECT ${schema}.work_micros(statement_timestamp()) - ${schema}.work_micros(i.due_at) FROM ${schema}.work_items i
					WHERE i.queue_id = q.queue_id AND q.kind IS DISTINCT FROM 'channel-direct'
						AND i.due_at <= statement_timestamp() AND i.item_id NOT IN (
						SELECT unnest(c.item_ids) FROM ${schema}.work_claims c WHERE c.queue_id = q.queue_id)
					ORDER BY i.due_at, i.item_id LIMIT 1),
				(SELECT ${schema}.work_micros(statement_timestamp()) - min(${schema}.work_micros(i.enqueued_at)) FROM (
					SELECT i.enqueued_at FROM ${schema}.work_items i WHERE i.queue_id = q.queue_id
					ORDER BY i.due_at, i.item_id LIMIT ${counted}) i)
			FROM ${schema}.work_queues q LEFT JOIN ${schema}.work_probes p ON p.queue_id = q.queue_id
			""";

	private final String read;

	WorkBacklogSql(SchemaName schema) {
		this.read = schema.qualify(READ.replace("${counted}", Integer.toString(QueueBacklog.MAX_COUNT)));
	}

	@Override
	public List<QueueBacklog> read(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.read)) {
			ResultSet result = statement.executeQuery();
			List<QueueBacklog> queues = new ArrayList<>();
			while (result.next()) {
				long running = result.getLong(5);
				queues.add(new QueueBacklog(result.getString(1), Math.max(0, result.getLong(3) - running),
						Math.max(0, result.getLong(4) - running), running, result.getLong(6), duration(result, 7),
						duration(result, 8), result.getBoolean(2)));
			}
			return queues;
		}
	}

	private static @Nullable Duration duration(ResultSet result, int column) throws SQLException {
		long micros = result.getLong(column);
		return (result.wasNull()) ? null : Duration.of(Math.max(0, micros), ChronoUnit.MICROS);
	}

}
