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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/**
 * The SQL of retention.
 */
interface ChangeCleanup {

	/**
	 * Note what is visible now, and delete some of what was visible a retention ago.
	 * @param connection a connection in autocommit
	 * @param retention how long changes are kept
	 * @param interval how much time lies between two notes at least
	 * @return whether there is more to delete
	 */
	boolean clean(Connection connection, Duration retention, Duration interval) throws SQLException;

}
