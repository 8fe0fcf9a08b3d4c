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

import java.util.Set;

/**
 * Resumes instances of workflows. Each bean of this type is called for its workflows; a
 * workflow without a handler in this instance is left to other instances.
 */
public interface ResumptionHandler {

	/**
	 * Return the names of the workflows. Called at the start.
	 * @return the names, each with one handler in this application
	 */
	Set<String> workflowNames();

	/**
	 * Resume an instance of a workflow. Called by several threads for different
	 * instances, and by one for the same, over all instances of the application.
	 * @param resumption what is to be resumed
	 * @throws Exception if the attempt failed: it is retried after the backoff of
	 * {@code durable-notify.work}
	 */
	void resume(Resumption resumption) throws Exception;

	/**
	 * Return whether {@link #resume} is called in a transaction, with which the request
	 * is completed exactly once. Called at the start.
	 * @return whether it is, by default not
	 */
	default boolean transactional() {
		return false;
	}

}
