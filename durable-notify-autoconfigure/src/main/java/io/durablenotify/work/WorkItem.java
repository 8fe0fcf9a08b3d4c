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
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * An item of work, while its handler runs.
 */
public interface WorkItem {

	/**
	 * Return the item's id. It stays the same while the item is retried, and when it is
	 * requeued. An item with an ordering key and one without may have the same id:
	 * {@link #queue()}, {@link #key()} and this identify an item, unless one text is both
	 * a key and an ordering key in the queue.
	 * @return the id, unique among items with an ordering key, or among those without
	 */
	long id();

	/**
	 * Return the queue.
	 * @return the queue's name
	 */
	String queue();

	/**
	 * Return the key, or the ordering key.
	 * @return the key, or {@code null} if it has none
	 */
	@Nullable String key();

	/**
	 * Return which attempt this is.
	 * @return 1 more than the number of failures: postponing and shutdowns do not count
	 */
	int attempt();

	/**
	 * Return when the item was enqueued, or requeued after it was dead, by the database's
	 * clock.
	 * @return the time
	 */
	Instant enqueuedAt();

	/**
	 * Return the headers.
	 * @return the headers, in no particular order
	 */
	Map<String, String> headers();

	/**
	 * Return the payload as it is stored.
	 * @return the bytes, not to be modified
	 */
	byte[] payload();

	/**
	 * Return a number that is higher whenever the item is handed out again. A receiver
	 * outside of the database can refuse what comes with a lower one than it has had of
	 * the same item.
	 * @return the number, which is based on the database's clock in microseconds
	 */
	long fencingToken();

	/**
	 * Return whether this instance's lease has run out: another instance may have the
	 * item now, and the completion will fail.
	 * @return whether it has
	 */
	boolean leaseLost();

	/**
	 * Return whether the item was cancelled while its handler runs.
	 * @return whether it was
	 */
	boolean cancelRequested();

	/**
	 * Complete the item in the handler's own transaction: item and effects commit
	 * together or not at all.
	 * @throws IllegalStateException outside a transaction, where the return of the
	 * handler completes the item
	 * @throws WorkLeaseLostException if another instance has the item, or it was
	 * cancelled: the transaction must roll back
	 */
	void complete();

	/**
	 * Have the item handled again later, in the handler's own transaction. Does not count
	 * as a failure.
	 * @param delay the time until then
	 * @throws IllegalStateException outside a transaction, where the handler returns
	 * {@link WorkOutcome#postpone}
	 * @throws WorkLeaseLostException as with {@link #complete()}
	 */
	void postpone(Duration delay);

}
