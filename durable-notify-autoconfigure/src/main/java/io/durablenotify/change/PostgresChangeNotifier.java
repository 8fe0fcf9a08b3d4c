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

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.Spelling;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The {@link ChangeNotifier} on PostgreSQL: it inserts changes, and the
 * {@link ChangeReader} reads them.
 */
final class PostgresChangeNotifier implements ChangeNotifier {

	private final ApplicationDatabase database;

	private final ChangeSql sql;

	private final PublishingWrites writes;

	private final ChangeReader reader;

	PostgresChangeNotifier(ApplicationDatabase database, ChangeSql sql, PublishingWrites writes, ChangeReader reader) {
		this.database = database;
		this.sql = sql;
		this.writes = writes;
		this.reader = reader;
	}

	@Override
	public void publish(String topic, String key, @Nullable String originator) {
		ChangeRules.requireTopic(topic);
		ChangeRules.requireKey(key);
		ChangeRules.requireOriginator(originator);
		this.database.requireWritable(() -> "Changes cannot be published");
		Wakeup wakeup = Wakeup.moved(ChangeReader.idOf(topic), 0);
		this.database.execute("publish a change", Conflicts.repeat((connection, joined) -> this.writes
			.run(ChangeReader.TOPIC, connection, joined, (session, inTransaction) -> {
				this.sql.insert(session, topic, key, originator);
				return Written.of(topic, wakeup);
			})));
	}

	@Override
	public Subscription subscribe(String topic, ChangeHandler handler) {
		ChangeRules.requireTopic(topic);
		Assert.notNull(handler, "'handler' must not be null");
		requireSpellable(topic);
		return this.reader.subscribe(topic, handler);
	}

	/**
	 * Without this check, the statement that reads all topics would fail.
	 */
	private void requireSpellable(String topic) {
		Assert.isTrue(
				Spelling.isPlain(topic) || this.database.executeReading("check a topic",
						(connection, joined) -> Spelling.isPossible(connection, topic)),
				() -> "Topic '%s' has characters that the database's encoding lacks".formatted(topic));
	}

}
