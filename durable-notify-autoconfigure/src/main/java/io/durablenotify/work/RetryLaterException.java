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

import org.springframework.util.Assert;

/**
 * Thrown by a handler to delay the next attempt. The item is retried after this time or
 * after the backoff, whichever is later. The attempt counts as a failed one.
 */
@SuppressWarnings("serial")
public final class RetryLaterException extends RuntimeException {

	/**
	 * The time until the next attempt, at the least.
	 */
	private final Duration delay;

	/**
	 * Create a new instance.
	 * @param message why the attempt has failed, which is stored with the item
	 * @param delay the time until the next attempt
	 */
	public RetryLaterException(String message, Duration delay) {
		this(message, delay, null);
	}

	/**
	 * Create a new instance.
	 * @param message why the attempt has failed, which is stored with the item
	 * @param delay the time until the next attempt
	 * @param cause the cause
	 */
	public RetryLaterException(String message, Duration delay, @Nullable Throwable cause) {
		super(message, cause);
		Assert.notNull(delay, "'delay' must not be null");
		Assert.isTrue(!delay.isNegative(), () -> "'delay' must not be negative, but is " + delay);
		this.delay = delay;
	}

	/**
	 * Return when the item is to be retried.
	 * @return the time until then
	 */
	public Duration delay() {
		return this.delay;
	}

}
