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
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.ConsumerPositionSql.Outcome;
import io.durablenotify.stream.ConsumerPositionSql.Place;
import io.durablenotify.stream.ConsumerPositionSql.Position;
import io.durablenotify.stream.ConsumerSql.Held;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Stores the positions of all consumers of this instance, many by one statement. They are
 * stored as they are when it is sent: of a stream that moves on, the steps between are
 * never written.
 */
final class PositionWriter implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(StreamConsumer.class);

	private static final int MAX_BATCH = 1_000;

	/**
	 * So that a trickle of chunks costs a hundred statements a second at most.
	 */
	private static final Duration PAUSE = Duration.ofMillis(10);

	/**
	 * How long a position waits that a transaction has locked.
	 */
	private static final Duration LOCKED = Duration.ofMillis(100);

	/**
	 * How long positions that are locked are waited for before others read them.
	 */
	private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

	private final ApplicationDatabase database;

	private final ConsumerPositionSql sql;

	/**
	 * Each once at most, and not while it is in {@link #locked}:
	 * {@link ConsumedStream#awaitStore()}.
	 */
	private final Queue<ConsumedStream> moved = new ConcurrentLinkedQueue<>();

	/**
	 * Those that a transaction has locked. Owned by the loop's thread, as what follows.
	 */
	private final List<ConsumedStream> locked = new ArrayList<>();

	/**
	 * When they are tried again, by {@link System#nanoTime()}.
	 */
	private long lockedUntil;

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-positions",
			new FailureLog(logger, "Failed to store the positions of consumers of streams",
					"The positions of consumers of streams are stored again"),
			this::write);

	PositionWriter(ApplicationDatabase database, ConsumerPositionSql sql) {
		this.database = database;
		this.sql = sql;
	}

	/**
	 * Have the position in a stream stored soon.
	 */
	void add(ConsumedStream stream) {
		enqueue(stream);
		this.loop.signal();
	}

	private void enqueue(ConsumedStream stream) {
		if (stream.awaitStore()) {
			this.moved.add(stream);
		}
	}

	private Next write() {
		takeLocked();
		List<ConsumedStream> batch = new ArrayList<>();
		while (batch.size() < MAX_BATCH) {
			ConsumedStream stream = this.moved.poll();
			if (stream == null) {
				break;
			}
			batch.add(stream);
			// Before its position is read: one that moves after that is added again
			stream.beginStore();
		}
		try {
			write(batch);
		}
		catch (Throwable ex) {
			batch.forEach(this::enqueue);
			throw ex;
		}
		if (!this.locked.isEmpty()) {
			this.loop.signalAfter(Duration.ofNanos(Math.max(0, this.lockedUntil - System.nanoTime())));
		}
		if (batch.size() == MAX_BATCH) {
			this.loop.signal();
		}
		return Next.pause(PAUSE);
	}

	private void takeLocked() {
		if (!this.locked.isEmpty() && System.nanoTime() - this.lockedUntil >= 0) {
			this.moved.addAll(this.locked);
			this.locked.clear();
		}
	}

	private void locked(ConsumedStream stream) {
		if (this.locked.isEmpty()) {
			this.lockedUntil = System.nanoTime() + LOCKED.toNanos();
		}
		if (stream.awaitStore()) {
			this.locked.add(stream);
		}
	}

	/**
	 * Store positions. Those that a transaction has locked are left for later.
	 */
	private void write(List<ConsumedStream> streams) {
		Map<Key, Written> written = new HashMap<>();
		for (ConsumedStream stream : streams) {
			Position position = (stream.isClosed()) ? null : stream.unstored();
			if (position != null) {
				written.put(new Key(position.held(), position.streamId()), new Written(stream, position));
			}
		}
		if (written.isEmpty()) {
			return;
		}
		List<Position> positions = written.values().stream().map(Written::position).toList();
		List<Outcome> outcomes = this.database.executeSeparately("store the positions of consumers of streams",
				ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> this.sql.moveAll(connection, positions));
		for (Outcome outcome : outcomes) {
			Written entry = written.get(new Key(outcome.held(), outcome.streamId()));
			if (entry == null) {
				continue;
			}
			if (outcome.moved()) {
				entry.stream().stored(entry.position().next());
			}
			else if (outcome.isLocked()) {
				locked(entry.stream());
			}
			else if (outcome.owned()) {
				entry.stream().run().serverLost(entry.stream());
			}
			else {
				entry.stream().run().lost(outcome.held());
			}
		}
	}

	/**
	 * Store a stream's position, and find out where that is.
	 * @return the place, or {@code null} if this instance does not own the consumer
	 */
	@Nullable Place examine(ConsumedStream stream) {
		Position position = stream.unstored();
		return this.database.executeSeparately("find the position of a consumer of streams",
				ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
					if (position != null) {
						storeNow(connection, List.of(position));
					}
					return this.sql.examine(connection, stream.held(), stream.streamId());
				})
			.orElse(null);
	}

	/**
	 * Store positions before others read them. Those that a transaction, or a statement
	 * of the background thread, has locked are waited for.
	 */
	void storeNow(Connection connection, List<Position> positions) throws SQLException {
		long start = System.nanoTime();
		List<Position> left = positions;
		while (true) {
			Set<Key> locked = this.sql.moveAll(connection, left)
				.stream()
				.filter(Outcome::isLocked)
				.map((outcome) -> new Key(outcome.held(), outcome.streamId()))
				.collect(Collectors.toSet());
			left = left.stream()
				.filter((position) -> locked.contains(new Key(position.held(), position.streamId())))
				.toList();
			if (left.isEmpty() || System.nanoTime() - start >= LOCK_TIMEOUT.toNanos()) {
				return;
			}
			LockSupport.parkNanos(PAUSE.toNanos());
		}
	}

	@Override
	public void close() {
		this.loop.close();
	}

	private record Key(Held held, long streamId) {
	}

	private record Written(ConsumedStream stream, Position position) {
	}

}
