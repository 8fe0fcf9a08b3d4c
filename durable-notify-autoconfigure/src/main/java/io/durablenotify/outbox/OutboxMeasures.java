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

package io.durablenotify.outbox;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Timing;

/**
 * What is timed of the outbox.
 *
 * @param senders the calls of each sender, by its name
 */
public record OutboxMeasures(Names<Outcomes<OutboxMeasures.Result, Timing>> senders) {

	private static final int MAX_SENDERS = 100;

	OutboxMeasures() {
		this(new Names<>(MAX_SENDERS, () -> Outcomes.timed(Result.class)));
	}

	/**
	 * Return a sender whose calls are timed.
	 */
	OutboxSender measured(OutboxSender sender) {
		return new MeasuredSender(sender, this.senders.of(sender.name()));
	}

	/**
	 * Return the queue of a sender's events.
	 * @param sender the sender's name
	 * @return the queue's name
	 */
	public static String queue(String sender) {
		return OutboxQueues.PREFIX + sender;
	}

	/**
	 * The results of a call.
	 */
	public enum Result {

		/**
		 * The receiver has taken the event.
		 */
		SENT,

		/**
		 * The receiver, or its client, has refused it for good.
		 */
		REFUSED,

		/**
		 * It is sent again.
		 */
		FAILED

	}

}
