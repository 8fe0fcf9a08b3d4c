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

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * An item as {@link WorkAdmin} shows it, without its payload. An ordering key that is not
 * dead is shown as one for all of its items.
 *
 * @param id the item's id, unique among those with an ordering key, or without one
 * @param state what becomes of it
 * @param key its key, or {@code null}
 * @param orderingKey its ordering key, or {@code null}
 * @param enqueuedAt when it was enqueued, by the database's clock like the other times
 * @param at when it is due, or when it died; {@code null} for an ordering key that waits
 * for a dead item
 * @param failures how many attempts have failed
 * @param lastError why the last attempt failed, or {@code null}
 */
public record StoredWork(long id, State state, @Nullable String key, @Nullable String orderingKey, Instant enqueuedAt,
		@Nullable Instant at, int failures, @Nullable String lastError) {

	/**
	 * What becomes of an item.
	 */
	public enum State {

		/**
		 * It is handled once it is due.
		 */
		PENDING,

		/**
		 * An instance has claimed it.
		 */
		RUNNING,

		/**
		 * It has failed too often, or for good.
		 */
		DEAD

	}

}
