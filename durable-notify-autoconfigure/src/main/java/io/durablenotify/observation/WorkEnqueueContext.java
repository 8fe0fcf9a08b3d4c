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

import java.util.HashMap;
import java.util.Map;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import org.jspecify.annotations.Nullable;

/**
 * The context of a call that enqueues work. What is put into its carrier becomes headers
 * of the items, unless they have headers of these names.
 */
public final class WorkEnqueueContext extends SenderContext<Map<String, String>> {

	private final @Nullable String queue;

	private final @Nullable String key;

	private final int items;

	private final Conclusion conclusion;

	WorkEnqueueContext(@Nullable String queue, @Nullable String key, int items, Conclusion conclusion) {
		super(Carrier::put, Kind.PRODUCER);
		setCarrier(new HashMap<>());
		this.queue = queue;
		this.key = key;
		this.items = items;
		this.conclusion = conclusion;
	}

	/**
	 * Return the queue.
	 * @return the queue's name, {@code null} for several queues
	 */
	public @Nullable String getQueue() {
		return this.queue;
	}

	/**
	 * Return the key or ordering key.
	 * @return the key, {@code null} for none or several
	 */
	public @Nullable String getKey() {
		return this.key;
	}

	/**
	 * Return how many items are enqueued.
	 * @return the number
	 */
	public int getItems() {
		return this.items;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

	/**
	 * Return the item's id.
	 * @return the id, {@code null} until it is known, and for several items
	 */
	public @Nullable Long getItemId() {
		return this.conclusion.number();
	}

}
