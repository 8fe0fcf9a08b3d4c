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
 * Consumes what one reader has buffered, for itself or for a handler, by
 * {@link LogSubscription#peek} and the methods beside it.
 */
public interface EntryConsumer {

	/**
	 * There may be entries or an end to take. Called by any thread; must not block.
	 */
	void signal();

	/**
	 * Return the class of what takes the entries in the end, for operators.
	 * @return the handler's class
	 */
	default Class<?> handlerType() {
		return getClass();
	}

	/**
	 * Return for how long the present call of a handler has run. May be called by any
	 * thread.
	 * @return the time, or {@code null} if none runs, or calls are not timed
	 */
	default @Nullable Duration running() {
		return null;
	}

}
