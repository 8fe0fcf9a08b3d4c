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
import java.util.List;
import java.util.Map;

/**
 * What the health of an application shows of work.
 */
public interface WorkHealth {

	/**
	 * Return the queues with due items that no instance handles. The items have been due
	 * for a minute, and no instance has claimed from the queue for a minute. Checked
	 * about once a minute.
	 * @return their names, of the first hundred
	 */
	List<String> unhandledQueues();

	/**
	 * Return the queues of which one item at a time is tried, over all instances. Their
	 * handlers fail altogether: the outbox does that with a receiver that is away.
	 * Checked about once a minute.
	 * @return their names, of the first hundred
	 */
	List<String> probedQueues();

	/**
	 * Return how long claims search in the queues where that takes more than a second.
	 * There are many deleted rows then, which the server keeps for an old transaction.
	 * Checked about once a minute.
	 * @return by the name of the queue, of the first hundred
	 */
	Map<String, Duration> slowSearches();

}
