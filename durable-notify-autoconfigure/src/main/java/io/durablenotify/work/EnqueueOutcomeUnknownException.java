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

package io.durablenotify.work;

import org.springframework.dao.NonTransientDataAccessResourceException;

/**
 * Thrown when the connection was lost, or the application context has closed, after a
 * request was sent: it may or may not be stored. A request with a key can be repeated,
 * since there is at most one item with it.
 */
public final class EnqueueOutcomeUnknownException extends NonTransientDataAccessResourceException {

	private static final String MESSAGE = "%s while %s: that may or may not be stored. Repeat it if handling an item "
			+ "twice does no harm, or if it has a key, with which there is at most one item";

	EnqueueOutcomeUnknownException(String what, Throwable cause) {
		super(MESSAGE.formatted("The connection was lost", what), cause);
	}

	/**
	 * Create for a request that was being stored when the application context closed.
	 */
	EnqueueOutcomeUnknownException(String what) {
		super(MESSAGE.formatted("The application context has closed", what));
	}

}
