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

package io.durablenotify.database;

import java.util.List;
import java.util.stream.IntStream;

import org.springframework.util.Assert;

/**
 * A query for a page of rows that the server plans once per connection.
 * <p>
 * As long as PostgreSQL finds that plans for the values at hand are cheaper than one for
 * any values, it plans each execution again, which took longer than reading a page does.
 * A page near the end of a log always looks cheaper. So the query hides from the planner
 * what it could estimate by, and gives its values as {@code (SELECT ?::bigint)}. The
 * limit cannot be hidden alone: a tenth of all rows would be expected then, and sorting
 * them could seem worth its while. Therefore {@code ${limit}} becomes a power of two, as
 * text, and the limit itself, hidden, goes around that.
 */
public final class PageQuery {

	private static final String LIMIT = "${limit}";

	/**
	 * A million rows: no caller reads larger pages.
	 */
	private static final int MAX_EXPONENT = 20;

	/**
	 * By the exponent of the power of two.
	 */
	private final List<String> texts;

	/**
	 * Create a new instance.
	 * @param sql the query, with {@code ${limit}} in it
	 */
	public PageQuery(String sql) {
		Assert.isTrue(sql.contains(LIMIT), "The query has no limit");
		this.texts = IntStream.rangeClosed(0, MAX_EXPONENT)
			.mapToObj((exponent) -> sql.replace(LIMIT, Integer.toString(1 << exponent)))
			.toList();
	}

	/**
	 * Return the text of the query.
	 * @param limit how many rows are asked for, 1 or more
	 * @return the query for that or the next power of two; a larger limit than a million
	 * is one of a million
	 */
	public String sql(int limit) {
		Assert.isTrue(limit > 0, () -> "Limit " + limit + " is not positive");
		return this.texts.get(Math.min(Integer.SIZE - Integer.numberOfLeadingZeros(limit - 1), MAX_EXPONENT));
	}

}
