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
 * Handles items of work.
 */
@FunctionalInterface
public interface WorkHandler {

	/**
	 * Handle an item. Called on a thread of the work executor, by several at once as the
	 * concurrency allows, and in the engine's transaction if the listener is
	 * transactional.
	 * @param item the item
	 * @return the outcome
	 * @throws Exception if the attempt failed: the item is retried after the backoff. A
	 * {@link PermanentFailureException} makes it dead at once
	 */
	WorkOutcome handle(WorkItem item) throws Exception;

}
