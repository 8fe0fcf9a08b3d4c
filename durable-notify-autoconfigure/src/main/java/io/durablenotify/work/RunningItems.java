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

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The items whose handlers run in this instance.
 */
final class RunningItems {

	private final Map<Long, HeldItem> items = new ConcurrentHashMap<>();

	private final Map<Long, HeldItem> laneItems = new ConcurrentHashMap<>();

	void add(Collection<HeldItem> added) {
		added.forEach((item) -> {
			map(item).put(item.id(), item);
			if (!item.isInLane() && item.claim().isCancelled(item.id())) {
				item.requestCancel();
			}
		});
	}

	void remove(Collection<HeldItem> removed) {
		removed.forEach((item) -> map(item).remove(item.id(), item));
	}

	private Map<Long, HeldItem> map(HeldItem item) {
		return (item.isInLane()) ? this.laneItems : this.items;
	}

	/**
	 * An item was cancelled, in this instance or in another.
	 */
	void cancelled(long itemId) {
		HeldItem item = this.items.get(itemId);
		if (item != null) {
			item.requestCancel();
		}
	}

	List<HeldItem> all() {
		return Stream.concat(this.items.values().stream(), this.laneItems.values().stream()).toList();
	}

}
