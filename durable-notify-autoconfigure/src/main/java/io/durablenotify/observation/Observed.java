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

import java.util.Map;

/**
 * Something that is being observed. No method fails.
 */
public interface Observed {

	/**
	 * Nothing.
	 */
	Observed NONE = new Observed() {
	};

	/**
	 * Make the observation the current one of this thread, until {@link #stop()}, which
	 * this thread must call then.
	 * @return this
	 */
	default Observed open() {
		return this;
	}

	/**
	 * Return what is to be stored, so that others can continue the trace.
	 * @return headers by name, empty if nothing is traced
	 */
	default Map<String, String> headers() {
		return Map.of();
	}

	/**
	 * Set the outcome.
	 * @param outcome the outcome
	 */
	default void outcome(Outcome outcome) {
	}

	/**
	 * Set the number that the observation ends with. That is the id of an item, the
	 * sequence of an event, or the number of chunks that were written or read.
	 * @param number the number
	 */
	default void number(long number) {
	}

	/**
	 * Set the failure. Unless an outcome is set, that is {@link Outcome#FAILED}.
	 * @param failure the failure
	 */
	default void failed(Throwable failure) {
	}

	/**
	 * Set the failure of what has thrown nothing.
	 * @param reason the reason
	 */
	default void failed(String reason) {
	}

	/**
	 * End the observation. All but the first call are ignored.
	 */
	default void stop() {
	}

}
