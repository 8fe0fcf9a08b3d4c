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

package io.durablenotify.stream.append;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Timing;
import io.durablenotify.stream.append.AppendOutcome.Closed;
import io.durablenotify.stream.append.AppendOutcome.Ended;
import io.durablenotify.stream.append.AppendOutcome.Locked;
import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.stream.append.AppendOutcome.Unexpected;
import io.durablenotify.stream.append.AppendOutcome.Unknown;

/**
 * What is timed of appends.
 *
 * @param appends from an append's call to its outcome
 * @param statements the statements that store chunks
 * @param batch how many chunks each of them has
 */
public record AppendMeasures(Outcomes<Result, Timing> appends, Outcomes<Mode, Timing> statements, Sizes batch) {

	/**
	 * Create measures that begin at 0.
	 */
	public AppendMeasures() {
		this(Outcomes.timed(Result.class), Outcomes.timed(Mode.class), new Sizes());
	}

	/**
	 * Begin to time an append.
	 * @return the start, for {@link #end}
	 */
	public long start() {
		return this.appends.of(Result.STORED).start();
	}

	/**
	 * An append has a result.
	 * @param start what {@link #start()} has returned
	 * @param result the result
	 */
	public void end(long start, Result result) {
		this.appends.of(result).end(start);
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
		 * The stream has ended.
		 */
		ENDED,

		/**
		 * The next index is not the expected one, or another transaction has written that
		 * this one cannot see.
		 */
		CONFLICT,

		/**
		 * Another transaction has locked the stream for longer than the timeout.
		 */
		LOCKED,

		/**
		 * The connection was lost before the server answered.
		 */
		UNKNOWN,

		/**
		 * The buffer is full, or the application context has closed.
		 */
		REFUSED,

		/**
		 * It failed otherwise.
		 */
		FAILED;

		static Result of(AppendOutcome outcome) {
			if (outcome instanceof Stored) {
				return STORED;
			}
			if (outcome instanceof Ended) {
				return ENDED;
			}
			if (outcome instanceof Unexpected) {
				return CONFLICT;
			}
			if (outcome instanceof Locked) {
				return LOCKED;
			}
			if (outcome instanceof Unknown) {
				return UNKNOWN;
			}
			return (outcome instanceof Closed) ? REFUSED : FAILED;
		}

	}

	/**
	 * How chunks are stored.
	 */
	public enum Mode {

		/**
		 * One append on its own.
		 */
		ALONE,

		/**
		 * Those of several callers at once.
		 */
		BATCH,

		/**
		 * In a transaction of the application.
		 */
		TRANSACTION

	}

}
