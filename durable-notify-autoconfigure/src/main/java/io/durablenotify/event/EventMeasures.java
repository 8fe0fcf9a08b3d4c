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

import java.util.List;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Timing;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * What is timed of appends to runs.
 *
 * @param appends from an append's call to its outcome
 * @param statements the statements that store events
 */
public record EventMeasures(Outcomes<Result, Timing> appends, Outcomes<Mode, Timing> statements) {

	/**
	 * Create measures that begin at 0.
	 */
	public EventMeasures() {
		this(Outcomes.timed(Result.class), Outcomes.timed(Mode.class));
	}

	/**
	 * The results of an append.
	 */
	public enum Result {

		/**
		 * It is stored; in a transaction, as far as that commits.
		 */
		STORED,

		/**
		 * All of its events were there already.
		 */
		DUPLICATE,

		/**
		 * The run is not at the expected sequence, or another event has the same
		 * idempotency key. Or another transaction has written that this one cannot see.
		 */
		CONFLICT,

		/**
		 * Another transaction has locked the run for longer than the timeout.
		 */
		LOCKED,

		/**
		 * It failed otherwise.
		 */
		FAILED;

		static Result of(List<AppendResult> results) {
			return results.stream().allMatch((result) -> result.outcome() == AppendResult.Outcome.DUPLICATE) ? DUPLICATE
					: STORED;
		}

		static Result of(RuntimeException failure) {
			if (failure instanceof RunLockedException) {
				return LOCKED;
			}
			return (failure instanceof ConcurrencyFailureException) ? CONFLICT : FAILED;
		}

	}

	/**
	 * How events are stored.
	 */
	public enum Mode {

		/**
		 * In a transaction of their own.
		 */
		ALONE,

		/**
		 * In a transaction of the application.
		 */
		TRANSACTION

	}

}
