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

import org.jspecify.annotations.Nullable;

/**
 * What is stored of a request.
 *
 * @param queue the queue's name
 * @param key the key, or {@code null}
 * @param replacing whether it replaces the item with the same key
 * @param orderingKey the ordering key, or {@code null}
 * @param dueAt when it is due, by the database's clock, or {@code null}
 * @param dueIn after which time it is due, or {@code null}
 * @param headers a JSON object of strings, or {@code null} for none
 * @param payload the payload
 */
record NewItem(String queue, @Nullable String key, boolean replacing, @Nullable String orderingKey,
		@Nullable Instant dueAt, @Nullable Duration dueIn, @Nullable String headers, byte[] payload) {

	/**
	 * Return whether it has neither a key nor an ordering key, so that it waits for no
	 * other transaction.
	 */
	boolean isPlain() {
		return lockedKey() == null;
	}

	/**
	 * Return its key or ordering key, which it locks.
	 */
	@Nullable String lockedKey() {
		return (this.key != null) ? this.key : this.orderingKey;
	}

	/**
	 * Return whether it is due as soon as it is stored.
	 */
	boolean isDueNow() {
		return this.dueAt == null && this.dueIn == null;
	}

	/**
	 * Return when it is due, in microseconds since 1970; 0 for now.
	 */
	long dueAtMicros() {
		return (this.dueAt != null) ? DatabaseMicros.of(this.dueAt) : 0;
	}

	/**
	 * Return how many microseconds later it is due.
	 */
	long dueInMicros() {
		return (this.dueIn != null) ? DatabaseMicros.of(this.dueIn) : 0;
	}

}
