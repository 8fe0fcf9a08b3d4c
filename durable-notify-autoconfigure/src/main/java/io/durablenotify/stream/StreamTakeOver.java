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
import java.time.Instant;
import java.util.Map;

import io.durablenotify.instance.TakeOver;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites.Written;

/**
 * Fails the streams that an instance was writing when it was lost.
 */
final class StreamTakeOver implements TakeOver {

	static final String REASON = "abandoned: the lease of the writer's instance ran out";

	private final AppenderStore store;

	StreamTakeOver(AppenderStore store) {
		this.store = store;
	}

	@Override
	public String topic() {
		return TailedStream.TOPIC;
	}

	@Override
	public String what() {
		return "streams that it was writing have failed";
	}

	@Override
	public Written<Integer> takeOver(Connection connection, long instanceId) throws SQLException {
		return failed(this.store.failHeld(connection, instanceId, REASON));
	}

	/**
	 * Return what readers of streams that have failed are to be woken by.
	 */
	static Written<Integer> failed(Map<Long, Instant> failed) {
		return new Written<>(failed.size(), failed.keySet().stream().map(Wakeup::ended).toList());
	}

	@Override
	public boolean isHolder(Connection connection, long instanceId) throws SQLException {
		return this.store.isHolder(connection, instanceId);
	}

}
