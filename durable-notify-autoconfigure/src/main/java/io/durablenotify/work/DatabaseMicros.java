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
import java.time.Instant;
import java.util.concurrent.TimeUnit;

/**
 * Times as they are passed to the database: microseconds, since 1970 by the database's
 * clock.
 */
final class DatabaseMicros {

	/**
	 * Later than all times.
	 */
	static final long NEVER = Long.MAX_VALUE;

	/**
	 * The longest time that is passed: 3,000 years.
	 */
	private static final Duration LONGEST = Duration.ofDays(1_095_000);

	private DatabaseMicros() {
	}

	/**
	 * Return a time, 0 for those before 1970.
	 */
	static long of(Instant time) {
		Instant latest = Instant.EPOCH.plus(LONGEST);
		Instant limited = (time.isAfter(latest)) ? latest : time;
		return Math.max(0, TimeUnit.SECONDS.toMicros(limited.getEpochSecond()) + limited.getNano() / 1000);
	}

	/**
	 * Return a duration, rounded up so that nothing is due too early.
	 */
	static long of(Duration duration) {
		Duration limited = (duration.compareTo(LONGEST) > 0) ? LONGEST : duration;
		return Math.max(0, TimeUnit.SECONDS.toMicros(limited.getSeconds()) + (limited.getNano() + 999) / 1000);
	}

}
