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
import java.util.Map;

import io.durablenotify.database.Headers;
import io.durablenotify.measure.Timing;
import io.durablenotify.observation.ObservedItem;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Returned.Kind;
import io.durablenotify.work.Settlement.LaneVisit;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * An item that this instance holds, or an item of an ordering key that it holds.
 */
final class HeldItem implements WorkItem, ObservedItem {

	private final HeldClaim claim;

	private final ClaimedItem item;

	private volatile Done done;

	private final @Nullable ClaimedItem lane;

	private final @Nullable LaneVisit visit;

	private final @Nullable String key;

	private final InTransaction inTransaction;

	private volatile boolean cancelRequested;

	private volatile boolean lost;

	/**
	 * Whether a transaction has completed or postponed the item, as far as its handler
	 * has said so.
	 */
	private volatile Completion completion = Completion.NONE;

	/**
	 * What that transaction makes of the item.
	 */
	private volatile @Nullable Returned returned;

	/**
	 * What becomes of the attempt when that transaction commits.
	 */
	private volatile Finish finish = Finish.DONE;

	/**
	 * When its handler was called.
	 */
	private volatile long callBegan = Timing.UNMEASURED;

	/**
	 * Create from an item of an ordering key's queue, or of none.
	 * @param claim the claim
	 * @param lane the row of the ordering key, or {@code null}
	 * @param item the item
	 * @param inTransaction completes items in the handler's transaction
	 */
	HeldItem(HeldClaim claim, @Nullable ClaimedItem lane, ClaimedItem item, InTransaction inTransaction) {
		this(claim, lane, null, item, inTransaction);
	}

	HeldItem(HeldClaim claim, @Nullable ClaimedItem lane, @Nullable LaneVisit visit, ClaimedItem item,
			InTransaction inTransaction) {
		this.visit = visit;
		this.claim = claim;
		this.item = item;
		this.lane = lane;
		this.key = (lane != null) ? lane.key() : item.key();
		this.done = (lane != null) ? new Done(claim.claim(), lane.itemId(), item.itemId(), lane.token(), lane.rev())
				: new Done(claim.claim(), 0, item.itemId(), item.token(), item.rev());
		this.inTransaction = inTransaction;
	}

	HeldClaim claim() {
		return this.claim;
	}

	Done done() {
		return this.done;
	}

	/**
	 * Return the id of its unit: the item's, or the row's of its ordering key.
	 */
	long unit() {
		return (this.lane != null) ? this.lane.itemId() : this.item.itemId();
	}

	boolean isInLane() {
		return this.lane != null;
	}

	/**
	 * Return the row of the ordering key.
	 * @throws IllegalStateException if it has none
	 */
	ClaimedItem lane() {
		Assert.state(this.lane != null, "The item has no ordering key");
		return this.lane;
	}

	/**
	 * Return the items of its ordering key that are handled with it, {@code null} if it
	 * has none.
	 */
	@Nullable LaneVisit visit() {
		return this.visit;
	}

	/**
	 * A transaction has returned a later item of the ordering key, which has a new
	 * revision since.
	 */
	void laneReturned() {
		Done done = this.done;
		this.done = new Done(done.claim(), done.laneId(), done.itemId(), done.token(), done.rev() + 1);
	}

	@Override
	public long id() {
		return this.item.itemId();
	}

	@Override
	public String queue() {
		return this.claim.queue().name();
	}

	@Override
	public @Nullable String key() {
		return this.key;
	}

	/**
	 * Record for how long the item, or its ordering key, has been due.
	 * @param now the time, by {@link System#nanoTime()}
	 * @param waiting where that is recorded
	 */
	void waited(long now, Timing waiting) {
		long micros = (this.lane != null) ? this.lane.waitedMicros() : this.item.waitedMicros();
		waiting.record(micros * 1_000 + now - this.claim.claimedAt());
	}

	/**
	 * Its handler is called.
	 * @param start the start of the call, as {@link Timing#start()} has it
	 */
	void callBegins(long start) {
		this.callBegan = start;
	}

	/**
	 * Return for how long its attempt has run since the call of its handler, or
	 * {@code null} if that was not yet, or is not timed.
	 */
	@Nullable Duration running() {
		return Timing.since(this.callBegan);
	}

	@Override
	public int attempt() {
		return this.item.failures() + 1;
	}

	/**
	 * An item with an ordering key has no token of its own, so that its requeueing does
	 * not show.
	 */
	@Override
	public boolean isRetry() {
		return this.item.failures() > 0 || this.item.token() > 0;
	}

	@Override
	public Instant enqueuedAt() {
		return this.item.enqueuedAt();
	}

	@Override
	public Map<String, String> headers() {
		return Headers.parse(this.item.headers());
	}

	@Override
	public byte[] payload() {
		return this.item.payload();
	}

	@Override
	public long fencingToken() {
		return this.claim.claim().claimId();
	}

	@Override
	public boolean leaseLost() {
		return !this.claim.lease().isHeld();
	}

	@Override
	public boolean cancelRequested() {
		return this.cancelRequested;
	}

	void requestCancel() {
		this.cancelRequested = true;
	}

	@Override
	public void complete() {
		this.inTransaction.complete(this);
	}

	@Override
	public void postpone(Duration delay) {
		this.inTransaction.postpone(this, delay);
	}

	/**
	 * Return whether a transaction has completed the item, so that nothing is left of it.
	 */
	boolean isDone() {
		Returned returned = this.returned;
		return this.completion == Completion.COMMITTED && returned != null && returned.kind() == Kind.DONE;
	}

	/**
	 * Return what a transaction made of the item whose commit had no answer, {@code null}
	 * if there is none, or nothing depends on it.
	 */
	@Nullable Returned returnedInDoubt() {
		Returned returned = this.returned;
		return (this.completion == Completion.UNKNOWN && this.lane == null && returned != null
				&& returned.kind() == Kind.AGAIN) ? returned : null;
	}

	/**
	 * Return whether its completion was refused.
	 */
	boolean isLost() {
		return this.lost;
	}

	void lose() {
		this.lost = true;
	}

	@Nullable Returned returned() {
		return this.returned;
	}

	void returned(Returned returned, Finish finish) {
		this.returned = returned;
		this.finish = finish;
	}

	Finish finish() {
		return this.finish;
	}

	Completion completion() {
		return this.completion;
	}

	void completion(Completion completion) {
		this.completion = completion;
	}

	@Override
	public String toString() {
		return "item %d of queue '%s'".formatted(id(), queue());
	}

	/**
	 * What became of a completion in the handler's transaction.
	 */
	enum Completion {

		/**
		 * There was none.
		 */
		NONE,

		/**
		 * Its transaction has not ended.
		 */
		OPEN,

		/**
		 * Its transaction has committed.
		 */
		COMMITTED,

		/**
		 * Its transaction has rolled back.
		 */
		ROLLED_BACK,

		/**
		 * Its transaction may have committed.
		 */
		UNKNOWN

	}

	/**
	 * Completes items in the handler's transaction.
	 */
	interface InTransaction {

		/**
		 * Complete an item.
		 */
		void complete(HeldItem item);

		/**
		 * Have an item handled again later.
		 */
		void postpone(HeldItem item, Duration delay);

	}

}
