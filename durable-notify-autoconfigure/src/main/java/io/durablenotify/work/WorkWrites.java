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
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SessionWork;
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

	/**
	 * How often a write outside a transaction meets others before it gives up.
	 */
	private static final int MAX_ATTEMPTS = 20;

	/**
	 * The order in which all transactions lock keys.
	 */
	private static final Comparator<NewItem> KEY_ORDER = Comparator.comparing(NewItem::queue)
		.thenComparing((item) -> item.orderingKey() != null)
		.thenComparing((item) -> String.valueOf(item.lockedKey()));

	private final ApplicationDatabase database;

	private final PublishingWrites writes;

	private final EnqueueSql sql;

	/**
	 * How long statements wait for locks.
	 */
	private final Duration timeout;

	WorkWrites(ApplicationDatabase database, PublishingWrites writes, EnqueueSql sql, Duration timeout) {
		this.database = database;
		this.writes = writes;
		this.sql = sql.waiting(timeout);
		this.timeout = timeout;
	}

	boolean isInTransaction() {
		return this.database.isInTransaction();
	}

	/**
	 * Prepare for items that are stored with the commit of the current transaction.
	 */
	void joinTransaction() {
		this.writes.joinTransaction();
	}

	/**
	 * Return the same, with another time to wait for locks.
	 */
	WorkWrites waiting(Duration timeout) {
		return new WorkWrites(this.database, this.writes, this.sql, timeout);
	}

	/**
	 * Store an item.
	 * @throws WorkLockedException if its key is locked
	 */
	StoredItem store(NewItem item) {
		return execute("enqueue work", () -> "work was enqueued to queue '%s'".formatted(item.queue()),
				(connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, joined, (session, inside) -> {
					StoredItem stored = store(session, item);
					return new Written<>(stored, wakeups(List.of(stored)));
				}));
	}

	/**
	 * Store items that have no key, on a separate connection and with one statement.
	 * @return what was stored, {@code null} where the queue is missing
	 */
	List<@Nullable StoredItem> storePlain(List<NewItem> items) {
		return this.database.executeSeparately("enqueue work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, false, (session, inside) -> {
					List<@Nullable StoredItem> stored = this.sql.insert(session, items);
					return new Written<>(stored, wakeups(stored));
				}));
	}

	/**
	 * Store items, all or none: those without a key first, and the others in an order in
	 * which no two transactions wait for each other.
	 * @return what was stored, in the order of the items
	 */
	List<StoredItem> storeAll(List<NewItem> items) {
		return execute("enqueue work", () -> "%d items of work were enqueued".formatted(items.size()),
				(connection, joined) -> (joined)
						? this.writes.run(WorkTopics.QUEUES, connection, true,
								(session, inside) -> storeAll(session, items))
						: this.writes.runInTransaction(WorkTopics.QUEUES, connection,
								(session, inside) -> storeAll(session, items)));
	}

	private Written<List<StoredItem>> storeAll(Connection connection, List<NewItem> items) throws SQLException {
		StoredItem[] stored = new StoredItem[items.size()];
		List<Integer> plain = IntStream.range(0, stored.length).filter((i) -> items.get(i).isPlain()).boxed().toList();
		for (List<Integer> part : Parts.of(plain, (i) -> items.get(i).payload().length)) {
			List<StoredItem> inserted = insert(connection, part.stream().map(items::get).toList());
			for (int i = 0; i < part.size(); i++) {
				stored[part.get(i)] = inserted.get(i);
			}
		}
		List<Integer> keyed = IntStream.range(0, stored.length)
			.filter((i) -> !items.get(i).isPlain())
			.boxed()
			.sorted(Comparator.comparing(items::get, KEY_ORDER))
			.toList();
		for (int i : keyed) {
			stored[i] = store(connection, items.get(i));
		}
		List<StoredItem> all = List.of(stored);
		return new Written<>(all, wakeups(all));
	}

	private List<StoredItem> insert(Connection connection, List<NewItem> items) throws SQLException {
		List<@Nullable StoredItem> inserted = this.sql.insert(connection, items);
		List<StoredItem> stored = new ArrayList<>(items.size());
		List<NewItem> missing = new ArrayList<>();
		for (int i = 0; i < items.size(); i++) {
			if (inserted.get(i) == null) {
				missing.add(items.get(i));
			}
		}
		List<@Nullable StoredItem> rest = (missing.isEmpty()) ? List.of() : insertToNewQueues(connection, missing);
		int next = 0;
		for (StoredItem item : inserted) {
			stored.add((item != null) ? item : requireStored(rest.get(next++), missing.get(next - 1)));
		}
		return stored;
	}

	private List<@Nullable StoredItem> insertToNewQueues(Connection connection, List<NewItem> items)
			throws SQLException {
		Set<String> queues = new LinkedHashSet<>();
		items.forEach((item) -> queues.add(item.queue()));
		createQueues(connection, queues);
		return this.sql.insert(connection, items);
	}

	private StoredItem store(Connection connection, NewItem item) throws SQLException {
		StoredItem stored = tryStore(connection, item);
		if (stored == null) {
			createQueues(connection, Set.of(item.queue()));
			stored = tryStore(connection, item);
		}
		return requireStored(stored, item);
	}

	private @Nullable StoredItem tryStore(Connection connection, NewItem item) throws SQLException {
		if (item.isPlain()) {
			return this.sql.insert(connection, List.of(item)).get(0);
		}
		return limited(item.queue(), item.lockedKey(),
				() -> (item.key() != null) ? this.sql.coalesce(connection, item) : this.sql.append(connection, item));
	}

	/**
	 * Waits where another transaction creates one of them.
	 */
	private void createQueues(Connection connection, Collection<String> names) throws SQLException {
		limited(String.join("', '", names), null, () -> {
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
					Cancelled cancelled = limited(queue, key, () -> this.sql.cancel(session, queue, key));
					if (cancelled == null) {
						return Written.of(CancelOutcome.NOT_FOUND, null);
					}
					return (cancelled.running())
							? Written.of(CancelOutcome.CANCELLED_WHILE_RUNNING, Wakeup.deleted(cancelled.itemId()))
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
					StoredItem moved = limited(queue, key, () -> this.sql.reschedule(session, queue, key, dueAt));
					return new Written<>(moved != null, (moved != null) ? wakeups(List.of(moved)) : List.of());
				}));
	}

	/**
	 * One for each queue, for the item that is due first.
	 */
	private static Collection<Wakeup> wakeups(List<? extends @Nullable StoredItem> items) {
		Map<Integer, Long> due = new LinkedHashMap<>();
		for (StoredItem item : items) {
			if (item != null && item.dueMicros() != Micros.NEVER) {
				due.merge(item.queueId(), item.dueMicros(), Math::min);
			}
		}
		List<Wakeup> wakeups = new ArrayList<>(due.size());
		due.forEach((queueId, dueMicros) -> wakeups.add(WorkTopics.due(queueId, dueMicros)));
		return wakeups;
	}

	private <T> @Nullable T limited(String queue, @Nullable String key, Statement<T> statement) throws SQLException {
		try {
			return statement.run();
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw new WorkLockedException(queue, key, this.timeout, ex);
			}
			throw ex;
		}
	}

	/**
	 * Outside a transaction, what met another transaction that the database's isolation
	 * level hides has stored nothing, and sees it when it is repeated.
	 */
	private <T> T execute(String task, Supplier<String> what, SessionWork<T> work) {
		return this.database.execute(task, (connection, joined) -> {
			for (int attempt = 1;; attempt++) {
				try {
					return work.run(connection, joined);
				}
				catch (SQLException ex) {
					if (!joined && SqlErrors.isConnectionLost(ex)) {
						throw new EnqueueOutcomeUnknownException(what.get(), ex);
					}
					boolean met = SqlErrors.isSerializationFailure(ex);
					if (met && (joined || attempt == MAX_ATTEMPTS)) {
						throw new ConcurrencyFailureException(("Another transaction used the same key at the same time "
								+ "as %s: this one's isolation level hides it, or each waited for the other; repeat "
								+ "this transaction")
							.formatted(what.get()), ex);
					}
					if (!met) {
						throw ex;
					}
				}
			}
		});
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
