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

import org.jspecify.annotations.Nullable;

/**
 * When to log that a handler is slow: after a minute, and every ten minutes. Used by one
 * thread at a time.
 */
public final class SlowHandler {

	/**
	 * How long a handler may hold up what waits for it.
	 */
	public static final Duration LONG = Duration.ofMinutes(1);

	/**
	 * The least time between two log lines.
	 */
	public static final Duration REPEAT = Duration.ofMinutes(10);

	private @Nullable Long loggedAt;

	/**
	 * Return whether it is to be logged now. That is then not due for a while.
	 * @param slow for how long the handler has been slow
	 * @param now the present {@link System#nanoTime()}
	 * @return whether it is due
	 */
	public boolean isToBeLogged(Duration slow, long now) {
		if (slow.compareTo(LONG) < 0 || (this.loggedAt != null && now - this.loggedAt < REPEAT.toNanos())) {
			return false;
		}
		this.loggedAt = now;
		return true;
	}

}
