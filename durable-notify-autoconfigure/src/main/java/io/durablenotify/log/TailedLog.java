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

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * A log as one of its readers sees it: entry sizes, buffer limit and exceptions. One per
 * reader; called by any thread.
 *
 * @param <E> the entries' type
 */
public interface TailedLog<E> {

	/**
	 * Return the log's full name, for the database and in messages.
	 * @return the name
	 */
	String name();

	/**
	 * Return the configured family that the reader was opened for.
	 * @return the family's name, or {@code null} for none
	 */
	default @Nullable String family() {
		return null;
	}

	/**
	 * Return how many entries the reader holds at most, and takes per run at most.
	 * @return the number, 1 or more
	 */
	int bufferSize();

	/**
	 * Return the index of the log's first entry.
	 * @return the index
	 */
	default long firstIndex() {
		return 0;
	}

	/**
	 * Return an entry's index. Indexes follow each other without gaps.
	 * @param entry the entry
	 * @return the index
	 */
	long indexOf(E entry);

	/**
	 * Return what an entry counts towards the reader's limit of bytes.
	 * @param entry the entry
	 * @return the size, about that of its payload
	 */
	int sizeOf(E entry);

	/**
	 * Return when an entry was stored, by which it is known again. After a failover to a
	 * server that lagged, another one can have its index.
	 * @param entry the entry
	 * @return the time, as the database keeps it
	 */
	Instant createdAtOf(E entry);

	/**
	 * Return an entry as this reader's caller is to see it.
	 * @param entry the entry, which readers share
	 * @return that entry, or another one in its place
	 */
	default E asSeen(E entry) {
		return entry;
	}

	/**
	 * The application context closes, or has closed.
	 * @return what the reader's consumer receives
	 */
	RuntimeException stopped();

	/**
	 * The log was deleted.
	 * @return what the reader's consumer receives
	 */
	RuntimeException deleted();

	/**
	 * The log has lost entries: the database was restored, or failed over to a server
	 * that lagged.
	 * @param expected the index that was expected
	 * @param found what was found instead, for the message
	 * @return what the reader's consumer receives
	 */
	RuntimeException truncated(long expected, String found);

	/**
	 * The log has ended as failed. Logs that never do leave it at this.
	 * @param reason the reason
	 * @return what the reader's consumer receives, after the last entry
	 */
	default RuntimeException failed(String reason) {
		throw new IllegalStateException("'%s' is no log that can fail: %s".formatted(name(), reason));
	}

	/**
	 * The log was cancelled. Logs for which that is a failure like any other leave it at
	 * this.
	 * @param reason the reason
	 * @return what the reader's consumer receives, after the last entry
	 */
	default RuntimeException cancelled(String reason) {
		return failed(reason);
	}

}
