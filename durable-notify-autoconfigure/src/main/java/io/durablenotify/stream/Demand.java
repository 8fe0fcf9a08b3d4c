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

package io.durablenotify.stream;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How many chunks may still be given. Asked for by any thread, used up by one.
 */
final class Demand {

	private static final long UNLIMITED = Long.MAX_VALUE;

	private final AtomicLong chunks;

	private Demand(long chunks) {
		this.chunks = new AtomicLong(chunks);
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
		this.chunks.getAndUpdate((current) -> (current > UNLIMITED - more) ? UNLIMITED : current + more);
	}

	/**
	 * Use up one.
	 * @return whether there was one
	 */
	boolean take() {
		long current = this.chunks.get();
		if (current == 0 || current == UNLIMITED) {
			return current != 0;
		}
		return this.chunks.getAndUpdate((chunks) -> (chunks == UNLIMITED) ? UNLIMITED : chunks - 1) > 0;
	}

	@Override
	public String toString() {
		return this.chunks.toString();
	}

}
