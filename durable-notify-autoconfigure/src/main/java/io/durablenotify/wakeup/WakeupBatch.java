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

package io.durablenotify.wakeup;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * Wake-ups by topic, one per id. A topic with more than {@value #MAX_PER_TOPIC} becomes a
 * resync of that topic. Not thread-safe.
 */
final class WakeupBatch {

	static final int MAX_PER_TOPIC = 10_000;

	private final Map<String, Map<Long, Wakeup>> wakeups = new LinkedHashMap<>();

	private final Set<String> resyncs = new LinkedHashSet<>();

	void add(String topic, Wakeup wakeup) {
		if (this.resyncs.contains(topic)) {
			return;
		}
		Map<Long, Wakeup> wakeups = this.wakeups.computeIfAbsent(topic, (key) -> new LinkedHashMap<>());
		wakeups.merge(wakeup.id(), wakeup, Wakeup::merge);
		if (wakeups.size() > MAX_PER_TOPIC) {
			addResync(topic);
		}
	}

	void addResync(String topic) {
		this.resyncs.add(topic);
		this.wakeups.remove(topic);
	}

	void addAll(WakeupBatch other) {
		other.resyncs.forEach(this::addResync);
		other.forEach((topic, wakeups) -> wakeups.forEach((wakeup) -> add(topic, wakeup)));
	}

	/**
	 * Return a batch with a resync for each topic of this one.
	 */
	WakeupBatch toResyncs() {
		WakeupBatch batch = new WakeupBatch();
		batch.resyncs.addAll(this.resyncs);
		batch.resyncs.addAll(this.wakeups.keySet());
		return batch;
	}

	boolean isEmpty() {
		return this.wakeups.isEmpty() && this.resyncs.isEmpty();
	}

	void forEach(BiConsumer<String, Collection<Wakeup>> consumer) {
		this.wakeups.forEach((topic, wakeups) -> consumer.accept(topic, wakeups.values()));
	}

	Set<String> resyncs() {
		return this.resyncs;
	}

}
