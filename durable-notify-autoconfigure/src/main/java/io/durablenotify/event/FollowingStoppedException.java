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

/**
 * Reports to a follower that the application context closes, or has closed. The run
 * itself goes on: follow it again from the last sequence that was taken.
 */
public final class FollowingStoppedException extends RuntimeException {

	private final String runId;

	FollowingStoppedException(String runId) {
		super("Run '%s' is no longer followed, because the application context closes".formatted(runId));
		this.runId = runId;
	}

	/**
	 * Return the run.
	 * @return its id
	 */
	public String getRunId() {
		return this.runId;
	}

}
