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

package io.durablenotify.sample;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import io.durablenotify.Subscription;

import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;

/**
 * The responses that are open now. Each has its own subscription, so that a client that
 * does not read holds up no other.
 */
@Component
class LiveResponses {

	private final Set<LiveResponse> open = ConcurrentHashMap.newKeySet();

	private volatile boolean closed;

	/**
	 * Open a response.
	 * @param feed subscribes to what is sent
	 */
	LiveResponse open(Function<LiveResponse, Subscription> feed) {
		LiveResponse response = new LiveResponse(this.open::remove);
		this.open.add(response);
		try {
			response.feedFrom(feed.apply(response));
		}
		catch (RuntimeException ex) {
			response.end();
			throw ex;
		}
		if (this.closed) {
			response.end();
		}
		return response;
	}

	/**
	 * Sent before anything stops: the web server would wait for them.
	 */
	@EventListener(ContextClosedEvent.class)
	void close() {
		this.closed = true;
		this.open.forEach(LiveResponse::end);
	}

}
