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
 * Reports to a follower that the run lacks events that it has received, or that come
 * next. The run is shorter, has other events in their place, lacks some in its middle, or
 * is gone: it was deleted, or the database was restored, failed over to a server that
 * lagged, or crashed with {@code synchronous_commit=off}. Or it is another run than the
 * one whose {@link RunInfo#identity() identity} was given. What follows may repeat
 * sequences with other events, so the following ends rather than skip.
 */
public final class RunTruncatedException extends RuntimeException {

	private final String runId;

	RunTruncatedException(String runId, String problem) {
		super(("Run '%s' %s. Was it deleted, was the database restored, or did it fail over to a server that "
				+ "lagged? Follow it again from a sequence that you trust")
			.formatted(runId, problem));
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
