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

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Enqueues work that is stored in the database until a handler has completed it.
 * <p>
 * Enqueueing takes part in the caller's transaction where there is one: the item exists
 * if that commits, and is handled after that. Outside a transaction the item is committed
 * when the method returns. Thread-safe.
 */
public interface WorkQueue {

	/**
	 * Enqueue an item, and wait until it is stored.
	 * @param request the request
	 * @return the item's id, and whether the request was coalesced into an item that was
	 * there
	 * @throws IllegalArgumentException if a name or key is not valid, or the payload is
	 * larger than {@code durable-notify.work.max-payload-size}
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException in a read-only
	 * transaction
	 * @throws WorkLockedException if another transaction holds the key for longer than
	 * {@code durable-notify.work.enqueue-timeout}: the request can be repeated
	 * @throws EnqueueOutcomeUnknownException if the connection was lost outside a
	 * transaction, so that the item may or may not be stored
	 * @throws org.springframework.core.task.TaskRejectedException if the application
	 * context has closed while the request waited: nothing was stored
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Enqueued enqueue(WorkRequest request);

	/**
	 * Enqueue several items in one transaction: the caller's, or one of their own. All of
	 * them are stored or none is. Items are handled in the order of the list, as far as
	 * there is an order.
	 * @param requests the requests
	 * @return the outcomes, in the order of the requests
	 * @see #enqueue
	 */
	List<Enqueued> enqueueAll(List<WorkRequest> requests);

	/**
	 * Enqueue an item without waiting. In a transaction the item is stored before this
	 * method returns, and the future is completed.
	 * @param request the request
	 * @return completes when the item is committed, or with what {@link #enqueue} would
	 * throw
	 * @throws org.springframework.core.task.TaskRejectedException if
	 * {@code durable-notify.work.enqueue-buffer} requests wait to be stored, or the
	 * application context has closed: nothing was, or will be, stored
	 */
	CompletableFuture<Enqueued> enqueueAsync(WorkRequest request);

	/**
	 * Enqueue an item just before the caller's transaction commits. The rows of keys are
	 * locked in one order, and for a moment only. Without a transaction this is
	 * {@link #enqueue}.
	 * @param request the request
	 * @throws org.springframework.core.task.TaskRejectedException if the transaction has
	 * gathered {@code durable-notify.work.enqueue-buffer} requests
	 */
	void enqueueOnCommit(WorkRequest request);

	/**
	 * Cancel the item with a key, in the caller's transaction where there is one.
	 * @param queue the queue
	 * @param key the key
	 * @return whether there was one, and whether an instance had claimed it: its handler
	 * does not begin any more then, or its completion fails, and a transactional
	 * handler's transaction rolls back
	 * @throws WorkLockedException as {@link #enqueue} does
	 * @throws EnqueueOutcomeUnknownException if the connection was lost outside a
	 * transaction, so that the item may or may not be cancelled
	 */
	CancelOutcome cancel(String queue, String key);

	/**
	 * Change when the item with a key is due. If a handler is running, it runs once more
	 * at that time. If an instance has claimed the item, its handler does not begin
	 * before that time any more, unless it is claimed at this moment.
	 * @param queue the queue
	 * @param key the key
	 * @param dueAt when it is due
	 * @return whether there is such an item
	 * @throws WorkLockedException as {@link #enqueue} does
	 * @throws EnqueueOutcomeUnknownException if the connection was lost outside a
	 * transaction, so that the time may or may not be changed
	 */
	boolean reschedule(String queue, String key, Instant dueAt);

}
