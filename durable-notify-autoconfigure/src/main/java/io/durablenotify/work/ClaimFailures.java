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
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.Log;

/**
 * Counts consecutive failures to claim items of a queue. A lock of another transaction is
 * logged once it has lasted for about ten seconds. Not thread-safe.
 */
final class ClaimFailures {

	private static final long FIRST_LOCK_DELAY_MILLIS = 50;

	/**
	 * Doublings of the first delay, up to 1.6 s. Where there are other queues, an attempt
	 * waits for 200 ms, so a locked one costs them about a seventh of the time.
	 */
	private static final int DOUBLINGS = 5;

	/**
	 * After which a lock is logged.
	 */
	private static final Duration LASTING = Duration.ofSeconds(10);

	private final FailureLog log;

	private final LongSupplier nanoTime;

	private int locked;

	private long lockedSince;

	ClaimFailures(Log logger, String queue) {
		this(logger, queue, System::nanoTime);
	}

	ClaimFailures(Log logger, String queue, LongSupplier nanoTime) {
		this.nanoTime = nanoTime;
		this.log = log(logger, queue);
	}

	static FailureLog log(Log logger, String queues) {
		return new FailureLog(logger, "Failed to claim items of queue '%s'".formatted(queues),
				"Items of queue '%s' are claimed again".formatted(queues));
	}

	/**
	 * Record a failed claim.
	 * @return how long to wait before the next one; after a lock, half of the delay at
	 * least, so that instances do not go on in step
	 */
	Duration failed(Throwable failure) {
		if (!SqlErrors.isLockTimeout(failure)) {
			return this.log.failed(failure);
		}
		long now = this.nanoTime.getAsLong();
		if (this.locked++ == 0) {
			this.lockedSince = now;
		}
		if (now - this.lockedSince >= LASTING.toNanos()) {
			this.log.failed(failure);
		}
		long delay = FIRST_LOCK_DELAY_MILLIS << Math.min(this.locked - 1, DOUBLINGS);
		return Duration.ofMillis(ThreadLocalRandom.current().nextLong(delay / 2, delay + 1));
	}

	/**
	 * Record a claim, which ends the series.
	 */
	void succeeded() {
		this.locked = 0;
		this.log.succeeded();
	}

}
