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
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.durablenotify.database.Conflicts;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.Spelling;
import io.durablenotify.schema.SchemaName;

/**
 * The SQL of instances. All times are the database's.
 */
final class InstanceStore {

	/**
	 * Begins a text that is one transaction. Where the driver sends its statements one by
	 * one, the server ends it if this instance is stopped in it.
	 */
	private static final String BEGIN = ReadCommitted.FIRST + """
			;
			SELECT set_config('idle_in_transaction_session_timeout', '5s', true) IS NOT NULL;
			""";

	private static final String REGISTER = BEGIN + """
			INSERT INTO ${schema}.instances (instance_id, lease_until, name) OVERRIDING SYSTEM VALUE
			VALUES (${schema}.next_instance_id(), clock_timestamp() + ?::bigint * interval '1 millisecond', ?)
			RETURNING instance_id
			""";

	/**
	 * A lease that has run out is renewed too, as long as no other instance has marked
	 * it. Both lock the row, and check again what they waited for, in READ COMMITTED: in
	 * SERIALIZABLE two renewals at the same time would fail, for each reads all rows.
	 */
	private static final String RENEW = BEGIN + """
			WITH renewed AS (
				UPDATE ${schema}.instances i
				SET lease_until = clock_timestamp() + l.millis * interval '1 millisecond'
				FROM unnest(?::bigint[], ?::bigint[]) AS l(instance_id, millis)
				WHERE i.instance_id = l.instance_id AND i.gone_at IS NULL
				RETURNING i.instance_id)
			SELECT r.instance_id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, NULL::bigint
			FROM (SELECT) one LEFT JOIN renewed r ON true
			UNION ALL
			SELECT o.instance_id, NULL, (extract(epoch FROM o.lease_until - clock_timestamp()) * 1000)::bigint
			FROM ${schema}.instances o WHERE NOT o.instance_id = ANY (?::bigint[])
			""";

	/**
	 * Not FOR UPDATE, which a claim that is under way for the instance would keep away.
	 */
	private static final String MARK_GONE = BEGIN + """
			UPDATE ${schema}.instances SET gone_at = clock_timestamp()
			WHERE instance_id IN (SELECT instance_id FROM ${schema}.instances
				WHERE lease_until < clock_timestamp() AND gone_at IS NULL AND instance_id = ANY (?::bigint[])
				FOR NO KEY UPDATE SKIP LOCKED)
			""";

	private static final String FIND_GONE = """
			SELECT instance_id, name FROM ${schema}.instances WHERE gone_at IS NOT NULL ORDER BY instance_id
			""";

	/**
	 * Excludes claims, which lock the row FOR KEY SHARE.
	 */
	private static final String LOCK_GONE = """
			SELECT instance_id FROM ${schema}.instances WHERE instance_id = ? FOR UPDATE SKIP LOCKED
			""";

	private static final String REMOVE = """
			DELETE FROM ${schema}.instances WHERE instance_id = ?
			""";

	private final String register;

	private final String renew;

	private final String markGone;

	private final String findGone;

	private final String lockGone;

	private final String remove;

	InstanceStore(SchemaName schema) {
		this.register = schema.qualify(REGISTER);
		this.renew = schema.qualify(RENEW);
		this.markGone = schema.qualify(MARK_GONE);
		this.findGone = schema.qualify(FIND_GONE);
		this.lockGone = schema.qualify(LOCK_GONE);
		this.remove = schema.qualify(REMOVE);
	}

	/**
	 * Begin a lease.
	 * @return the id of its holder
	 */
	long register(Connection connection, String name, Duration lease) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.register)) {
			statement.setLong(1, lease.toMillis());
			statement.setString(2, Spelling.approximate(connection, name));
			ResultSet result = execute(statement);
			result.next();
			return result.getLong(1);
		}
	}

	/**
	 * Renew leases, also those that have run out, unless another instance has taken over.
	 * @param leases their lengths, by the ids of their holders
	 */
	Renewed renew(Connection connection, Map<Long, Duration> leases) throws SQLException {
		long[] ids = leases.keySet().stream().mapToLong(Long::longValue).toArray();
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.renew)) {
			statement.setObject(1, ids);
			statement.setObject(2, leases.values().stream().mapToLong(Duration::toMillis).toArray());
			statement.setObject(3, ids);
			ResultSet result = execute(statement);
			Set<Long> renewed = new HashSet<>();
			Map<Long, Duration> others = new HashMap<>();
			Duration serverTime = Duration.ZERO;
			while (result.next()) {
				long id = result.getLong(1);
				boolean none = result.wasNull();
				long time = result.getLong(2);
				if (result.wasNull()) {
					others.put(id, Duration.ofMillis(result.getLong(3)));
				}
				else {
					serverTime = Duration.ofMillis(time);
					if (!none) {
						renewed.add(id);
					}
				}
			}
			return new Renewed(renewed, others, serverTime);
		}
	}

	private static ResultSet execute(PreparedStatement statement) throws SQLException {
		OneTransaction.execute(statement);
		statement.getMoreResults();
		statement.getMoreResults();
		return statement.getResultSet();
	}

	/**
	 * Mark instances whose leases have run out, so that they cannot be renewed.
	 * @param ids the instances; those whose leases were renewed meanwhile are left out
	 * @return all that are marked, by this call or an earlier one
	 */
	List<Gone> markGone(Connection connection, Collection<Long> ids) throws SQLException {
		try (PreparedStatement statement = OneTransaction.prepare(connection, this.markGone)) {
			statement.setObject(1, ids.stream().mapToLong(Long::longValue).toArray());
			OneTransaction.execute(statement);
		}
		return Conflicts.repeat((session, joined) -> findGone(session)).run(connection, false);
	}

	private List<Gone> findGone(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findGone)) {
			ResultSet result = statement.executeQuery();
			List<Gone> gone = new ArrayList<>();
			while (result.next()) {
				gone.add(new Gone(result.getLong(1), String.valueOf(result.getString(2))));
			}
			return gone;
		}
	}

	/**
	 * Begin a transaction in which each statement sees what was committed before it. The
	 * server ends it if this instance is stopped in it.
	 */
	void begin(Connection connection) throws SQLException {
		ReadCommitted.begin(connection);
		try (Statement statement = connection.createStatement()) {
			statement.execute("SET LOCAL idle_in_transaction_session_timeout = '5s'");
		}
	}

	/**
	 * Lock an instance that is gone, so that nothing can be claimed for it.
	 * @return whether it was locked; otherwise another instance is taking over, or a
	 * claim for it has not been committed yet
	 */
	boolean lockGone(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.lockGone)) {
			statement.setLong(1, instanceId);
			return statement.executeQuery().next();
		}
	}

	/**
	 * Remove an instance that holds nothing.
	 */
	void remove(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.remove)) {
			statement.setLong(1, instanceId);
			statement.executeUpdate();
		}
	}

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
