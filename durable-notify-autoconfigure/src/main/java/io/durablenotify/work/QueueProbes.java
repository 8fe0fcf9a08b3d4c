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

import org.jspecify.annotations.Nullable;

/**
 * Has one item of a queue at a time handled over all instances. That is so while what its
 * handlers call fails. For the other packages of durable-notify. Thread-safe.
 */
public interface QueueProbes {

	/**
	 * Return whether the queue of an item may be probed, as far as this instance knows.
	 * An item that was claimed after the beginning has this answer for sure.
	 * @param item an item whose handler runs
	 * @return whether the number of its running items is limited
	 */
	boolean isLimited(WorkItem item);

	/**
	 * Return how a queue is probed.
	 * @param item an item of the queue, whose handler runs
	 * @return how, or {@code null} if it is not
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	@Nullable Probe find(WorkItem item);

	/**
	 * Begin to probe a queue, unless that is so already. What runs goes on.
	 * @param queue the queue
	 * @param wait the time until the first probe
	 * @return whether this call has begun it
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	boolean begin(String queue, Duration wait);

	/**
	 * A probe has failed: have the next one wait, each time twice as long.
	 * @param queue the queue
	 * @param wait the wait after the first failure
	 * @param longest the longest wait
	 * @param least how long to wait at least
	 * @return the time until the next probe
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Duration failed(String queue, Duration wait, Duration longest, Duration least);

	/**
	 * Have the items of a queue handled as before.
	 * @param queue the queue
	 * @return whether it was probed until now
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	boolean end(String queue);

	/**
	 * How a queue is probed.
	 *
	 * @param giveBack whether the item that was asked for is not to be handled now: it
	 * was claimed before the beginning, so that it may not be the only one, or the queue
	 * is paused
	 * @param delay the time until an item may be handled
	 */
	record Probe(boolean giveBack, Duration delay) {
	}

}
