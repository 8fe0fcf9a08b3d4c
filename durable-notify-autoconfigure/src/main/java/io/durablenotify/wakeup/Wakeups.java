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

import io.durablenotify.Subscription;

/**
 * Delivers wake-ups to subscribers in this JVM directly, and to other instances by
 * NOTIFY. Sending never fails and never waits.
 */
public interface Wakeups {

	/**
	 * Send a wake-up for what is committed already.
	 * @param topic the topic: letters, digits, {@code -} and {@code _}
	 * @param wakeup the wake-up
	 */
	void send(String topic, Wakeup wakeup);

	/**
	 * Send a wake-up when the current transaction has committed, or may have; never if it
	 * rolls back. Many for one id become one.
	 * @param topic the topic
	 * @param wakeup the wake-up
	 * @throws IllegalStateException if no transaction synchronisation is active
	 */
	void sendAfterCommit(String topic, Wakeup wakeup);

	/**
	 * Have all handlers of this instance look for what they may have missed, as after a
	 * reconnect of the listener. For operators. Returns at once.
	 */
	void resync();

	/**
	 * Take part in the current transaction, in which {@link #sendAfterCommit} is called
	 * only while it commits. That is too late to join it.
	 * @throws IllegalStateException if no transaction synchronisation is active
	 */
	void joinTransaction();

	/**
	 * Subscribe to a topic.
	 * @param topic the topic
	 * @param handler the handler
	 * @return the registration
	 */
	Subscription subscribe(String topic, WakeupHandler handler);

	/**
	 * Return the state of the wake-ups between instances.
	 * @return the state, taken now; {@link WakeupState#NONE} for an implementation that
	 * does not know
	 */
	default WakeupState state() {
		return WakeupState.NONE;
	}

}
