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

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

import io.durablenotify.channel.ChannelSql.Channel;
import io.durablenotify.channel.ChannelSql.Cursor;
import io.durablenotify.channel.ChannelSql.Swept;
import io.durablenotify.channel.ChannelSql.Trimmed;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Deletes messages that are no longer needed.
 * <ul>
 * <li>messages of broadcast channels that all living subscribers have had,</li>
 * <li>messages of direct channels that were not received within the retention,</li>
 * <li>rows of addresses without messages: a transaction that receives leaves them, to
 * hold up no sender.</li>
 * </ul>
 */
final class ChannelJanitor extends PeriodicTask {

	static final Duration INTERVAL = Duration.ofMinutes(1);

	private static final int SLICE = 5_000;

	/**
	 * Of one channel, before the others have their turn.
	 */
	private static final int TRIMS_PER_RUN = 10;

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final ChannelModes modes;

	private final ReadCommitted readCommitted = new ReadCommitted();

	private final @Nullable Duration directRetention;

	/**
	 * How long a subscriber lives that is active in no instance.
	 */
	private final Duration subscriberLimit;

	/**
	 * By queue, where the next run begins. Owned by the cleaning thread.
	 */
	private final Map<Integer, Cursor> cursors = new HashMap<>();

	ChannelJanitor(ApplicationDatabase database, ChannelSql sql, ChannelModes modes, @Nullable Duration directRetention,
			Duration subscriberLimit, Duration interval) {
		super("channels", "durable-notify-channel-janitor", interval,
				new FailureLog(LogFactory.getLog(DurableChannels.class), "Failed to clean up channels",
						"Channels are cleaned up again"));
		this.database = database;
		this.sql = sql;
		this.modes = modes;
		this.directRetention = directRetention;
		this.subscriberLimit = subscriberLimit;
	}

	/**
	 * One channel that cannot be cleaned up keeps no other from it.
	 */
	@Override
	protected boolean run() {
		boolean more = false;
		RuntimeException failure = null;
		for (BooleanSupplier part : parts()) {
			try {
				more |= part.getAsBoolean();
			}
			catch (RuntimeException ex) {
				failure = ex;
			}
		}
		if (failure != null) {
			throw failure;
		}
		return more;
	}

	private List<BooleanSupplier> parts() {
		List<BooleanSupplier> parts = new ArrayList<>();
		List<Channel> channels = execute((connection, joined) -> this.sql.channels(connection));
		this.modes.retain(channels);
		for (Channel channel : channels) {
			if (channel.isOf(ChannelMode.BROADCAST)) {
				parts.add(() -> trim(channel.name()));
			}
			else if (channel.isOf(ChannelMode.DIRECT)) {
				parts.add(() -> sweep(channel.queueId()));
			}
		}
		return parts;
	}

	private boolean trim(String stream) {
		for (int slice = 0; slice < TRIMS_PER_RUN; slice++) {
			Trimmed trimmed = execute(
					(connection, joined) -> this.sql.trim(connection, stream, this.subscriberLimit, SLICE));
			removed(trimmed.removed());
			if (!trimmed.more()) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Examine the next addresses of a channel, which may have millions.
	 */
	private boolean sweep(int queueId) {
		Cursor after = this.cursors.getOrDefault(queueId, Cursor.START);
		Swept swept = execute(
				(connection, joined) -> this.sql.sweep(connection, queueId, after, this.directRetention, SLICE));
		boolean last = swept.examined() < SLICE;
		this.cursors.put(queueId, (last) ? Cursor.START : swept.last());
		removed(swept.removed());
		// An address that has messages, or is locked, must not end the run
		return swept.removed() >= SLICE || (!last && swept.removed() > 0);
	}

	private <T> T execute(SessionWork<T> work) {
		return this.database.executeSeparately("clean up channels", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.readCommitted.run(connection, work));
	}

}
