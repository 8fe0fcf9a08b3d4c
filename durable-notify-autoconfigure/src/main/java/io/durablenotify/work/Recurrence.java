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
	 * The name of the header that holds the schedule by which the item became due first.
	 */
	static final String HEADER = "cron";

	/**
	 * Return the item's key.
	 */
	String key() {
		return "cron/" + this.id;
	}

	/**
	 * Return the item's headers.
	 */
	Map<String, String> headers() {
		return Map.of(HEADER, this.schedule.toString());
	}

}
