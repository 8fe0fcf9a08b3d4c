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

package io.durablenotify.event;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A query for runs, in the order of their ids' bytes. <pre class="code">
 * RunQuery.all().open().idleFor(Duration.ofMinutes(5)).prefix("orders/").after(lastId).limit(50)
 * </pre>
 *
 * @param openOnly whether to list only runs without an event of
 * {@code durable-notify.events.terminal-types}
 * @param without types of which the runs have no event
 * @param idleFor how long ago the last event was appended at least, or {@code null} for
 * any time
 * @param prefix what the ids begin with, taken literally; empty for any
 * @param after the id after which to begin, or {@code null} for the first
 * @param limit the largest number of runs, 1 to {@value #MAX_LIMIT}
 */
public record RunQuery(boolean openOnly, Set<String> without, @Nullable Duration idleFor, String prefix,
		@Nullable String after, int limit) {

	private static final int MAX_LIMIT = 10_000;

	private static final Duration LONGEST_IDLE = Duration.ofDays(36_500);

	private static final RunQuery ALL = new RunQuery(false, Set.of(), null, "", null, 100);

	/**
	 * Create a query.
	 * @param openOnly whether to list only runs that have not ended
	 * @param without types of which the runs have no event
	 * @param idleFor how long ago the last event was appended at least, or {@code null}
	 * @param prefix what the ids begin with; empty for any
	 * @param after the id after which to begin, or {@code null}
	 * @param limit the largest number of runs
	 * @throws IllegalArgumentException if a type or the limit is invalid, the time is
	 * negative, or the prefix or the id after which to begin has characters that no id
	 * can have
	 */
	public RunQuery {
		Assert.notNull(without, "'without' must not be null");
		Assert.noNullElements(without, "'without' must not contain null");
		without = Set.copyOf(without);
		without.forEach((type) -> Texts.require("Type", type, EventTexts.MAX_TYPE_LENGTH));
		Duration idle = idleFor;
		Assert.isTrue(idle == null || (!idle.isNegative() && idle.compareTo(LONGEST_IDLE) <= 0),
				() -> "Time %s must be from 0 to %d days".formatted(idle, LONGEST_IDLE.toDays()));
		Assert.notNull(prefix, "'prefix' must not be null");
		if (!prefix.isEmpty()) {
			EventTexts.requireRunId(prefix);
		}
		if (after != null) {
			EventTexts.requireRunId(after);
		}
		int size = limit;
		Assert.isTrue(size >= 1 && size <= MAX_LIMIT, () -> "Limit " + size + " must be from 1 to " + MAX_LIMIT);
	}

	/**
	 * All runs, the first 100 of them.
	 * @return the query
	 */
	public static RunQuery all() {
		return ALL;
	}

	/**
	 * Only runs that have not ended: those without an event of
	 * {@code durable-notify.events.terminal-types}. However many runs have ended, these
	 * are found fast.
	 * @return a new query
	 */
	public RunQuery open() {
		return new RunQuery(true, this.without, this.idleFor, this.prefix, this.after, this.limit);
	}

	/**
	 * Only runs that have no event of these types.
	 * @param types the types
	 * @return a new query
	 */
	public RunQuery without(String... types) {
		return new RunQuery(this.openOnly, new LinkedHashSet<>(Arrays.asList(types)), this.idleFor, this.prefix,
				this.after, this.limit);
	}

	/**
	 * Only runs whose last event was appended some time ago, by the database's clock:
	 * runs whose engine may be gone. To be used with {@link #open()}, since all others
	 * are examined one by one.
	 * @param idleFor the time
	 * @return a new query
	 */
	public RunQuery idleFor(Duration idleFor) {
		return new RunQuery(this.openOnly, this.without, idleFor, this.prefix, this.after, this.limit);
	}

	/**
	 * Only runs whose ids begin with a text.
	 * @param prefix the text, in which no character has a special meaning
	 * @return a new query
	 */
	public RunQuery prefix(String prefix) {
		return new RunQuery(this.openOnly, this.without, this.idleFor, prefix, this.after, this.limit);
	}

	/**
	 * Begin after an id: the last one of the page before.
	 * @param after the id, which need not exist (any more)
	 * @return a new query
	 */
	public RunQuery after(String after) {
		return new RunQuery(this.openOnly, this.without, this.idleFor, this.prefix, after, this.limit);
	}

	/**
	 * Set the size of a page.
	 * @param limit the largest number of runs, 1 to 10,000
	 * @return a new query
	 */
	public RunQuery limit(int limit) {
		return new RunQuery(this.openOnly, this.without, this.idleFor, this.prefix, this.after, limit);
	}

}
