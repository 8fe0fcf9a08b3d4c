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
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Returned.Kind;
import io.durablenotify.work.SettleSql.Lane;
import io.durablenotify.work.Settlement.Complete;
import io.durablenotify.work.Settlement.Fail;
import io.durablenotify.work.Settlement.GiveBack;
import io.durablenotify.work.Settlement.LaneVisit;
import io.durablenotify.work.Settlement.Leave;
import io.durablenotify.work.Settlement.OfItem;
import io.durablenotify.work.Settlement.Postpone;
import io.durablenotify.work.Settlement.Rearm;
import io.durablenotify.work.Settlement.Refusable;
import io.durablenotify.work.Settlement.ReleaseLane;
import io.durablenotify.work.Settlement.Settled;
import io.durablenotify.work.Settlement.TakeBack;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Writes settlements on a connection, and removes claims with their last unit.
 * Thread-safe, with each entry on one thread at a time.
 */
final class SettlementWriter {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * How long the others wait for a settlement that is still locked, in milliseconds.
	 */
	private static final int RETRY_LOCK_WAIT = 10;

	private final SettleSql sql;

	private final SettleSql retrySql;

	private final Wakeups wakeups;

	private final SettlementOutcomes outcomes;

	private final Queues queues;

	/**
	 * Claims of which nothing is left, and which are to be removed.
	 */
	private final Set<Claim> finished = ConcurrentHashMap.newKeySet();

	SettlementWriter(SettleSql sql, Wakeups wakeups, SettlementOutcomes outcomes, Queues queues) {
		this.sql = sql;
		this.retrySql = sql.waiting(RETRY_LOCK_WAIT);
		this.wakeups = wakeups;
		this.outcomes = outcomes;
		this.queues = queues;
	}

	/**
	 * Return whether there is nothing to write, for instance since another instance has
	 * taken over, which refuses whatever comes. What a transaction has stored is not
	 * refused.
	 */
	boolean isOver(SettlementEntry entry) {
		Settlement settlement = entry.settlement();
		if (!entry.isOver() && !(settlement instanceof Leave) && settlement.claim().lease().isLost()) {
			entry.over();
			this.outcomes.leaseLost(settlement);
			entry.runWhenOver();
		}
		return entry.isOver();
	}

	/**
	 * Return whether there are claims to be removed.
	 */
	boolean hasFinished() {
		return !this.finished.isEmpty();
	}

	/**
	 * Write settlements, and remove the claims of which nothing is left.
	 */
	void write(Connection connection, List<SettlementEntry> entries) throws SQLException {
		complete(connection, entries.stream().filter(SettlementEntry::isComplete).toList());
		releaseLanes(connection, entries.stream().filter(SettlementEntry::isSettledLane).toList());
		for (SettlementEntry entry : entries) {
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
	private static <T> T repeated(Connection connection, List<SettlementEntry> entries, SessionWork<T> statement)
			throws SQLException {
		try {
			return Conflicts.repeat(statement).run(connection, false);
		}
		catch (SQLException ex) {
			if (SqlErrors.isConnectionLost(ex)) {
				entries.forEach(SettlementEntry::inDoubt);
			}
			throw ex;
		}
	}

	private void releaseLanes(Connection connection, List<SettlementEntry> releases) throws SQLException {
		if (releases.isEmpty()) {
			return;
		}
		Map<Lane, Returned> released = Map.of();
		try {
			released = repeated(connection, releases, (session, joined) -> this.sql.releaseLanes(session,
					releases.stream().map(SettlementEntry::lane).toList()));
		}
		catch (SQLException ex) {
			if (!SqlErrors.isLockTimeout(ex) && !SqlErrors.isRefusedWrite(ex)) {
				throw ex;
			}
		}
		for (SettlementEntry release : releases) {
			Returned returned = released.get(release.lane());
			if (returned != null) {
				returned(release, returned);
			}
			else {
				this.queues.locked(release);
			}
		}
	}

	private void settleUnlessLocked(Connection connection, SettleSql sql, SettlementEntry entry) throws SQLException {
		try {
			repeated(connection, List.of(entry), (session, joined) -> {
				settle(session, sql, entry);
				return entry;
			});
		}
		catch (SQLException ex) {
			if (SqlErrors.isRefusedWrite(ex)) {
				refused(connection, entry, ex);
			}
			else if (SqlErrors.isLockTimeout(ex)) {
				this.queues.locked(entry);
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
	 * @throws SQLException if nothing can be written, for want of our tables or functions
	 */
	void refused(Connection connection, SettlementEntry entry, SQLException failure) throws SQLException {
		if (SqlErrors.isInvalidStatement(failure) && !entry.isRefused()) {
			this.sql.probe(connection);
			// Once more: they may be back since it has failed
			entry.refused();
			this.queues.locked(entry);
		}
		else if (entry.settlement() instanceof Refusable refusable) {
			logger.error(
					"The outcome of %s cannot be stored, and counts as a failed attempt".formatted(refusable.item()),
					failure);
			Settlement failed = refusable.refused(failure);
			LaneVisit visit = refusable.item().visit();
			if (refusable instanceof Complete && visit != null) {
				visit.refused(failed);
				over(entry, true);
			}
			else {
				this.queues.replace(entry, failed);
			}
		}
		else if (entry.settlement() instanceof Fail fail && fail.dead()) {
			logger.error("Failed to store that %s is dead. Its handler is called again".formatted(fail.item()),
					failure);
			SettlementOutcomes.logTrace(fail);
			this.queues.replace(entry, new Fail(fail.item(), fail.error(), fail.delay(), false, null));
		}
		else {
			drop(entry, failure);
		}
	}

	/**
	 * What cannot be written must not hold up all others.
	 */
	private void drop(SettlementEntry entry, Exception failure) {
		logger.error("An outcome of work cannot be stored: %s".formatted(entry.settlement()), failure);
		SettlementOutcomes.logTrace(entry.settlement());
		over(entry, true);
	}

	void removeFinished(Connection connection) throws SQLException {
		Set<Claim> claims = Set.copyOf(this.finished);
		if (!claims.isEmpty()) {
			repeated(connection, List.of(), (session, joined) -> this.sql.complete(session, List.of(), claims, false));
			this.finished.removeAll(claims);
		}
	}

	/**
	 * Where the running items are limited, others may run now.
	 */
	private void wakeLimited(Collection<SettlementEntry> entries) {
		Map<Integer, Long> queues = new HashMap<>();
		entries.stream()
			.map((entry) -> entry.settlement().claim())
			.filter((claim) -> claim.queue().isLimited())
			.forEach((claim) -> queues.put(claim.queue().id(), claim.claim().claimId()));
		queues.forEach((queue, due) -> this.wakeups.send(WorkTopics.QUEUES, WorkTopics.due(queue, due)));
	}

	private void complete(Connection connection, List<SettlementEntry> completes) throws SQLException {
		if (completes.isEmpty()) {
			return;
		}
		Set<Claim> finished = finishedBy(completes);
		boolean skipLocked = false;
		Collection<Done> deleted;
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
		for (SettlementEntry entry : completes) {
			if (removed || deleted.contains(entry.done())) {
				this.outcomes.count(entry.settlement().claim(), Finish.DONE);
				over(entry, !removed || !finished.contains(entry.settlement().claim().claim()));
			}
			else if (skipLocked) {
				this.queues.locked(entry);
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
	private Collection<Done> completeUnlocked(Connection connection, List<SettlementEntry> completes,
			Set<Claim> finished) throws SQLException {
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

	private static List<Done> dones(List<SettlementEntry> completes) {
		return completes.stream().map(SettlementEntry::done).toList();
	}

	/**
	 * Return the claims of which nothing is left when these are completed.
	 */
	private static Set<Claim> finishedBy(List<SettlementEntry> completes) {
		Map<HeldClaim, Set<Long>> units = new HashMap<>();
		completes.stream()
			.map(SettlementEntry::settlement)
			.filter(Settlement::endsUnit)
			.forEach((settlement) -> units.computeIfAbsent(settlement.claim(), (claim) -> new HashSet<>())
				.add(settlement.unit()));
		Set<Claim> finished = new LinkedHashSet<>();
		units.forEach((claim, ids) -> {
			if (claim.hasOnly(ids)) {
				finished.add(claim.claim());
			}
		});
		return finished;
	}

	private void settle(Connection connection, SettleSql sql, SettlementEntry entry) throws SQLException {
		Settlement settlement = entry.settlement();
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
				this.queues.locked(entry);
			}
			else if (refused != null) {
				this.queues.replace(entry, refused);
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
			leave(connection, sql, entry, leave);
		}
		else if (settlement instanceof TakeBack takeBack) {
			returned(entry, sql.takeBack(connection, takeBack.item().done()));
		}
		else if (settlement instanceof Settled) {
			over(entry, true);
		}
	}

	/**
	 * The items before it must be removed first.
	 */
	private void leave(Connection connection, SettleSql sql, SettlementEntry entry, Leave leave) throws SQLException {
		LaneVisit visit = leave.item().visit();
		if (visit != null && !visit.isSettled()) {
			this.queues.locked(entry);
		}
		else if (visit != null && visit.refused() instanceof OfItem refused) {
			refused.item().laneReturned();
			this.queues.replace(entry, refused);
		}
		else {
			sql.leave(connection, leave.item().done());
			wake(leave.returned());
			over(entry, true);
		}
	}

	private void wake(Returned returned) {
		Wakeup wakeup = WorkTopics.wakeup(returned);
		if (wakeup != null) {
			this.wakeups.send(WorkTopics.QUEUES, wakeup);
		}
	}

	private void returned(SettlementEntry entry, Returned returned) {
		wake(returned);
		this.outcomes.report(entry, returned);
		HeldItem item = entry.settlement().item();
		if (returned.kind() == Kind.LOST && item != null && item.isInLane()
				&& !(entry.settlement() instanceof Complete)) {
			// Its commit is known to have succeeded now, and the ordering key goes on
			this.queues
				.followUp(new SettlementEntry(new ReleaseLane(item.claim(), item.lane(), new LaneVisit()), null));
			entry.over();
			entry.runWhenOver();
			return;
		}
		over(entry, true);
	}

	/**
	 * Nothing is left to write of a settlement.
	 * @param claimLeft whether its claim is still there, if nothing is left of that
	 */
	private void over(SettlementEntry entry, boolean claimLeft) {
		entry.over();
		Settlement settlement = entry.settlement();
		HeldClaim claim = settlement.claim();
		if (settlement.endsUnit() && claim.settled(settlement.unit()) && claimLeft) {
			this.finished.add(claim.claim());
		}
		entry.runWhenOver();
	}

	/**
	 * Write a settlement that was locked.
	 */
	void writeLocked(Connection connection, SettlementEntry entry) throws SQLException {
		if (!entry.isComplete() || repeated(connection, List.of(entry),
				(session, joined) -> this.sql.complete(session, List.of(entry.done()), List.of(), true))
			.isEmpty()) {
			settleUnlessLocked(connection, (this.queues.isFinishing()) ? this.sql : this.retrySql, entry);
		}
		else {
			this.outcomes.count(entry.settlement().claim(), Finish.DONE);
			over(entry, true);
		}
		removeFinished(connection);
		wakeLimited(List.of(entry));
	}

	/**
	 * Takes what is written later, one by one.
	 */
	interface Queues {

		/**
		 * Take a settlement that follows from one that was written.
		 */
		void followUp(SettlementEntry entry);

		/**
		 * Take a settlement whose item is locked.
		 */
		void locked(SettlementEntry entry);

		/**
		 * Take another settlement of the same item.
		 */
		void replace(SettlementEntry entry, Settlement settlement);

		/**
		 * Return whether what is left is written for the last time.
		 */
		boolean isFinishing();

	}

}
