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

import java.util.List;

import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.jspecify.annotations.Nullable;

/**
 * The resolved settings of a work listener.
 *
 * @param queues the queues, in the order in which they are claimed
 * @param concurrency how many handlers run at once
 * @param prefetch how many items are claimed beyond that, {@code null} for as many as
 * begin soon
 * @param transactional whether the handler is called in a transaction
 * @param maxAttempts after how many failed attempts an item is dead
 * @param backoff the delays between attempts
 * @param onDead what becomes of the later items of an ordering key
 * @param dontRetryOn the exceptions after which an item is dead at once
 */
record WorkListenerSettings(List<String> queues, int concurrency, @Nullable Integer prefetch, boolean transactional,
		int maxAttempts, Backoff backoff, OnDead onDead, List<Class<? extends Throwable>> dontRetryOn) {

	/**
	 * How many items a listener of batches claims beyond its concurrency by default.
	 */
	private static final int BATCH = 100;

	/**
	 * Complete a specification by the properties of its first queue.
	 * @param batches whether the handler takes several items at once
	 */
	static WorkListenerSettings of(WorkListenerSpec spec, boolean batches, WorkProperties properties) {
		WorkProperties.Queue queue = properties.queue(spec.queues().get(0));
		int concurrency = first(spec.concurrency(), queue.concurrency(), properties.concurrency());
		Integer prefetch = (spec.prefetch() != null) ? spec.prefetch()
				: (queue.prefetch() != null || !batches) ? queue.prefetch() : Integer.valueOf(BATCH);
		Backoff backoff = (spec.backoff() != null) ? spec.backoff() : properties.listenerBackoff(spec.queues().get(0));
		return new WorkListenerSettings(spec.queues(), concurrency, prefetch, spec.transactional(),
				first(spec.maxAttempts(), queue.maxAttempts(), properties.maxAttempts()), backoff, spec.onDead(),
				spec.dontRetryOn());
	}

	private static int first(@Nullable Integer first, @Nullable Integer second, int third) {
		return (first != null) ? first : (second != null) ? second : third;
	}

}
