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

import io.durablenotify.observation.Observed;

/**
 * The result of an append: whether the event was stored or is a duplicate.
 *
 * @param outcome whether it was stored, or had been before
 * @param eventId the stored event's id, in both cases
 * @param sequence the stored event's place in its run, from 1 without gaps, in both cases
 */
public record AppendResult(Outcome outcome, String eventId, long sequence) {

	/**
	 * Set the outcome of an observation.
	 */
	void observe(Observed observed) {
		observed.outcome((this.outcome == Outcome.APPENDED) ? io.durablenotify.observation.Outcome.APPENDED
				: io.durablenotify.observation.Outcome.DUPLICATE);
		observed.number(this.sequence);
	}

	/**
	 * Whether an event was stored.
	 */
	public enum Outcome {

		/**
		 * It was stored.
		 */
		APPENDED,

		/**
		 * It is there already: nothing was stored.
		 */
		DUPLICATE

	}

}
