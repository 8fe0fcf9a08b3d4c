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

import org.jspecify.annotations.Nullable;

/**
 * How many items a listener claims beyond those that its handlers run. That is a fixed
 * number, or as many as the handlers begin within a short time. An item that waits for a
 * long handler could run in another instance; one of many that take no time is not worth
 * a claim of its own. Not thread-safe.
 */
final class ClaimAhead {

	static final Duration LONGEST_WAIT = Duration.ofMillis(20);

	/**
	 * How many items are held at most, unless as many run.
	 */
	static final int MOST = 100;

	/**
	 * How much the last handler counts in the average.
	 */
	private static final double WEIGHT = 1.0 / 8;

	private final int concurrency;

	private final @Nullable Integer fixed;

	/**
	 * Negative before the first handler has returned.
	 */
	private double averageNanos = -1;

	/**
	 * Create a new instance.
	 * @param concurrency how many handlers run at once
	 * @param fixed the number, or {@code null} for what they begin within a short time
	 */
	ClaimAhead(int concurrency, @Nullable Integer fixed) {
		this.concurrency = concurrency;
		this.fixed = fixed;
	}

	/**
	 * Return how many items to claim beyond those that run.
	 */
	int items() {
		if (this.fixed != null) {
			return this.fixed;
		}
		if (this.averageNanos < 0) {
			return 0;
		}
		double begun = this.concurrency * (LONGEST_WAIT.toNanos() / Math.max(1, this.averageNanos));
		return (int) Math.min(begun, Math.max(0, MOST - this.concurrency));
	}

	/**
	 * Return whether the user has set the number.
	 */
	boolean isFixed() {
		return this.fixed != null;
	}

	/**
	 * A handler has returned.
	 * @param nanos how long it took
	 */
	void handled(long nanos) {
		this.averageNanos = (this.averageNanos < 0) ? nanos : this.averageNanos + WEIGHT * (nanos - this.averageNanos);
	}

}
