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

package io.durablenotify.log;

import java.util.Collection;
import java.util.List;
import java.util.function.LongSupplier;

import io.durablenotify.loop.SlowHandler;
import org.apache.commons.logging.Log;

/**
 * Logs which readers have been full for a minute: nothing that was taken has made room.
 * Names each at most every ten minutes, and five of them at once. Used by one thread.
 */
final class FullReaders {

	private static final int MAX_LOGGED = 5;

	private final Log logger;

	private final LongSupplier nanoTime;

	/**
	 * Create a new instance.
	 * @param nanoTime {@link System#nanoTime()}, or that of a test
	 */
	FullReaders(Log logger, LongSupplier nanoTime) {
		this.logger = logger;
		this.nanoTime = nanoTime;
	}

	void check(Collection<? extends LogSubscription<?>> readers) {
		long now = this.nanoTime.getAsLong();
		List<? extends LogSubscription<?>> full = readers.stream()
			.filter((reader) -> reader.isToBeLoggedAsFull(now))
			.toList();
		full.stream()
			.limit(MAX_LOGGED)
			.forEach((reader) -> this.logger
				.warn(("Reader of %s has been full for %ds: its handler (%s) is slow or hangs. Nothing is lost; "
						+ "it fetches again when there is room")
					.formatted(reader.describe(), SlowHandler.LONG.toSeconds(), reader.state().handler())));
		if (full.size() > MAX_LOGGED) {
			this.logger.warn("%d other readers have been full for %ds too".formatted(full.size() - MAX_LOGGED,
					SlowHandler.LONG.toSeconds()));
		}
	}

}
