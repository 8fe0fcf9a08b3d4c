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
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.log.LogStore.Moved;
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

	private final Consumer<LogSubscription<E>> wake;

	private final Set<String> names = ConcurrentHashMap.newKeySet();

	private final AtomicBoolean pollRequested = new AtomicBoolean();

	private final AtomicBoolean resyncRequested = new AtomicBoolean();

	/**
	 * What is left of a check of all logs.
	 */
	private final Queue<List<Long>> slices = new ArrayDeque<>();

	LogChecks(LogKind kind, ApplicationDatabase database, LogStore<E> store, LogRegistry<E> registry,
			Consumer<LogSubscription<E>> wake) {
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
				slice(RESYNC_SLICE);
			}
			else if (this.pollRequested.getAndSet(false)) {
				slice(POLL_SLICE);
			}
		}
		this.names.retainAll(this.registry.names());
		Set<String> names = Set.copyOf(this.names);
		// Before the statement: a name that is requested while it runs is requested again
		this.names.removeAll(names);
		boolean checked = false;
		try {
			check(watched(this.slices.peek()), names);
			checked = true;
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
	 * Readers that do not wait fetch anyway.
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
			}
			if (next != Long.MAX_VALUE) {
				watched.add(new Watched(logId, next, received));
			}
		}
		return watched;
	}

	private void check(List<Watched> watched, Set<String> names) {
		try {
			query(watched, names);
		}
		catch (DataAccessException ex) {
			if (names.isEmpty() || !SqlErrors.isDataFailure(ex)) {
				throw ex;
			}
			// A name that this database cannot hold must not keep the others waiting
			names.forEach(this::checkAlone);
			query(watched, Set.of());
		}
	}

	private void checkAlone(String name) {
		try {
			query(List.of(), Set.of(name));
		}
		catch (DataAccessException ex) {
			if (!SqlErrors.isDataFailure(ex)) {
				throw ex;
			}
			this.registry.waitingFor(name).forEach((reader) -> reader.end(ex));
		}
	}

	private void query(List<Watched> watched, Set<String> names) {
		if (watched.isEmpty() && names.isEmpty()) {
			return;
		}
		List<LogSubscription<E>> expecting = this.registry.expecting(names);
		Moved moved = this.database.executeSeparately("check " + this.kind.logs(), ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.store.moved(connection, watched, names));
		moved.ids().forEach((logId) -> this.registry.of(logId).forEach(this.wake));
		// What was written since may be as long as what was lost
		watched.forEach((log) -> this.registry.of(log.id())
			.stream()
			.filter((reader) -> reader.cursor().hasReceivedFromOther(moved.server()))
			.forEach(this.wake));
		moved.names().forEach((named) -> this.registry.bindWaiting(named.name(), named.id()).forEach(this.wake));
		expecting.forEach(LogSubscription::notFound);
	}

}
