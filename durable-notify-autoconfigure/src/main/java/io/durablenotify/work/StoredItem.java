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

import io.durablenotify.observation.Observed;
import io.durablenotify.work.Enqueued.Outcome;

/**
 * What was stored.
 *
 * @param queueId the queue
 * @param itemId the item's id, or that of the item of an ordering key
 * @param coalesced whether the request was coalesced into an item that was there
 * @param dueMicros when it is due, by the database's clock, or shortly before that;
 * {@link DatabaseMicros#NEVER} where there is nothing to wake up for: what it was
 * coalesced into, or its ordering key, is due already or running
 * @param held whether an instance may have claimed it, which must not begin it before
 * that time
 */
record StoredItem(int queueId, long itemId, boolean coalesced, long dueMicros, boolean held) {

	StoredItem(int queueId, long itemId, boolean coalesced, long dueMicros) {
		this(queueId, itemId, coalesced, dueMicros, false);
	}

	/**
	 * Return the outcome as the caller is given it.
	 */
	Enqueued enqueued() {
		return new Enqueued(this.itemId, (this.coalesced) ? Outcome.COALESCED : Outcome.ENQUEUED);
	}

	/**
	 * Set the outcome of an observation.
	 */
	void observe(Observed observed) {
		observed.outcome((this.coalesced) ? io.durablenotify.observation.Outcome.COALESCED
				: io.durablenotify.observation.Outcome.ENQUEUED);
		observed.number(this.itemId);
	}

}
