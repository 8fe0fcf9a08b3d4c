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

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A query for items of a queue. <pre class="code">
 * WorkQuery.of("mail").dead().after(page.next()).limit(50)
 * WorkQuery.of("reminders").key("bob")
 * </pre>
 *
 * @param queue the queue's name
 * @param isDead whether to list the dead items in the order of their deaths; otherwise
 * those that are pending or running, in the order in which they are due
 * @param key the key or the ordering key of the items, or {@code null} for all
 * @param after where the page begins: {@link WorkPage#next()} of the page before, or
 * {@code null} for the first
 * @param limit the largest number of items, 1 to {@value #MAX_LIMIT}
 */
public record WorkQuery(String queue, boolean isDead, @Nullable String key, @Nullable String after, int limit) {

	private static final int MAX_LIMIT = 1_000;

	/**
	 * Create a query.
	 * @param queue the queue's name
	 * @param isDead whether to list the dead items
	 * @param key the key or the ordering key of the items, or {@code null}
	 * @param after where the page begins, or {@code null}
	 * @param limit the largest number of items
	 * @throws IllegalArgumentException if the name, the key or the limit is invalid
	 */
	public WorkQuery {
		Texts.requireName("Queue", queue, WorkRequest.MAX_QUEUE_LENGTH);
		if (key != null) {
			Texts.require("Key", key, WorkRequest.MAX_KEY_LENGTH);
		}
		int size = limit;
		Assert.isTrue(size >= 1 && size <= MAX_LIMIT, () -> "Limit " + size + " must be from 1 to " + MAX_LIMIT);
	}

	/**
	 * The items of a queue that are pending or running, the first 100 of them.
	 * @param queue the queue's name
	 * @return the query
	 */
	public static WorkQuery of(String queue) {
		return new WorkQuery(queue, false, null, null, 100);
	}

	/**
	 * The dead items.
	 * @return a new query
	 */
	public WorkQuery dead() {
		return new WorkQuery(this.queue, true, this.key, this.after, this.limit);
	}

	/**
	 * The items with a key: the one that has it, and those that have it as their ordering
	 * key. There may be several dead ones.
	 * @param key the key: 1 to 512 characters
	 * @return a new query
	 */
	public WorkQuery key(String key) {
		return new WorkQuery(this.queue, this.isDead, key, this.after, this.limit);
	}

	/**
	 * Begin after a page.
	 * @param after {@link WorkPage#next()} of that page
	 * @return a new query
	 */
	public WorkQuery after(@Nullable String after) {
		return new WorkQuery(this.queue, this.isDead, this.key, after, this.limit);
	}

	/**
	 * Set the size of a page.
	 * @param limit the largest number of items, 1 to 1,000
	 * @return a new query
	 */
	public WorkQuery limit(int limit) {
		return new WorkQuery(this.queue, this.isDead, this.key, this.after, limit);
	}

}
