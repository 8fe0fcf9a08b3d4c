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

import java.util.Collection;

import io.durablenotify.work.WorkInvoker.FirstItems;

/**
 * How much to claim at once. It is fewer ordering keys where most have more items than
 * their share of a claim, since a key that is given back and claimed again costs as much
 * as some items. Of one queue. Only accessed by the listener's thread.
 */
final class ClaimSize {

	static final int MAX_CLAIM = 500;

	private final int least;

	private int most = MAX_CLAIM;

	/**
	 * Create a new instance.
	 * @param concurrency how many handlers run at once: as many again can wait for them
	 */
	ClaimSize(int concurrency) {
		this.least = Math.min(2 * concurrency, MAX_CLAIM);
	}

	/**
	 * Return how many items or ordering keys to claim.
	 * @param room how many there is room for
	 */
	int of(int room) {
		return Math.min(room, this.most);
	}

	/**
	 * Return how many items of each ordering key come with a claim.
	 * @param keys how many keys the claim has
	 */
	static int share(int keys) {
		return Math.min(WorkInvoker.MAX_LANE_ITEMS, Math.max(2, MAX_CLAIM / keys));
	}

	/**
	 * Something was claimed.
	 * @param items how many items and ordering keys
	 * @param keys the first items of the keys
	 */
	void claimed(int items, Collection<FirstItems> keys) {
		long deep = keys.stream().filter(FirstItems::more).count();
		this.most = (deep > items / 2) ? Math.max(this.least, items / 2) : Math.min(2 * this.most, MAX_CLAIM);
	}

}
