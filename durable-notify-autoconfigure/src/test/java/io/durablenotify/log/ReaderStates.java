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

import java.util.Set;

import io.durablenotify.Subscription;

/**
 * What tests of features see of live readers, and applications do not.
 */
public final class ReaderStates {

	private ReaderStates() {
	}

	/**
	 * Return all readers whose end was not delivered.
	 */
	public static <E> Set<LogSubscription<E>> all(LogSubscriptions<E> readers) {
		return readers.registry().all();
	}

	/**
	 * Return the logs that readers are bound to.
	 */
	public static Set<Long> logIds(LogSubscriptions<?> readers) {
		return readers.registry().logIds();
	}

	/**
	 * Return the names that readers wait for.
	 */
	public static Set<String> waitedFor(LogSubscriptions<?> readers) {
		return readers.registry().names();
	}

	/**
	 * Return whether a reader has taken all there is and waits for more.
	 */
	public static boolean isIdle(Subscription reader) {
		return of(reader).logId() != 0 && of(reader).fetchState().isIdle();
	}

	/**
	 * Return whether a reader has no room for what there is.
	 */
	public static boolean isFull(Subscription reader) {
		return of(reader).fetchState().toString().equals("FULL");
	}

	/**
	 * Return the index of the next entry to fetch.
	 */
	public static long next(Subscription reader) {
		return of(reader).cursor().next();
	}

	/**
	 * Return how many entries wait to be taken.
	 */
	public static int buffered(Subscription reader) {
		return of(reader).buffered();
	}

	private static LogSubscription<?> of(Subscription reader) {
		return (LogSubscription<?>) reader;
	}

}
