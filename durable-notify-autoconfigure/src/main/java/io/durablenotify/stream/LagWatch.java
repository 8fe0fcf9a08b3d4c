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

import java.time.Duration;

/**
 * For how long a position has not moved although something lags behind, as far as that
 * was seen: each position is compared with that of the last call. Thread-safe.
 */
final class LagWatch {

	private static final long NO_LAG = -1;

	/**
	 * The position of the last call, guarded by {@code this}.
	 */
	private long seen = NO_LAG;

	/**
	 * Since when, by {@link System#nanoTime()}. Guarded by {@code this}.
	 */
	private long since;

	/**
	 * Return for how long the position has not moved.
	 * @param lag how much lags behind
	 * @param position the present position
	 */
	synchronized Duration age(long lag, long position) {
		if (lag == 0) {
			this.seen = NO_LAG;
			return Duration.ZERO;
		}
		long now = System.nanoTime();
		if (position != this.seen) {
			this.seen = position;
			this.since = now;
		}
		return Duration.ofNanos(now - this.since);
	}

}
