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
import java.time.Instant;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

import io.durablenotify.observation.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * What is to be written of a unit of a claim that has been handled, or not been begun.
 */
sealed interface Settlement {

	/**
	 * Return the claim.
	 */
	HeldClaim claim();

	/**
	 * Return the item, or {@code null} if there is no outcome of a handler to write.
	 */
	default @Nullable HeldItem item() {
		return null;
	}

	/**
	 * Return the id of the unit, which is an item, or an ordering key.
	 */
	long unit();

	/**
	 * Return whether nothing of the unit is left to settle.
	 */
	default boolean endsUnit() {
		return true;
	}

	/**
	 * Return the outcome as observations show it.
	 */
	default Outcome outcome() {
		return Outcome.DONE;
	}

	/**
	 * A settlement of an item that a handler has, or had.
	 */
	sealed interface OfItem extends Settlement {

		@Override
		HeldItem item();

		@Override
		default HeldClaim claim() {
			return item().claim();
		}

		@Override
		default long unit() {
			return item().unit();
		}

	}

	/**
	 * The attempt has not failed, unless the database refuses its outcome.
	 */
	sealed interface Refusable extends OfItem {

		/**
		 * Return what makes it a failed attempt if the database refuses it.
		 */
		Refusal refusal();

		default Settlement refused(SQLException failure) {
			return refusal().fail(item(), failure);
		}

	}

	/**
	 * The item is done.
	 */
	record Complete(HeldItem item, Refusal refusal) implements Refusable {

		@Override
		public boolean endsUnit() {
			return !this.item.isInLane();
		}

	}

	/**
	 * Makes a failed attempt of an outcome that a constraint or a trigger refuses.
	 */
	interface Refusal {

		Settlement fail(HeldItem item, SQLException failure);

	}

	/**
	 * The attempt has failed.
	 *
	 * @param dead whether it was the last: the item is dead, unless it was asked for
	 * again meanwhile, or is lost
	 * @param trace the failure that is logged with the outcome of a last attempt, if its
	 * stack trace is
	 */
	record Fail(HeldItem item, String error, Duration delay, boolean dead,
			@Nullable Throwable trace) implements OfItem {

		@Override
		public Outcome outcome() {
			return (this.item.isLost()) ? Outcome.LOST_LEASE : (this.dead) ? Outcome.DEAD : Outcome.RETRIED;
		}

		/**
		 * The failure may be unable to say its message.
		 */
		@Override
		public String toString() {
			return "%s has failed: %s".formatted(this.item, this.error);
		}

	}

	/**
	 * The item is to be handled later.
	 */
	record Postpone(HeldItem item, Duration delay, Refusal refusal) implements Refusable {

		@Override
		public Outcome outcome() {
			return Outcome.POSTPONED;
		}

	}

	/**
	 * The item is done for now.
	 */
	record Rearm(HeldItem item, Instant dueAt, Refusal refusal) implements Refusable {

		@Override
		public Outcome outcome() {
			return (this.item.isLost()) ? Outcome.LOST_LEASE : Outcome.DONE;
		}

	}

	/**
	 * A transaction of the handler has returned the item, and has committed: it leaves
	 * its claim, or the first item of its ordering key does whose completion was refused.
	 */
	record Leave(HeldItem item, Returned returned) implements OfItem {

		@Override
		public boolean endsUnit() {
			return false;
		}

	}

	/**
	 * The handler has not begun: the item or the ordering key is given back.
	 */
	record GiveBack(HeldClaim claim, ClaimedItem claimed) implements Settlement {

		@Override
		public long unit() {
			return this.claimed.itemId();
		}

		Done done() {
			return new Done(this.claim.claim(), 0, this.claimed.itemId(), this.claimed.token(), this.claimed.rev());
		}

	}

	/**
	 * The handler still runs: the next holder gets a higher token.
	 */
	record TakeBack(HeldItem item) implements OfItem {
	}

	/**
	 * The items of an ordering key that were fetched are done, up to the first one whose
	 * completion was refused.
	 */
	record ReleaseLane(HeldClaim claim, ClaimedItem lane, LaneVisit visit) implements Settlement {

		@Override
		public long unit() {
			return this.lane.itemId();
		}

	}

	/**
	 * A transaction of the handler has settled the item.
	 */
	record Settled(HeldItem settled, Outcome outcome) implements Settlement {

		@Override
		public HeldClaim claim() {
			return this.settled.claim();
		}

		@Override
		public long unit() {
			return this.settled.unit();
		}

	}

	/**
	 * The items of an ordering key that a handler has completed, one after the other.
	 */
	final class LaneVisit {

		private final Lock lock = new ReentrantLock();

		private final Condition changed = this.lock.newCondition();

		private int unsettled;

		/**
		 * The first item whose completion was refused.
		 */
		private @Nullable Settlement refused;

		void refused(Settlement refused) {
			this.lock.lock();
			try {
				this.refused = (this.refused != null) ? this.refused : refused;
			}
			finally {
				this.lock.unlock();
			}
		}

		@Nullable Settlement refused() {
			this.lock.lock();
			try {
				return this.refused;
			}
			finally {
				this.lock.unlock();
			}
		}

		void completed() {
			add(1);
		}

		void settled() {
			add(-1);
		}

		private void add(int number) {
			this.lock.lock();
			try {
				this.unsettled += number;
				this.changed.signalAll();
			}
			finally {
				this.lock.unlock();
			}
		}

		boolean isSettled() {
			this.lock.lock();
			try {
				return this.unsettled == 0;
			}
			finally {
				this.lock.unlock();
			}
		}

		/**
		 * Wait until the items that were completed are removed.
		 * @return whether they are
		 */
		boolean awaitSettled(Duration timeout) {
			long left = timeout.toNanos();
			this.lock.lock();
			try {
				while (this.unsettled > 0 && left > 0) {
					left = this.changed.awaitNanos(left);
				}
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
			finally {
				this.lock.unlock();
			}
			return isSettled();
		}

	}

}
