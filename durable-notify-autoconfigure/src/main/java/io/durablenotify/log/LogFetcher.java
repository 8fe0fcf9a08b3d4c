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

package io.durablenotify.log;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedDeque;

import io.durablenotify.log.LogMeasures.Ending;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.DebugLine;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.log.LogStore.Budget;
import io.durablenotify.log.LogStore.Found;
import io.durablenotify.log.LogStore.Head;
import io.durablenotify.log.LogStore.Target;
import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.util.StringUtils;

/**
 * Fetches for all live readers of a feature, on one thread and one connection at a time.
 * Readers that were woken queue up; those of one log with the same next index share a
 * target, and one statement reads many targets. A reader whose log has more goes to the
 * back of the queue, so that a hot log gets one quota per fetch.
 */
final class LogFetcher<E> implements AutoCloseable {

	private static final int MAX_READERS_PER_STATEMENT = 1_000;

	/**
	 * The number of targets up to which each gets a full quota.
	 */
	private static final int FULL_QUOTAS = 64;

	private static final int BYTES_PER_QUOTA = 64 * 1024;

	/**
	 * No other reader waits for the statement then.
	 */
	private static final int BYTES_ALONE = 1024 * 1024;

	private static final int MIN_ENTRIES_PER_QUOTA = 16;

	private final LogKind kind;

	private final Log logger;

	private final ApplicationDatabase database;

	private final LogStore<E> store;

	private final LogRegistry<E> registry;

	private final LogChecks<E> checks;

	private final FullReaders fullReaders;

	private final BackgroundLoop loop;

	/**
	 * Readers in state QUEUED, each at most once.
	 */
	private final Deque<LogSubscription<E>> queue = new ConcurrentLinkedDeque<>();

	/**
	 * Readers in state QUEUED of which one has a log that cannot be read. Owned by the
	 * fetching thread, like all that follows.
	 */
	private final Queue<LogSubscription<E>> suspects = new ArrayDeque<>();

	LogFetcher(LogKind kind, ApplicationDatabase database, LogStore<E> store, LogRegistry<E> registry) {
		this.kind = kind;
		this.logger = kind.logger();
		this.database = database;
		this.store = store;
		this.registry = registry;
		this.fullReaders = new FullReaders(kind.logger(), System::nanoTime);
		this.checks = new LogChecks<>(kind, database, store, registry, this::tryWake);
		this.loop = new BackgroundLoop("durable-notify-fetch-" + kind.topic(), new FailureLog(kind.logger(),
				"Failed to read " + kind.logs(), StringUtils.capitalize(kind.logs()) + " are read again"), this::run);
	}

	/**
	 * A reader needs a fetch.
	 */
	void wake(LogSubscription<E> reader) {
		tryWake(reader);
	}

	/**
	 * A reader needs a fetch.
	 * @return whether it was idle
	 */
	private boolean tryWake(LogSubscription<E> reader) {
		if (reader.fetchState().wake()) {
			enqueue(reader);
			return true;
		}
		return false;
	}

	/**
	 * A reader may have room for what it had to leave.
	 */
	void roomMade(LogSubscription<E> reader) {
		if (reader.fetchState().room()) {
			enqueue(reader);
		}
	}

	/**
	 * Give an entry that was committed just now to a reader that waits for it, without a
	 * statement. Any other reader fetches.
	 */
	void handOver(E entry, String server, LogSubscription<E> reader) {
		if (!reader.fetchState().tryBegin()) {
			return;
		}
		boolean again = true;
		try {
			again = !reader.acceptNext(entry, server);
		}
		finally {
			// Also after a failure: no other thread ends this fetch
			if (reader.fetchState().end(again)) {
				enqueue(reader);
			}
		}
	}

	private void enqueue(LogSubscription<E> reader) {
		this.queue.add(reader);
		this.loop.signal();
	}

	/**
	 * A name that readers wait for may exist.
	 */
	void resolve(String name) {
		this.checks.requestName(name);
		this.loop.signal();
	}

	/**
	 * Check all logs, because the poll is due.
	 */
	void poll() {
		this.fullReaders.check(this.registry.all());
		this.checks.requestPoll();
		this.loop.signal();
	}

	/**
	 * Check all logs, because wake-ups may have been missed.
	 */
	void resync() {
		this.checks.requestResync();
		this.loop.signal();
	}

	private Next run() {
		try {
			check();
		}
		catch (CannotGetJdbcConnectionException ex) {
			throw ex;
		}
		catch (Throwable ex) {
			// What failed in the check must not keep other readers from being served
			fetch();
			throw ex;
		}
		fetch();
		return Next.againIf(!this.queue.isEmpty() || !this.suspects.isEmpty() || this.checks.isPending());
	}

	private void check() {
		String name = this.checks.takeOnlyName();
		LogSubscription<E> reader = (name != null) ? this.registry.anyWaitingFor(name) : null;
		if (reader == null || !fetchFirst(reader)) {
			this.checks.check();
		}
	}

	/**
	 * Find a reader's log and its first entries in one round trip. That is worth its
	 * while for one reader that was opened just now; where more come at once, their names
	 * are looked up together.
	 * @return whether that is done; else the name is still to be checked
	 */
	private boolean fetchFirst(LogSubscription<E> reader) {
		String name = reader.name();
		List<LogSubscription<E>> expecting = this.registry.expecting(List.of(name));
		// No other thread fetches for it while it is bound to no log
		reader.fetchState().tryBegin();
		long wakeups = this.registry.wakeups();
		FetchMeasures measures = this.registry.measures().fetch();
		DebugLine line = DebugLine.start(this.logger);
		long start = measures.start();
		Found<E> found;
		EntryPage<E> page;
		try {
			found = this.database.executeSeparately("fetch " + this.kind.entries(), ApplicationDatabase.SOCKET_TIMEOUT,
					Conflicts.repeat((connection, joined) -> this.store.fetchFirst(connection, name,
							reader.cursor().fetchFrom(), budget(List.of(List.of(reader))))));
			page = reader.toPage(found.entries());
			measures.end(start, page.size());
			debug(line, page.size(), 1);
			this.registry.measures().targets().record(1);
		}
		catch (Throwable ex) {
			measures.failed(start);
			reader.fetchState().end(false);
			this.checks.requestName(name);
			if (ex instanceof DataAccessException failure && SqlErrors.isDataFailure(failure)) {
				// The name or the entries: the next regular fetch finds out
				return false;
			}
			throw ex;
		}
		Head head = found.head();
		if (head == null) {
			reader.fetchState().end(false);
			expecting.forEach(LogSubscription::notFound);
			return true;
		}
		Collection<LogSubscription<E>> bound = this.registry.bindWaiting(name, head.id());
		// One that came before the reader was bound has not reached it
		boolean missed = this.registry.wakeups() != wakeups;
		bound.stream().filter((other) -> missed || other != reader).forEach(this::wake);
		handOver(head, page, reader);
		return true;
	}

	private void debug(DebugLine line, int entries, int logs) {
		line.write(() -> "Fetched %d %s of %d %s".formatted(entries, this.kind.entries(), logs, this.kind.logs()));
	}

	private void fetch() {
		Map<Target, List<LogSubscription<E>>> readersByTarget = new LinkedHashMap<>();
		List<List<LogSubscription<E>>> readers;
		List<@Nullable Found<E>> found;
		List<EntryPage<E>> pages = new ArrayList<>();
		FetchMeasures measures = this.registry.measures().fetch();
		DebugLine line = DebugLine.start(this.logger);
		long start = measures.start();
		try {
			takeTargets(readersByTarget);
			if (readersByTarget.isEmpty()) {
				return;
			}
			List<Target> targets = List.copyOf(readersByTarget.keySet());
			readers = List.copyOf(readersByTarget.values());
			found = this.database.executeSeparately("fetch " + this.kind.entries(), ApplicationDatabase.SOCKET_TIMEOUT,
					Conflicts.repeat((connection, joined) -> this.store.fetch(connection, targets, budget(readers))));
			for (int i = 0; i < targets.size(); i++) {
				Found<E> log = found.get(i);
				pages.add(readers.get(i).get(0).toPage((log != null) ? log.entries() : List.of()));
			}
			int entries = pages.stream().mapToInt(EntryPage::size).sum();
			measures.end(start, entries);
			debug(line, entries, targets.size());
			this.registry.measures().targets().record(targets.size());
		}
		catch (DataAccessException ex) {
			measures.failed(start);
			if (SqlErrors.isDataFailure(ex)) {
				unreadable(readersByTarget.values(), ex);
				return;
			}
			fetchAgain(readersByTarget.values(), this.queue);
			throw ex;
		}
		catch (Throwable ex) {
			measures.failed(start);
			fetchAgain(readersByTarget.values(), this.queue);
			throw ex;
		}
		for (int i = 0; i < readers.size(); i++) {
			Found<E> log = found.get(i);
			if (log != null) {
				EntryPage<E> page = pages.get(i);
				readers.get(i).forEach((reader) -> handOver(log.head(), page, reader));
			}
		}
		for (int i = readers.size() - 1; i > 0; i--) {
			if (found.get(i) == null) {
				readers.get(i).forEach(this::fetchLater);
			}
		}
		if (found.get(0) == null) {
			readers.get(0).forEach(this::endUnserved);
		}
	}

	/**
	 * Nothing was before it that could have used up the budget: it would be left out each
	 * time.
	 */
	private void endUnserved(LogSubscription<E> reader) {
		reader.end(Ending.ERROR,
				new IllegalStateException("A fetch has left out %s, its first target".formatted(reader.describe())));
		reader.fetchState().end(false);
	}

	/**
	 * Earlier targets have used up the budget. They may have more, and would use it up
	 * again if they came first.
	 */
	private void fetchLater(LogSubscription<E> reader) {
		reader.fetchState().end(true);
		this.queue.addFirst(reader);
	}

	/**
	 * Begin fetches.
	 * @param targets gets the readers, also those that were taken before a failure
	 */
	private void takeTargets(Map<Target, List<LogSubscription<E>>> targets) {
		Queue<LogSubscription<E>> source = (this.suspects.isEmpty()) ? this.queue : this.suspects;
		int limit = (this.suspects.isEmpty()) ? MAX_READERS_PER_STATEMENT : 1;
		for (int i = 0; i < limit; i++) {
			LogSubscription<E> reader = source.poll();
			if (reader == null) {
				break;
			}
			if (reader.isReading()) {
				reader.fetchState().begin();
				if (!take(reader, targets)) {
					waitForRoom(reader);
				}
			}
		}
	}

	/**
	 * Return whether there is room for what is fetched.
	 */
	private boolean take(LogSubscription<E> reader, Map<Target, List<LogSubscription<E>>> targets) {
		try {
			return reader.hasRoom() && targets
				.computeIfAbsent(new Target(reader.logId(), reader.cursor().fetchFrom()),
						(target) -> new ArrayList<>(1))
				.add(reader);
		}
		catch (Throwable ex) {
			fetchAgain(reader, this.queue);
			throw ex;
		}
	}

	/**
	 * The server sorts what all targets bring before it cuts at the statement's budget.
	 * With many targets each gets a smaller quota, and none more than what the emptiest
	 * buffer takes.
	 */
	private static <E> Budget budget(List<List<LogSubscription<E>>> readers) {
		int divisor = (readers.size() + FULL_QUOTAS - 1) / FULL_QUOTAS;
		int quota = readers.stream().flatMap(List::stream).mapToInt(LogSubscription::room).max().orElse(1);
		int entries = Math.min(quota, Math.max(MIN_ENTRIES_PER_QUOTA, quota / divisor));
		return new Budget(entries, BYTES_PER_QUOTA / divisor, (long) FULL_QUOTAS * BYTES_PER_QUOTA,
				Math.min(quota, entriesAlone(readers)), BYTES_ALONE);
	}

	/**
	 * The number of entries of which one of twice the usual size still has its place.
	 */
	private static <E> int entriesAlone(List<List<LogSubscription<E>>> readers) {
		return Math.max(1, BYTES_ALONE / 2 / Math.max(1, readers.get(0).get(0).entrySize()));
	}

	private void handOver(@Nullable Head head, EntryPage<E> page, LogSubscription<E> reader) {
		boolean more = true;
		boolean room = true;
		try {
			more = reader.accept(head, page);
			room = !more || reader.hasRoom();
		}
		catch (Throwable ex) {
			reader.end(Ending.ERROR, ex);
		}
		if (!room) {
			waitForRoom(reader);
		}
		else if (reader.fetchState().end(more)) {
			this.queue.add(reader);
		}
	}

	private void waitForRoom(LogSubscription<E> reader) {
		reader.full();
		if (reader.fetchState().full(reader::hasRoom)) {
			this.queue.add(reader);
		}
	}

	/**
	 * No failure of the database as a whole: the rows of one log cannot be read. Find it,
	 * so that the others can.
	 */
	private void unreadable(Collection<List<LogSubscription<E>>> readers, DataAccessException failure) {
		if (readers.size() == 1) {
			readers.iterator().next().forEach((reader) -> reader.end(Ending.ERROR, failure));
		}
		else {
			fetchAgain(readers, this.suspects);
		}
	}

	private static <E> void fetchAgain(Collection<List<LogSubscription<E>>> readers, Queue<LogSubscription<E>> queue) {
		readers.forEach((target) -> target.forEach((reader) -> fetchAgain(reader, queue)));
	}

	private static <E> void fetchAgain(LogSubscription<E> reader, Queue<LogSubscription<E>> queue) {
		reader.fetchState().end(true);
		queue.add(reader);
	}

	@Override
	public void close() {
		this.loop.close();
	}

}
