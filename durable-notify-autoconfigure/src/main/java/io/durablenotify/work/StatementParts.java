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

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * Divides what is too much for one statement.
 */
final class StatementParts {

	/**
	 * How many bytes of payload a statement has, unless a single item has more: the
	 * driver builds it in memory.
	 */
	private static final long MAX_BYTES = 8L << 20;

	private static final int MAX_ITEMS = 5_000;

	private StatementParts() {
	}

	/**
	 * Divide items, in their order.
	 * @param bytes returns the size of an item's payload
	 */
	static <T> List<List<T>> of(List<T> items, ToIntFunction<T> bytes) {
		List<List<T>> parts = new ArrayList<>();
		long size = 0;
		int start = 0;
		for (int i = 0; i < items.size(); i++) {
			int next = bytes.applyAsInt(items.get(i));
			if (i > start && (size + next > MAX_BYTES || i - start == MAX_ITEMS)) {
				parts.add(items.subList(start, i));
				start = i;
				size = 0;
			}
			size += next;
		}
		if (start < items.size()) {
			parts.add(items.subList(start, items.size()));
		}
		return parts;
	}

}
