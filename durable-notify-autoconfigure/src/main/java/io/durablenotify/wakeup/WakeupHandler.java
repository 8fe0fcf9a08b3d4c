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
 * Receives the wake-ups of a topic. Called on the committing thread or on the listener's:
 * note what has to be fetched and return; never block, never throw.
 */
public interface WakeupHandler {

	/**
	 * Fetch what moved.
	 * @param wakeup what moved
	 */
	void onWakeup(Wakeup wakeup);

	/**
	 * Return whether this instance handles what moved, so that no other needs to be
	 * notified. Asked for its own wake-ups, after {@link #onWakeup}.
	 * @param wakeup what moved
	 * @return whether it does
	 */
	default boolean handlesAlone(Wakeup wakeup) {
		return false;
	}

	/**
	 * Fetch everything: wake-ups may have been missed.
	 */
	void onResync();

}
