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

import java.time.Duration;
import java.time.Instant;

import org.springframework.util.Assert;

/**
 * What a handler says of an item, instead of returning nothing or throwing.
 */
public sealed interface WorkOutcome {

	/**
	 * The item is done.
	 * @return the outcome
	 */
	static WorkOutcome done() {
		return Done.INSTANCE;
	}

	/**
	 * Handle the item again later. Does not count as a failure.
	 * @param delay the time until then
	 * @return the outcome
	 */
	static WorkOutcome postpone(Duration delay) {
		Assert.notNull(delay, "'delay' must not be null");
		Assert.isTrue(!delay.isNegative(), () -> "'delay' must not be negative, but is " + delay);
		return new Postpone(delay);
	}

	/**
	 * The item is done for now, and is to be handled again: recurring work. Failures are
	 * counted from 0 again.
	 * @param dueAt when it is due, by the database's clock
	 * @return the outcome
	 */
	static WorkOutcome again(Instant dueAt) {
		Assert.notNull(dueAt, "'dueAt' must not be null");
		return new Again(dueAt);
	}

	/**
	 * The attempt has failed. The item is retried after the backoff, or is dead after its
	 * last attempt.
	 * @param reason the reason, which is logged, and stored with the item
	 * @return the outcome
	 */
	static WorkOutcome fail(String reason) {
		Assert.notNull(reason, "'reason' must not be null");
		return new Fail(reason, false);
	}

	/**
	 * The item cannot succeed: it is dead at once.
	 * @param reason the reason, which is logged, and stored with the item
	 * @return the outcome
	 */
	static WorkOutcome failPermanently(String reason) {
		Assert.notNull(reason, "'reason' must not be null");
		return new Fail(reason, true);
	}

	/**
	 * Done.
	 */
	enum Done implements WorkOutcome {

		/**
		 * The only one.
		 */
		INSTANCE

	}

	/**
	 * Postponed.
	 *
	 * @param delay the time until the item is due
	 */
	record Postpone(Duration delay) implements WorkOutcome {
	}

	/**
	 * To be handled again.
	 *
	 * @param dueAt when it is due
	 */
	record Again(Instant dueAt) implements WorkOutcome {
	}

	/**
	 * Failed.
	 *
	 * @param reason the reason
	 * @param permanent whether it is not to be retried
	 */
	record Fail(String reason, boolean permanent) implements WorkOutcome {
	}

}
