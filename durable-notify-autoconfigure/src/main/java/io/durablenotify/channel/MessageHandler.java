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

/**
 * Handles the messages of a channel.
 */
@FunctionalInterface
public interface MessageHandler {

	/**
	 * Handle a message. Called by several threads at once as the subscription's
	 * concurrency allows; one after the other for a durable subscriber, and for an
	 * address.
	 * @param message the message
	 * @throws Exception if the attempt failed: the message is delivered again after the
	 * backoff. A {@link io.durablenotify.work.PermanentFailureException} ends its
	 * delivery
	 */
	void onMessage(Message message) throws Exception;

	/**
	 * Called when a durable subscriber of a broadcast channel has missed messages. It was
	 * not active for longer than {@code durable-notify.channels.subscriber-limit}, or the
	 * channel's stream was deleted, or the server has lost messages. Does nothing by
	 * default; the gap is logged as a warning in any case.
	 * @param gap what is missing
	 * @throws Exception has the gap reported again later
	 */
	default void onGap(ChannelGap gap) throws Exception {
	}

}
