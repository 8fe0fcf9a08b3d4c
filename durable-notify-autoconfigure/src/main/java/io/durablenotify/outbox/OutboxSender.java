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

/**
 * Sends events to where they are received. Each bean of this type sends the events that
 * were published for its name, from the queue {@code outbox/<name>}.
 */
public interface OutboxSender {

	/**
	 * Return the name. Called at the start.
	 * @return the name, which one sender in this application has: 1 to 248 characters
	 * without white space
	 */
	String name();

	/**
	 * Send an event, and return once the receiver has it for sure. Called by several
	 * threads, outside of a transaction, for events of the same ordering key one after
	 * the other.
	 * @param message the event
	 * @throws io.durablenotify.work.PermanentFailureException if the receiver will never
	 * take the event: it is dead at once
	 * @throws io.durablenotify.work.RetryLaterException if the event is to be sent again
	 * after a time that the receiver has named
	 * @throws Exception if the attempt failed: it is repeated after the backoff
	 */
	void send(OutboxMessage message) throws Exception;

}
