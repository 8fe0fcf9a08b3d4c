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
import java.sql.SQLException;
import java.util.List;

import io.durablenotify.instance.TakeOver;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.work.TakeOverSql.TakenOver;

/**
 * Makes the items due again that an instance had claimed.
 */
final class WorkTakeOver implements TakeOver {

	private final TakeOverSql sql;

	WorkTakeOver(TakeOverSql sql) {
		this.sql = sql;
	}

	@Override
	public String topic() {
		return WorkTopics.QUEUES;
	}

	@Override
	public String what() {
		return "items of work that it had claimed are due again";
	}

	@Override
	public Written<Integer> takeOver(Connection connection, long instanceId) throws SQLException {
		List<TakenOver> taken = this.sql.takeOver(connection, instanceId);
		return new Written<>(taken.stream().mapToInt(TakenOver::items).sum(),
				taken.stream().map((item) -> WorkTopics.due(item.queueId(), item.dueMicros())).toList());
	}

	@Override
	public boolean isHolder(Connection connection, long instanceId) throws SQLException {
		return this.sql.isHolder(connection, instanceId);
	}

}
