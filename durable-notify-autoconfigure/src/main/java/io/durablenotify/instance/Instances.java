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

package io.durablenotify.instance;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

import io.durablenotify.Subscription;

/**
 * This instance among those that share the schema. It has one row in the database for
 * each length of lease in use (normally one), and one statement renews them all, on a
 * separate thread and connection: neither a busy pool nor a handler that hangs delays it.
 */
public interface Instances {

	/**
	 * Return the lease of that length that this instance holds, beginning it if there is
	 * none. The first call for a length waits for the server.
	 * @param duration how long others wait for a renewal before they take over
	 * @return the lease
	 * @throws org.springframework.dao.DataAccessResourceFailureException if the server
	 * could not be reached
	 */
	Lease lease(Duration duration);

	/**
	 * Register a callback for a lost lease. Called on the renewing thread: must return at
	 * once.
	 * @param listener is given the lease
	 * @return the registration
	 */
	Subscription onLost(Consumer<Lease> listener);

	/**
	 * Return the leases of this instance that have begun and are not lost.
	 * @return the leases
	 */
	List<Lease> leases();

	/**
	 * Return how long ago the last renewal was sent that has succeeded.
	 * @return the time of the lease that was renewed longest ago, zero before the first
	 * renewal
	 */
	Duration sinceRenewal();

}
