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

/**
 * Takes the entries of one live reader. Calls come one after the other. Exactly one of
 * {@link #onComplete()} and {@link #onError(Throwable)} comes last, once, unless the
 * reader was cancelled.
 *
 * @param <E> the entries' type
 */
public interface EntryHandler<E> {

	/**
	 * Take the next entry.
	 * @param entry the entry
	 * @throws Exception ends this reader, and no other, with {@link #onError(Throwable)}
	 */
	void onEntry(E entry) throws Exception;

	/**
	 * The log was completed, and its last entry was taken.
	 */
	default void onComplete() {
	}

	/**
	 * The reading has ended otherwise.
	 * @param error an exception of the {@link TailedLog}, what {@link #onEntry} threw, or
	 * a {@link org.springframework.dao.DataAccessException} if this log alone cannot be
	 * read
	 */
	default void onError(Throwable error) {
	}

	/**
	 * Return the class of the handler that the application has given, for operators.
	 * @return the class
	 */
	default Class<?> handlerType() {
		return getClass();
	}

}
