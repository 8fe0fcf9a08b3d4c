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

package io.durablenotify.web;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * What a response of ours and {@link SseWebFilter} know of each other, by the context of
 * the request.
 */
final class SseExchange {

	private final boolean head;

	private volatile @Nullable ResponseChecks checks;

	SseExchange(boolean head) {
		this.head = head;
	}

	/**
	 * Return the request's, or {@code null} if it came past the filter.
	 */
	static @Nullable SseExchange of(ContextView context) {
		return context.getOrDefault(SseExchange.class, null);
	}

	Context addTo(Context context) {
		return context.put(SseExchange.class, this);
	}

	/**
	 * Return whether the response has no body.
	 */
	boolean isHead() {
		return this.head;
	}

	/**
	 * The response has the events of a log.
	 * @param checks finds clients that take nothing
	 */
	void serve(ResponseChecks checks) {
		this.checks = checks;
	}

	/**
	 * Return what {@link #serve} was given, or {@code null} for any other response.
	 */
	@Nullable ResponseChecks checks() {
		return this.checks;
	}

}
