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

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.GroupCommit;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Has settlements written, those of several handlers at once, until the database has them
 * or the lease is lost.
 */
final class Settlements implements SettlementWriter.Queues {

	private static final int MAX_BATCH = 500;

	/**
	 * No handler waits for its settlement, and a commit costs as much as many items.
	 */
	private static final Duration LINGER = Duration.ofMillis(1);

	private static final long FIRST_PAUSE = 20;

	/**
	 * The server logs each attempt that fails.
	 */
	private static final long LONGEST_PAUSE = 500;

	private final ApplicationDatabase database;

	private final SettlementOutcomes outcomes;

	private final SettlementWriter writer;

	private final GroupCommit<SettlementEntry> main;

	/**
	 * Settlements of items that another transaction has locked, and those that may not be
	 * possible, one by one: they hold up no other.
	 */
	private final GroupCommit<SettlementEntry> locked;

	/**
	 * The locked settlements whose next attempt is after a pause.
	 */
	private final Set<SettlementEntry> paused = ConcurrentHashMap.newKeySet();

	private final Delays delays;

	private volatile boolean finishing;

	Settlements(ApplicationDatabase database, SettleSql sql, Wakeups wakeups, WorkMeasures measures, Delays delays) {
		this.database = database;
		this.outcomes = new SettlementOutcomes(measures);
		this.writer = new SettlementWriter(sql, wakeups, this.outcomes, this);
		this.delays = delays;
		this.main = new GroupCommit<>("durable-notify-work-settle", MAX_BATCH, Integer.MAX_VALUE, LINGER, failures(),
				this::write);
		this.locked = new GroupCommit<>("durable-notify-work-locked", 1, Integer.MAX_VALUE, failures(),
				this::writeLocked);
	}

	private static FailureLog failures() {
		return new FailureLog(LogFactory.getLog(WorkListeners.class), "Failed to settle work", "Work is settled again");
	}

	/**
	 * Return what counts attempts whose outcome is not written here.
	 */
	SettlementOutcomes outcomes() {
		return this.outcomes;
	}

	void add(Settlement settlement) {
		add(settlement, null);
	}

	/**
	 * Have a settlement written.
	 * @param done runs once it is, or is given up
	 */
	void add(Settlement settlement, @Nullable Runnable done) {
		SettlementEntry entry = new SettlementEntry(settlement, done);
		try {
			this.main.offer(entry);
		}
		catch (OutOfMemoryError ex) {
			// Without a thread, too, its handler is not to be called again
			this.main.followUp(entry);
		}
	}

	private void write(List<SettlementEntry> batch) {
		List<SettlementEntry> open = new ArrayList<>(batch);
		open.removeIf(this.writer::isOver);
		if (!open.isEmpty() || this.writer.hasFinished()) {
			this.database.executeSeparately("settle work", ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
				this.writer.write(connection, open);
				return open;
			});
		}
	}

	/**
	 * Write settlements whose item was locked, or wait for one that was.
	 */
	private void writeLocked(List<SettlementEntry> batch) {
		for (SettlementEntry entry : batch) {
			if (this.writer.isOver(entry) && !this.writer.hasFinished()) {
				continue;
			}
			this.database.executeSeparately("settle work", ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
				try {
					if (this.writer.isOver(entry)) {
						this.writer.removeFinished(connection);
					}
					else {
						this.writer.writeLocked(connection, entry);
					}
				}
				catch (SQLException ex) {
					if (this.writer.isOver(entry)) {
						throw ex;
					}
					if (SqlErrors.isLockTimeout(ex)) {
						locked(entry);
					}
					else if (SqlErrors.isRefusedWrite(ex)) {
						this.writer.refused(connection, entry, ex);
						this.writer.removeFinished(connection);
					}
					else {
						throw ex;
					}
				}
				return entry;
			});
		}
	}

	@Override
	public void followUp(SettlementEntry entry) {
		this.locked.followUp(entry);
	}

	@Override
	public void replace(SettlementEntry entry, Settlement settlement) {
		followUp(entry.replacedBy(settlement));
	}

	/**
	 * Try again: for the first time at once, then after pauses, each twice as long as the
	 * one before.
	 */
	@Override
	public void locked(SettlementEntry entry) {
		SettlementEntry next = entry.repeated(Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * entry.pause())));
		this.paused.add(next);
		if (entry.pause() > 0) {
			endPauseAfter(Duration.ofMillis(entry.pause()), next);
		}
		if (entry.pause() == 0 || this.finishing) {
			endPause(next);
		}
	}

	private void endPauseAfter(Duration pause, SettlementEntry entry) {
		try {
			this.delays.after(pause, () -> endPause(entry));
		}
		catch (Throwable ex) {
			// The system is out of threads
			endPause(entry);
		}
	}

	private void endPause(SettlementEntry entry) {
		if (this.paused.remove(entry)) {
			followUp(entry);
		}
	}

	@Override
	public boolean isFinishing() {
		return this.finishing;
	}

	/**
	 * Write what is left, and stop.
	 * @param timeout how long to wait for that
	 * @return whether all is written
	 */
	boolean finish(Duration timeout) {
		long start = System.nanoTime();
		List<SettlementEntry> left = this.main.finish(timeout);
		this.finishing = true;
		this.paused.forEach(this::endPause);
		List<SettlementEntry> locked = this.locked.finish(timeout.minusNanos(System.nanoTime() - start));
		return left.isEmpty() && locked.isEmpty() && !this.writer.hasFinished();
	}

}
