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

package io.durablenotify.event;

import org.apache.commons.logging.LogFactory;

/**
 * Takes the events of one followed run. Calls come one after the other.
 */
@FunctionalInterface
public interface EventHandler {

	/**
	 * Take the next event.
	 * @param event the event
	 * @throws Exception ends this subscription, and no other, with
	 * {@link #onError(Throwable)}
	 */
	void onEvent(StoredEvent event) throws Exception;

	/**
	 * The following has ended, otherwise than by its cancellation. The last call.
	 * @param error {@link FollowingStoppedException}, {@link RunTruncatedException}, what
	 * {@link #onEvent(StoredEvent)} threw, or a
	 * {@link org.springframework.dao.DataAccessException} if this run alone cannot be
	 * read. Unless overridden, logs a warning
	 */
	default void onError(Throwable error) {
		if (!(error instanceof FollowingStoppedException)) {
			LogFactory.getLog(EventHandler.class)
				.warn("Following a run has ended, and its handler does not override onError", error);
		}
	}

}
