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
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.GroupCommit;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.HeldItem.Completion;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Returned.Kind;
import io.durablenotify.work.SettleSql.Lane;
import io.durablenotify.work.Settlement.Complete;
import io.durablenotify.work.Settlement.Fail;
import io.durablenotify.work.Settlement.GiveBack;
import io.durablenotify.work.Settlement.LaneVisit;
import io.durablenotify.work.Settlement.Leave;
import io.durablenotify.work.Settlement.Postpone;
import io.durablenotify.work.Settlement.Rearm;
import io.durablenotify.work.Settlement.Refusable;
import io.durablenotify.work.Settlement.ReleaseLane;
import io.durablenotify.work.Settlement.Settled;
import io.durablenotify.work.Settlement.TakeBack;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Writes settlements, those of several handlers at once, until the database has them or
 * the lease is lost. Claims are removed with their last unit.
 */
final class Settlements {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	private static final int MAX_BATCH = 500;

	/**
	 * No handler waits for its settlement, and a commit costs as much as many items.
	 */
	private static final Duration LINGER = Duration.ofMillis(1);

	/**
	 * How long the others wait for a settlement that is still locked, in milliseconds.
	 */
	private static final int RETRY_LOCK_WAIT = 10;

	private static final long FIRST_PAUSE = 20;

	/**
	 * The server logs each attempt that fails.
	 */
	private static final long LONGEST_PAUSE = 500;

	private final ApplicationDatabase database;

	private final SettleSql sql;

	private final SettleSql retrySql;

	private final Wakeups wakeups;

	private final WorkMeasures measures;

	private final GroupCommit<Entry> main;

	/**
	 * Settlements of items that another transaction has locked, and those that may not be
	 * possible, one by one: they hold up no other.
	 */
	private final GroupCommit<Entry> locked;

	/**
	 * Those of them whose next attempt is after a pause.
	 */
	private final Set<Entry> paused = ConcurrentHashMap.newKeySet();

	private final Delays delays;

	private volatile boolean finishing;

	/**
	 * Claims of which nothing is left, and which are to be removed.
	 */
	private final Set<Claim> finished = ConcurrentHashMap.newKeySet();

	Settlements(ApplicationDatabase database, SettleSql sql, Wakeups wakeups, WorkMeasures measures, Delays delays) {
		this.delays = delays;
		this.database = database;
		this.sql = sql;
		this.retrySql = sql.waiting(RETRY_LOCK_WAIT);
		this.wakeups = wakeups;
		this.measures = measures;
		this.main = new GroupCommit<>("durable-notify-work-settle", MAX_BATCH, Integer.MAX_VALUE, LINGER, failures(),
				this::write);
		this.locked = new GroupCommit<>("durable-notify-work-locked", 1, Integer.MAX_VALUE, failures(),
				this::writeLocked);
	}

	private static FailureLog failures() {
		return new FailureLog(logger, "Failed to settle work", "Work is settled again");
	}

	void add(Settlement settlement) {
		add(settlement, null);
	}

	/**
	 * Have a settlement written.
	 * @param done runs once it is, or is given up
	 */
	void add(Settlement settlement, @Nullable Runnable done) {
		this.main.offer(new Entry(settlement, done, 0));
	}

	private void write(List<Entry> batch) {
		List<Entry> open = new ArrayList<>(batch);
		open.removeIf(this::isOver);
		if (!open.isEmpty() || !this.finished.isEmpty()) {
			this.database.executeSeparately("settle work", ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
				write(connection, open);
				return open;
			});
		}
	}

	private void write(Connection connection, List<Entry> entries) throws SQLException {
		complete(connection, entries.stream().filter(Entry::isComplete).toList());
		releaseLanes(connection, entries.stream().filter(Entry::isSettledLane).toList());
		for (Entry entry : entries) {
			if (!entry.isComplete() && !isOver(entry)) {
				settleUnlessLocked(connection, this.sql, entry);
			}
		}
		removeFinished(connection);
		wakeLimited(entries);
	}

	/**
	 * Run a statement that is one transaction, which another one may abort.
	 * @param entries what it writes
	 */
	private static <T> T repeated(Connection connection, List<Entry> entries, SessionWork<T> statement)
			throws SQLException {
		try {
			return Conflicts.repeat(statement).run(connection, false);
		}
		catch (SQLException ex) {
			if (SqlErrors.isConnectionLost(ex)) {
				entries.forEach((entry) -> entry.inDoubt = true);
			}
			throw ex;
		}
	}

	private void releaseLanes(Connection connection, List<Entry> releases) throws SQLException {
		if (releases.isEmpty()) {
			return;
		}
		Map<Lane, Returned> released = Map.of();
		try {
			released = repeated(connection, releases,
					(session, joined) -> this.sql.releaseLanes(session, releases.stream().map(Entry::lane).toList()));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isLockTimeout(ex) && !SqlErrors.isRefusedWrite(ex)) {
				throw ex;
			}
		}
		for (Entry release : releases) {
			Returned returned = released.get(release.lane());
			if (returned != null) {
				returned(release, returned);
			}
			else {
				moveToLocked(release);
			}
		}
	}

	private void settleUnlessLocked(Connection connection, SettleSql sql, Entry entry) throws SQLException {
		try {
			repeated(connection, List.of(entry), (session, joined) -> {
				settle(session, sql, entry);
				return entry;
			});
		}
		catch (SQLException ex) {
			if (SqlErrors.isRefusedWrite(ex)) {
				refused(entry, ex);
			}
			else if (SqlErrors.isLockTimeout(ex)) {
				moveToLocked(entry);
			}
			else {
				throw ex;
			}
		}
		catch (RuntimeException ex) {
			drop(entry, ex);
		}
	}

	/**
	 * An outcome that cannot be written is a failed attempt, which is handled again after
	 * a delay, and so is one of an item that cannot be dead.
	 */
	private void refused(Entry entry, SQLException failure) {
		if (entry.settlement instanceof Refusable refusable) {
			logger.error(
					"The outcome of %s cannot be stored, and counts as a failed attempt".formatted(refusable.item()),
					failure);
			Settlement failed = refusable.refused(failure);
			LaneVisit visit = (refusable instanceof Complete complete) ? complete.visit() : null;
			if (visit != null) {
				visit.refused(failed);
				over(entry, true);
			}
			else {
				replace(entry, failed);
			}
		}
		else if (entry.settlement instanceof Fail fail && fail.dead()) {
			logger.error("That %s is dead cannot be stored, and it is tried again".formatted(fail.item()), failure);
			logTrace(fail);
			replace(entry, new Fail(fail.item(), fail.error(), fail.delay(), false, null));
		}
		else {
			drop(entry, failure);
		}
	}

	private void replace(Entry entry, Settlement settlement) {
		entry.moved = true;
		this.locked.followUp(new Entry(settlement, entry.whenOver, 0));
	}

	/**
	 * What cannot be written must not hold up all others.
	 */
	private void drop(Entry entry, Exception failure) {
		logger.error("An outcome of work cannot be stored: %s".formatted(entry.settlement), failure);
		if (entry.settlement instanceof Fail fail) {
			logTrace(fail);
		}
		over(entry, true);
	}

	private void removeFinished(Connection connection) throws SQLException {
		Set<Claim> claims = Set.copyOf(this.finished);
		if (!claims.isEmpty()) {
			repeated(connection, List.of(), (session, joined) -> this.sql.complete(session, List.of(), claims, false));
			this.finished.removeAll(claims);
		}
	}

	/**
	 * Where the running items are limited, others may run now.
	 */
	private void wakeLimited(Collection<Entry> entries) {
		Map<Integer, Long> queues = new HashMap<>();
		entries.stream()
			.map((entry) -> entry.settlement.claim())
			.filter((claim) -> claim.queue().isLimited())
			.forEach((claim) -> queues.put(claim.queue().id(), claim.claim().claimId()));
		queues.forEach((queue, due) -> this.wakeups.send(WorkTopics.QUEUES, WorkTopics.due(queue, due)));
	}

	private void complete(Connection connection, List<Entry> completes) throws SQLException {
		if (completes.isEmpty()) {
			return;
		}
		Set<Claim> finished = finishedBy(completes);
		boolean skipLocked = false;
		Set<Done> deleted;
		try {
			deleted = repeated(connection, completes,
					(session, joined) -> this.sql.complete(session, dones(completes), finished, false));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isLockTimeout(ex) && !SqlErrors.isRefusedWrite(ex)) {
				throw ex;
			}
			skipLocked = true;
			deleted = completeUnlocked(connection, completes, finished);
		}
		boolean removed = deleted.size() == completes.size();
		for (Entry entry : completes) {
			if (deleted.contains(entry.done())) {
				count(entry, Finish.DONE);
				over(entry, !removed || !finished.contains(entry.settlement.claim().claim()));
			}
			else if (skipLocked) {
				moveToLocked(entry);
			}
			else {
				settleUnlessLocked(connection, this.sql, entry);
			}
		}
	}

	/**
	 * Complete what is not locked. Where one cannot be written, which fails all, they are
	 * left to be written one by one.
	 */
	private Set<Done> completeUnlocked(Connection connection, List<Entry> completes, Set<Claim> finished)
			throws SQLException {
		try {
			return repeated(connection, completes,
					(session, joined) -> this.sql.complete(session, dones(completes), finished, true));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isRefusedWrite(ex)) {
				throw ex;
			}
			return Set.of();
		}
	}

	private static List<Done> dones(List<Entry> completes) {
		return completes.stream().map(Entry::done).toList();
	}

	/**
	 * Return the claims of which nothing is left when these are completed.
	 */
	private static Set<Claim> finishedBy(List<Entry> completes) {
		Map<HeldClaim, Integer> units = new HashMap<>();
		completes.stream()
			.filter((entry) -> entry.settlement.endsUnit())
			.forEach((entry) -> units.merge(entry.settlement.claim(), 1, Integer::sum));
		Set<Claim> finished = new LinkedHashSet<>();
		units.forEach((claim, count) -> {
			if (claim.unsettled() == count) {
				finished.add(claim.claim());
			}
		});
		return finished;
	}

	private void settle(Connection connection, SettleSql sql, Entry entry) throws SQLException {
		Settlement settlement = entry.settlement;
		HeldItem item = settlement.item();
		Returned inDoubt = (item != null) ? item.returnedInDoubt() : null;
		if (item != null && inDoubt != null && sql.isReturned(connection, item.done())) {
			// Its transaction has committed: the attempt has not failed
			sql.leave(connection, item.done());
			wake(inDoubt);
			returned(entry, new Returned(Kind.LOST, inDoubt.queueId(), DatabaseMicros.NEVER));
		}
		else if (settlement instanceof Complete) {
			// It was asked for again meanwhile, or is not this instance's any more
			returned(entry, sql.again(connection, entry.done()));
		}
		else if (settlement instanceof Fail fail) {
			returned(entry, sql.fail(connection, fail.item().done(), fail.error(), fail.delay(), fail.dead()));
		}
		else if (settlement instanceof Postpone postpone) {
			returned(entry, sql.postpone(connection, postpone.item().done(), postpone.delay()));
		}
		else if (settlement instanceof Rearm rearm) {
			returned(entry, sql.rearm(connection, rearm.item().done(), rearm.dueAt()));
		}
		else if (settlement instanceof ReleaseLane release) {
			boolean settled = release.visit().isSettled();
			Settlement refused = release.visit().refused();
			if (!settled) {
				moveToLocked(entry);
			}
			else if (refused != null) {
				replace(entry, refused);
			}
			else {
				returned(entry, sql.releaseLane(connection, release.claim().claim(), release.lane().itemId(),
						release.lane().token()));
			}
		}
		else if (settlement instanceof GiveBack giveBack) {
			Claim claim = giveBack.claim().claim();
			long due = sql.release(connection, claim, List.of(giveBack.done()));
			this.wakeups.send(WorkTopics.QUEUES, WorkTopics.due(claim.queueId(), due));
			over(entry, true);
		}
		else if (settlement instanceof Leave leave) {
			sql.leave(connection, leave.item().done());
			wake(leave.returned());
			over(entry, true);
		}
		else if (settlement instanceof TakeBack takeBack) {
			returned(entry, sql.takeBack(connection, takeBack.item().done()));
		}
		else if (settlement instanceof Settled) {
			over(entry, true);
		}
	}

	private void wake(Returned returned) {
		Wakeup wakeup = WorkTopics.wakeup(returned);
		if (wakeup != null) {
			this.wakeups.send(WorkTopics.QUEUES, wakeup);
		}
	}

	private void returned(Entry entry, Returned returned) {
		wake(returned);
		HeldItem item = entry.settlement.item();
		boolean stored = returned.kind() == Kind.LOST && item != null && entry.isStoredAlready(item);
		if (item != null && !(entry.settlement instanceof TakeBack)) {
			Finish finish = (stored) ? intended(entry.settlement, item) : finish(entry.settlement, returned.kind());
			count(entry, finish);
			if (entry.settlement instanceof Fail fail && fail.dead()) {
				logLast(fail, finish);
			}
			if (returned.kind() == Kind.LOST && !stored && !item.cancelRequested()) {
				logger.warn(refused(item));
			}
		}
		if (returned.kind() == Kind.LOST && item != null && item.isInLane()
				&& !(entry.settlement instanceof Complete)) {
			// Its commit is known to have succeeded now, and the ordering key goes on
			this.locked.followUp(new Entry(new ReleaseLane(item.claim(), item.lane(), new LaneVisit()), null, 0));
			entry.over = true;
			entry.runWhenOver();
			return;
		}
		over(entry, true);
	}

	/**
	 * Log what has become of an item whose last attempt has failed.
	 */
	private static void logLast(Fail fail, Finish finish) {
		if (finish != Finish.DEAD && finish != Finish.RETRIED) {
			if (finish == Finish.LOST) {
				logTrace(fail);
			}
			return;
		}
		String line = ((finish == Finish.DEAD) ? "The %s is dead after attempt %d: %s"
				: "The %s has failed in attempt %d, its last, but is tried again, since another request for its key came "
						+ "in the meantime: %s")
			.formatted(fail.item(), fail.item().attempt(), fail.error());
		if (fail.trace() != null) {
			FailureLog.log(logger::warn, line, fail.trace());
		}
		else {
			logger.warn(line);
		}
	}

	/**
	 * Log the stack trace of a last attempt whose outcome is not stored.
	 */
	static void logTrace(Fail fail) {
		if (fail.trace() != null) {
			FailureLog.log(logger::warn,
					"The handler of %s has failed in attempt %d".formatted(fail.item(), fail.item().attempt()),
					fail.trace());
		}
	}

	/**
	 * Return whether there is nothing to write, for instance since another instance has
	 * taken over, which refuses whatever comes. What a transaction has stored is not
	 * refused.
	 */
	private boolean isOver(Entry entry) {
		if (!entry.over && !entry.moved && !(entry.settlement instanceof Leave)
				&& entry.settlement.claim().lease().isLost()) {
			entry.over = true;
			HeldItem item = entry.settlement.item();
			if (item != null && !(entry.settlement instanceof TakeBack)) {
				count(entry, Finish.LOST);
				logger.debug(refused(item));
			}
			if (entry.settlement instanceof Fail fail) {
				logTrace(fail);
			}
			entry.runWhenOver();
		}
		return entry.over || entry.moved;
	}

	private static Finish finish(Settlement settlement, Kind kind) {
		return switch (kind) {
			case LOST -> Finish.LOST;
			case DEAD -> Finish.DEAD;
			case DONE -> Finish.DONE;
			case AGAIN -> (settlement instanceof Fail) ? Finish.RETRIED
					: (settlement instanceof Postpone) ? Finish.POSTPONED : Finish.DONE;
		};
	}

	/**
	 * Return what becomes of an attempt whose outcome is stored.
	 */
	private static Finish intended(Settlement settlement, HeldItem item) {
		if (item.completion() == Completion.UNKNOWN) {
			return item.finish();
		}
		return finish(settlement, (settlement instanceof Fail fail && fail.dead()) ? Kind.DEAD : Kind.AGAIN);
	}

	private void count(Entry entry, Finish finish) {
		count(entry.settlement.claim(), finish);
	}

	/**
	 * Count what has become of an attempt, where that is not written here.
	 */
	void count(HeldClaim claim, Finish finish) {
		this.measures.of(claim.queue().name()).finished().of(finish).increment();
	}

	static String refused(HeldItem item) {
		return ("The outcome of %s was not stored: it was cancelled, or another instance has taken it over and handles it "
				+ "again")
			.formatted(item);
	}

	/**
	 * Nothing is left to write of a settlement.
	 * @param claimLeft whether its claim is still there, if nothing is left of that
	 */
	private void over(Entry entry, boolean claimLeft) {
		entry.over = true;
		HeldClaim claim = entry.settlement.claim();
		if (entry.settlement.endsUnit() && claim.settled() && claimLeft) {
			this.finished.add(claim.claim());
		}
		entry.runWhenOver();
	}

	/**
	 * Write settlements whose item was locked, or wait for one that was.
	 */
	private void writeLocked(List<Entry> batch) {
		for (Entry entry : batch) {
			if (isOver(entry) && this.finished.isEmpty()) {
				continue;
			}
			this.database.executeSeparately("settle work", ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
				try {
					if (isOver(entry)) {
						removeFinished(connection);
					}
					else {
						writeLocked(connection, entry);
					}
				}
				catch (SQLException ex) {
					if (isOver(entry)) {
						throw ex;
					}
					if (SqlErrors.isLockTimeout(ex)) {
						moveToLocked(entry);
					}
					else if (SqlErrors.isRefusedWrite(ex)) {
						refused(entry, ex);
						removeFinished(connection);
					}
					else {
						throw ex;
					}
				}
				return entry;
			});
		}
	}

	/**
	 * Try again: for the first time at once, then after pauses, each twice as long as the
	 * one before.
	 */
	private void moveToLocked(Entry entry) {
		entry.moved = true;
		Entry next = new Entry(entry.settlement, entry.whenOver,
				Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * entry.pause)));
		next.inDoubt = entry.inDoubt;
		this.paused.add(next);
		if (entry.pause > 0) {
			endPauseAfter(Duration.ofMillis(entry.pause), next);
		}
		if (entry.pause == 0 || this.finishing) {
			endPause(next);
		}
	}

	private void endPauseAfter(Duration pause, Entry entry) {
		try {
			this.delays.after(pause, () -> endPause(entry));
		}
		catch (Throwable ex) {
			// The system is out of threads
			endPause(entry);
		}
	}

	private void endPause(Entry entry) {
		if (this.paused.remove(entry)) {
			this.locked.followUp(entry);
		}
	}

	private void writeLocked(Connection connection, Entry entry) throws SQLException {
		if (!entry.isComplete() || repeated(connection, List.of(entry),
				(session, joined) -> this.sql.complete(session, List.of(entry.done()), List.of(), true))
			.isEmpty()) {
			settleUnlessLocked(connection, (this.finishing) ? this.sql : this.retrySql, entry);
		}
		else {
			count(entry, Finish.DONE);
			over(entry, true);
		}
		removeFinished(connection);
		wakeLimited(List.of(entry));
	}

	/**
	 * Write what is left, and stop.
	 * @param timeout how long to wait for that
	 * @return whether all is written
	 */
	boolean finish(Duration timeout) {
		long start = System.nanoTime();
		List<Entry> left = this.main.finish(timeout);
		this.finishing = true;
		this.paused.forEach(this::endPause);
		List<Entry> locked = this.locked.finish(timeout.minusNanos(System.nanoTime() - start));
		return left.isEmpty() && locked.isEmpty() && this.finished.isEmpty();
	}

	/**
	 * A settlement that is to be written.
	 */
	private static final class Entry {

		private final Settlement settlement;

		private final @Nullable Runnable whenOver;

		private boolean over;

		/**
		 * Whether another entry has taken its place.
		 */
		private boolean moved;

		/**
		 * Whether the answer was lost of a statement that may have written it.
		 */
		private boolean inDoubt;

		/**
		 * How long to pause if it is locked, in milliseconds.
		 */
		private final long pause;

		private Entry(Settlement settlement, @Nullable Runnable whenOver, long pause) {
			this.settlement = settlement;
			this.whenOver = whenOver;
			this.pause = pause;
		}

		private boolean isComplete() {
			return this.settlement instanceof Complete;
		}

		private boolean isSettledLane() {
			return this.settlement instanceof ReleaseLane release && release.visit().isSettled()
					&& release.visit().refused() == null;
		}

		private Lane lane() {
			ReleaseLane release = (ReleaseLane) this.settlement;
			return new Lane(release.claim().claim(), release.lane().itemId(), release.lane().token());
		}

		/**
		 * Return whether it was refused since it is stored: it was written before, or a
		 * transaction of the handler has committed, and the answer was lost.
		 */
		private boolean isStoredAlready(HeldItem item) {
			return (this.inDoubt || item.completion() == Completion.UNKNOWN) && !item.cancelRequested();
		}

		private Done done() {
			return ((Complete) this.settlement).item().done();
		}

		private void runWhenOver() {
			if (this.whenOver != null) {
				this.whenOver.run();
			}
		}

	}

}
