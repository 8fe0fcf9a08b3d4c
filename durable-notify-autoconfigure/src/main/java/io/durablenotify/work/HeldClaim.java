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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.durablenotify.instance.Lease;

/**
 * A claim of this instance, until all of its units are settled.
 */
final class HeldClaim {

	private final Claim claim;

	private final Lease lease;

	private final QueueProgress queue;

	/**
	 * The units that are not settled. Guarded by itself.
	 */
	private final Set<Long> unsettled = new HashSet<>();

	/**
	 * The items that can be cancelled, or set to a later time.
	 */
	private final long[] keyed;

	/**
	 * The keyed items that were withdrawn since the claim; true if cancelled.
	 */
	private volatile Map<Long, Boolean> withdrawn = Map.of();

	private final long claimedAt = System.nanoTime();

	HeldClaim(Claim claim, Lease lease, QueueProgress queue, List<ClaimedItem> units) {
		this.claim = claim;
		this.lease = lease;
		this.queue = queue;
		units.forEach((unit) -> this.unsettled.add(unit.itemId()));
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
		synchronized (this.unsettled) {
			return this.unsettled.size();
		}
	}

	/**
	 * Return whether no other units are left to settle.
	 */
	boolean hasOnly(Set<Long> units) {
		synchronized (this.unsettled) {
			return units.containsAll(this.unsettled);
		}
	}

	/**
	 * A unit is settled. That counts once: it may be taken back while its handler ends.
	 * @return whether it was the last
	 */
	boolean settled(long unit) {
		synchronized (this.unsettled) {
			return this.unsettled.remove(unit) && this.unsettled.isEmpty();
		}
	}

	/**
	 * A unit is settled if it is not the last.
	 * @return whether it is
	 */
	boolean settledUnlessLast(long unit) {
		synchronized (this.unsettled) {
			if (this.unsettled.size() == 1 && this.unsettled.contains(unit)) {
				return false;
			}
			this.unsettled.remove(unit);
			return true;
		}
	}

}
