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

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.instance.Lease;

/**
 * A claim of this instance, until all of its units are settled.
 */
final class HeldClaim {

	private final Claim claim;

	private final Lease lease;

	private final QueueProgress queue;

	private final AtomicInteger unsettled;

	/**
	 * The items that can be cancelled, or set to a later time.
	 */
	private final long[] keyed;

	/**
	 * Those of them that were since, and whether they were cancelled.
	 */
	private volatile Map<Long, Boolean> withdrawn = Map.of();

	private final long claimedAt = System.nanoTime();

	HeldClaim(Claim claim, Lease lease, QueueProgress queue, List<ClaimedItem> units) {
		this.claim = claim;
		this.lease = lease;
		this.queue = queue;
		this.unsettled = new AtomicInteger(units.size());
		this.keyed = units.stream()
			.filter((item) -> item.key() != null && !item.lane())
			.mapToLong(ClaimedItem::itemId)
			.toArray();
	}

	Claim claim() {
		return this.claim;
	}

	Lease lease() {
		return this.lease;
	}

	QueueProgress queue() {
		return this.queue;
	}

	/**
	 * Return when this instance has had the answer, by {@link System#nanoTime()}.
	 */
	long claimedAt() {
		return this.claimedAt;
	}

	/**
	 * An item was cancelled or set to a later time, which may be one of this claim.
	 */
	synchronized void withdraw(long itemId, boolean cancelled) {
		for (long keyed : this.keyed) {
			if (keyed == itemId) {
				Map<Long, Boolean> all = new HashMap<>(this.withdrawn);
				all.merge(itemId, cancelled, Boolean::logicalOr);
				this.withdrawn = all;
			}
		}
	}

	/**
	 * Return whether the handler of an item is not to begin.
	 */
	boolean isWithdrawn(long itemId) {
		Map<Long, Boolean> withdrawn = this.withdrawn;
		return !withdrawn.isEmpty() && withdrawn.containsKey(itemId);
	}

	boolean isCancelled(long itemId) {
		return this.withdrawn.getOrDefault(itemId, false);
	}

	int unsettled() {
		return this.unsettled.get();
	}

	/**
	 * A unit is settled.
	 * @return whether it was the last
	 */
	boolean settled() {
		return this.unsettled.decrementAndGet() == 0;
	}

	/**
	 * A unit is settled if it is not the last.
	 * @return whether it is
	 */
	boolean settledUnlessLast() {
		return this.unsettled.getAndUpdate((count) -> (count > 1) ? count - 1 : count) > 1;
	}

}
