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
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The queues of a handler, and how their items are handled. What is {@code null} is set
 * by {@code durable-notify.work}, or {@code durable-notify.work.queues} for the first
 * queue.
 *
 * @param queues the queues, in the order in which they are claimed
 * @param concurrency how many handlers run at once in this instance
 * @param prefetch how many items are claimed beyond that
 * @param transactional whether the engine opens a transaction around the handler, and
 * completes the item in it
 * @param maxAttempts after how many failed attempts an item is dead
 * @param backoff the delays between attempts
 * @param onDead what becomes of the later items of an ordering key
 * @param dontRetryOn the exceptions after which an item is dead at once
 */
public record WorkListenerSpec(List<String> queues, @Nullable Integer concurrency, @Nullable Integer prefetch,
		boolean transactional, @Nullable Integer maxAttempts, @Nullable Backoff backoff, OnDead onDead,
		List<Class<? extends Throwable>> dontRetryOn) {

	/**
	 * The largest concurrency, and the largest prefetch.
	 */
	static final int MOST_HANDLERS = 1_000;

	/**
	 * What becomes of the later items of an ordering key when one is dead.
	 */
	public enum OnDead {

		/**
		 * They are handled.
		 */
		CONTINUE,

		/**
		 * They wait until the dead item is requeued or purged.
		 */
		BLOCK

	}

	/**
	 * The delays between attempts. Each is the one before times the multiplier, and up to
	 * a fifth longer or shorter by chance.
	 *
	 * @param delay the first delay, 0 to 36500 days
	 * @param multiplier the multiplier, at least 1
	 * @param maxDelay the longest delay, 0 to 36500 days
	 */
	public record Backoff(Duration delay, double multiplier, Duration maxDelay) {

		static final Duration LONGEST_DELAY = Duration.ofDays(36_500);

		/**
		 * Create a backoff.
		 * @param delay the first delay
		 * @param multiplier the multiplier
		 * @param maxDelay the longest delay
		 * @throws IllegalArgumentException if a delay or the multiplier is invalid
		 */
		public Backoff {
			requireDelay("delay", delay);
			Assert.isTrue(multiplier >= 1, () -> "'multiplier' must be at least 1, but is " + multiplier);
			requireDelay("maxDelay", maxDelay);
		}

		private static void requireDelay(String name, Duration delay) {
			Assert.isTrue(delay != null && !delay.isNegative() && delay.compareTo(LONGEST_DELAY) <= 0,
					() -> "'%s' must be from 0 to %d days, but is %s".formatted(name, LONGEST_DELAY.toDays(), delay));
		}

		/**
		 * Return the delay after a failure, without chance.
		 * @param failures how many attempts have failed, 1 or more
		 * @return the delay
		 */
		public Duration after(int failures) {
			double millis = this.delay.toMillis() * Math.pow(this.multiplier, failures - 1);
			return (millis >= this.maxDelay.toMillis()) ? this.maxDelay : Duration.ofMillis((long) millis);
		}

	}

	/**
	 * Create a specification.
	 * @param queues the queues, in the order in which they are claimed, each once
	 * @param concurrency how many handlers run at once in this instance, up to 1000
	 * @param prefetch how many items are claimed beyond that, up to 1000
	 * @param transactional whether the engine opens a transaction around the handler
	 * @param maxAttempts after how many failed attempts an item is dead
	 * @param backoff the delays between attempts
	 * @param onDead what becomes of the later items of an ordering key
	 * @param dontRetryOn the exceptions after which an item is dead at once
	 */
	public WorkListenerSpec {
		Assert.notEmpty(queues, "A listener must name a queue");
		Assert.noNullElements(queues, "'queues' must not contain null");
		Assert.notNull(onDead, "'onDead' must not be null");
		Assert.notNull(dontRetryOn, "'dontRetryOn' must not be null");
		Assert.noNullElements(dontRetryOn, "'dontRetryOn' must not contain null");
		queues = List.copyOf(queues);
		dontRetryOn = List.copyOf(dontRetryOn);
		queues.forEach((queue) -> Texts.requireName("Queue", queue, WorkRequest.MAX_QUEUE_LENGTH));
		Set<String> names = new HashSet<>();
		queues.forEach((queue) -> Assert.isTrue(names.add(queue),
				() -> "Queue %s must be named once".formatted(Texts.shown(queue))));
		requireBetween("concurrency", concurrency, 1);
		requireBetween("prefetch", prefetch, 0);
		Assert.isTrue(maxAttempts == null || maxAttempts > 0,
				() -> "'maxAttempts' must be at least 1, but is " + maxAttempts);
	}

	private static void requireBetween(String name, @Nullable Integer value, int least) {
		Assert.isTrue(value == null || (value >= least && value <= MOST_HANDLERS),
				() -> "'%s' must be from %d to %d, but is %d".formatted(name, least, MOST_HANDLERS, value));
	}

	/**
	 * Create a specification with the defaults.
	 * @param queues the queues, in the order in which they are claimed
	 * @return the specification
	 */
	public static WorkListenerSpec of(String... queues) {
		return new WorkListenerSpec(Arrays.asList(queues), null, null, false, null, null, OnDead.CONTINUE, List.of());
	}

	/**
	 * Set how many handlers run at once in this instance.
	 * @param concurrency the number, 1 to 1000
	 * @return the new specification
	 */
	public WorkListenerSpec concurrency(int concurrency) {
		return new WorkListenerSpec(this.queues, concurrency, this.prefetch, this.transactional, this.maxAttempts,
				this.backoff, this.onDead, this.dontRetryOn);
	}

	/**
	 * Set how many items are claimed beyond those that are handled at once.
	 * @param prefetch the number, up to 1000
	 * @return the new specification
	 */
	public WorkListenerSpec prefetch(int prefetch) {
		return new WorkListenerSpec(this.queues, this.concurrency, prefetch, this.transactional, this.maxAttempts,
				this.backoff, this.onDead, this.dontRetryOn);
	}

	/**
	 * Have the engine open a transaction around the handler, and complete the item in it.
	 * What the handler writes to the database happens exactly once.
	 * @return the new specification
	 */
	public WorkListenerSpec inTransaction() {
		return new WorkListenerSpec(this.queues, this.concurrency, this.prefetch, true, this.maxAttempts, this.backoff,
				this.onDead, this.dontRetryOn);
	}

	/**
	 * Set after how many failed attempts an item is dead.
	 * @param maxAttempts the number, at least 1
	 * @return the new specification
	 */
	public WorkListenerSpec maxAttempts(int maxAttempts) {
		return new WorkListenerSpec(this.queues, this.concurrency, this.prefetch, this.transactional, maxAttempts,
				this.backoff, this.onDead, this.dontRetryOn);
	}

	/**
	 * Set the delays between attempts.
	 * @param backoff the delays
	 * @return the new specification
	 */
	public WorkListenerSpec backoff(Backoff backoff) {
		return new WorkListenerSpec(this.queues, this.concurrency, this.prefetch, this.transactional, this.maxAttempts,
				backoff, this.onDead, this.dontRetryOn);
	}

	/**
	 * Set what becomes of the later items of an ordering key when one is dead.
	 * @param onDead what becomes of them
	 * @return the new specification
	 */
	public WorkListenerSpec onDead(OnDead onDead) {
		return new WorkListenerSpec(this.queues, this.concurrency, this.prefetch, this.transactional, this.maxAttempts,
				this.backoff, onDead, this.dontRetryOn);
	}

	/**
	 * Set the exceptions after which an item is dead at once.
	 * @param dontRetryOn the types, with their subtypes
	 * @return the new specification
	 */
	public WorkListenerSpec dontRetryOn(List<Class<? extends Throwable>> dontRetryOn) {
		return new WorkListenerSpec(this.queues, this.concurrency, this.prefetch, this.transactional, this.maxAttempts,
				this.backoff, this.onDead, dontRetryOn);
	}

}
