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
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The claims that this instance holds, to its knowledge. Thread-safe.
 */
final class HeldClaims {

	private final Map<Claim, HeldClaim> claims = new ConcurrentHashMap<>();

	void add(HeldClaim claim) {
		this.claims.put(claim.claim(), claim);
	}

	boolean contains(Claim claim) {
		return this.claims.containsKey(claim);
	}

	/**
	 * An item was cancelled or set to a later time, in this instance or in another.
	 */
	void withdrawn(long itemId, boolean cancelled) {
		this.claims.values().forEach((claim) -> claim.withdraw(itemId, cancelled));
	}

	/**
	 * Return the number of unsettled units by queue id, without claims of a lost lease.
	 */
	Map<Integer, Integer> unsettled() {
		Map<Integer, Integer> unsettled = new HashMap<>();
		this.claims.values()
			.stream()
			.filter((claim) -> !claim.lease().isLost())
			.forEach((claim) -> unsettled.merge(claim.queue().id(), claim.unsettled(), Integer::sum));
		return unsettled;
	}

	/**
	 * Return whether nothing is left to settle.
	 */
	boolean areSettled() {
		return this.claims.values().stream().allMatch(HeldClaims::isSettledOrLost);
	}

	void removeSettledAndLost() {
		this.claims.values().removeIf(HeldClaims::isSettledOrLost);
	}

	private static boolean isSettledOrLost(HeldClaim claim) {
		return claim.unsettled() == 0 || claim.lease().isLost();
	}

}
