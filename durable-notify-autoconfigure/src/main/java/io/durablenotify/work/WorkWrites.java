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
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.database.Texts;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * Stores, cancels and reschedules items: in the caller's transaction where there is one.
 * Creates queues that are missing.
 */
final class WorkWrites {

	private final ApplicationDatabase database;

	private final PublishingWrites writes;

	private final EnqueueSql sql;

	private final EnqueueCounts counts;

	/**
	 * How long statements wait for locks.
	 */
	private final Duration timeout;

	/**
	 * Whether the calling thread is in no transaction, and many depend on it.
	 */
	private final boolean background;

	WorkWrites(ApplicationDatabase database, PublishingWrites writes, EnqueueSql sql, EnqueueCounts counts,
			Duration timeout) {
		this(database, writes, sql, counts, timeout, false);
	}

	private WorkWrites(ApplicationDatabase database, PublishingWrites writes, EnqueueSql sql, EnqueueCounts counts,
			Duration timeout, boolean background) {
		this.database = database;
		this.writes = writes;
		this.sql = sql.waiting(timeout);
		this.counts = counts;
		this.timeout = timeout;
		this.background = background;
	}

	boolean isInTransaction() {
		return this.database.isInTransaction();
	}

	boolean isTransactionOpen() {
		return this.database.isTransactionOpen();
	}

	void requireWritable(String queue) {
		this.database.requireWritable(() -> "Queue '%s' cannot be written to".formatted(queue));
	}

	/**
	 * Return what gathers items for the commit of each transaction.
	 */
	TransactionBuffer<CommitEnqueues> onCommit(Object key, Supplier<CommitEnqueues> create) {
		return new TransactionBuffer<>(this.database, key, create);
	}

	/**
	 * Prepare for items that are stored with the commit of the current transaction.
	 */
	void joinTransaction() {
		this.writes.joinTransaction();
	}

	/**
	 * Return the same for a background thread, with another time to wait for locks. It
	 * does not hang on a dead connection.
	 */
	WorkWrites inBackground(Duration timeout) {
		return new WorkWrites(this.database, this.writes, this.sql, this.counts, timeout, true);
	}

	/**
	 * Store an item.
	 * @throws WorkLockedException if its key is locked
	 */
	StoredItem store(NewItem item) {
		return execute("enqueue work", () -> "work was enqueued to queue '%s'".formatted(item.queue()),
				(connection, joined) -> {
					List<StoredItem> stored = this.writes.run(WorkTopics.QUEUES, connection, joined,
							(session, inside) -> {
								List<StoredItem> all = store(session, List.of(item));
								return written(all, all);
							});
					this.counts.stored(List.of(item), stored, joined);
					return stored.get(0);
				});
	}

	/**
	 * Store items that have no key, on a separate connection and with one statement.
	 * @return what was stored, {@code null} where the queue is missing
	 */
	List<@Nullable StoredItem> storePlain(List<NewItem> items) {
		return this.database.executeSeparately("enqueue work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> storeExisting(connection, items));
	}

	private List<@Nullable StoredItem> storeExisting(Connection connection, List<NewItem> items) throws SQLException {
		List<@Nullable StoredItem> stored = this.writes.run(WorkTopics.QUEUES, connection, false, (session, inside) -> {
			List<@Nullable StoredItem> all = tryStore(session, items);
			return written(all, all);
		});
		this.counts.stored(items, stored, false);
		return stored;
	}

	/**
	 * Store items, all or none. Those without a key come first, and the others in an
	 * order in which no two transactions wait for each other.
	 * @return what was stored, in the order of the items
	 */
	List<StoredItem> storeAll(List<NewItem> items) {
		List<List<Integer>> batches = EnqueueBatches.of(items);
		return execute("enqueue work", () -> "%d items of work were enqueued".formatted(items.size()),
				(connection, joined) -> (joined) ? storeAllJoined(connection, items, batches)
						: storeAllSeparately(connection, items, batches));
	}

	private List<StoredItem> storeAllJoined(Connection connection, List<NewItem> items, List<List<Integer>> batches)
			throws SQLException {
		List<StoredItem> stored = this.writes.run(WorkTopics.QUEUES, connection, true,
				(session, inside) -> storeAll(session, items, batches));
		this.counts.stored(items, stored, true);
		return stored;
	}

	/**
	 * A single statement needs no transaction, if it stores all.
	 */
	private List<StoredItem> storeAllSeparately(Connection connection, List<NewItem> items, List<List<Integer>> batches)
			throws SQLException {
		if (batches.size() == 1 && items.stream().map(NewItem::queue).distinct().limit(2).count() == 1) {
			List<StoredItem> all = inOrder(items.size(), batches.get(0),
					storeExisting(connection, batches.get(0).stream().map(items::get).toList()));
			if (all != null) {
				return all;
			}
		}
		List<StoredItem> stored = this.writes.runInTransaction(WorkTopics.QUEUES, connection,
				(session, inside) -> storeAll(session, items, batches));
		this.counts.stored(items, stored, false);
		return stored;
	}

	private static @Nullable List<StoredItem> inOrder(int count, List<Integer> batch,
			List<@Nullable StoredItem> stored) {
		StoredItem[] all = new StoredItem[count];
		for (int i = 0; i < count; i++) {
			StoredItem item = stored.get(i);
			if (item == null) {
				return null;
			}
			all[batch.get(i)] = item;
		}
		return List.of(all);
	}

	private Written<List<StoredItem>> storeAll(Connection connection, List<NewItem> items, List<List<Integer>> batches)
			throws SQLException {
		StoredItem[] stored = new StoredItem[items.size()];
		for (List<Integer> batch : batches) {
			List<StoredItem> inserted = store(connection, batch.stream().map(items::get).toList());
			for (int i = 0; i < batch.size(); i++) {
				stored[batch.get(i)] = inserted.get(i);
			}
		}
		List<StoredItem> all = List.of(stored);
		return written(all, all);
	}

	/**
	 * Store a batch of {@link EnqueueBatches}, and create the queues that are missing.
	 */
	private List<StoredItem> store(Connection connection, List<NewItem> batch) throws SQLException {
		List<@Nullable StoredItem> stored = tryStore(connection, batch);
		List<NewItem> missing = IntStream.range(0, batch.size())
			.filter((i) -> stored.get(i) == null)
			.mapToObj(batch::get)
			.toList();
		if (!missing.isEmpty()) {
			createQueues(connection, missing.stream().map(NewItem::queue).distinct().toList());
		}
		Iterator<@Nullable StoredItem> created = ((missing.isEmpty()) ? List.<@Nullable StoredItem>of()
				: tryStore(connection, missing))
			.iterator();
		List<StoredItem> all = new ArrayList<>(batch.size());
		for (int i = 0; i < batch.size(); i++) {
			StoredItem item = stored.get(i);
			all.add((item != null) ? item : requireStored(created.next(), batch.get(i)));
		}
		return all;
	}

	private List<@Nullable StoredItem> tryStore(Connection connection, List<NewItem> batch) throws SQLException {
		NewItem first = batch.get(0);
		if (first.isPlain()) {
			return this.sql.insert(connection, batch);
		}
		return Objects.requireNonNull(limited(
				(cause) -> (batch.size() == 1)
						? new WorkLockedException(first.queue(), first.lockedKey(), this.timeout, cause)
						: WorkLockedException.ofKeys(first.queue(), batch.size(), this.timeout, cause),
				() -> (first.key() != null) ? this.sql.coalesce(connection, batch)
						: this.sql.append(connection, batch)));
	}

	/**
	 * Waits where another transaction creates one of them.
	 */
	private void createQueues(Connection connection, Collection<String> names) throws SQLException {
		limited((cause) -> new WorkLockedException(String.join("', '", names), null, this.timeout, cause), () -> {
			this.sql.createQueues(connection, names);
			return names;
		});
	}

	private static StoredItem requireStored(@Nullable StoredItem stored, NewItem item) {
		if (stored == null) {
			throw new ConcurrencyFailureException(
					"Queue '%s' was deleted by another transaction; nothing was stored. Repeat the request"
						.formatted(item.queue()));
		}
		return stored;
	}

	/**
	 * Cancel the item with a key.
	 */
	CancelOutcome cancel(String queue, String key) {
		return execute("cancel work", () -> "key %s of queue '%s' was cancelled".formatted(Texts.shown(key), queue),
				(connection, joined) -> this.writes.run(WorkTopics.CANCELLED, connection, joined, (session, inside) -> {
					Cancelled cancelled = limited(locked(queue, key), () -> this.sql.cancel(session, queue, key));
					if (cancelled == null) {
						return Written.of(CancelOutcome.NOT_FOUND, null);
					}
					if (joined) {
						CancelledItems.current(this.database).add(cancelled.itemId());
					}
					return (cancelled.running())
							? Written.of(CancelOutcome.CANCELLED_WHILE_RUNNING,
									WorkTopics.cancelled(cancelled.itemId()))
							: Written.of(CancelOutcome.CANCELLED, null);
				}));
	}

	/**
	 * Change when the item with a key is due.
	 * @return whether there is one
	 */
	boolean reschedule(String queue, String key, Instant dueAt) {
		return execute("reschedule work",
				() -> "key %s of queue '%s' was rescheduled".formatted(Texts.shown(key), queue),
				(connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, joined, (session, inside) -> {
					StoredItem moved = limited(locked(queue, key),
							() -> this.sql.reschedule(session, queue, key, dueAt));
					return written(moved != null, (moved != null) ? List.of(moved) : List.of());
				}));
	}

	private static <T> Written<T> written(T result, List<? extends @Nullable StoredItem> items) {
		List<Wakeup> held = new ArrayList<>();
		for (StoredItem item : items) {
			if (item != null && item.held()) {
				held.add(WorkTopics.moved(item.itemId()));
			}
		}
		return new Written<>(result, wakeups(items), (held.isEmpty()) ? Map.of() : Map.of(WorkTopics.MOVED, held));
	}

	/**
	 * One for each queue, for the item that is due first.
	 */
	private static Collection<Wakeup> wakeups(List<? extends @Nullable StoredItem> items) {
		Map<Integer, Long> due = new LinkedHashMap<>();
		for (StoredItem item : items) {
			if (item != null && item.dueMicros() != DatabaseMicros.NEVER) {
				due.merge(item.queueId(), item.dueMicros(), Math::min);
			}
		}
		List<Wakeup> wakeups = new ArrayList<>(due.size());
		due.forEach((queueId, dueMicros) -> wakeups.add(WorkTopics.due(queueId, dueMicros)));
		return wakeups;
	}

	private <T> @Nullable T limited(Function<SQLException, WorkLockedException> locked, Statement<T> statement)
			throws SQLException {
		try {
			return statement.run();
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw locked.apply(ex);
			}
			throw ex;
		}
	}

	private Function<SQLException, WorkLockedException> locked(String queue, String key) {
		return (cause) -> new WorkLockedException(queue, key, this.timeout, cause);
	}

	/**
	 * Run statements that {@link Conflicts#repeat} repeats, and tell the caller what is
	 * known when they fail.
	 */
	private <T> T execute(String task, Supplier<String> what, SessionWork<T> work) {
		SessionWork<T> repeated = Conflicts.repeat(work);
		SessionWork<T> explained = (connection, joined) -> {
			try {
				return repeated.run(connection, joined);
			}
			catch (SQLException ex) {
				if (!joined && SqlErrors.isConnectionLost(ex)) {
					throw new EnqueueOutcomeUnknownException(what.get(), ex);
				}
				if (SqlErrors.isSerializationFailure(ex)) {
					throw new ConcurrencyFailureException(("Another transaction used the same key at the same time "
							+ "as %s: this one's isolation level hides it, or each waited for the other; repeat "
							+ "this transaction")
						.formatted(what.get()), ex);
				}
				throw ex;
			}
		};
		return (this.background) ? this.database.executeSeparately(task, ApplicationDatabase.SOCKET_TIMEOUT, explained)
				: this.database.execute(task, explained);
	}

	/**
	 * A statement that waits for locks.
	 *
	 * @param <T> the result's type
	 */
	@FunctionalInterface
	private interface Statement<T> {

		@Nullable T run() throws SQLException;

	}

}
