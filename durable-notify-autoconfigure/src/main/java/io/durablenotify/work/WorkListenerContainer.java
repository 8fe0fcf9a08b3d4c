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
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

import io.durablenotify.instance.Lease;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.work.ClaimSql.Bound;
import io.durablenotify.work.QueueProgress.Range;
import io.durablenotify.work.Settlement.GiveBack;
import io.durablenotify.work.WorkInvoker.FirstItems;
import io.durablenotify.work.WorkSlots.Turn;
import io.durablenotify.work.WorkSlots.Unit;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Claims the items of a listener's queues as it has room for them, and has them handled
 * on the executor.
 */
final class WorkListenerContainer {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * How long a claim waits for more room, so that it is worth its statement.
	 */
	private static final Duration REFILL_DELAY = Duration.ofMillis(2);

	private static final Duration RETRY = Duration.ofMillis(100);

	/**
	 * How long items wait for a thread before it is looked for whether they still have
	 * to. No claim finds a pause or a limit while there is no room.
	 */
	private static final Duration LOOK_INTERVAL = Duration.ofSeconds(1);

	/**
	 * How long an ordering key is held before a pause or a limit is looked for again.
	 */
	private static final Duration LONGEST_VISIT = Duration.ofSeconds(1);

	/**
	 * After how many claims another queue than the first comes first.
	 */
	private static final int TURN_OF_THE_LAST = 8;

	private final WorkListenerSettings settings;

	private final boolean batches;

	private final List<QueueProgress> queues;

	private final Supplier<Lease> leases;

	private final ClaimSource claims;

	private final WorkInvoker invoker;

	private final Settlements settlements;

	private final Executor executor;

	private final WorkSlots slots;

	private final BackgroundLoop loop;

	private final Map<QueueProgress, ClaimSize> sizes = new HashMap<>();

	/**
	 * Of the claims of each queue: one that cannot be claimed must not hold up the
	 * others.
	 */
	private final Map<QueueProgress, ClaimFailures> failures = new HashMap<>();

	/**
	 * Only accessed by the loop's thread, like what follows.
	 */
	private long claimed = 1;

	private boolean othersWoken;

	/**
	 * When pauses and limits were looked for last, by {@link System#nanoTime()}.
	 */
	private long lookedAt = System.nanoTime();

	/**
	 * Whether a queue may have been paused or limited since.
	 */
	private volatile boolean changed;

	/**
	 * Whether there was too little room for a claim while items waited for a thread.
	 */
	private volatile boolean withoutRefill;

	/**
	 * That of the last claim, {@code null} before the first.
	 */
	private volatile @Nullable Lease lease;

	/**
	 * Whether the transaction is over in which it was registered, if there was one.
	 */
	private volatile boolean started;

	WorkListenerContainer(WorkListenerSettings settings, boolean batches, List<QueueProgress> queues,
			Supplier<Lease> leases, ClaimSource claims, WorkInvoker invoker, Settlements settlements,
			Executor executor) {
		this.settings = settings;
		this.batches = batches;
		this.queues = queues;
		this.leases = leases;
		this.claims = claims;
		this.invoker = invoker;
		this.settlements = settlements;
		this.executor = executor;
		this.slots = new WorkSlots(settings.concurrency(), new ClaimAhead(settings.concurrency(), settings.prefetch()),
				System::nanoTime);
		queues.forEach((queue) -> {
			this.sizes.put(queue, new ClaimSize(settings.concurrency()));
			this.failures.put(queue, new ClaimFailures(logger, queue.name()));
		});
		this.loop = new BackgroundLoop("durable-notify-work-claim-" + settings.queues().get(0),
				ClaimFailures.log(logger, String.join("', '", settings.queues())), this::claim);
	}

	List<QueueProgress> queues() {
		return this.queues;
	}

	int concurrency() {
		return this.settings.concurrency();
	}

	void start() {
		this.started = true;
		this.loop.signal();
	}

	/**
	 * Handle a wake-up, which may be for a queue of another listener.
	 */
	void wake(long queueId, long dueMicros, boolean changed) {
		for (QueueProgress queue : this.queues) {
			if (queue.id() == queueId) {
				if (changed) {
					this.changed = true;
				}
				queue.wake(dueMicros, System.nanoTime());
				this.loop.signal();
			}
		}
	}

	/**
	 * Return whether an item is claimed here at once, so that no other instance need be
	 * woken for it. A queue that cannot be claimed delays the others, too.
	 */
	boolean handlesAlone(long queueId, long dueMicros) {
		Lease lease = this.lease;
		if (lease == null || !lease.isHeld()) {
			return false;
		}
		for (QueueProgress queue : this.queues) {
			if (queue.id() == queueId) {
				return this.slots.hasFreeRunner() && this.queues.stream().noneMatch(QueueProgress::hasFailed)
						&& queue.isNow(dueMicros, System.nanoTime());
			}
		}
		return false;
	}

	/**
	 * Wake-ups may have been missed.
	 */
	void resync() {
		this.changed = true;
		this.queues.forEach(QueueProgress::resync);
		if (this.started) {
			this.loop.signal();
		}
	}

	private Next claim() throws Exception {
		this.slots.drainAfterSlow().forEach(this::giveBack);
		startRunners();
		// In this order: a thread that takes what waits sees it, or has made room
		this.withoutRefill = true;
		if (!this.slots.hasRefill()) {
			return lookForBounds();
		}
		this.withoutRefill = false;
		Lease lease = this.leases.get();
		this.lease = lease;
		if (!lease.isHeld()) {
			return Next.after(RETRY);
		}
		for (QueueProgress queue : inTurn()) {
			int room = this.slots.room();
			if (room <= 0) {
				break;
			}
			if (queue.isDue(System.nanoTime()) && claim(queue, lease, (queue.isLimited()) ? 1 : size(queue).of(room))) {
				// Handlers may have made room meanwhile, which the later queues must not
				// take
				break;
			}
		}
		// A thread may be making room now: the next step waits for it
		return Next.after((this.slots.room() > 0) ? untilDue() : Duration.ZERO);
	}

	/**
	 * Have nothing begun of a queue that was paused or limited while there was no room
	 * for a claim.
	 */
	private Next lookForBounds() {
		if (this.slots.isStopping() || (!this.batches && !this.slots.isWaitedFor())) {
			return Next.IDLE;
		}
		long wait = LOOK_INTERVAL.toNanos() - (System.nanoTime() - this.lookedAt);
		if (!this.changed && wait > 0) {
			return Next.after(Duration.ofNanos(wait));
		}
		this.changed = false;
		try {
			Map<Integer, Bound> bounds = this.claims.bounds(this.queues.stream().map(QueueProgress::id).toList());
			for (QueueProgress queue : this.queues) {
				Bound bound = bounds.get(queue.id());
				if (bound == Bound.PAUSED) {
					queue.pause();
					giveBackAhead(queue);
				}
				else if (bound == Bound.LIMITED && !queue.isLimited()) {
					queue.limit();
					giveBackAhead(queue);
				}
			}
		}
		catch (DataAccessException ex) {
			logger.debug("Failed to look for paused and limited queues", ex);
		}
		this.lookedAt = System.nanoTime();
		return Next.after((this.slots.hasRefill()) ? Duration.ZERO : LOOK_INTERVAL);
	}

	private void giveBackAhead(QueueProgress queue) {
		this.slots.drain(queue).forEach(this::giveBack);
	}

	private ClaimSize size(QueueProgress queue) {
		return Objects.requireNonNull(this.sizes.get(queue));
	}

	/**
	 * The first queues come first, except after each eighth claim. Items of the later
	 * ones must not wait until the first ones are empty.
	 */
	private List<QueueProgress> inTurn() {
		if (this.queues.size() == 1 || this.claimed % TURN_OF_THE_LAST != 0) {
			return this.queues;
		}
		List<QueueProgress> rotated = new ArrayList<>(this.queues);
		Collections.rotate(rotated, -(int) (this.claimed / TURN_OF_THE_LAST % (this.queues.size() - 1) + 1));
		return rotated;
	}

	/**
	 * Claim items of a queue.
	 * @return whether it has more that is due
	 * @throws Exception if the claim has failed while the listener is being stopped
	 */
	private boolean claim(QueueProgress queue, Lease lease, int limit) throws Exception {
		ClaimFailures failures = Objects.requireNonNull(this.failures.get(queue));
		Range range = queue.begin(System.nanoTime());
		Claimed claimed;
		Map<Long, FirstItems> first;
		try {
			ClaimedWork work = this.claims.claim(queue, lease, limit, range);
			claimed = work.claimed();
			first = work.first();
		}
		catch (Throwable ex) {
			if (this.loop.isClosing()) {
				throw ex;
			}
			queue.failed(range, System.nanoTime() + failures.failed(ex).toNanos());
			return false;
		}
		failures.succeeded();
		// What waits was claimed without the limit then, by which only what is claimed
		// now counts
		boolean limited = claimed.limited() && !queue.isLimited();
		queue.claimed(claimed, range, System.nanoTime(), ThreadLocalRandom.current().nextDouble(0.5, 1));
		if (claimed.paused() || limited) {
			giveBackAhead(queue);
		}
		Claim claim = claimed.claim();
		if (claim != null) {
			this.claimed++;
			if (!queue.isLimited()) {
				size(queue).claimed(claimed.items().size(), first.values());
			}
			add(new HeldClaim(claim, lease, queue, claimed.items()), claimed.items(), first);
		}
		if (!claimed.more()) {
			this.othersWoken = false;
		}
		else if (this.slots.room() <= 0 && !this.othersWoken) {
			// They may have room
			this.othersWoken = true;
			this.claims.wakeOthers(queue, claimed);
		}
		return claimed.more();
	}

	private void add(HeldClaim held, List<ClaimedItem> items, Map<Long, FirstItems> first) {
		this.claims.hold(held);
		List<Unit> units = new ArrayList<>();
		List<ClaimedItem> plain = new ArrayList<>();
		for (ClaimedItem item : items) {
			if (item.lane() || !this.batches) {
				units.add(new Unit(held, List.of(item), first.getOrDefault(item.itemId(), FirstItems.NONE)));
			}
			else {
				plain.add(item);
			}
		}
		if (!plain.isEmpty()) {
			units.add(new Unit(held, plain));
		}
		this.slots.add(units);
		if (this.slots.isStopping()) {
			// The claim has taken longer than the stop
			this.slots.drain().forEach(this::giveBack);
		}
		startRunners();
	}

	/**
	 * Return when to look for what is due, or waits for long.
	 */
	private Duration untilDue() {
		long now = System.nanoTime();
		long nanos = this.queues.stream().mapToLong((queue) -> queue.nanosUntilDue(now)).min().orElse(0);
		long look = (this.slots.isWaitedFor()) ? LOOK_INTERVAL.toNanos() : Long.MAX_VALUE;
		return Duration.ofNanos(Math.max(0, Math.min(nanos, look)));
	}

	/**
	 * Start a thread, which starts another before it begins if there is more to handle.
	 */
	private void startRunners() {
		if (!this.slots.tryRun()) {
			return;
		}
		try {
			this.executor.execute(this::run);
		}
		catch (Throwable ex) {
			// It is full, or has shut down, or the system is out of threads
			logger.debug("The executor has refused a task", ex);
			this.slots.notRun();
			this.loop.signalAfter(RETRY);
		}
	}

	private void run() {
		Unit unit = this.slots.next();
		if (this.withoutRefill && this.slots.hasRefill()) {
			this.loop.signal();
		}
		while (unit != null) {
			startRunners();
			long start = System.nanoTime();
			handle(unit);
			unit = next(unit, System.nanoTime() - start);
		}
		if (this.slots.room() > 0) {
			// Too little for a claim while others waited, perhaps
			this.loop.signalAfter(REFILL_DELAY);
		}
	}

	/**
	 * Where that fails too, as for want of memory, the thread has still to go on.
	 */
	private static void log(Throwable failure) {
		try {
			logger.error("Unexpected failure of a listener of work", failure);
		}
		catch (Throwable ex) {
			failure.addSuppressed(ex);
		}
	}

	private void handle(Unit unit) {
		List<ClaimedItem> failed = List.of();
		try {
			ClaimedItem first = unit.items().get(0);
			if (first.lane()) {
				this.invoker.handleLane(unit.claim(), first, unit.first(), new LaneStop(unit));
			}
			else if (unit.items().size() > 1) {
				failed = this.invoker.handleBatch(unit.claim(), unit.items(), () -> isStopping(unit));
			}
			else {
				this.invoker.handle(unit.claim(), first, () -> isStopping(unit));
			}
		}
		catch (Throwable ex) {
			giveBack(unit);
			log(ex);
		}
		// As units of their own, so that an error at one gives back no other
		failed.forEach((item) -> handle(new Unit(unit.claim(), List.of(item))));
	}

	/**
	 * Return whether what has not begun is to be given back.
	 */
	private boolean isStopping(Unit unit) {
		return unit.claim().queue().isPaused() || this.slots.isStopping();
	}

	/**
	 * Return whether an ordering key has had its turn.
	 */
	private boolean othersWait() {
		long now = System.nanoTime();
		return this.slots.isWaitedFor() || this.queues.stream().anyMatch((queue) -> queue.isDue(now));
	}

	private @Nullable Unit next(Unit done, long nanos) {
		QueueProgress queue = done.claim().queue();
		if (queue.isLimited()) {
			queue.check();
		}
		Turn turn = this.slots.next(done, nanos);
		if (turn.refill()) {
			this.loop.signal();
		}
		else if (!turn.waiting()) {
			this.loop.signalAfter(REFILL_DELAY);
		}
		return turn.next();
	}

	/**
	 * Begin no more claims, and hand out nothing more.
	 */
	void beginStop() {
		this.slots.stop();
	}

	/**
	 * Wait for a claim that is under way, and give back what no handler has begun.
	 */
	void finishClaims(Duration timeout) {
		this.loop.finish(timeout);
		this.slots.drain().forEach(this::giveBack);
	}

	private void giveBack(Unit unit) {
		unit.items().forEach((item) -> this.settlements.add(new GiveBack(unit.claim(), item)));
	}

	/**
	 * Wait for the handlers that run.
	 * @return whether they have returned
	 */
	boolean awaitStop(Duration timeout) {
		return this.slots.awaitIdle(timeout);
	}

	/**
	 * Return whether, after a stop, a claim is under way.
	 */
	boolean isClaiming() {
		return !this.loop.finish(Duration.ZERO);
	}

	/**
	 * Return whether, after a stop, no claim is under way and no handler runs.
	 */
	boolean isOver() {
		return !isClaiming() && awaitStop(Duration.ZERO);
	}

	@Override
	public String toString() {
		return "%s: %s".formatted(this.queues, this.slots);
	}

	/**
	 * Others have a turn after a page of items, and after a second.
	 */
	private final class LaneStop implements WorkInvoker.Stop {

		private final long start = System.nanoTime();

		private final Unit unit;

		private LaneStop(Unit unit) {
			this.unit = unit;
		}

		@Override
		public boolean isStopping() {
			return WorkListenerContainer.this.isStopping(this.unit);
		}

		@Override
		public boolean isLate() {
			return System.nanoTime() - this.start > LONGEST_VISIT.toNanos();
		}

		@Override
		public boolean isWanted() {
			return othersWait();
		}

	}

	/**
	 * What was claimed.
	 *
	 * @param claimed the items and ordering keys
	 * @param first by ordering key, its first items
	 */
	record ClaimedWork(Claimed claimed, Map<Long, FirstItems> first) {
	}

	/**
	 * Claims items.
	 */
	interface ClaimSource {

		ClaimedWork claim(QueueProgress queue, Lease lease, int limit, Range range) throws Exception;

		Map<Integer, Bound> bounds(Collection<Integer> queueIds);

		void hold(HeldClaim claim);

		void wakeOthers(QueueProgress queue, Claimed claimed);

	}

}
