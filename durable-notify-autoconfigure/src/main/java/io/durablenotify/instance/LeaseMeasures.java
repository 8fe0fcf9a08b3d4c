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

package io.durablenotify.instance;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;

/**
 * What is counted of leases.
 *
 * @param renewals the renewals of this instance's leases
 * @param lost the leases that this instance has lost
 * @param takenOver what this instance has taken over from others, by topic
 */
public record LeaseMeasures(Outcomes<Renewal, Tally> renewals, Tally lost, Names<Tally> takenOver) {

	private static final int MAX_TOPICS = 10;

	/**
	 * Create measures that begin at 0.
	 */
	public LeaseMeasures() {
		this(Outcomes.counted(Renewal.class), new Tally(), new Names<>(MAX_TOPICS, Tally::new));
	}

	/**
	 * The outcomes of a renewal.
	 */
	public enum Renewal {

		/**
		 * All leases of this instance were renewed by a statement, but for those that are
		 * lost.
		 */
		RENEWED,

		/**
		 * The database has not answered, or has refused it.
		 */
		FAILED

	}

}
