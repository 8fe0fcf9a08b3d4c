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
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Collectors;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.log.LogMeasures.Ending;
import io.durablenotify.log.LogStore.Moved;
import io.durablenotify.log.LogStore.Named;
import io.durablenotify.log.LogStore.Watched;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Finds the waiting readers that need a fetch: those of logs that moved, and those of new
 * names. Requests come from any thread; {@link #check()} belongs to the fetching thread.
 */
final class LogChecks<E> {

	/**
	 * Up to so many logs a poll takes one statement.
	 */
	private static final int POLL_SLICE = 10_000;

	/**
	 * After a reconnect all instances check at once, and fetches have to go on between.
	 */
	private static final int RESYNC_SLICE = 1_000;

	private final LogKind kind;

	private final ApplicationDatabase database;

	private final LogStore<E> store;

	private final LogRegistry<E> registry;

	/**
	 * Wakes a reader, and returns whether it was idle.
	 */
	private final Predicate<LogSubscription<E>> wake;

	private final Set<String> names = ConcurrentHashMap.newKeySet();

	private final AtomicBoolean pollRequested = new AtomicBoolean();

	private final AtomicBoolean resyncRequested = new AtomicBoolean();

	/**
	 * What is left of a check of all logs.
	 */
	private final Queue<List<Long>> slices = new ArrayDeque<>();

	/**
	 * Whether the poll has asked for the slices that are left.
	 */
	private boolean polling;

	/**
	 * The names that only the poll has asked for, until they are checked.
	 */
	private Set<String> polledNames = Set.of();

	LogChecks(LogKind kind, ApplicationDatabase database, LogStore<E> store, LogRegistry<E> registry,
			Predicate<LogSubscription<E>> wake) {
		this.kind = kind;
		this.database = database;
		this.store = store;
		this.registry = registry;
		this.wake = wake;
	}

	void requestName(String name) {
		this.names.add(name);
	}

	void requestPoll() {
		this.pollRequested.set(true);
	}

	void requestResync() {
		this.resyncRequested.set(true);
	}

	/**
	 * Return whether {@link #check()} has work left.
	 */
	boolean isPending() {
		return !this.slices.isEmpty() || !this.names.isEmpty() || this.resyncRequested.get()
				|| this.pollRequested.get();
	}

	/**
	 * Take the one name that was asked for, if that is all there is to check.
	 * @return the name, or {@code null}
	 */
	@Nullable String takeOnlyName() {
		if (!this.slices.isEmpty() || this.resyncRequested.get() || this.pollRequested.get()
				|| this.names.size() != 1) {
			return null;
		}
		for (String name : this.names) {
			// Before the statement, as below
			return (this.names.remove(name)) ? name : null;
		}
		return null;
	}

	/**
	 * Check the names that were asked for and the next slice of logs.
	 * @throws DataAccessException if the database fails; everything is still to be
	 * checked then
	 */
	void check() {
		// What is asked for while slices are left may be about those checked already
		if (this.slices.isEmpty()) {
			if (this.resyncRequested.getAndSet(false)) {
				this.registry.all().forEach((reader) -> reader.cursor().doubt());
				this.polling = false;
				this.polledNames = Set.of();
				slice(RESYNC_SLICE);
			}
			else if (this.pollRequested.getAndSet(false)) {
				this.registry.findings().beginRound();
				this.polling = true;
				this.polledNames = this.registry.names()
					.stream()
					.filter((name) -> !this.names.contains(name))
					.collect(Collectors.toSet());
				slice(POLL_SLICE);
			}
		}
		Set<String> requested = Set.copyOf(this.names);
		// Before all that is asked: a name that is requested meanwhile is requested again
		this.names.removeAll(requested);
		Set<String> names = requested.stream()
			.filter((name) -> this.registry.names().contains(name))
			.collect(Collectors.toUnmodifiableSet());
		boolean checked = false;
		try {
			List<Long> slice = this.slices.peek();
			check(watched(slice), names, slice != null && this.polling);
			checked = true;
			this.polledNames = Set.of();
		}
		finally {
			if (checked) {
				this.slices.poll();
			}
			else {
				this.names.addAll(names);
			}
		}
	}

	private void slice(int size) {
		this.names.addAll(this.registry.names());
		List<Long> logIds = new ArrayList<>(this.registry.logIds());
		// An order of this instance's own
		Collections.shuffle(logIds);
		for (int start = 0; start < logIds.size(); start += size) {
			this.slices.add(logIds.subList(start, Math.min(start + size, logIds.size())));
		}
	}

	/**
	 * Readers that wait. One that does not is woken: it may be fetching anyway, or be
	 * handed an entry, and has to fetch after that.
	 */
	private List<Watched> watched(@Nullable List<Long> logIds) {
		List<Watched> watched = new ArrayList<>();
		for (long logId : (logIds != null) ? logIds : List.<Long>of()) {
			long next = Long.MAX_VALUE;
			long received = 0;
			for (LogSubscription<E> reader : this.registry.of(logId)) {
				if (reader.fetchState().isIdle()) {
					next = Math.min(next, reader.cursor().next());
					received = Math.max(received, reader.cursor().received());
				}
				else {
					this.wake.test(reader);
				}
			}
			if (next != Long.MAX_VALUE) {
				watched.add(new Watched(logId, next, received));
			}
		}
		return watched;
	}

	private void check(List<Watched> watched, Set<String> names, boolean polled) {
		try {
			query(watched, names, polled);
		}
		catch (DataAccessException ex) {
			if (names.isEmpty() || !SqlErrors.isDataFailure(ex)) {
				throw ex;
			}
			// A name that this database cannot hold must not keep the others waiting
			names.forEach(this::checkAlone);
			query(watched, Set.of(), polled);
		}
	}

	private void checkAlone(String name) {
		try {
			query(List.of(), Set.of(name), false);
		}
		catch (DataAccessException ex) {
			if (!SqlErrors.isDataFailure(ex)) {
				throw ex;
			}
			this.registry.waitingFor(name).forEach((reader) -> reader.end(Ending.ERROR, ex));
		}
	}

	private void query(List<Watched> watched, Set<String> names, boolean polled) {
		if (watched.isEmpty() && names.isEmpty()) {
			return;
		}
		List<LogSubscription<E>> expecting = this.registry.expecting(names);
		Moved moved = this.database.executeSeparately("check " + this.kind.logs(), ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> this.store.moved(connection, watched, names)));
		moved.ids().forEach((logId) -> wake(logId, polled));
		// What was written since may be as long as what was lost
		watched.forEach((log) -> this.registry.of(log.id())
			.stream()
			.filter((reader) -> reader.cursor().hasReceivedFromOther(moved.server()))
			.forEach(this.wake::test));
		moved.names().forEach(this::bind);
		expecting.forEach(LogSubscription::notFound);
	}

	/**
	 * Wake the readers of a log that has moved. If one was idle, no wake-up has come.
	 */
	private void wake(long logId, boolean polled) {
		boolean idle = false;
		for (LogSubscription<E> reader : this.registry.of(logId)) {
			idle |= this.wake.test(reader);
		}
		if (polled && idle) {
			this.registry.findings().found(logId, 1);
		}
	}

	private void bind(Named named) {
		Collection<LogSubscription<E>> bound = this.registry.bindWaiting(named.name(), named.id());
		bound.forEach(this.wake::test);
		// A wake-up has announced one that was requested since
		if (!bound.isEmpty() && this.polledNames.contains(named.name()) && !this.names.contains(named.name())) {
			this.registry.findings().found(named.id(), 1);
		}
	}

}
