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

package io.durablenotify.delivery;

import java.time.Duration;

import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.util.backoff.BackOffExecution;
import org.springframework.util.backoff.ExponentialBackOff;

/**
 * A time during which something fails: it is logged when it begins and when it is over,
 * and what is tried meanwhile is tried with growing delays. Not thread-safe.
 */
public final class Outage {

	private static final long FIRST_DELAY_MILLIS = 100;

	private static final long LAST_DELAY_MILLIS = 5_000;

	private final ExponentialBackOff backOff = new ExponentialBackOff(FIRST_DELAY_MILLIS, 2);

	private final Log logger;

	private final String begins;

	private final String over;

	private @Nullable BackOffExecution delays;

	/**
	 * Create a new instance.
	 * @param logger where it is logged
	 * @param begins what is said when it begins
	 * @param over what is said when it is over
	 */
	public Outage(Log logger, String begins, String over) {
		this.logger = logger;
		this.begins = begins;
		this.over = over;
		this.backOff.setMaxInterval(LAST_DELAY_MILLIS);
	}

	/**
	 * It failed (again).
	 * @param failure the failure
	 * @return how long to wait before it is tried again
	 */
	public Duration failed(Throwable failure) {
		BackOffExecution delays = this.delays;
		if (delays == null) {
			delays = this.backOff.start();
			this.delays = delays;
			this.logger.warn(this.begins + ": " + reason(NestedExceptionUtils.getMostSpecificCause(failure)));
		}
		this.logger.debug(this.begins, failure);
		return Duration.ofMillis(delays.nextBackOff());
	}

	/**
	 * That of a connection which is cut has no message.
	 */
	private static String reason(Throwable cause) {
		return (cause.getMessage() != null) ? cause.getMessage() : cause.getClass().getSimpleName();
	}

	/**
	 * It succeeded.
	 */
	public void succeeded() {
		if (this.delays != null) {
			this.delays = null;
			this.logger.info(this.over);
		}
	}

	/**
	 * Return whether it failed last time.
	 * @return whether this goes on
	 */
	public boolean isOn() {
		return this.delays != null;
	}

}
