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

package io.durablenotify.channel;

import java.util.List;

import io.durablenotify.testsupport.TestDatabase;

/**
 * What the tables of work hold of channels.
 */
public final class ChannelTables {

	private ChannelTables() {
	}

	/**
	 * Return the number that stands for an address in wake-ups.
	 */
	public static long addressId(String channel, String address) {
		return DirectAddress.of(channel, address).id();
	}

	static int count(TestDatabase database, String table) {
		return database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Integer.class);
	}

	static List<?> state(TestDatabase database) {
		return List.of(database.jdbc().queryForList("SELECT * FROM durable_notify.work_queues WHERE kind IS NOT NULL"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_items"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_lane_items"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_claims"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_dead"));
	}

	static void clear(TestDatabase database) {
		for (String table : List.of("work_items", "work_lane_items", "work_dead", "work_claims")) {
			database.jdbc().execute("DELETE FROM durable_notify." + table);
		}
	}

}
