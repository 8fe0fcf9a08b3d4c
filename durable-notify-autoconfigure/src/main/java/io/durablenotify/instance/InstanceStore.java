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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The SQL of instances. All times are the database's.
 */
interface InstanceStore {

	/**
	 * Begin a lease.
	 * @return the id of its holder
	 */
	long register(Connection connection, String name, Duration lease) throws SQLException;

	/**
	 * Renew leases, also those that have run out, unless another instance has taken over.
	 * @param leases their lengths, by the ids of their holders
	 */
	Renewed renew(Connection connection, Map<Long, Duration> leases) throws SQLException;

	/**
	 * Mark instances whose leases have run out, so that they cannot be renewed.
	 * @param ids the instances; those whose leases were renewed meanwhile are left out
	 * @return all that are marked, by this call or an earlier one
	 */
	List<Gone> markGone(Connection connection, Collection<Long> ids) throws SQLException;

	/**
	 * Begin a transaction in which each statement sees what was committed before it. The
	 * server ends it if this instance is stopped in it.
	 */
	void begin(Connection connection) throws SQLException;

	/**
	 * Lock an instance that is gone, so that nothing can be claimed for it.
	 * @return whether it was locked; otherwise another instance is taking over, or a
	 * claim for it has not been committed yet
	 */
	boolean lockGone(Connection connection, long instanceId) throws SQLException;

	/**
	 * Remove an instance that holds nothing.
	 */
	void remove(Connection connection, long instanceId) throws SQLException;

	/**
	 * What a renewal found.
	 *
	 * @param ids the holders whose leases were renewed
	 * @param others by other holders, how long their leases have left, negative or zero
	 * for those that have run out
	 * @param serverTime what the database's clock said
	 */
	record Renewed(Set<Long> ids, Map<Long, Duration> others, Duration serverTime) {
	}

	/**
	 * An instance that is gone.
	 *
	 * @param name its name, for log lines
	 */
	record Gone(long id, String name) {
	}

}
