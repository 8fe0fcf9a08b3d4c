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

package io.durablenotify.workflow;

/**
 * Handles timers that have expired. Each bean of this type is called for the timers that
 * were set with its name.
 */
public interface TimerHandler {

	/**
	 * Return the name. Called at the start.
	 * @return the name, which one handler in this application has
	 */
	String name();

	/**
	 * A timer has expired. Called by several threads for different timers, and by one for
	 * the same, over all instances of the application. A timer that is cancelled while
	 * this runs, and set again, is another one.
	 * @param timer the timer
	 * @throws Exception if the attempt failed: it is retried after the backoff of
	 * {@code durable-notify.work}
	 */
	void onTimer(Timer timer) throws Exception;

	/**
	 * Return whether {@link #onTimer} is called in a transaction, with which the timer is
	 * completed exactly once. Called at the start.
	 * @return whether it is, by default not
	 */
	default boolean transactional() {
		return false;
	}

}
