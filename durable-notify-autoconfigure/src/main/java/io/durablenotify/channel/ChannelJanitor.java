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

import java.sql.Statement;
import java.time.Duration;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.SessionWork;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Removes messages of broadcast channels that all living subscribers have had, messages
 * of direct channels that were not received, and the rows of addresses whose messages
 * were received in transactions of their receivers, which leave them so that they hold up
 * no sender.
 */
final class ChannelJanitor extends PeriodicTask {

	static final Duration INTERVAL = Duration.ofMinutes(1);

	private static final int SLICE = 1_000;

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final @Nullable Duration directRetention;

	/**
	 * How long a subscriber lives that is active in no instance.
	 */
	private final Duration subscriberLimit;

	ChannelJanitor(ApplicationDatabase database, ChannelSql sql, @Nullable Duration directRetention,
			Duration subscriberLimit, Duration interval) {
		super("durable-notify-channel-janitor", interval, new FailureLog(LogFactory.getLog(DurableChannels.class),
				"Failed to clean up channels", "Channels are cleaned up again"));
		this.database = database;
		this.sql = sql;
		this.directRetention = directRetention;
		this.subscriberLimit = subscriberLimit;
	}

	@Override
	protected boolean run() {
		boolean more = execute(
				(connection, joined) -> this.sql.sweep(connection, this.directRetention, SLICE)) >= SLICE;
		for (String stream : execute((connection, joined) -> this.sql.broadcasts(connection))) {
			more |= execute((connection, joined) -> this.sql.trim(connection, stream, this.subscriberLimit)) > 0;
		}
		return more;
	}

	/**
	 * Run statements in a transaction of their own, which sees what was committed before
	 * each.
	 */
	private <T> T execute(SessionWork<T> work) {
		return this.database.executeSeparately("clean up channels", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> OneTransaction.run(connection, (session, inside) -> {
					try (Statement statement = session.createStatement()) {
						statement.executeUpdate("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
					}
					return work.run(session, inside);
				}));
	}

}
