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

import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.ConsumerPositionSql.Position;
import io.durablenotify.stream.ConsumerSql.Held;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Gives consumers up so that other instances claim them at once. What has failed is
 * repeated by a background thread, for which no claim waits.
 */
final class ConsumerReleases {

	private static final Log logger = LogFactory.getLog(StreamConsumer.class);

	/**
	 * How long to wait for the lock of a consumer's row.
	 */
	private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

	private final ApplicationDatabase database;

	private final ConsumerSql sql;

	private final PositionWriter writer;

	private final Wakeups wakeups;

	private final Queue<Held> left = new ConcurrentLinkedQueue<>();

	private volatile BackgroundLoop loop = newLoop();

	ConsumerReleases(ApplicationDatabase database, ConsumerSql sql, PositionWriter writer, Wakeups wakeups) {
		this.database = database;
		this.sql = sql;
		this.writer = writer;
		this.wakeups = wakeups;
	}

	private BackgroundLoop newLoop() {
		return new BackgroundLoop("durable-notify-releases", new FailureLog(logger,
				"Failed to give up consumers of streams", "Consumers of streams are given up again"),
				this::releaseLeft);
	}

	/**
	 * Give a consumer up.
	 * @param positions the positions that are not stored yet
	 */
	void release(Held held, List<Position> positions) {
		try {
			write(held, positions);
		}
		catch (Throwable ex) {
			logger.debug("Failed to give up a consumer of streams. Retrying", ex);
			releaseLater(held);
		}
	}

	/**
	 * Give a consumer up on the background thread.
	 */
	void releaseLater(Held held) {
		this.left.add(held);
		this.loop.signal();
	}

	private Next releaseLeft() {
		RuntimeException locked = null;
		for (Held held : this.left) {
			try {
				write(held, List.of());
				this.left.remove(held);
			}
			catch (RuntimeException ex) {
				if (!SqlErrors.isLockTimeout(ex)) {
					throw ex;
				}
				locked = ex;
			}
		}
		if (locked != null) {
			throw locked;
		}
		return Next.IDLE;
	}

	void start() {
		this.loop = newLoop();
		if (!this.left.isEmpty()) {
			this.loop.signal();
		}
	}

	/**
	 * End the background thread. What is left by then is taken over after the lease, or
	 * given up after the next start.
	 * @param timeout how long to wait for it
	 */
	void stop(Duration timeout) {
		this.loop.finish(timeout);
	}

	private void write(Held held, List<Position> positions) {
		boolean released = this.database.executeSeparately("give up a consumer of streams",
				ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
					if (!positions.isEmpty()) {
						this.writer.storeNow(connection, positions);
					}
					return this.sql.release(connection, held, LOCK_TIMEOUT);
				});
		if (released) {
			this.wakeups.send(OpenConsumers.TOPIC, Wakeup.moved(held.consumerId(), 0));
		}
	}

}
