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

package io.durablenotify.log;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;
import io.durablenotify.wakeup.PollFindings;
import org.jspecify.annotations.Nullable;

/**
 * What is timed, counted and shown of the readers of a feature. An application context
 * and its children are one instance here.
 *
 * @param clock the clock by which ages are measured
 * @param fetch the fetches
 * @param targets how many logs and positions each fetch reads
 * @param age the age of the first entry that a reader is given which has had all before
 * @param ended the readers that have ended, by reason
 * @param families the handlers, by the family of their logs
 * @param poll what the poll has found
 * @param subscriptions the subscriptions of each context that has some
 */
public record LogMeasures(InstantSource clock, FetchMeasures fetch, Sizes targets, Timing age,
		Outcomes<Ending, Tally> ended, Names<HandlerMeasures> families, PollFindings poll,
		Set<LogSubscriptions<?>> subscriptions) {

	/**
	 * The family of logs that have none.
	 */
	public static final String NO_FAMILY = "none";

	/**
	 * Create measures that begin at 0.
	 * @param families the families that there are. The context may have children with
	 * others
	 */
	public LogMeasures(Collection<String> families) {
		this(InstantSource.system(), new FetchMeasures(), new Sizes(), new Timing(), Outcomes.counted(Ending.class),
				new Names<>(Integer.MAX_VALUE, HandlerMeasures::new), new PollFindings(), new CopyOnWriteArraySet<>());
		this.families.of(NO_FAMILY);
		families.forEach(this.families::of);
	}

	/**
	 * Return what is timed and counted of the handlers of a family.
	 * @param family the family, {@code null} for none
	 * @return the measures
	 */
	public HandlerMeasures handlers(@Nullable String family) {
		return this.families.of((family != null) ? family : NO_FAMILY);
	}

	/**
	 * Return the states of all readers, each taken now.
	 * @return those that have not received their end, in no order
	 */
	List<ReaderState> states() {
		return this.subscriptions.stream().flatMap(LogSubscriptions::ownStates).toList();
	}

	/**
	 * An entry is given to a reader that has had all before.
	 * @param createdAt when it was stored, by the database's clock
	 */
	void given(Instant createdAt) {
		this.age.record(Duration.between(createdAt, this.clock.instant()).toNanos());
	}

	/**
	 * Why readers end.
	 */
	public enum Ending {

		/**
		 * The log is complete.
		 */
		COMPLETED,

		/**
		 * The log has failed, or was cancelled.
		 */
		FAILED,

		/**
		 * The log was deleted.
		 */
		DELETED,

		/**
		 * The log has lost entries.
		 */
		TRUNCATED,

		/**
		 * The application context has closed.
		 */
		STOPPED,

		/**
		 * The application has cancelled the subscription.
		 */
		CANCELLED,

		/**
		 * The handler has failed.
		 */
		HANDLER,

		/**
		 * The entries cannot be read, or another failure.
		 */
		ERROR

	}

}
