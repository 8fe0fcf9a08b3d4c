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

package io.durablenotify.testsupport;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.EventPage;
import io.durablenotify.event.StoredEvent;

/**
 * Replays a run the way a workflow engine does, and names the events that have no
 * consumer. A step, wait or hook listens from its creation to its end: its second
 * creation, and what comes before the first or after the end, has no listener.
 */
public final class ReplayChecker {

	private static final List<String> ENDS = List.of("completed", "failed", "cancelled", "disposed");

	private final EventLog log;

	public ReplayChecker(EventLog log) {
		this.log = log;
	}

	/**
	 * Return the events of a run that have no consumer.
	 */
	public List<StoredEvent> unconsumed(String runId) {
		List<StoredEvent> unconsumed = new ArrayList<>();
		Map<String, Boolean> listening = new HashMap<>();
		EventPage page = new EventPage(List.of(), 0, true);
		while (page.hasMore()) {
			page = this.log.read(runId, page.afterSequence(), 64);
			for (StoredEvent event : page.events()) {
				if (!consume(event, listening)) {
					unconsumed.add(event);
				}
			}
		}
		return unconsumed;
	}

	private static boolean consume(StoredEvent event, Map<String, Boolean> listening) {
		int cut = event.type().indexOf('_');
		String listener = event.type().substring(0, cut) + "/" + event.correlationId();
		String what = event.type().substring(cut + 1);
		if (what.equals("created")) {
			return listening.putIfAbsent(listener, true) == null;
		}
		boolean consumed = listening.getOrDefault(listener, false);
		if (consumed && ENDS.contains(what)) {
			listening.put(listener, false);
		}
		return consumed;
	}

}
