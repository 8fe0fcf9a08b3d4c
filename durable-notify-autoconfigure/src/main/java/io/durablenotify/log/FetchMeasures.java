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
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Timing;

/**
 * What is timed of fetches.
 */
public final class FetchMeasures {

	private final Outcomes<Result, Timing> statements = Outcomes.timed(Result.class);

	private final Sizes entries = new Sizes();

	/**
	 * Return the statements, with the wait for a connection.
	 * @return the statements
	 */
	public Outcomes<Result, Timing> statements() {
		return this.statements;
	}

	/**
	 * Return how many entries each statement has brought.
	 * @return the entries
	 */
	public Sizes entries() {
		return this.entries;
	}

	/**
	 * Begin to time a fetch.
	 * @return the start, for what follows
	 */
	public long start() {
		return this.statements.of(Result.FOUND).start();
	}

	/**
	 * A fetch has succeeded.
	 * @param start when it began
	 * @param found how many entries it has brought
	 */
	public void end(long start, long found) {
		this.statements.of((found > 0) ? Result.FOUND : Result.EMPTY).end(start);
		this.entries.record(found);
	}

	/**
	 * A fetch has failed.
	 * @param start when it began
	 */
	public void failed(long start) {
		this.statements.of(Result.FAILED).end(start);
	}

	/**
	 * The results of a fetch.
	 */
	public enum Result {

		/**
		 * It has brought entries.
		 */
		FOUND,

		/**
		 * There were none.
		 */
		EMPTY,

		/**
		 * It has failed, and is repeated.
		 */
		FAILED

	}

}
