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

import io.durablenotify.work.Enqueued;

/**
 * Requests that instances of workflows are resumed, by a {@link ResumptionHandler} in any
 * instance of the application.
 * <p>
 * A request is an item of work in the queue {@code resume/<workflowName>} with the
 * workflow's instance as its key, and a payload {@code {"instance_id": …,
 * "workflow_name": …}}, which other writers may enqueue too. Thread-safe.
 */
public interface WorkflowResumptions {

	/**
	 * Request that an instance of a workflow is resumed, as part of the caller's
	 * transaction where there is one. It is resumed at least once after the commit, also
	 * if it is being resumed now; requests that wait are coalesced, and an instance is
	 * never resumed by two at a time. If an attempt to resume it has failed, the request
	 * waits for the next one. Another request for the same instance waits for the end of
	 * the caller's transaction.
	 * @param workflowName the workflow: 1 to 248 characters without white space
	 * @param instanceId the instance of the workflow: 1 to 255 characters
	 * @return whether the request was coalesced into one that waited
	 * @throws IllegalArgumentException if a name is not valid
	 * @throws io.durablenotify.work.WorkLockedException if another transaction has
	 * requested the instance, and has not ended for longer than
	 * {@code durable-notify.work.enqueue-timeout}
	 * @throws io.durablenotify.work.EnqueueOutcomeUnknownException if the connection was
	 * lost outside a transaction: repeat the request
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Enqueued request(String workflowName, String instanceId);

}
