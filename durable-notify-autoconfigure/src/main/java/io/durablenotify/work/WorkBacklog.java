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
import java.sql.SQLException;
import java.util.List;

/**
 * Reads what is stored of all queues, for what observes them all the time.
 */
public interface WorkBacklog {

	/**
	 * Read what is stored.
	 * @param connection the connection
	 * @return the queues, in no order
	 * @throws SQLException if the database fails
	 */
	List<QueueBacklog> read(Connection connection) throws SQLException;

}
