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
import java.util.List;
import java.util.Optional;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;

import org.springframework.util.Assert;

/**
 * The {@link StreamConsumers}.
 */
final class DefaultStreamConsumers implements StreamConsumers {

	private final ApplicationDatabase database;

	private final ConsumerSql sql;

	private final PublishingWrites writes;

	DefaultStreamConsumers(ApplicationDatabase database, ConsumerSql sql, PublishingWrites writes) {
		this.database = database;
		this.sql = sql;
		this.writes = writes;
	}

	@Override
	public List<ConsumerInfo> list() {
		return read((connection, joined) -> this.sql.list(connection));
	}

	@Override
	public List<ConsumerInfo> list(String stream) {
		Assert.notNull(stream, "'stream' must not be null");
		return read((connection, joined) -> this.sql.listOfStream(connection, stream));
	}

	@Override
	public Optional<ConsumerInfo> find(String name) {
		Assert.notNull(name, "'name' must not be null");
		return read((connection, joined) -> this.sql.find(connection, name)).stream().findFirst();
	}

	private List<ConsumerInfo> read(SessionWork<List<ConsumerInfo>> work) {
		return this.database.executeReading("describe consumers of streams", work);
	}

	@Override
	public boolean remove(String name) {
		Assert.notNull(name, "'name' must not be null");
		this.database.requireWritable(() -> "Consumer '%s' cannot be removed".formatted(name));
		SessionWork<Written<Boolean>> removal = (connection, joined) -> remove(connection, name);
		return this.database.execute("remove a consumer of streams",
				Conflicts.repeat((connection, joined) -> (joined)
						? this.writes.run(OpenConsumers.TOPIC, connection, true, removal)
						: this.writes.run(OpenConsumers.TOPIC, connection, false,
								(session, inTransaction) -> ReadCommitted.runInTransaction(session, removal))));
	}

	private Written<Boolean> remove(Connection connection, String name) throws SQLException {
		Long removed = this.sql.remove(connection, name);
		return Written.of(removed != null, (removed != null) ? Wakeup.moved(removed, 0) : null);
	}

}
