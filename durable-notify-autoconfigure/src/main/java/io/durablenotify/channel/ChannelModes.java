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

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.channel.ChannelSql.Channel;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.database.TransactionBuffer;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.transaction.support.TransactionSynchronization;

/**
 * The modes of channels. What is committed stays, so that it is remembered: at most until
 * the janitor finds that a failover has lost it.
 */
final class ChannelModes {

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final Map<String, ChannelMode> known = new ConcurrentHashMap<>();

	/**
	 * What a transaction has found, and may have created itself.
	 */
	private final TransactionBuffer<Found> found;

	ChannelModes(ApplicationDatabase database, ChannelSql sql) {
		this.database = database;
		this.sql = sql;
		this.found = new TransactionBuffer<>(database, this, () -> new Found(this.known));
	}

	void requireWritable(String channel) {
		this.database.requireWritable(() -> "Channel '%s' cannot be used".formatted(channel));
	}

	/**
	 * Return the mode of a channel.
	 * @return the mode, {@code null} if the channel does not exist
	 */
	@Nullable ChannelMode find(String channel) {
		return resolve(channel, null);
	}

	/**
	 * Require that a channel has a mode, with which it is created if it does not exist.
	 * In a transaction of the caller's that is a part of it.
	 * @throws ChannelModeException if it has another
	 */
	void require(String channel, ChannelMode mode) {
		require(channel, mode, resolve(channel, mode));
	}

	/**
	 * Require that a channel has a mode, if it exists. Outside of a transaction it is
	 * created with it; in one, which waits for messages, it would hold up their senders.
	 * @throws ChannelModeException if it has another
	 */
	void requireToReceive(String channel, ChannelMode mode) {
		if (!this.database.isInTransaction()) {
			require(channel, mode);
			return;
		}
		requireIfExists(channel, mode);
	}

	/**
	 * Require that a channel has a mode. It is created if it does not exist, except in a
	 * read-only transaction.
	 * @throws ChannelModeException if it has another
	 */
	void requireToListen(String channel, ChannelMode mode) {
		if (!this.database.isReadOnly()) {
			require(channel, mode);
			return;
		}
		requireIfExists(channel, mode);
	}

	private void requireIfExists(String channel, ChannelMode mode) {
		ChannelMode found = find(channel);
		if (found != null) {
			require(channel, mode, found);
		}
	}

	private static void require(String channel, ChannelMode mode, @Nullable ChannelMode found) {
		if (found == null) {
			throw new ConcurrencyFailureException(
					("Channel '%s' was created by another transaction, which this one's isolation level hides; repeat "
							+ "this transaction")
						.formatted(channel));
		}
		if (found != mode) {
			throw new ChannelModeException(channel, found, mode.toString());
		}
	}

	private @Nullable ChannelMode resolve(String channel, @Nullable ChannelMode create) {
		String queue = ChannelNames.of(channel);
		ChannelMode known = this.known.get(queue);
		if (known != null) {
			return known;
		}
		SessionWork<Optional<ChannelMode>> work = Conflicts.repeat((connection, joined) -> {
			String kind = this.sql.find(connection, queue);
			if (kind == null && create != null) {
				this.sql.create(connection, queue, create.kind());
				kind = this.sql.find(connection, queue);
			}
			if (kind == null) {
				return Optional.empty();
			}
			ChannelMode mode = ChannelMode.of(channel, kind);
			if (joined) {
				this.found.current().add(queue, mode);
			}
			else {
				this.known.put(queue, mode);
			}
			return Optional.of(mode);
		});
		String task = (create != null) ? "create a channel" : "find a channel";
		try {
			return ((this.database.isInTransaction()) ? this.database.execute(task, work)
					: this.database.executeSeparately(task, ApplicationDatabase.SOCKET_TIMEOUT, work))
				.orElse(null);
		}
		catch (DataAccessException ex) {
			if (!SqlErrors.isLockTimeout(ex)) {
				throw ex;
			}
			throw new PessimisticLockingFailureException(
					("Channel '%s' is being created by another transaction, which was not over within %d s at most; "
							+ "nothing was stored. Keep that transaction short, or create the channel before it")
						.formatted(channel, ChannelSql.LOCK_TIMEOUT.toSeconds()),
					ex);
		}
	}

	/**
	 * Forget what the server has lost, and perhaps another mode has replaced.
	 * @param channels all channels that there are
	 */
	void retain(List<Channel> channels) {
		Map<String, Channel> found = new HashMap<>();
		channels.forEach((channel) -> found.put(channel.name(), channel));
		this.known.entrySet().removeIf((known) -> {
			Channel channel = found.get(known.getKey());
			return channel == null || !channel.isOf(known.getValue());
		});
	}

	/**
	 * Modes that are known once the transaction has committed. Not those that a rollback
	 * to a savepoint may have removed.
	 */
	private static final class Found implements TransactionBuffer.Content {

		private final Map<String, ChannelMode> known;

		private final List<String> queues = new ArrayList<>();

		private final Map<String, ChannelMode> modes = new HashMap<>();

		private Found(Map<String, ChannelMode> known) {
			this.known = known;
		}

		private void add(String queue, ChannelMode mode) {
			if (this.modes.put(queue, mode) == null) {
				this.queues.add(queue);
			}
		}

		@Override
		public int size() {
			return this.queues.size();
		}

		@Override
		public void truncate(int size) {
			List<String> dropped = this.queues.subList(size, this.queues.size());
			dropped.forEach(this.modes::remove);
			dropped.clear();
		}

		@Override
		public void afterCompletion(int status) {
			if (status == TransactionSynchronization.STATUS_COMMITTED) {
				this.known.putAll(this.modes);
			}
		}

	}

}
