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

import java.util.List;
import java.util.Map;
import java.util.Optional;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.ReceiverContext;
import org.jspecify.annotations.Nullable;

/**
 * The context of an attempt of a handler of items. The first attempt with an item
 * continues the trace in which it was enqueued; a later one, and one with several items,
 * is a trace of its own that names the others.
 */
public abstract class AttemptContext extends ReceiverContext<Map<String, String>> {

	/**
	 * As many as tracers keep of a span by default.
	 */
	private static final int MAX_ORIGINS = 128;

	private final List<? extends ObservedItem> items;

	private final List<TraceParent> origins;

	private final Conclusion conclusion;

	AttemptContext(List<? extends ObservedItem> items, Conclusion conclusion) {
		super(Map::get, Kind.CONSUMER);
		this.items = items;
		this.conclusion = conclusion;
		boolean continuing = items.size() == 1 && !items.get(0).isRetry();
		setCarrier((continuing) ? items.get(0).headers() : Map.of());
		this.origins = (continuing) ? List.of() : origins(items);
	}

	private static List<TraceParent> origins(List<? extends ObservedItem> items) {
		return items.stream()
			.map((item) -> TraceParent.parse(item.headers()))
			.flatMap(Optional::stream)
			.distinct()
			.limit(MAX_ORIGINS)
			.toList();
	}

	/**
	 * Return the items.
	 * @return the items, at least one
	 */
	public List<? extends ObservedItem> getItems() {
		return this.items;
	}

	/**
	 * Return the queue.
	 * @return the queue's name
	 */
	public String getQueue() {
		return this.items.get(0).queue();
	}

	/**
	 * Return where the items were enqueued.
	 * @return the spans, of the first 128 if there are more; none if this attempt is in
	 * the trace of the only one, or nothing was traced
	 */
	public List<TraceParent> getOrigins() {
		return this.origins;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

}
