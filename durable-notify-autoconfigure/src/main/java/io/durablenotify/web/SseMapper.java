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

package io.durablenotify.web;

import org.jspecify.annotations.Nullable;

/**
 * Makes the events of one response.
 *
 * @param <E> the entries' type
 */
interface SseMapper<E> {

	/**
	 * Return the event of an entry.
	 * @param entry the next entry
	 * @return the event, or {@code null} if there is none
	 */
	@Nullable SseEvent map(E entry);

	/**
	 * Return whether no entry follows that one.
	 */
	default boolean isLast(E entry) {
		return false;
	}

	/**
	 * Return what was held back for an entry that did not come.
	 */
	default @Nullable SseEvent rest() {
		return null;
	}

}
