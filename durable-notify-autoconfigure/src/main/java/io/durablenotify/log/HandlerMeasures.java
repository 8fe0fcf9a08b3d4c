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

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;

/**
 * What is timed and counted of handlers.
 */
public final class HandlerMeasures {

	private final Outcomes<Result, Timing> calls = Outcomes.timed(Result.class);

	/**
	 * Asked for with each entry.
	 */
	private final Timing handled = this.calls.of(Result.HANDLED);

	private final Tally fetched = new Tally();

	private final Tally handedOver = new Tally();

	/**
	 * Return the calls of handlers.
	 * @return the calls
	 */
	public Outcomes<Result, Timing> calls() {
		return this.calls;
	}

	/**
	 * Return how many entries for them were fetched.
	 * @return the entries
	 */
	public Tally fetched() {
		return this.fetched;
	}

	/**
	 * Return how many entries were handed over by an append of this instance, without a
	 * fetch.
	 * @return the entries
	 */
	public Tally handedOver() {
		return this.handedOver;
	}

	/**
	 * Begin to time a call.
	 * @return the start, for {@link #end}
	 */
	public long start() {
		return this.handled.start();
	}

	/**
	 * Calls have returned, and the next one begins.
	 * @param start when the first of them began
	 * @return the start of the next one
	 */
	public long next(long start) {
		return this.handled.lap(start);
	}

	/**
	 * A call is over.
	 * @param start when it began
	 * @param result how it ended
	 */
	public void end(long start, Result result) {
		this.calls.of(result).end(start);
	}

	/**
	 * The results of a call.
	 */
	public enum Result {

		/**
		 * The handler has returned.
		 */
		HANDLED,

		/**
		 * The handler has thrown an exception.
		 */
		FAILED

	}

}
