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
 * What became of an item that was not just completed.
 *
 * @param kind what became of it
 * @param queueId the queue
 * @param dueMicros when the item is due again, or the rest of its lane;
 * {@link DatabaseMicros#NEVER} if nothing is
 */
record Returned(Kind kind, int queueId, long dueMicros) {

	/**
	 * What became of an item.
	 */
	enum Kind {

		/**
		 * It is completed.
		 */
		DONE,

		/**
		 * It is due again, and has left its claim.
		 */
		AGAIN,

		/**
		 * It is dead.
		 */
		DEAD,

		/**
		 * The caller does not hold it any more: nothing was changed.
		 */
		LOST

	}

}
