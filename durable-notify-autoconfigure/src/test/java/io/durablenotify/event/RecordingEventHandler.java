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

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;

import io.durablenotify.testsupport.Eventually;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Keeps what a follower has received.
 */
class RecordingEventHandler implements EventHandler {

	private final List<StoredEvent> events = Collections.synchronizedList(new ArrayList<>());

	private final List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());

	@Override
	public void onEvent(StoredEvent event) throws Exception {
		this.events.add(event);
	}

	@Override
	public void onError(Throwable error) {
		this.errors.add(error);
	}

	List<StoredEvent> events() {
		synchronized (this.events) {
			return List.copyOf(this.events);
		}
	}

	RecordingEventHandler awaitEvents(int count) {
		Eventually.await(() -> this.events.size() >= count, this::toString);
		return this;
	}

	Throwable awaitError() {
		Eventually.await(() -> !this.errors.isEmpty(), this::toString);
		return this.errors.get(0);
	}

	int ends() {
		return this.errors.size();
	}

	/**
	 * Every event from a sequence on, once and in order, and no end.
	 */
	void assertGapFree(long first, int count) {
		assertThat(events()).as(toString())
			.extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.range(first, first + count).boxed().toList());
		assertThat(this.errors).isEmpty();
	}

	@Override
	public String toString() {
		List<StoredEvent> events = events();
		return "%d events, last %s, errors %s".formatted(events.size(),
				events.subList(Math.max(0, events.size() - 5), events.size()), this.errors);
	}

}
