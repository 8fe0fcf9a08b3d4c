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

package io.durablenotify.loop;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;

/**
 * What is timed and counted of a periodic task.
 *
 * @param topic the feature that has the task
 * @param runs its runs
 * @param removed what it has removed
 */
public record PeriodicMeasures(String topic, Outcomes<Run, Timing> runs, Tally removed) {

	PeriodicMeasures(String topic) {
		this(topic, Outcomes.timed(Run.class), new Tally());
	}

	/**
	 * The outcomes of a run.
	 */
	public enum Run {

		/**
		 * It has done what was to be done, or some of it.
		 */
		DONE,

		/**
		 * It has failed, and is repeated.
		 */
		FAILED

	}

}
