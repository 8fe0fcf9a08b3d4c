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

import java.sql.ResultSet;
import java.sql.SQLException;

import io.durablenotify.database.Headers;
import io.durablenotify.database.Instants;

/**
 * Reads rows with all columns of an event.
 */
final class EventRows {

	private EventRows() {
	}

	static StoredEvent event(ResultSet result) throws SQLException {
		return new StoredEvent(result.getString("run_id"), result.getLong("sequence"), result.getString("event_id"),
				result.getString("type"), result.getString("correlation_id"), result.getString("payload"),
				result.getString("idempotency_key"), Instants.read(result, "created_at"),
				Headers.parse(result.getString("headers")));
	}

}
