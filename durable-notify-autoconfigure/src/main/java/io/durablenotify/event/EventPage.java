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

import java.util.List;

/**
 * Some events of a run, in order.
 *
 * @param events the events; none means that there is nothing more for now
 * @param afterSequence where the next page begins:
 * {@code read(runId, page.afterSequence(), limit)}
 * @param hasMore whether there were more events than these when the page was read
 */
public record EventPage(List<StoredEvent> events, long afterSequence, boolean hasMore) {

	/**
	 * Create a page.
	 * @param events the events, in order
	 * @param afterSequence where the next page begins
	 * @param hasMore whether there were more events
	 */
	public EventPage {
		events = List.copyOf(events);
	}

}
