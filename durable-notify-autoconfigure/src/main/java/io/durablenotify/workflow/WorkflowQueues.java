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

import io.durablenotify.database.Texts;
import io.durablenotify.measure.QueueFeature;
import io.durablenotify.work.WorkRequest;

/**
 * The names of queues and the keys of resumptions and timers.
 */
final class WorkflowQueues {

	static final String RESUME = QueueFeature.WORKFLOW.prefix();

	static final String TIMER = QueueFeature.TIMER.prefix();

	private static final int MAX_ID_LENGTH = 255;

	private WorkflowQueues() {
	}

	/**
	 * Return the queue of a workflow's resumptions.
	 * @throws IllegalArgumentException if the workflow has no valid name
	 */
	static String resume(String workflowName) {
		return queue(RESUME, "Workflow", workflowName);
	}

	/**
	 * Return the queue of a handler's timers.
	 * @throws IllegalArgumentException if the handler has no valid name
	 */
	static String timer(String handler) {
		return queue(TIMER, "Timer handler", handler);
	}

	private static String queue(String prefix, String what, String name) {
		return prefix + Texts.requireName(what, name, WorkRequest.MAX_QUEUE_LENGTH - prefix.length());
	}

	/**
	 * Return the key of an instance of a workflow.
	 */
	static String instance(String instanceId) {
		return Texts.require("Workflow instance", instanceId, MAX_ID_LENGTH);
	}

	/**
	 * Return the key of a timer. The last slash ends the instance, so that no two timers
	 * have the same key.
	 */
	static String timer(String instanceId, String timerId) {
		Texts.require("Timer", timerId, MAX_ID_LENGTH);
		if (timerId.indexOf('/') >= 0) {
			throw new IllegalArgumentException("Timer %s must have no slash".formatted(Texts.shown(timerId)));
		}
		return instance(instanceId) + "/" + timerId;
	}

}
