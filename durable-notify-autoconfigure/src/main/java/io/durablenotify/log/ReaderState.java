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

package io.durablenotify.log;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * The state of a live reader of this instance, as health, endpoint and metrics see it.
 *
 * @param name the log's full name
 * @param family the configured family that the reader was opened for, or {@code null}
 * @param status whether the reader has what is known to be there
 * @param next the index of the next entry that its handler takes; a handler is given up
 * to 32 entries at once, which count as taken together
 * @param knownEnd the index after the last entry that this instance knows of
 * @param lag how many entries those are that the handler has not taken
 * @param bufferedEntries how many of them wait in this instance
 * @param bufferedBytes what those count
 * @param openFor how long ago the reader was opened
 * @param sinceDelivery how long ago its handler took an entry, or {@code null} before the
 * first
 * @param handler the name of the class that takes the entries
 * @param running for how long the handler's present call has run, or {@code null} if none
 * runs, or calls are not timed since nothing reads meters
 */
public record ReaderState(String name, @Nullable String family, Status status, long next, long knownEnd, long lag,
		int bufferedEntries, long bufferedBytes, Duration openFor, @Nullable Duration sinceDelivery, String handler,
		@Nullable Duration running) {

	/**
	 * The statuses.
	 */
	public enum Status {

		/**
		 * The handler has taken all that is known to be there.
		 */
		LIVE,

		/**
		 * There is more, and it is fetched or handled.
		 */
		BEHIND,

		/**
		 * The fetches wait until the handler has taken more: half of the buffer is used,
		 * or more.
		 */
		FULL,

		/**
		 * There is no log of the name yet.
		 */
		WAITING

	}

}
