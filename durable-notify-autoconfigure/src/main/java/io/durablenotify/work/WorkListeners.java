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

import io.durablenotify.Subscription;

/**
 * Registers handlers of work by program, as {@link WorkListener @WorkListener} does for
 * methods. May be called from any thread.
 */
public interface WorkListeners {

	/**
	 * Register a handler, which is called on threads of
	 * {@code durableNotifyWorkExecutor}. Items are claimed once the application context
	 * has started. If the caller is in a transaction, the listener's thread registers the
	 * queues after its end, also after a rollback, and retries until that succeeds.
	 * @param spec the queues and how to handle them
	 * @param handler the handler
	 * @return the registration: cancelling it gives back what is claimed and has not
	 * begun, and does not wait for handlers that run; outside of a transaction it waits
	 * for a claim under way, up to 5 s
	 * @throws IllegalArgumentException if the specification or the handler is
	 * {@code null}
	 * @throws IllegalStateException if a queue has a listener in this application
	 * already, or the specification is transactional and there is no transaction manager
	 * of the DataSource that durable-notify uses
	 * @throws org.springframework.dao.DataAccessException if the application context has
	 * started, the caller is in no transaction, and the database fails; nothing is
	 * registered then
	 */
	Subscription register(WorkListenerSpec spec, WorkHandler handler);

	/**
	 * Register a handler of batches, otherwise as
	 * {@link #register(WorkListenerSpec, WorkHandler)}.
	 * @param spec the queues and how to handle them
	 * @param handler the handler
	 * @return the registration
	 * @throws IllegalArgumentException if the specification or the handler is
	 * {@code null}
	 * @throws IllegalStateException if a queue has a listener in this application
	 * already, or the specification is transactional and there is no transaction manager
	 * of the DataSource that durable-notify uses
	 * @throws org.springframework.dao.DataAccessException if the application context has
	 * started, the caller is in no transaction, and the database fails; nothing is
	 * registered then
	 */
	Subscription registerBatch(WorkListenerSpec spec, WorkBatchHandler handler);

}
