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

package io.durablenotify.workflow;

import java.time.Instant;

import io.durablenotify.work.CancelOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Timers as items of work.
 *
 * @param queue the queues
 */
record DefaultDurableTimers(WorkQueue queue) implements DurableTimers {

	@Override
	public void set(String handler, String instanceId, String timerId, Instant expiresAt) {
		this.queue
			.enqueue(WorkRequest.of(WorkflowQueues.timer(handler), WorkflowJson.timer(instanceId, timerId, expiresAt))
				.key(WorkflowQueues.timer(instanceId, timerId))
				.replacing()
				.dueAt(expiresAt));
	}

	@Override
	public CancelOutcome cancel(String handler, String instanceId, String timerId) {
		return this.queue.cancel(WorkflowQueues.timer(handler), WorkflowQueues.timer(instanceId, timerId));
	}

}
