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

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * The state of a queue's listener in this instance.
 *
 * @param queue the queue's name
 * @param concurrency how many handlers of its listener run at once at most; queues of one
 * listener share them
 * @param running how many items are being handled
 * @param held how many items and ordering keys are claimed and not settled yet, those
 * that are being handled included
 * @param longestRunning for how long the longest of the handlers has run, or {@code null}
 * if none runs, or they are not timed since nothing reads meters
 */
public record QueueListenerState(String queue, int concurrency, int running, int held,
		@Nullable Duration longestRunning) {

	/**
	 * Return the state of the queue's listeners in two application contexts.
	 */
	QueueListenerState plus(QueueListenerState other) {
		Duration longest = (this.longestRunning == null
				|| other.longestRunning != null && other.longestRunning.compareTo(this.longestRunning) > 0)
						? other.longestRunning : this.longestRunning;
		return new QueueListenerState(this.queue, this.concurrency + other.concurrency, this.running + other.running,
				this.held + other.held, longest);
	}

}
