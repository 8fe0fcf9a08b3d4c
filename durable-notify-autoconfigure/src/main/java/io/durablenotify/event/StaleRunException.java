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

import org.springframework.dao.OptimisticLockingFailureException;

/**
 * Thrown when the run is no longer at the sequence that the append of an event expects.
 * Nothing was stored. Read the events that came since, and decide again.
 */
public final class StaleRunException extends OptimisticLockingFailureException {

	private final String runId;

	private final long expectedSequence;

	private final long actualSequence;

	StaleRunException(String runId, long expectedSequence, long actualSequence) {
		super("Run '%s' was expected to end with sequence %d, but ends with %d; nothing was stored.".formatted(runId,
				expectedSequence, actualSequence));
		this.runId = runId;
		this.expectedSequence = expectedSequence;
		this.actualSequence = actualSequence;
	}

	/**
	 * Return the run.
	 * @return its id
	 */
	public String getRunId() {
		return this.runId;
	}

	/**
	 * Return the sequence of the last event that the caller had seen.
	 * @return the sequence, 0 for a run without events
	 */
	public long getExpectedSequence() {
		return this.expectedSequence;
	}

	/**
	 * Return the sequence of the run's last event.
	 * @return the sequence, 0 for a run without events
	 */
	public long getActualSequence() {
		return this.actualSequence;
	}

}
