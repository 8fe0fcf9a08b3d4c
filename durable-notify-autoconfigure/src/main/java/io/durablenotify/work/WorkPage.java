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

/**
 * A page of items.
 *
 * @param items the items; an ordering key that is pending or running is one item
 * @param next where the next page begins, for {@link WorkQuery#after}; {@code null} if
 * this is the last one
 */
public record WorkPage(List<StoredWork> items, @Nullable String next) {

	/**
	 * Create a page.
	 * @param items the items
	 * @param next where the next page begins, or {@code null}
	 */
	public WorkPage {
		items = List.copyOf(items);
	}

}
