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

/**
 * A gap: changes of a topic that may have been missed, and will not be delivered.
 *
 * @param topic the topic
 * @param reason why
 */
public record ChangeGap(String topic, Reason reason) {

	/**
	 * Why changes may have been missed.
	 */
	public enum Reason {

		/**
		 * This instance has not read for longer than
		 * {@code durable-notify.changes.retention}.
		 */
		EXPIRED,

		/**
		 * Committed changes may be lost. Another server of the same cluster has taken
		 * over, which may lack some. Or this one was restored from a backup, or has
		 * crashed and lost transactions that did not wait for the disk. Or rows of ours
		 * were removed.
		 */
		FAILOVER,

		/**
		 * The database is in another cluster than before: it was restored or moved.
		 */
		OTHER_CLUSTER,

		/**
		 * The handler is too slow: more changes wait for it than are kept in memory. Only
		 * on other databases than PostgreSQL.
		 */
		OVERFLOW

	}

}
