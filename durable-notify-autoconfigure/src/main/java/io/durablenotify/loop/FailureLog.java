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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;

import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.util.StringUtils;
import org.springframework.util.backoff.BackOffExecution;
import org.springframework.util.backoff.ExponentialBackOff;

/**
 * Exponential backoff that logs the first failure of a series and the recovery, as
 * {@link OutageLog} does. Delays are 100 ms to 5 s unless said otherwise. Not
 * thread-safe, except for {@link #isFailing()}.
 */
public final class FailureLog {

	private static final long FIRST_DELAY_MILLIS = 100;

	private static final Duration LONGEST_DELAY = Duration.ofSeconds(5);

	/**
	 * All failures are of one kind.
	 */
	private static final Object FAILED = "failed";

	private final ExponentialBackOff backOff = new ExponentialBackOff(FIRST_DELAY_MILLIS, 2);

	private final Log logger;

	private final String failing;

	private final String recovered;

	private final OutageLog series;

	private volatile @Nullable BackOffExecution delays;

	/**
	 * Create a new instance.
	 * @param logger the logger
	 * @param failing what has failed, logged with the cause of the first failure
	 * @param recovered what is logged when an attempt has succeeded again
	 */
	public FailureLog(Log logger, String failing, String recovered) {
		this(logger, failing, recovered, LONGEST_DELAY);
	}

	/**
	 * Create a new instance.
	 * @param logger the logger
	 * @param failing what has failed, logged with the cause of the first failure
	 * @param recovered what is logged when an attempt has succeeded again
	 * @param longestDelay the longest delay between attempts
	 */
	public FailureLog(Log logger, String failing, String recovered, Duration longestDelay) {
		this(logger, failing, recovered, longestDelay, System::nanoTime);
	}

	FailureLog(Log logger, String failing, String recovered, Duration longestDelay, LongSupplier nanoTime) {
		this.series = new OutageLog(logger, nanoTime);
		this.logger = logger;
		this.failing = failing;
		this.recovered = recovered;
		this.backOff.setMaxInterval(longestDelay.toMillis());
	}

	/**
	 * An attempt has failed.
	 * @param failure the failure
	 * @return how long to wait before the next attempt
	 */
	public Duration failed(Throwable failure) {
		return failed(this.failing, failure, null);
	}

	/**
	 * An attempt of a user's handler has failed. The log has the stack trace of the first
	 * failure.
	 * @param failing what has failed, in place of what was given before
	 * @param failure the failure
	 * @return how long to wait before the next attempt
	 */
	public Duration handlerFailed(String failing, Throwable failure) {
		return failed(failing, failure, failure);
	}

	/**
	 * An attempt of a user's handler has failed without an exception.
	 * @param failing what has failed, in place of what was given before
	 * @param reason the handler's reason
	 * @return how long to wait before the next attempt
	 */
	public Duration handlerFailed(String failing, String reason) {
		Duration delay = nextDelay();
		if (this.series.begins(FAILED)) {
			this.logger.warn(line(failing, trimmed(reason)) + this.series.others());
		}
		this.logger.debug("%s: %s".formatted(failing, reason));
		return delay;
	}

	private Duration failed(String failing, Throwable failure, @Nullable Throwable shown) {
		Duration delay = nextDelay();
		boolean first = this.series.begins(FAILED);
		String others = (first) ? this.series.others() : "";
		try {
			if (first) {
				warn(line(failing, reason(NestedExceptionUtils.getMostSpecificCause(failure))) + others, shown);
			}
			this.logger.debug(failing, failure);
		}
		catch (Throwable ex) {
			// The failure fails when it is asked for its message
			if (first) {
				this.logger.warn(line(failing, failure.getClass().getName()) + others);
			}
		}
		return delay;
	}

	private Duration nextDelay() {
		BackOffExecution delays = this.delays;
		if (delays == null) {
			delays = this.backOff.start();
			this.delays = delays;
		}
		return Duration.ofMillis(delays.nextBackOff());
	}

	/**
	 * Log a failure of a user's code with its stack trace. One that fails when it is
	 * asked for its message is logged with its class. Does not throw.
	 * @param level the logger's method
	 * @param message what has failed
	 * @param failure the failure
	 */
	public static void log(BiConsumer<Object, @Nullable Throwable> level, String message, Throwable failure) {
		try {
			level.accept(message, failure);
		}
		catch (Throwable ex) {
			level.accept("%s: %s".formatted(message, failure.getClass().getName()), null);
		}
	}

	/**
	 * Return a failure of a user's code as a text: its class alone if it fails when it is
	 * asked for its message.
	 * @param failure the failure
	 * @return the text
	 */
	public static String describe(Throwable failure) {
		try {
			return failure.toString();
		}
		catch (Throwable ex) {
			return failure.getClass().getName();
		}
	}

	private void warn(String line, @Nullable Throwable shown) {
		if (shown != null) {
			this.logger.warn(line, shown);
		}
		else {
			this.logger.warn(line);
		}
	}

	private static String line(String failing, String reason) {
		return "%s: %s. Retrying".formatted(failing, reason);
	}

	/**
	 * That of a connection which is cut has no message.
	 */
	private static String reason(Throwable cause) {
		String message = cause.getMessage();
		return (message != null) ? trimmed(message) : cause.getClass().getSimpleName();
	}

	private static String trimmed(String message) {
		return StringUtils.trimTrailingCharacter(message, '.');
	}

	/**
	 * Return whether the last attempt has failed.
	 * @return whether it has
	 */
	public boolean isFailing() {
		return this.delays != null;
	}

	/**
	 * Return whether a failure since the last success was logged.
	 * @return false also if it was left out, as one of many
	 */
	public boolean isLogged() {
		return this.series.isLogged();
	}

	/**
	 * An attempt has succeeded.
	 */
	public void succeeded() {
		if (this.delays != null) {
			this.delays = null;
			this.series.over(this.recovered);
		}
	}

}
