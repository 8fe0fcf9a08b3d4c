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

package io.durablenotify.wakeup;

/**
 * The mode in which other instances are notified of writes.
 */
public enum WakeupMode {

	/**
	 * After the commit, many changes in one NOTIFY. A crash between the two costs one
	 * poll interval.
	 */
	AFTER_COMMIT,

	/**
	 * Removed: must not be used. The payload of a wake-up is made for instances of this
	 * library only, so that no other listener gains from it.
	 * @deprecated in favor of {@link #AFTER_COMMIT}, and of a NOTIFY of the application's
	 * own for other listeners
	 */
	@Deprecated(since = "0.1.0")
	IN_TRANSACTION,

	/**
	 * Not at all: other instances rely on their poll.
	 */
	NONE

}
