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

import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Shows queues and controls them, in all instances: for operators, dashboards and tests.
 * What it shows may have changed already. Thread-safe.
 * <p>
 * What changes something is part of the caller's transaction where there is one. It waits
 * for another transaction that has locked the queue, or one of its keys, for
 * {@code durable-notify.work.enqueue-timeout} at most.
 * <p>
 * All methods throw a {@link DataAccessException} if the database fails, those that
 * change something also in a read-only transaction. They throw an
 * {@link IllegalArgumentException} for {@code null} and for the name of a queue that is
 * not valid.
 */
public interface WorkAdmin {

	/**
	 * Return the queues.
	 * @return the queues by name
	 */
	List<QueueInfo> queues();

	/**
	 * Return a page of the items of a queue, or of those with a key.
	 * @param query the queue, which of its items, and where the page begins
	 * @return the page, empty if there is no such queue or key
	 */
	WorkPage page(WorkQuery query);

	/**
	 * Have no item of a queue begun any more, in any instance. Handlers that run go on.
	 * Items that are claimed ahead are given back by a wake-up, or else with the next
	 * poll or within a second. A queue that does not exist is created.
	 * @param queue the queue
	 * @throws WorkLockedException if another transaction has locked the queue for longer
	 * than {@code durable-notify.work.enqueue-timeout}
	 */
	void pause(String queue);

	/**
	 * Have the items of a queue handled again. A queue that does not exist is created.
	 * @param queue the queue
	 * @throws WorkLockedException if another transaction has locked the queue for longer
	 * than {@code durable-notify.work.enqueue-timeout}
	 */
	void resume(String queue);

	/**
	 * Limit how many items of a queue run at once over all instances. Handlers that run
	 * go on. Items that are claimed ahead are given back as by {@link #pause}. A queue
	 * that does not exist is created.
	 * @param queue the queue
	 * @param maxRunning the limit, at least 1, or {@code null} for none
	 * @throws WorkLockedException if another transaction has locked the queue for longer
	 * than {@code durable-notify.work.enqueue-timeout}
	 */
	void limit(String queue, @Nullable Integer maxRunning);

	/**
	 * Have dead items handled again, in the caller's transaction where there is one.
	 * Their failures are counted from 0 again.
	 * @param query the items
	 * @return how many were requeued
	 * @throws WorkLockedException if another transaction has locked one of their keys for
	 * longer than {@code durable-notify.work.enqueue-timeout}
	 */
	int requeue(DeadQuery query);

	/**
	 * Delete dead items, in the caller's transaction where there is one.
	 * @param query the items
	 * @return how many were deleted
	 * @throws WorkLockedException if another transaction has locked one of their keys for
	 * longer than {@code durable-notify.work.enqueue-timeout}
	 */
	int purge(DeadQuery query);

}
