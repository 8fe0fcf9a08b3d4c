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

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;

import io.durablenotify.database.HandlerTransaction;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.OutageLog;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;
import io.durablenotify.work.HeldItem.Completion;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Settlement.Complete;
import io.durablenotify.work.Settlement.Fail;
import io.durablenotify.work.Settlement.GiveBack;
import io.durablenotify.work.Settlement.LaneVisit;
import io.durablenotify.work.Settlement.Postpone;
import io.durablenotify.work.Settlement.Rearm;
import io.durablenotify.work.Settlement.Refusal;
import io.durablenotify.work.Settlement.ReleaseLane;
import io.durablenotify.work.Settlement.Settled;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.TransactionOperations;

/**
 * Calls a listener's handler, and has the outcome written.
 */
final class WorkInvoker {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * By how much a delay between attempts is longer or shorter at most, by chance. Items
	 * that failed together are not retried together.
	 */
	private static final double JITTER = 0.2;

	static final int MAX_LANE_ITEMS = 50;

	/**
	 * The order in which all transactions lock keys.
	 */
	private static final Comparator<HeldItem> LOCK_ORDER = Comparator.comparing(HeldItem::key,
			Comparator.nullsFirst(EnqueueBatches.KEY_ORDER));

	private static final Duration LEASE_CHECK = Duration.ofSeconds(1);

	private static final Duration SETTLE_TIMEOUT = Duration.ofSeconds(30);

	private final Target target;

	/**
	 * {@code null} if the handler is called outside a transaction.
	 */
	private final @Nullable TransactionOperations transactions;

	private final int maxAttempts;

	private final Backoff backoff;

	private final List<Class<? extends Throwable>> permanent;

	private final LaneItems laneItems;

	private final Settlements settlements;

	private final TransactionalCompletion completion;

	private final RunningItems running;

	private final Refusal refusal = (item, failure) -> fail(item, describe(failure), false, null, true);

	/**
	 * Guards itself and what follows. A success reads without it that nothing has failed.
	 */
	private final FailureLog failures;

	private final FailureLog batchFailures;

	/**
	 * Limits the stack traces with the lines about dead items.
	 */
	private final OutageLog deadTraces = new OutageLog(logger, System::nanoTime);

	/**
	 * Whether the log has the stack trace of a failure since the last success.
	 */
	private volatile boolean traced;

	private final Observations observations;

	WorkInvoker(Target target, @Nullable TransactionOperations transactions, WorkListenerSettings settings,
			LaneItems laneItems, Settlements settlements, TransactionalCompletion completion, RunningItems running,
			Observations observations) {
		this.observations = observations;
		this.target = target;
		this.transactions = transactions;
		this.maxAttempts = settings.maxAttempts();
		this.backoff = settings.backoff();
		this.permanent = settings.dontRetryOn();
		this.laneItems = laneItems;
		this.settlements = settlements;
		this.completion = completion;
		this.running = running;
		String queues = String.join("', '", settings.queues());
		this.failures = new FailureLog(logger,
				"The transaction of a handler of queue '%s' could not begin".formatted(queues),
				"The handler of queue '%s' succeeds again".formatted(queues));
		this.batchFailures = new FailureLog(logger, "",
				"The handler of queue '%s' handles batches again".formatted(queues));
	}

	/**
	 * Handle an item.
	 * @param stopping whether to give it back if its handler has not begun
	 */
	void handle(HeldClaim claim, ClaimedItem item, BooleanSupplier stopping) {
		if (!awaitLease(claim, stopping) || claim.isWithdrawn(item.itemId())) {
			giveBack(claim, List.of(item));
			return;
		}
		HeldItem held = new HeldItem(claim, null, item, this.completion);
		settle(held, call(List.of(held)).get(0));
	}

	/**
	 * An item that its transaction has removed needs no statement, unless the claim is to
	 * be removed with it or others wait for its end.
	 */
	private void settle(HeldItem item, Settlement settlement) {
		boolean removed = settlement instanceof Settled && item.isDone();
		if (!removed || item.claim().queue().isLimited() || !item.claim().settledUnlessLast(item.unit())) {
			this.settlements.add(settlement);
		}
	}

	/**
	 * Handle the items of an ordering key one after the other.
	 * @param first its first items
	 * @param stop when to give it back before all of its items are handled
	 */
	void handleLane(HeldClaim claim, ClaimedItem lane, FirstItems first, Stop stop) {
		LaneVisit visit = new LaneVisit();
		List<ClaimedItem> items = first.items();
		boolean more = first.more();
		while (true) {
			long after = 0;
			for (ClaimedItem item : items) {
				if (stop.isStopping() || stop.isLate() || visit.refused() != null) {
					more = false;
					break;
				}
				HeldItem held = new HeldItem(claim, lane, visit, item, this.completion);
				if (!awaitLease(claim, stop::isStopping)) {
					if (!claim.lease().isLost()) {
						this.settlements.add(new ReleaseLane(claim, lane, visit));
					}
					return;
				}
				if (!handleInLane(held, visit)) {
					return;
				}
				after = item.itemId();
			}
			if (!more || stop.isWanted()) {
				break;
			}
			items = fetch(lane, after);
			more = items.size() == MAX_LANE_ITEMS;
		}
		this.settlements.add(new ReleaseLane(claim, lane, visit));
	}

	/**
	 * Fetch the next items of an ordering key. There are none if that fails, so that it
	 * is given back, and claimed again.
	 */
	private List<ClaimedItem> fetch(ClaimedItem lane, long after) {
		try {
			return this.laneItems.fetch(lane.itemId(), after, MAX_LANE_ITEMS);
		}
		catch (RuntimeException ex) {
			logger.debug("Failed to fetch the items of an ordering key", ex);
			return List.of();
		}
	}

	private boolean handleInLane(HeldItem item, LaneVisit visit) {
		Settlement settlement = call(List.of(item)).get(0);
		if (settlement instanceof Settled && item.isDone()) {
			return true;
		}
		if (settlement instanceof Complete complete) {
			visit.completed();
			this.settlements.add(complete, visit::settled);
			return true;
		}
		// The items before it must be removed first
		visit.awaitSettled(SETTLE_TIMEOUT);
		if (visit.refused() == null) {
			this.settlements.add(settlement);
		}
		else if (!(settlement instanceof Settled)) {
			// It was not its turn, and it is handled again after the one before it
			this.settlements.outcomes().count(item.claim(), Finish.LOST);
			SettlementOutcomes.logTrace(settlement);
			this.settlements.add(new ReleaseLane(item.claim(), item.lane(), visit));
		}
		return false;
	}

	/**
	 * Handle several items at once.
	 * @param stopping whether to give them back if their handler has not begun
	 * @return those that have failed, each of which is to be handled alone. None of them
	 * is in a transaction that may have committed
	 */
	List<ClaimedItem> handleBatch(HeldClaim claim, List<ClaimedItem> items, BooleanSupplier stopping) {
		if (!awaitLease(claim, stopping)) {
			giveBack(claim, items);
			return List.of();
		}
		List<ClaimedItem> begun = new ArrayList<>();
		List<ClaimedItem> withdrawn = new ArrayList<>();
		items.forEach((item) -> ((claim.isWithdrawn(item.itemId())) ? withdrawn : begun).add(item));
		if (begun.isEmpty()) {
			giveBack(claim, withdrawn);
			return List.of();
		}
		List<HeldItem> held = begun.stream().map((item) -> new HeldItem(claim, null, item, this.completion)).toList();
		List<Settlement> settlements = call(held);
		// Not before: the caller gives back all of them if that fails
		giveBack(claim, withdrawn);
		List<ClaimedItem> failed = new ArrayList<>();
		for (int i = 0; i < begun.size(); i++) {
			HeldItem item = held.get(i);
			if (settlements.get(i) instanceof Fail && !item.isLost() && item.completion() != Completion.UNKNOWN) {
				failed.add(begun.get(i));
			}
			else {
				settle(item, settlements.get(i));
			}
		}
		return failed;
	}

	/**
	 * Wait until no other instance can have taken over, as after this process was
	 * stopped.
	 * @return false if one has, the listener is being stopped, or the thread is
	 * interrupted while it waits
	 */
	private static boolean awaitLease(HeldClaim claim, BooleanSupplier stopping) {
		// Meant for the handler before, which has returned
		Thread.interrupted();
		while (!stopping.getAsBoolean() && !claim.lease().isLost() && !Thread.currentThread().isInterrupted()) {
			if (claim.lease().awaitHeld(LEASE_CHECK)) {
				return true;
			}
		}
		return false;
	}

	private void giveBack(HeldClaim claim, List<ClaimedItem> items) {
		if (!claim.lease().isLost()) {
			items.forEach((item) -> this.settlements.add(new GiveBack(claim, item)));
		}
	}

	/**
	 * Call the handler, observed as one attempt also with several items.
	 * @return what is to be settled, for each item
	 */
	private List<Settlement> call(List<HeldItem> items) {
		Observed observed = this.observations.handle(items).open();
		this.running.add(items);
		try {
			List<Settlement> settlements = call(items, observed);
			observed.outcome(settlements.get(0).outcome());
			return settlements;
		}
		finally {
			this.running.remove(items);
			// That of a transaction's callback must not interrupt the next one
			Thread.interrupted();
			observed.stop();
		}
	}

	private List<Settlement> call(List<HeldItem> items, Observed observed) {
		try {
			WorkOutcome outcome = (this.transactions != null) ? callInTransaction(items, this.transactions, observed)
					: callHandler(items);
			if (outcome instanceof WorkOutcome.Fail fail) {
				observed.failed(fail.reason());
			}
			else if (!(outcome instanceof WorkOutcome.Postpone)) {
				succeeded(items.size() > 1);
			}
			return items.stream().map((item) -> settlement(item, outcome, items.size() == 1)).toList();
		}
		catch (Throwable ex) {
			observed.failed(ex);
			if (items.size() > 1) {
				logBatch(items, ex);
			}
			return items.stream().map((item) -> failed(item, ex, items.size() == 1)).toList();
		}
	}

	/**
	 * No attempt counts for which no transaction could begin: the handler was not called.
	 */
	private WorkOutcome callInTransaction(List<HeldItem> items, TransactionOperations transactions, Observed observed)
			throws Exception {
		WorkOutcome[] result = { WorkOutcome.postpone(this.backoff.after(1)) };
		boolean[] begun = { false };
		try {
			HandlerTransaction.run(transactions, (status) -> {
				begun[0] = true;
				result[0] = call(items, status);
			});
		}
		catch (CannotCreateTransactionException ex) {
			if (begun[0]) {
				throw ex;
			}
			observed.failed(ex);
			failed(ex);
		}
		return result[0];
	}

	private WorkOutcome call(List<HeldItem> items, TransactionStatus status) throws Exception {
		WorkOutcome outcome = callHandler(items);
		if (outcome instanceof WorkOutcome.Fail) {
			status.setRollbackOnly();
		}
		else {
			for (HeldItem item : items.stream().sorted(LOCK_ORDER).toList()) {
				if (item.completion() == Completion.NONE || item.completion() == Completion.ROLLED_BACK) {
					this.completion.write(item, outcome);
				}
			}
		}
		return outcome;
	}

	/**
	 * An interrupt that the handler leaves must not reach our statements: on a virtual
	 * thread, it closes the connection.
	 */
	private WorkOutcome callHandler(List<HeldItem> items) throws Exception {
		try {
			return this.target.handle(items);
		}
		finally {
			Thread.interrupted();
		}
	}

	/**
	 * Return what is to be settled.
	 * @param alone whether the handler had no other item; what has failed with others is
	 * handled alone
	 */
	private Settlement settlement(HeldItem item, WorkOutcome outcome, boolean alone) {
		if (item.completion() == Completion.COMMITTED) {
			return settled(item);
		}
		if (outcome instanceof WorkOutcome.Postpone postpone) {
			return new Postpone(item, postpone.delay(), this.refusal);
		}
		if (outcome instanceof WorkOutcome.Again again) {
			return new Rearm(item, again.dueAt(), this.refusal);
		}
		if (outcome instanceof WorkOutcome.Fail fail) {
			return failed(item, fail.reason(), fail.permanent(), alone);
		}
		if (item.completion() == Completion.ROLLED_BACK || item.completion() == Completion.UNKNOWN) {
			return failed(item, "The transaction in which the handler completed the item has not committed", false,
					alone);
		}
		return new Complete(item, this.refusal);
	}

	private static Settled settled(HeldItem item) {
		return new Settled(item, (item.finish() == Finish.POSTPONED) ? Outcome.POSTPONED : Outcome.DONE);
	}

	private Settlement failed(HeldItem item, Throwable failure, boolean alone) {
		if (item.completion() == Completion.COMMITTED) {
			FailureLog.log(logger::warn, "The handler of %s has failed after it had completed the item".formatted(item),
					failure);
			return settled(item);
		}
		if (alone) {
			FailureLog.log(logger::debug, "The handler of %s has failed".formatted(item), failure);
		}
		boolean permanent = failure instanceof PermanentFailureException
				|| this.permanent.stream().anyMatch((type) -> type.isInstance(failure));
		return fail(item, describe(failure), permanent, failure, alone);
	}

	/**
	 * Return what is to be settled after the handler has returned.
	 */
	private Settlement failed(HeldItem item, String reason, boolean permanent, boolean alone) {
		Settlement settlement = fail(item, reason, permanent, null, alone);
		if (alone && settlement instanceof Fail fail && !fail.dead()) {
			synchronized (this.failures) {
				this.failures.handlerFailed(attempt(item), reason);
			}
		}
		return settlement;
	}

	static String attempt(HeldItem item) {
		return "The handler of %s has failed in attempt %d".formatted(item, item.attempt());
	}

	private static String describe(Throwable failure) {
		String message = (failure instanceof PermanentFailureException || failure instanceof RetryLaterException)
				? failure.getMessage() : null;
		return (message != null) ? message : FailureLog.describe(failure);
	}

	private Settlement fail(HeldItem item, String reason, boolean permanent, @Nullable Throwable failure,
			boolean alone) {
		boolean dead = alone && (permanent || item.attempt() >= this.maxAttempts);
		Instant next = (dead) ? this.target.lastFailed(item, reason, failure) : null;
		if (next != null) {
			return new Rearm(item, next,
					(refused, cause) -> new Fail(refused, describe(cause), delay(refused, cause), true, null));
		}
		// Of one that is lost, its settlement says so
		Throwable trace = (alone && !item.isLost()) ? log(item, dead, failure) : null;
		return new Fail(item, reason, delay(item, failure), dead, trace);
	}

	private Duration delay(HeldItem item, @Nullable Throwable failure) {
		double factor = ThreadLocalRandom.current().nextDouble(1 - JITTER, 1 + JITTER);
		Duration delay = Duration.ofNanos((long) (this.backoff.after(item.attempt()).toNanos() * factor));
		return (failure instanceof RetryLaterException later && later.delay().compareTo(delay) > 0) ? later.delay()
				: delay;
	}

	private void failed(Throwable failure) {
		synchronized (this.failures) {
			this.failures.failed(failure);
		}
	}

	/**
	 * The first failure since a success is logged with its stack trace, unless there were
	 * many just before.
	 * @return what is to be logged with the outcome of a last attempt, which the database
	 * decides
	 */
	private @Nullable Throwable log(HeldItem item, boolean dead, @Nullable Throwable failure) {
		Throwable cause = (failure instanceof PermanentFailureException) ? failure.getCause() : failure;
		if (cause == null) {
			return null;
		}
		synchronized (this.failures) {
			if (dead) {
				boolean first = !this.traced && this.deadTraces.isPermitted();
				this.traced |= first;
				return (first) ? cause : null;
			}
			boolean logged = this.failures.isLogged();
			this.failures.handlerFailed(attempt(item), cause);
			this.traced |= !logged && this.failures.isLogged();
			return null;
		}
	}

	private void logBatch(List<HeldItem> items, Throwable failure) {
		String failing = (items.get(0).completion() == Completion.UNKNOWN)
				? "The transaction of the handler of %d items of queue '%s' may have committed"
				: "The handler of %d items of queue '%s' has failed, and each is handled alone";
		synchronized (this.failures) {
			this.batchFailures.handlerFailed(failing.formatted(items.size(), items.get(0).queue()), failure);
		}
	}

	private void succeeded(boolean batch) {
		if (!this.traced && !this.failures.isFailing() && !(batch && this.batchFailures.isFailing())) {
			return;
		}
		synchronized (this.failures) {
			this.traced = false;
			this.failures.succeeded();
			if (batch) {
				this.batchFailures.succeeded();
			}
		}
	}

	/**
	 * The handler, of one item or of several.
	 */
	interface Target {

		WorkOutcome handle(List<HeldItem> items) throws Exception;

		/**
		 * The last attempt of an item has failed, by its handler or without it.
		 * @return when it is handled again all the same, {@code null} if it is dead
		 */
		default @Nullable Instant lastFailed(HeldItem item, String reason, @Nullable Throwable failure) {
			return null;
		}

	}

	/**
	 * The first items of an ordering key, which were fetched with its claim.
	 *
	 * @param items the items
	 * @param more whether there may be more
	 */
	record FirstItems(List<ClaimedItem> items, boolean more) {

		static final FirstItems NONE = new FirstItems(List.of(), true);

	}

	/**
	 * When to give an ordering key back before all of its items are handled.
	 */
	interface Stop {

		/**
		 * Asked before each item, and while the lease is waited for: whether the listener
		 * is being stopped, or the queue is paused.
		 */
		boolean isStopping();

		/**
		 * Asked before each item: whether the ordering key has been held for long.
		 */
		boolean isLate();

		/**
		 * Asked after some items: whether others are to have a turn.
		 */
		boolean isWanted();

	}

	/**
	 * Fetches the items of ordering keys.
	 */
	interface LaneItems {

		List<ClaimedItem> fetch(long laneId, long after, int limit);

	}

}
