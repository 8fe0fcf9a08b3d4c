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

package io.durablenotify.channel;

import java.time.Instant;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A message of a channel, as it was sent.
 */
public interface Message {

	/**
	 * Return the channel.
	 * @return the channel's name
	 */
	String channel();

	/**
	 * Return the id, which is another for each message. One that is delivered again has
	 * the same.
	 * @return the id
	 */
	String id();

	/**
	 * Return the address.
	 * @return the address, {@code null} if the channel is not direct
	 */
	@Nullable String address();

	/**
	 * Return the headers.
	 * @return the headers
	 */
	Map<String, String> headers();

	/**
	 * Return when the message was stored, or requeued after it was dead, by the
	 * database's clock.
	 * @return the time
	 */
	Instant sentAt();

	/**
	 * Return the payload as a text.
	 * @return the text, or the JSON of a value
	 * @throws io.durablenotify.work.PermanentFailureException if it is bytes that are no
	 * UTF-8
	 */
	default String text() {
		return payload(String.class);
	}

	/**
	 * Return the payload.
	 * @param <T> the type of the payload
	 * @param type the type: {@code String} and {@code byte[]} are as they were sent, any
	 * other is read from JSON
	 * @return the payload
	 * @throws io.durablenotify.work.PermanentFailureException if it is no such value. It
	 * names the message, and shows nothing of the payload
	 */
	<T> T payload(Class<T> type);

	/**
	 * Return a number that is higher whenever the message is handed out again. In a
	 * broadcast channel it is higher whenever the subscriber has a new owner. A receiver
	 * outside of the database can refuse what comes with a lower one than it has had.
	 * @return the number, 0 for a message that was received
	 */
	long fencingToken();

	/**
	 * Complete the delivery in the handler's own transaction: it commits together with
	 * the handler's effects, or not at all. Nothing happens for a message that was
	 * received, whose transaction is that of the call.
	 * @throws IllegalStateException outside a transaction, where the return of the
	 * handler completes the delivery
	 */
	void complete();

}
