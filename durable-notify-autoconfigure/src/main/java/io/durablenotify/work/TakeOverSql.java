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

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.schema.SchemaName;

/**
 * The SQL that takes over the claims of instances that are gone. In READ COMMITTED, as
 * all that takes over.
 */
final class TakeOverSql {

	/**
	 * How many claims are taken over at once.
	 */
	private static final int SLICE = 20;

	private static final String TAKE_OVER = """
			SELECT queue_id, due, freed FROM ${schema}.work_take_over(?, ?)
			""";

	private static final String IS_HOLDER = """
			SELECT EXISTS (SELECT FROM ${schema}.work_claims WHERE instance_id = ?)
			""";

	/**
	 * An instance of the version before removes the row of another without knowing of its
	 * claims. From one entry of the index to the next instance's: a claim more costs
	 * nothing.
	 */
	private static final String ORPHANS = """
			WITH RECURSIVE holders(instance_id) AS (
				SELECT min(instance_id) FROM ${schema}.work_claims
				UNION ALL
				SELECT (SELECT min(c.instance_id) FROM ${schema}.work_claims c WHERE c.instance_id > h.instance_id)
				FROM holders h WHERE h.instance_id IS NOT NULL)
			SELECT h.instance_id FROM holders h WHERE h.instance_id IS NOT NULL
				AND NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = h.instance_id)
			""";

	private final String takeOver;

	private final String isHolder;

	private final String orphans;

	TakeOverSql(SchemaName schema) {
		this.takeOver = schema.qualify(TAKE_OVER);
		this.isHolder = schema.qualify(IS_HOLDER);
		this.orphans = schema.qualify(ORPHANS);
	}

	/**
	 * What of one claim was taken over.
	 *
	 * @param queueId the queue
	 * @param dueMicros when its items are due
	 * @param items how many
	 */
	record TakenOver(int queueId, long dueMicros, int items) {
	}

	/**
	 * Take over a slice of what an instance held. What is locked is skipped, and stays,
	 * as does an item that a trigger or a constraint keeps from being changed.
	 * @return by claim, what was taken over
	 * @throws SQLException if only such items are left, with their ids
	 */
	List<TakenOver> takeOver(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.takeOver)) {
			statement.setLong(1, instanceId);
			statement.setInt(2, SLICE);
			ResultSet result = statement.executeQuery();
			List<TakenOver> taken = new ArrayList<>();
			while (result.next()) {
				taken.add(new TakenOver(result.getInt(1), result.getLong(2), result.getInt(3)));
			}
			SQLException refused = RefusedItems.of(statement);
			if (taken.isEmpty() && refused != null) {
				throw refused;
			}
			return taken;
		}
	}

	/**
	 * Return whether an instance has claims.
	 */
	boolean isHolder(Connection connection, long instanceId) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.isHolder)) {
			statement.setLong(1, instanceId);
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getBoolean(1);
		}
	}

	/**
	 * Return the instances that have claims, and do not exist.
	 */
	List<Long> orphans(Connection connection) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.orphans)) {
			ResultSet result = statement.executeQuery();
			List<Long> orphans = new ArrayList<>();
			while (result.next()) {
				orphans.add(result.getLong(1));
			}
			return orphans;
		}
	}

}
