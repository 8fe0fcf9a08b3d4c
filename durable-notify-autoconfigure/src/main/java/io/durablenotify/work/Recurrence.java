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

import java.util.Map;

/**
 * Recurring work: one item that is handled at the times of a schedule.
 *
 * @param queue the item's queue
 * @param id the name of the listener
 * @param schedule the schedule
 */
record Recurrence(String queue, String id, CronSchedule schedule) {

	/**
	 * The name of the header that holds the schedule of the version that has started
	 * last.
	 */
	static final String HEADER = "cron";

	/**
	 * The name of the header of an item that ran when its schedule was written. It is to
	 * be moved once it waits, since its handler may know the schedule before only.
	 */
	static final String MOVE_HEADER = "cron-move";

	private static final String KEY = "cron/";

	/**
	 * Return the item's key.
	 */
	String key() {
		return KEY + this.id;
	}

	/**
	 * Return whether an item is that of other recurring work, as of the same one before
	 * it was renamed.
	 */
	boolean isOther(WorkItem item) {
		String key = item.key();
		return key != null && key.startsWith(KEY) && !key.equals(key()) && item.headers().containsKey(HEADER);
	}

	/**
	 * Return the item's headers.
	 */
	Map<String, String> headers() {
		return Map.of(HEADER, this.schedule.toString());
	}

	/**
	 * Return the headers of an item that is to be moved once it waits.
	 */
	Map<String, String> headersToMove() {
		return Map.of(HEADER, this.schedule.toString(), MOVE_HEADER, "true");
	}

	/**
	 * Return the schedule of an item: that of another version of the application, where
	 * it has started after this one.
	 */
	CronSchedule scheduleOf(WorkItem item) {
		String stored = item.headers().get(HEADER);
		CronSchedule others = (stored != null) ? CronSchedule.parse(stored) : null;
		return (others != null) ? others : this.schedule;
	}

}
