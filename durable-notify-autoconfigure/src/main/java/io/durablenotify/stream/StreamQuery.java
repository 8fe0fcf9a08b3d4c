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

package io.durablenotify.stream;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A query for streams, in the order of their names. <pre class="code">
 * StreamQuery.all().owner("alice").prefix("answers/").after(lastName).limit(50)
 * </pre>
 *
 * @param owner the owner, or {@code null} for streams of any and of none
 * @param prefix what the names begin with, taken literally; empty for any
 * @param after the name after which to begin, or {@code null} for the first
 * @param limit the largest number of streams, 1 to {@value #MAX_LIMIT}
 * @param openOnly whether to leave out streams that have ended
 * @param reversed whether to begin with the last name
 */
public record StreamQuery(@Nullable String owner, String prefix, @Nullable String after, int limit, boolean openOnly,
		boolean reversed) {

	private static final int MAX_LIMIT = 10_000;

	private static final StreamQuery ALL = new StreamQuery(null, "", null, 100);

	/**
	 * Create a query.
	 * @param owner the owner, or {@code null}
	 * @param prefix what the names begin with; empty for any
	 * @param after the name after which to begin, or {@code null}
	 * @param limit the largest number of streams
	 * @param openOnly whether to leave out streams that have ended
	 * @param reversed whether to begin with the last name
	 * @throws IllegalArgumentException if the owner or the limit is invalid, or the
	 * prefix or the name after which to begin has characters that no name can have
	 */
	public StreamQuery {
		if (owner != null) {
			StreamOptions.requireOwner(owner);
		}
		Assert.notNull(prefix, "'prefix' must not be null");
		if (!prefix.isEmpty()) {
			StreamNames.require(prefix);
		}
		if (after != null) {
			StreamNames.require(after);
		}
		int size = limit;
		Assert.isTrue(size >= 1 && size <= MAX_LIMIT, () -> "Limit must be 1 to " + MAX_LIMIT + ", but is " + size);
	}

	/**
	 * Create a query for streams that have ended and for others, beginning with the first
	 * name.
	 * @param owner the owner, or {@code null} for streams of any and of none
	 * @param prefix what the names begin with; empty for any
	 * @param after the name after which to begin, or {@code null} for the first
	 * @param limit the largest number of streams
	 */
	public StreamQuery(@Nullable String owner, String prefix, @Nullable String after, int limit) {
		this(owner, prefix, after, limit, false, false);
	}

	/**
	 * All streams, the first 100 of them.
	 * @return the query
	 */
	public static StreamQuery all() {
		return ALL;
	}

	/**
	 * Only streams that were {@linkplain StreamWriter#create created} for an owner.
	 * @param owner the owner
	 * @return a new query
	 */
	public StreamQuery owner(String owner) {
		return new StreamQuery(owner, this.prefix, this.after, this.limit, this.openOnly, this.reversed);
	}

	/**
	 * Only streams whose names begin with a text.
	 * @param prefix the text, in which no character has a special meaning
	 * @return a new query
	 */
	public StreamQuery prefix(String prefix) {
		return new StreamQuery(this.owner, prefix, this.after, this.limit, this.openOnly, this.reversed);
	}

	/**
	 * Begin after a name, in the order of the list: the last one of the page before.
	 * @param after the name, which need not exist (any more)
	 * @return a new query
	 */
	public StreamQuery after(String after) {
		return new StreamQuery(this.owner, this.prefix, after, this.limit, this.openOnly, this.reversed);
	}

	/**
	 * Only streams that have not ended. Takes no longer where many have.
	 * @return a new query
	 */
	public StreamQuery open() {
		return new StreamQuery(this.owner, this.prefix, this.after, this.limit, true, this.reversed);
	}

	/**
	 * Begin with the last name and go down: {@link #after} continues below a name.
	 * @return a new query
	 */
	public StreamQuery descending() {
		return new StreamQuery(this.owner, this.prefix, this.after, this.limit, this.openOnly, true);
	}

	/**
	 * Set the size of a page.
	 * @param limit the largest number of streams, 1 to 10,000
	 * @return a new query
	 */
	public StreamQuery limit(int limit) {
		return new StreamQuery(this.owner, this.prefix, this.after, limit, this.openOnly, this.reversed);
	}

}
