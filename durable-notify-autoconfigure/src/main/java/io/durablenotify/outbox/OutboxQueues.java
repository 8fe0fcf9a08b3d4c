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

import io.durablenotify.database.Texts;
import io.durablenotify.measure.QueueFeature;
import io.durablenotify.work.WorkRequest;

/**
 * The names of senders and their queues.
 */
final class OutboxQueues {

	static final String PREFIX = QueueFeature.OUTBOX.prefix();

	static final int MAX_SENDER_LENGTH = WorkRequest.MAX_QUEUE_LENGTH - PREFIX.length();

	private OutboxQueues() {
	}

	/**
	 * Require a valid name of a sender.
	 * @throws IllegalArgumentException if it is none
	 */
	static String requireSender(String sender) {
		return Texts.requireName("Sender", sender, MAX_SENDER_LENGTH);
	}

	/**
	 * Return the queue of a sender's events.
	 */
	static String queue(String sender) {
		return PREFIX + requireSender(sender);
	}

}
