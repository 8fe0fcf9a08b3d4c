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

import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.Log;

/**
 * The failures in a row to claim items of a queue. A lock of another transaction is
 * logged only if it lasts. Not thread-safe.
 */
final class ClaimFailures {

	private static final long FIRST_LOCK_DELAY_MILLIS = 50;

	/**
	 * How often the first delay is doubled, to 800 ms: attempts, which wait for 50 ms,
	 * take a sixteenth of the time from the listener's other queues.
	 */
	private static final int DOUBLINGS = 4;

	/**
	 * After how many attempts a lock is logged, which is after about ten seconds.
	 */
	private static final int LASTING = 15;

	private final FailureLog log;

	private int locked;

	ClaimFailures(Log logger, String queue) {
		this.log = log(logger, queue);
	}

	static FailureLog log(Log logger, String queues) {
		return new FailureLog(logger, "Failed to claim items of queue '%s'".formatted(queues),
				"Items of queue '%s' are claimed again".formatted(queues));
	}

	/**
	 * A claim has failed.
	 * @return how long to wait before the next one
	 */
	Duration failed(Throwable failure) {
		if (!SqlErrors.isLockTimeout(failure)) {
			return this.log.failed(failure);
		}
		if (++this.locked >= LASTING) {
			this.log.failed(failure);
		}
		return Duration.ofMillis(FIRST_LOCK_DELAY_MILLIS << Math.min(this.locked - 1, DOUBLINGS));
	}

	void succeeded() {
		this.locked = 0;
		this.log.succeeded();
	}

}
