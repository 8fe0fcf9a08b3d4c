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

package io.durablenotify.wakeup;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;

/**
 * What is counted and timed of wake-ups.
 *
 * @param notifications the statements that notify other instances
 * @param batch how many writes each of them announces
 * @param received the wake-ups that were received, by topic
 * @param resyncs the resyncs, by cause
 */
public record WakeupMeasures(Outcomes<Sending, Timing> notifications, Sizes batch, Names<Received> received,
		Outcomes<ResyncCause, Tally> resyncs) {

	/**
	 * A few more than there are topics.
	 */
	private static final int MAX_TOPICS = 20;

	/**
	 * Create measures that begin at 0.
	 */
	public WakeupMeasures() {
		this(Outcomes.timed(Sending.class), new Sizes(), new Names<>(MAX_TOPICS, Received::new),
				Outcomes.counted(ResyncCause.class));
	}

	/**
	 * The outcomes of a statement that notifies.
	 */
	public enum Sending {

		/**
		 * The notification was sent.
		 */
		SENT,

		/**
		 * It was not, and is repeated as a resync.
		 */
		FAILED

	}

	/**
	 * Why everything is fetched, since wake-ups may have been missed.
	 */
	public enum ResyncCause {

		/**
		 * The listener of this instance has begun to listen.
		 */
		CONNECTED,

		/**
		 * Another instance has asked for it.
		 */
		RECEIVED,

		/**
		 * This instance asks the others for it: it has too many wake-ups for a topic.
		 */
		OVERFLOW,

		/**
		 * This instance asks the others for it: a notification could not be sent.
		 */
		FAILED

	}

	/**
	 * The wake-ups of a topic that were received.
	 *
	 * @param local those of this instance
	 * @param remote those of other instances
	 */
	public record Received(Tally local, Tally remote) {

		Received() {
			this(new Tally(), new Tally());
		}

	}

}
