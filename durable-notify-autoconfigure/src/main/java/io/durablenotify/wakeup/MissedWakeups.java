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

package io.durablenotify.wakeup;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.function.LongSupplier;

import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

/**
 * Logs that the poll finds what wake-ups should have announced, although they can be
 * received. There is at most one line every ten minutes. Used by the poll's thread, but
 * for {@link #watch}.
 */
final class MissedWakeups {

	static final Duration REPEAT = Duration.ofMinutes(10);

	private final Log logger;

	private final LongSupplier nanoTime;

	private final Set<PollFindings> watched = new CopyOnWriteArraySet<>();

	/**
	 * What was found before the last line, or while wake-ups could not be received.
	 */
	private long known;

	private @Nullable Long loggedAt;

	/**
	 * Create a new instance.
	 * @param nanoTime {@link System#nanoTime()}, or that of a test
	 */
	MissedWakeups(Log logger, LongSupplier nanoTime) {
		this.logger = logger;
		this.nanoTime = nanoTime;
	}

	void watch(PollFindings findings) {
		this.watched.add(findings);
	}

	/**
	 * A round of the poll is over.
	 * @param healthy whether wake-ups can be received
	 */
	void check(boolean healthy) {
		long found = this.watched.stream().mapToLong((findings) -> findings.found().sum()).sum();
		if (!healthy) {
			this.known = found;
			return;
		}
		long now = this.nanoTime.getAsLong();
		Long loggedAt = this.loggedAt;
		if (found > this.known && (loggedAt == null || now - loggedAt >= REPEAT.toNanos())) {
			this.logger
				.warn(("The poll has found %d new entries or changes that no wake-up had announced, although this "
						+ "instance listens: what writes them sends no notifications, or they are lost")
					.formatted(found - this.known));
			this.known = found;
			this.loggedAt = now;
		}
	}

}
