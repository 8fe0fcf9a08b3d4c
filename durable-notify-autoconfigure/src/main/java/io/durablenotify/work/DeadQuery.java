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

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A query for dead items of a queue. <pre class="code">
 * DeadQuery.of("mail").olderThan(Duration.ofDays(30)).limit(500)
 * </pre>
 *
 * @param queue the queue's name
 * @param item the only item, or {@code null} for all
 * @param olderThan how long ago an item died at least, or {@code null} for any time
 * @param limit the largest number of items, 1 to {@value #MAX_LIMIT}: those that died
 * first
 */
public record DeadQuery(String queue, @Nullable Item item, @Nullable Duration olderThan, int limit) {

	private static final int MAX_LIMIT = 10_000;

	private static final Duration LONGEST_TIME = Duration.ofDays(36_500);

	/**
	 * Create a query.
	 * @param queue the queue's name
	 * @param item the only item, or {@code null}
	 * @param olderThan how long ago an item died at least, or {@code null}
	 * @param limit the largest number of items
	 * @throws IllegalArgumentException if the name, the time or the limit is invalid
	 */
	public DeadQuery {
		Texts.requireName("Queue", queue, WorkRequest.MAX_QUEUE_LENGTH);
		Duration time = olderThan;
		Assert.isTrue(time == null || (!time.isNegative() && time.compareTo(LONGEST_TIME) <= 0),
				() -> "Time %s must be from 0 to %d days".formatted(time, LONGEST_TIME.toDays()));
		int size = limit;
		Assert.isTrue(size >= 1 && size <= MAX_LIMIT, () -> "Limit " + size + " must be from 1 to " + MAX_LIMIT);
	}

	/**
	 * The dead items of a queue, the first 1,000 of them.
	 * @param queue the queue's name
	 * @return the query
	 */
	public static DeadQuery of(String queue) {
		return new DeadQuery(queue, null, null, 1_000);
	}

	/**
	 * Only one item.
	 * @param id its id
	 * @param ordered whether it has an ordering key
	 * @return a new query
	 */
	public DeadQuery item(long id, boolean ordered) {
		return new DeadQuery(this.queue, new Item(id, ordered), this.olderThan, this.limit);
	}

	/**
	 * Only one item.
	 * @param item the item
	 * @return a new query
	 */
	public DeadQuery item(StoredWork item) {
		Assert.notNull(item, "'item' must not be null");
		return item(item.id(), item.orderingKey() != null);
	}

	/**
	 * Only items that died some time ago, by the database's clock.
	 * @param olderThan the time
	 * @return a new query
	 */
	public DeadQuery olderThan(Duration olderThan) {
		return new DeadQuery(this.queue, this.item, olderThan, this.limit);
	}

	/**
	 * Set how many.
	 * @param limit the largest number of items, 1 to 10,000
	 * @return a new query
	 */
	public DeadQuery limit(int limit) {
		return new DeadQuery(this.queue, this.item, this.olderThan, limit);
	}

	/**
	 * One item.
	 *
	 * @param id its id
	 * @param ordered whether it has an ordering key, whose items have ids of their own
	 */
	public record Item(long id, boolean ordered) {

		/**
		 * Return the id as statements name it.
		 */
		long key() {
			return (this.ordered) ? -this.id : this.id;
		}

	}

}
