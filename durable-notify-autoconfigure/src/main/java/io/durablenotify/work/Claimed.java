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

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The outcome of a claim.
 *
 * @param claim the claim, {@code null} if nothing was claimed
 * @param granted false if nothing could be claimed now: the queue is paused, its limit of
 * running items is reached, or the instance has no lease
 * @param paused whether that is because the queue is paused
 * @param frontierMicros what this instance passes as the lower bound of its next claim
 * @param nextDueMicros the time until the next item is due, -1 if none is stored, more
 * are due now or nothing could be claimed
 * @param more whether more may be due now
 * @param limited whether the queue has a limit of running items: claims must be finished
 * or trimmed soon
 * @param items the items, in the order of their due times
 */
record Claimed(@Nullable Claim claim, boolean granted, boolean paused, long frontierMicros, long nextDueMicros,
		boolean more, boolean limited, List<ClaimedItem> items) {

	/**
	 * The outcome of a claim that has only created its queue.
	 */
	static final Claimed NOTHING = new Claimed(null, false, false, Long.MIN_VALUE, -1, false, false, List.of());

	/**
	 * How far the frontier stays before the clock.
	 */
	private static final long SLACK_MICROS = 20_000;

	/**
	 * Return the database's clock at the claim, in microseconds, if all that was due is
	 * claimed.
	 */
	long clockMicros() {
		return this.frontierMicros + SLACK_MICROS;
	}

	/**
	 * Return what this instance passes as the hint of its next claim if no wake-up has an
	 * earlier one. After a claim that has found late items below the bound of all, and
	 * was full, the next one must go on there.
	 */
	long nextHintMicros() {
		return (this.more) ? this.frontierMicros : DatabaseMicros.NEVER;
	}

}
