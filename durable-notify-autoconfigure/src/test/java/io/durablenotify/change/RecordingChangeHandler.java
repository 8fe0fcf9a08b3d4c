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

package io.durablenotify.change;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.testsupport.Eventually;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Records the changes and gaps of a subscription.
 */
class RecordingChangeHandler implements ChangeHandler {

	private final List<Change> changes = Collections.synchronizedList(new ArrayList<>());

	private final List<ChangeGap> gaps = Collections.synchronizedList(new ArrayList<>());

	private final Set<String> threads = ConcurrentHashMap.newKeySet();

	@Override
	public void onChange(Change change) throws Exception {
		this.threads.add(Thread.currentThread().getName());
		this.changes.add(change);
	}

	@Override
	public void onGap(ChangeGap gap) {
		this.gaps.add(gap);
	}

	List<Change> changes() {
		synchronized (this.changes) {
			return List.copyOf(this.changes);
		}
	}

	List<String> keys() {
		return changes().stream().map(Change::key).toList();
	}

	List<ChangeGap.Reason> gaps() {
		synchronized (this.gaps) {
			return this.gaps.stream().map(ChangeGap::reason).toList();
		}
	}

	/**
	 * Return the names of the threads that brought changes.
	 */
	Set<String> threads() {
		return this.threads;
	}

	RecordingChangeHandler awaitChanges(int count) {
		Eventually.await(() -> this.changes.size() >= count, this::toString);
		return this;
	}

	RecordingChangeHandler awaitKey(String key) {
		Eventually.await(() -> keys().contains(key), this::toString);
		return this;
	}

	RecordingChangeHandler awaitGap() {
		Eventually.await(() -> !this.gaps.isEmpty(), this::toString);
		return this;
	}

	/**
	 * All of them, each once, in any order.
	 */
	void assertKeys(List<String> keys) {
		assertThat(keys()).as(toString()).containsExactlyInAnyOrderElementsOf(keys);
		assertThat(gaps()).isEmpty();
	}

	@Override
	public String toString() {
		List<String> keys = keys();
		return "%d changes, last %s, gaps %s".formatted(keys.size(),
				keys.subList(Math.max(0, keys.size() - 10), keys.size()), this.gaps);
	}

}
