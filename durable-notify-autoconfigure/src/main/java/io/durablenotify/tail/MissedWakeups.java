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

package io.durablenotify.tail;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import org.jspecify.annotations.Nullable;

/**
 * Which logs wake-ups came for while one log was being found by its name, so that its
 * reader could not be registered for it yet. Lock-free.
 * <p>
 * Whoever hears a wake-up notes it here before it looks for registered readers; whoever
 * found the log registers the reader before it asks here. So one of them sees the other.
 */
final class MissedWakeups {

	/**
	 * There while a log is being found.
	 */
	private volatile @Nullable Set<Long> logIds;

	/**
	 * Begin to note, before the statement that finds the log.
	 */
	void begin() {
		this.logIds = ConcurrentHashMap.newKeySet();
	}

	/**
	 * A wake-up came. To be called before readers are looked for.
	 */
	void heard(long logId) {
		Set<Long> logIds = this.logIds;
		if (logIds != null) {
			logIds.add(logId);
		}
	}

	/**
	 * Stop noting. To be called when the reader is registered.
	 * @return whether a wake-up came for that log, which the statement may not have seen
	 */
	boolean end(long logId) {
		Set<Long> logIds = this.logIds;
		this.logIds = null;
		return logIds != null && logIds.contains(logId);
	}

}
