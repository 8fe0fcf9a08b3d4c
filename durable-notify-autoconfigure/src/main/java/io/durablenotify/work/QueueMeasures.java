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

package io.durablenotify.work;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;

/**
 * What is timed and counted of a queue, or of all queues of a feature.
 *
 * @param enqueued the new items that this instance has stored
 * @param waiting from an item's due time to the call of its handler
 * @param handler the calls of the handler
 * @param finished what has become of attempts, as far as the database has it
 * @param claim the claims
 * @param claimed how many items and ordering keys each claim has brought
 * @param found the items and ordering keys that were claimed, by what has led to the
 * claim
 */
public record QueueMeasures(Tally enqueued, Timing waiting, Outcomes<Result, Timing> handler,
		Outcomes<Finish, Tally> finished, Timing claim, Sizes claimed, Outcomes<Cause, Tally> found) {

	QueueMeasures() {
		this(new Tally(), new Timing(), Outcomes.timed(Result.class), Outcomes.counted(Finish.class), new Timing(),
				new Sizes(), Outcomes.counted(Cause.class));
	}

	/**
	 * The results of a handler's call.
	 */
	public enum Result {

		/**
		 * The handler has returned.
		 */
		DONE,

		/**
		 * The handler has asked to be called later.
		 */
		POSTPONED,

		/**
		 * The handler has thrown an exception, or has returned a failure.
		 */
		FAILED

	}

	/**
	 * What becomes of an attempt.
	 */
	public enum Finish {

		/**
		 * The item is completed, or done for now.
		 */
		DONE,

		/**
		 * The attempt has failed, and the item is handled again.
		 */
		RETRIED,

		/**
		 * The item is handled again later, since its handler has asked for that.
		 */
		POSTPONED,

		/**
		 * The attempt has failed, and the item is dead.
		 */
		DEAD,

		/**
		 * The item was cancelled, or another instance has taken it over.
		 */
		LOST

	}

	/**
	 * What leads to a claim.
	 */
	public enum Cause {

		/**
		 * A wake-up, the due time of an item that was known, or a claim that has left
		 * some.
		 */
		WAKEUP,

		/**
		 * The poll alone.
		 */
		POLL

	}

}
