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

package io.durablenotify.web;

import java.util.concurrent.Flow;

import io.durablenotify.observation.ObservedSource;
import org.jspecify.annotations.Nullable;

/**
 * A stream or a run, as it is served.
 *
 * @param <E> the entries' type
 */
interface SseSource<E> {

	/**
	 * Find the log. Asks the database.
	 * @return the log, or {@code null} if there is none
	 */
	@Nullable Found find();

	/**
	 * Return the id that a client is given at once that comes for the first time. If it
	 * has to come again before the first event, it begins at the same place.
	 * @param found the log, or {@code null} to wait for it
	 * @return the id, or {@code null} where the options say the same each time
	 */
	default @Nullable EventId begin(@Nullable Found found) {
		return null;
	}

	/**
	 * Return a publisher that waits for a log that does not exist yet.
	 */
	Flow.Publisher<E> awaiting();

	/**
	 * Return a publisher of the log's entries.
	 * @param found the log
	 * @param received what the client has received of it, after which the publisher
	 * begins, or {@code null} if the client comes for the first time
	 */
	Flow.Publisher<E> publisher(Found found, @Nullable EventId received);

	/**
	 * Return whether that publisher reads the log that was found only. One that waits for
	 * an entry in the middle of a log reads any of the name.
	 */
	boolean isBound(Found found, @Nullable EventId received);

	/**
	 * Return a publisher of the entries that are left of the log.
	 * @param found the log
	 */
	default Flow.Publisher<E> left(Found found) {
		return publisher(found, null);
	}

	/**
	 * Return whether a failure says that the next entry is missing. A client that has
	 * received none then gets what is {@link #left}.
	 */
	default boolean isTruncation(Throwable failure) {
		return false;
	}

	/**
	 * Return whether the log has ended, and no entry follows that would bring the end.
	 */
	default boolean isOver(Found found, @Nullable EventId received) {
		return false;
	}

	/**
	 * Return what makes events of the entries of one response.
	 */
	SseMapper<E> mapper(Found found, @Nullable EventId received);

	/**
	 * Return whether a failure says that the application stops.
	 */
	boolean isStop(Throwable failure);

	/**
	 * Return whether a failure is an end of the log for this client.
	 */
	boolean isEnd(Throwable failure);

	/**
	 * Return what a client receives of a failure that is an end.
	 */
	String reason(Throwable failure);

	/**
	 * Return what observations show.
	 * @param received what the client has received, or {@code null}
	 */
	ObservedSource observed(@Nullable EventId received);

	/**
	 * Return what messages call the log.
	 */
	String describe();

	/**
	 * Return what messages call an entry.
	 */
	String describe(E entry);

	/**
	 * A log that was found.
	 *
	 * @param identity its identity, or {@code null} if it is not known
	 * @param next the number of the entry that comes next
	 * @param last the last event of a run that has ended, or {@code null}
	 */
	record Found(@Nullable String identity, long next, @Nullable Long last) {
	}

}
