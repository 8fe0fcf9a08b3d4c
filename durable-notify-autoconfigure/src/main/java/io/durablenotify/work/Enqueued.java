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

/**
 * The outcome of enqueueing.
 *
 * @param id the item's id, unique among items with an ordering key, or among those
 * without
 * @param outcome what became of the request
 */
public record Enqueued(long id, Outcome outcome) {

	/**
	 * What became of a request.
	 */
	public enum Outcome {

		/**
		 * A new item is stored.
		 */
		ENQUEUED,

		/**
		 * There was an item with this key. Its handler runs at least once after the
		 * caller's commit, also if it is running now.
		 */
		COALESCED

	}

}
