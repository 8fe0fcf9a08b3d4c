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
package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Set;

import io.durablenotify.instance.TakeOver;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;

/**
 * Frees the consumers that an instance owned when it was lost, for another to claim them.
 */
final class ConsumerTakeOver implements TakeOver {

	private final ConsumerSql sql;

	ConsumerTakeOver(ConsumerSql sql) {
		this.sql = sql;
	}

	@Override
	public String topic() {
		return OpenConsumers.TOPIC;
	}

	@Override
	public String what() {
		return "consumers of streams that it owned are free";
	}

	@Override
	public Written<Integer> takeOver(Connection connection, long instanceId) throws SQLException {
		Set<Long> freed = this.sql.takeOver(connection, instanceId);
		return new Written<>(freed.size(), freed.stream().map((id) -> Wakeup.moved(id, 0)).toList());
	}

	@Override
	public boolean isHolder(Connection connection, long instanceId) throws SQLException {
		return this.sql.isHolder(connection, instanceId);
	}

}
