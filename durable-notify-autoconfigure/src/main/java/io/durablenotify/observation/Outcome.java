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

package io.durablenotify.observation;

import java.util.Locale;

/**
 * The outcome of what was observed. {@link #value()} is the value of the key.
 */
public enum Outcome {

	/**
	 * It has thrown an exception, or could not be written.
	 */
	FAILED,

	/**
	 * An item or event is stored.
	 */
	ENQUEUED,

	/**
	 * The request was coalesced into an item that was there.
	 */
	COALESCED,

	/**
	 * It is stored with the commit of the caller's transaction.
	 */
	ON_COMMIT,

	/**
	 * The item is done, for now at least.
	 */
	DONE,

	/**
	 * The attempt has failed, and there is another one.
	 */
	RETRIED,

	/**
	 * The item is handled later, without having failed.
	 */
	POSTPONED,

	/**
	 * The attempt has failed, and there is no other one.
	 */
	DEAD,

	/**
	 * The item was cancelled, or another instance has taken it over.
	 */
	LOST_LEASE,

	/**
	 * The event is stored.
	 */
	APPENDED,

	/**
	 * The event was stored before.
	 */
	DUPLICATE,

	/**
	 * The run was not at the expected sequence.
	 */
	STALE,

	/**
	 * The stream was completed, or read to its end.
	 */
	COMPLETED,

	/**
	 * The stream was cancelled.
	 */
	CANCELLED,

	/**
	 * The appender was closed, or lost, without an end of its stream.
	 */
	ABANDONED,

	/**
	 * The client has left, or was given up.
	 */
	LEFT,

	/**
	 * The application stops, or cannot read on: the client connects again.
	 */
	INTERRUPTED;

	/**
	 * Return the value of the key.
	 * @return the name in lower case
	 */
	public String value() {
		return name().toLowerCase(Locale.ROOT);
	}

}
