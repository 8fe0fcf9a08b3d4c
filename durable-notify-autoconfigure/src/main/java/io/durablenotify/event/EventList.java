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

package io.durablenotify.event;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Events of one run in a list, with those found that double another of the list.
 *
 * @param events the events
 * @param origins by event, the index of the first that it doubles, or its own
 */
record EventList(List<NewEvent> events, int[] origins) {

	/**
	 * Find the doubles.
	 * @throws IdempotencyKeyConflictException if two different events have the same key
	 */
	static EventList of(List<NewEvent> events) {
		int[] origins = new int[events.size()];
		Map<String, Integer> keys = new HashMap<>();
		Map<Suspension, Integer> suspensions = new HashMap<>();
		for (int i = 0; i < origins.length; i++) {
			NewEvent event = events.get(i);
			origins[i] = i;
			Integer byKey = (event.idempotencyKey() != null) ? keys.putIfAbsent(event.idempotencyKey(), i) : null;
			if (byKey != null) {
				NewEvent other = events.get(byKey);
				if (!event.isLike(other.type(), other.correlationId())) {
					throw IdempotencyKeyConflictException.withinList(event, other);
				}
				origins[i] = origins[byKey];
			}
			Integer suspension = (event.isSuspension())
					? suspensions.putIfAbsent(new Suspension(event.type(), event.correlationId()), i) : null;
			if (suspension != null) {
				origins[i] = origins[suspension];
			}
		}
		return new EventList(events, origins);
	}

	/**
	 * Return by event whether it doubles none before.
	 */
	boolean[] first() {
		boolean[] first = new boolean[this.origins.length];
		for (int i = 0; i < first.length; i++) {
			first[i] = this.origins[i] == i;
		}
		return first;
	}

	private record Suspension(String type, @Nullable String correlationId) {
	}

}
