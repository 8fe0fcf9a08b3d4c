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

package io.durablenotify.listener;

/**
 * Handles the notifications of a channel. PostgreSQL keeps no notification for a
 * connection that is away, so a handler gets two calls: for a notification, and when one
 * may have been missed. Calls for one registration come one after the other.
 */
public interface ChannelHandler {

	/**
	 * Called for each notification on the channel.
	 * @param payload the payload, empty where none was given, at most 7,999 bytes
	 * @throws Exception logged, and otherwise without effect
	 */
	void onNotification(String payload) throws Exception;

	/**
	 * Called when notifications may have been missed: read the source of truth. That is
	 * when the listener has begun to listen on the channel, whenever it does so again
	 * after a lost connection, and when notifications came faster than this handler took
	 * them.
	 * @throws Exception logged, and otherwise without effect
	 */
	void onResync() throws Exception;

}
