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
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.database.Texts;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.work.StoredWork.State;
import io.durablenotify.work.WorkAdminSql.AdminItem;
import io.durablenotify.work.WorkAdminSql.FoundQueue;
import io.durablenotify.work.WorkAdminSql.QueueState;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The {@link WorkAdmin}: what it changes wakes the instances that wait for it.
 */
final class DefaultWorkAdmin implements WorkAdmin {

	private final ApplicationDatabase database;

	private final PublishingWrites writes;

	private final WorkAdminSql sql;

	private final EnqueueSql queues;

	DefaultWorkAdmin(ApplicationDatabase database, PublishingWrites writes, WorkAdminSql sql, EnqueueSql queues) {
		this.database = database;
		this.writes = writes;
		this.sql = sql;
		this.queues = queues;
	}

	@Override
	public List<QueueInfo> queues() {
		return this.database.executeReading("list queues of work", (connection, joined) -> this.sql.queues(connection))
			.stream()
			.map(DefaultWorkAdmin::info)
			.toList();
	}

	private static QueueInfo info(QueueState state) {
		Duration oldestDue = (state.oldestDueMicros() >= 0) ? Duration.of(state.oldestDueMicros(), ChronoUnit.MICROS)
				: null;
		return new QueueInfo(state.name(), Math.max(0, state.stored() - state.running()), state.running(), state.dead(),
				oldestDue, state.paused(), state.maxRunning());
	}

	@Override
	public WorkPage page(WorkQuery query) {
		Assert.notNull(query, "'query' must not be null");
		AdminItem after = Cursor.parse(query.after());
		List<AdminItem> items = this.database.executeReading("list items of work",
				(connection, joined) -> (query.isDead())
						? this.sql.dead(connection, query.queue(), query.key(), after, query.limit() + 1)
						: this.sql.items(connection, query.queue(), query.key(), after, query.limit() + 1));
		boolean more = items.size() > query.limit();
		List<AdminItem> page = (more) ? items.subList(0, query.limit()) : items;
		return new WorkPage(page.stream().map((item) -> stored(item, query.isDead())).toList(),
				(more) ? Cursor.text(page.get(page.size() - 1)) : null);
	}

	private static StoredWork stored(AdminItem item, boolean dead) {
		State state = (dead) ? State.DEAD : (item.flagged()) ? State.RUNNING : State.PENDING;
		return new StoredWork(item.itemId(), state, (item.lane()) ? null : item.key(),
				(item.lane()) ? item.key() : null, item.enqueuedAt(),
				(item.at().equals(Instant.MAX)) ? null : item.at(), item.failures(), item.lastError());
	}

	@Override
	public void pause(String queue) {
		change(queue, "pause a queue of work", (connection) -> this.sql.pause(connection, queue, true));
	}

	@Override
	public void resume(String queue) {
		change(queue, "resume a queue of work", (connection) -> this.sql.pause(connection, queue, false));
	}

	@Override
	public void limit(String queue, @Nullable Integer maxRunning) {
		Assert.isTrue(maxRunning == null || maxRunning > 0,
				() -> "Limit must be at least 1, but is %d. Pause the queue to have nothing run".formatted(maxRunning));
		change(queue, "limit a queue of work", (connection) -> this.sql.limit(connection, queue, maxRunning));
	}

	private void change(String queue, String task, Change change) {
		requireWritable(queue);
		write(queue, task, WorkTopics::changed, (connection) -> {
			if (change.run(connection) == null) {
				this.queues.createQueues(connection, Set.of(queue));
				change.run(connection);
			}
			return 0;
		});
	}

	@Override
	public int requeue(DeadQuery query) {
		return changeDead(query, "requeue dead items of work", this.sql::requeue);
	}

	@Override
	public int purge(DeadQuery query) {
		return changeDead(query, "purge dead items of work", this.sql::purge);
	}

	private int changeDead(DeadQuery query, String task, DeadChange change) {
		Assert.notNull(query, "'query' must not be null");
		requireWritable(query.queue());
		return write(query.queue(), task, WorkTopics::due, (connection) -> change.run(connection, query.queue(),
				(query.item() != null) ? query.item().key() : null, query.olderThan(), query.limit()));
	}

	/**
	 * Change a queue, and wake the instances that may claim now what they could not
	 * before. They search from the time of the wake-up on, which is one before the change
	 * therefore.
	 */
	private int write(String queue, String task, BiFunction<Integer, Long, Wakeup> woken, Change change) {
		SessionWork<Integer> repeated = Conflicts.repeat((connection, joined) -> limited(queue, connection, change));
		SessionWork<Optional<Wakeup>> wakeup = Conflicts
			.repeat((connection, joined) -> wakeup(connection, queue, woken));
		return this.database.execute(task,
				(connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, joined, (session, inside) -> {
					Optional<Wakeup> before = wakeup.run(session, inside);
					return Written.of(repeated.run(session, inside), before.orElse(null));
				}));
	}

	private Optional<Wakeup> wakeup(Connection connection, String queue, BiFunction<Integer, Long, Wakeup> woken)
			throws SQLException {
		FoundQueue found = this.sql.find(connection, queue);
		return (found != null) ? Optional.of(woken.apply(found.queueId(), found.nowMicros())) : Optional.empty();
	}

	private int limited(String queue, Connection connection, Change change) throws SQLException {
		try {
			Integer changed = change.run(connection);
			return (changed != null) ? changed : 0;
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw WorkLockedException.ofQueue(queue, this.sql.lockTimeout(), ex);
			}
			throw ex;
		}
	}

	private void requireWritable(String queue) {
		Texts.requireName("Queue", queue, WorkRequest.MAX_QUEUE_LENGTH);
		this.database.requireWritable(() -> "Queue '%s' cannot be changed".formatted(queue));
	}

	/**
	 * Changes a queue, and returns {@code null} if there is none.
	 */
	@FunctionalInterface
	private interface Change {

		@Nullable Integer run(Connection connection) throws SQLException;

	}

	/**
	 * Changes dead items.
	 */
	@FunctionalInterface
	private interface DeadChange {

		int run(Connection connection, String queue, @Nullable Long itemId, @Nullable Duration olderThan, int limit)
				throws SQLException;

	}

	/**
	 * Where a page ends, as a text for users to pass back.
	 */
	private static final class Cursor {

		private Cursor() {
		}

		private static String text(AdminItem last) {
			return "%s-%d".formatted(at(last.at()), last.itemId());
		}

		/**
		 * By hand, since {@link ChronoUnit} counted nanoseconds before JDK 21, which end
		 * in the year 2262.
		 */
		private static String at(Instant time) {
			try {
				long micros = Math.multiplyExact(time.getEpochSecond(), TimeUnit.SECONDS.toMicros(1));
				return String.valueOf(Math.addExact(micros, TimeUnit.NANOSECONDS.toMicros(time.getNano())));
			}
			catch (ArithmeticException ex) {
				return "never";
			}
		}

		private static @Nullable AdminItem parse(@Nullable String text) {
			if (text == null) {
				return null;
			}
			try {
				int end = text.lastIndexOf('-');
				String at = text.substring(0, end);
				return new AdminItem(Long.parseLong(text.substring(end + 1)), false, null, Instant.EPOCH,
						(at.equals("never")) ? Instant.MAX : instant(Long.parseLong(at)), 0, null, false);
			}
			catch (IndexOutOfBoundsException | NumberFormatException ex) {
				throw new IllegalArgumentException(
						"'after' must be the 'next' of a page, but is %s".formatted(Texts.shown(text)));
			}
		}

		private static Instant instant(long micros) {
			return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L),
					TimeUnit.MICROSECONDS.toNanos(Math.floorMod(micros, 1_000_000L)));
		}

	}

}
