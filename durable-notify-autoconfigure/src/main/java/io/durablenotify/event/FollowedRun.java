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

import java.time.Instant;

import io.durablenotify.log.LogKind;
import io.durablenotify.log.TailedLog;

/**
 * A run as one of its followers sees it: a log that begins with 1 and never ends.
 *
 * @param name the run's id
 */
record FollowedRun(String name) implements TailedLog<StoredEvent> {

	/**
	 * The topic of wake-ups, which carry a run's id, and the sequence that the next event
	 * will have.
	 */
	static final String TOPIC = "events";

	static final LogKind KIND = new LogKind(TOPIC, EventLog.class, "run", "event");

	/**
	 * What a follower holds of the payloads for a slow handler, or one that is larger.
	 */
	static final long BUFFER_BYTES = 1024 * 1024;

	private static final int BUFFER_SIZE = 1024;

	@Override
	public int bufferSize() {
		return BUFFER_SIZE;
	}

	@Override
	public long firstIndex() {
		return 1;
	}

	@Override
	public long indexOf(StoredEvent event) {
		return event.sequence();
	}

	@Override
	public int sizeOf(StoredEvent event) {
		return (event.payload() != null) ? event.payload().length() : 0;
	}

	@Override
	public Instant createdAtOf(StoredEvent event) {
		return event.createdAt();
	}

	@Override
	public RuntimeException stopped() {
		return new FollowingStoppedException(this.name);
	}

	@Override
	public RuntimeException deleted() {
		return new RunTruncatedException(this.name, "is gone");
	}

	@Override
	public RuntimeException truncated(long expected, String found) {
		return new RunTruncatedException(this.name,
				"has lost events: expected sequence %d, but %s".formatted(expected, found));
	}

}
