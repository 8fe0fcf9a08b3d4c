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
 * Which streams to list. <pre class="code">
 * StreamQuery.all().owner("alice").prefix("answers/").after(lastName).limit(50)
 * </pre>
 *
 * @param owner the owner, or {@code null} for streams of any and of none
 * @param prefix what the names begin with, taken literally; empty for any
 * @param after the name behind which to begin, or {@code null} for the first
 * @param limit the largest number of streams, 1 to {@value #MAX_LIMIT}
 */
public record StreamQuery(@Nullable String owner, String prefix, @Nullable String after, int limit) {

	private static final int MAX_LIMIT = 10_000;

	private static final StreamQuery ALL = new StreamQuery(null, "", null, 100);

	/**
	 * Create a query.
	 * @throws IllegalArgumentException if the owner or the limit is refused, or the
	 * prefix or the name behind which to begin has characters that no name can have
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
		Assert.isTrue(size >= 1 && size <= MAX_LIMIT, () -> "Limit " + size + " is refused: use 1 to " + MAX_LIMIT);
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
		return new StreamQuery(owner, this.prefix, this.after, this.limit);
	}

	/**
	 * Only streams whose names begin with a text.
	 * @param prefix the text, in which no character has a special meaning
	 * @return a new query
	 */
	public StreamQuery prefix(String prefix) {
		return new StreamQuery(this.owner, prefix, this.after, this.limit);
	}

	/**
	 * Begin behind a name: the last one of the page before.
	 * @param after the name, which need not exist (any more)
	 * @return a new query
	 */
	public StreamQuery after(String after) {
		return new StreamQuery(this.owner, this.prefix, after, this.limit);
	}

	/**
	 * Set the size of a page.
	 * @param limit the largest number of streams, 1 to 10,000
	 * @return a new query
	 */
	public StreamQuery limit(int limit) {
		return new StreamQuery(this.owner, this.prefix, this.after, limit);
	}

}
