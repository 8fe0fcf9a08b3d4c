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
 * Registers handlers whose queues need a preparation, for the other packages of
 * durable-notify. Thread-safe.
 */
@FunctionalInterface
public interface QueueListeners {

	/**
	 * Register a handler as {@link WorkListeners#register} does.
	 * @param spec the queues and how to handle them
	 * @param handler the handler
	 * @param preparation called in no transaction before the queues are registered: by
	 * the caller, who gets its exception, or by the listener's thread, which logs it and
	 * calls again. Where the application defines {@link WorkListeners} of its own, it is
	 * called by the caller only, outside of a transaction
	 * @return the registration
	 */
	Subscription register(WorkListenerSpec spec, WorkHandler handler, Runnable preparation);

}
