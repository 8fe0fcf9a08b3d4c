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
import java.util.Map;

import io.durablenotify.database.Texts;
import io.durablenotify.instance.LeaseProperties;
import io.durablenotify.properties.PropertyRules;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * Work properties.
 *
 * @param concurrency How many handlers of a listener run at once in this instance. Up to
 * 1000.
 * @param prefetch How many items a listener claims beyond those that its handlers run.
 * Defaults to as many as they begin within 20 ms by their average so far, at most 100
 * with those that run, and to 100 for a listener of batches. Up to 1000.
 * @param leaseDuration Time without a sign of life from an instance after which others
 * take over its items. From 1s to 1d.
 * @param maxAttempts Number of failed attempts after which an item is dead. Up to 10000.
 * @param backoff Delays between attempts.
 * @param pollInterval Interval at which queues are polled regardless of notifications.
 * From 50ms to 1d.
 * @param shutdownTimeout Time that a shutdown waits for handlers before their items are
 * given back. Up to 1h.
 * @param maxPayloadSize Maximum size of an item's payload. From 1B to 512MB.
 * @param enqueueTimeout Time that a request waits for a key that another transaction has
 * locked. From 10ms to 1h.
 * @param enqueueBuffer Maximum number of requests that wait to be stored without their
 * callers, and that one transaction stores with its commit. Up to 1000000.
 * @param deadRetention Time after which a dead item is deleted. Without it, dead items
 * are kept. From 1s to 36500d.
 * @param queues Queues by name. Each has, where they differ from those of all queues, a
 * "concurrency", a "prefetch", a "max-attempts" and a "backoff", and may have a
 * "retention", for which the ids and times of its finished items are kept.
 */
@ConfigurationProperties(WorkProperties.PREFIX)
public record WorkProperties(@DefaultValue("8") int concurrency, @Nullable Integer prefetch,
		@DefaultValue("30s") Duration leaseDuration, @DefaultValue("10") int maxAttempts, @DefaultValue Backoff backoff,
		@DefaultValue("1s") Duration pollInterval, @DefaultValue("30s") Duration shutdownTimeout,
		@DefaultValue("1MB") DataSize maxPayloadSize, @DefaultValue("10s") Duration enqueueTimeout,
		@DefaultValue("10000") int enqueueBuffer, @Nullable Duration deadRetention,
		@DefaultValue Map<String, Queue> queues) implements InitializingBean {

	static final String PREFIX = "durable-notify.work";

	/**
	 * Fits what is stored.
	 */
	private static final int MOST_ATTEMPTS = 10_000;

	private static final Queue NO_QUEUE = new Queue(null, null, null, null, null);

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		checkListener(rules, this.concurrency, this.prefetch, this.maxAttempts, this.backoff);
		rules.between("lease-duration", this.leaseDuration, LeaseProperties.SHORTEST_LEASE,
				LeaseProperties.LONGEST_LEASE);
		rules.interval("poll-interval", this.pollInterval);
		rules.between("shutdown-timeout", this.shutdownTimeout, Duration.ZERO, Duration.ofHours(1));
		rules.valueSize("max-payload-size", this.maxPayloadSize);
		rules.lockTimeout("enqueue-timeout", this.enqueueTimeout);
		rules.between("enqueue-buffer", this.enqueueBuffer, 1, 1_000_000);
		rules.retention("dead-retention", this.deadRetention);
		this.queues.forEach((name, queue) -> {
			rules.check(Texts.isName(name, WorkRequest.MAX_QUEUE_LENGTH), "queues", name,
					"The name of a queue must have 1 to %d characters, none of them white space or a control character."
						.formatted(WorkRequest.MAX_QUEUE_LENGTH));
			PropertyRules queueRules = new PropertyRules(PREFIX + ".queues." + name);
			checkListener(queueRules, queue.concurrency(), queue.prefetch(), queue.maxAttempts(),
					(queue.backoff() != null) ? backoff(queue) : null);
			queueRules.retention("retention", queue.retention());
		});
	}

	private static void checkListener(PropertyRules rules, @Nullable Integer concurrency, @Nullable Integer prefetch,
			@Nullable Integer maxAttempts, @Nullable Backoff backoff) {
		if (concurrency != null) {
			rules.between("concurrency", concurrency, 1, WorkListenerSpec.MOST_HANDLERS);
		}
		if (prefetch != null) {
			rules.between("prefetch", prefetch, 0, WorkListenerSpec.MOST_HANDLERS);
		}
		if (maxAttempts != null) {
			rules.between("max-attempts", maxAttempts, 1, MOST_ATTEMPTS);
		}
		if (backoff != null) {
			backoff.check(rules);
		}
	}

	/**
	 * Return the properties of a queue.
	 * @param name the queue's name
	 * @return its own properties, and those of all queues where it has none
	 */
	public Queue queue(String name) {
		Queue queue = this.queues.getOrDefault(name, NO_QUEUE);
		return new Queue((queue.concurrency() != null) ? queue.concurrency() : Integer.valueOf(this.concurrency),
				(queue.prefetch() != null) ? queue.prefetch() : this.prefetch,
				(queue.maxAttempts() != null) ? queue.maxAttempts() : Integer.valueOf(this.maxAttempts),
				QueueBackoff.of(backoff(queue)), queue.retention());
	}

	/**
	 * Return the delays between attempts of a queue's items.
	 */
	WorkListenerSpec.Backoff listenerBackoff(String queue) {
		Backoff backoff = backoff(this.queues.getOrDefault(queue, NO_QUEUE));
		return new WorkListenerSpec.Backoff(backoff.delay(), backoff.multiplier(), backoff.maxDelay());
	}

	private Backoff backoff(Queue queue) {
		return (queue.backoff() != null) ? queue.backoff().or(this.backoff) : this.backoff;
	}

	/**
	 * Delays between attempts. By chance, each is up to a fifth longer or shorter.
	 *
	 * @param delay Delay after the first failed attempt of an item. From 50ms to 1d.
	 * @param multiplier Multiplier of the delay from one attempt to the next. At least 1.
	 * @param maxDelay Maximum delay between attempts of an item. From 50ms to 30d, and
	 * not below the delay.
	 */
	public record Backoff(@DefaultValue("1s") Duration delay, @DefaultValue("2") double multiplier,
			@DefaultValue("10m") Duration maxDelay) {

		private static final Duration SHORTEST_DELAY = Duration.ofMillis(50);

		private void check(PropertyRules rules) {
			rules.between("backoff.delay", this.delay, SHORTEST_DELAY, Duration.ofDays(1));
			rules.check(this.multiplier >= 1, "backoff.multiplier", this.multiplier, "Must be 1 or more.");
			rules.between("backoff.max-delay", this.maxDelay, SHORTEST_DELAY, Duration.ofDays(30));
			rules.check(this.maxDelay.compareTo(this.delay) >= 0, "backoff.max-delay", this.maxDelay,
					"Must not be shorter than backoff.delay.");
		}

	}

	/**
	 * Delays between attempts of a queue's items. What is {@code null} is as for all
	 * queues.
	 *
	 * @param delay Delay after the first failed attempt of an item. From 50ms to 1d.
	 * @param multiplier Multiplier of the delay from one attempt to the next. At least 1.
	 * @param maxDelay Maximum delay between attempts of an item. From 50ms to 30d, and
	 * not below the delay.
	 */
	public record QueueBackoff(@Nullable Duration delay, @Nullable Double multiplier, @Nullable Duration maxDelay) {

		private static QueueBackoff of(Backoff backoff) {
			return new QueueBackoff(backoff.delay(), backoff.multiplier(), backoff.maxDelay());
		}

		private Backoff or(Backoff others) {
			return new Backoff((this.delay != null) ? this.delay : others.delay(),
					(this.multiplier != null) ? this.multiplier : others.multiplier(),
					(this.maxDelay != null) ? this.maxDelay : others.maxDelay());
		}

	}

	/**
	 * The properties of one queue. What is {@code null} is as for all queues.
	 *
	 * @param concurrency How many handlers of the queue's listener run at once in this
	 * instance. Up to 1000.
	 * @param prefetch How many items the queue's listener claims beyond those that its
	 * handlers run. Up to 1000.
	 * @param maxAttempts Number of failed attempts after which an item of the queue is
	 * dead. Up to 10000.
	 * @param backoff Delays between attempts.
	 * @param retention Time for which ids and times of the queue's finished items are
	 * kept. Without it, nothing of them is. From 1s to 36500d.
	 */
	public record Queue(@Nullable Integer concurrency, @Nullable Integer prefetch, @Nullable Integer maxAttempts,
			@Nullable QueueBackoff backoff, @Nullable Duration retention) {

	}

}
