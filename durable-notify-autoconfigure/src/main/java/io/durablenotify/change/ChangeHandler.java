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
 * Takes the changes of one subscription.
 * <p>
 * Calls come one after the other, on {@code durableNotifyTaskExecutor}, in no
 * transaction: data that the handler reads is at least as new as the change. A handler
 * that blocks or throws disturbs no other.
 */
@FunctionalInterface
public interface ChangeHandler {

	/**
	 * Handle a change.
	 * @param change the change
	 * @throws Exception is logged; the change is not delivered again, and the next one
	 * follows
	 */
	void onChange(Change change) throws Exception;

	/**
	 * Handle a gap: drop data that depends on the changes, such as a cache. All that is
	 * committed after this call has begun is delivered.
	 * @param gap the changes that may have been missed
	 */
	default void onGap(ChangeGap gap) {
	}

}
