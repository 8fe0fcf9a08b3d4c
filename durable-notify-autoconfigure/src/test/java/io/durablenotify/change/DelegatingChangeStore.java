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

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;

import org.jspecify.annotations.Nullable;

/**
 * The real store, for tests that change what it does.
 */
class DelegatingChangeStore implements ChangeStore {

	private final ChangeStore store;

	DelegatingChangeStore(ChangeStore store) {
		this.store = store;
	}

	@Override
	public void insert(Connection connection, String topic, String key, @Nullable String originator)
			throws SQLException {
		this.store.insert(connection, topic, key, originator);
	}

	@Override
	public Arrival arrive(Connection connection) throws SQLException {
		return this.store.arrive(connection);
	}

	@Override
	public @Nullable Arrival arriveJoined(Connection connection) throws SQLException {
		return this.store.arriveJoined(connection);
	}

	@Override
	public boolean has(Connection connection, Collection<Identity> changes) throws SQLException {
		return this.store.has(connection, changes);
	}

	@Override
	public Page read(Connection connection, ChangePosition position, Known known, @Nullable String target,
			Collection<String> topics, int limit) throws SQLException {
		return this.store.read(connection, position, known, target, topics, limit);
	}

}
