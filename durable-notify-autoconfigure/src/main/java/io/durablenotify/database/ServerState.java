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

package io.durablenotify.database;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * What the server says that may need attention. What it does not say is {@code null}.
 *
 * @param notificationQueue how much of its queue of notifications is used, from 0 to 1,
 * with four digits
 * @param clockDifference by how much its clock is ahead of this machine's, negative where
 * it is late, in milliseconds
 */
public record ServerState(@Nullable Double notificationQueue, @Nullable Duration clockDifference) {

	/**
	 * What is known before the server was asked.
	 */
	public static final ServerState UNKNOWN = new ServerState(null, null);

}
