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

package io.durablenotify.log;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The number of entries that may still be delivered. Increased by any thread, used up by
 * one.
 */
final class Demand {

	private static final long UNLIMITED = Long.MAX_VALUE;

	private final AtomicLong entries;

	private Demand(long entries) {
		this.entries = new AtomicLong(entries);
	}

	static Demand none() {
		return new Demand(0);
	}

	static Demand unlimited() {
		return new Demand(UNLIMITED);
	}

	/**
	 * Ask for more. Sums beyond the largest number are without a limit.
	 */
	void add(long more) {
		this.entries.getAndUpdate((current) -> (current > UNLIMITED - more) ? UNLIMITED : current + more);
	}

	/**
	 * Use up one.
	 * @return whether there was one
	 */
	boolean take() {
		long current = this.entries.get();
		if (current == 0 || current == UNLIMITED) {
			return current != 0;
		}
		return this.entries.getAndUpdate((entries) -> (entries == UNLIMITED) ? UNLIMITED : entries - 1) > 0;
	}

	@Override
	public String toString() {
		return this.entries.toString();
	}

}
