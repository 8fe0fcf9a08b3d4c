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

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;

/**
 * What is counted and shown of leases. An application context and its children are one
 * instance here.
 *
 * @param renewals the renewals of this instance's leases
 * @param lost the leases that this instance has lost
 * @param takenOver what this instance has taken over from others, by topic
 * @param holders those that hold the leases now
 */
public record LeaseMeasures(Outcomes<Renewal, Tally> renewals, Tally lost, Names<Tally> takenOver,
		Set<Instances> holders) {

	private static final int MAX_TOPICS = 10;

	/**
	 * Create measures that begin at 0.
	 */
	public LeaseMeasures() {
		this(Outcomes.counted(Renewal.class), new Tally(), new Names<>(MAX_TOPICS, Tally::new),
				new CopyOnWriteArraySet<>());
	}

	/**
	 * Return the leases that have begun and are not lost.
	 * @return the leases
	 */
	public List<Lease> leases() {
		return this.holders.stream().flatMap((holder) -> holder.leases().stream()).toList();
	}

	/**
	 * Return how long ago the last renewal was sent that has succeeded.
	 * @return the time of the lease that was renewed longest ago, zero before the first
	 * renewal
	 */
	public Duration sinceRenewal() {
		return this.holders.stream().map(Instances::sinceRenewal).max(Comparator.naturalOrder()).orElse(Duration.ZERO);
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
