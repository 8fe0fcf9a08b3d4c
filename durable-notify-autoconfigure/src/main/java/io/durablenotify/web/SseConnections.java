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

import java.util.concurrent.Executor;

import io.durablenotify.observation.Observations;
import org.jspecify.annotations.Nullable;

import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * The responses that are being written.
 */
final class SseConnections {

	private final BoundConnections boundConnections = new BoundConnections();

	private final Executor executor;

	private final ResponseChecks checks;

	private final Observations observations;

	SseConnections(ResponseChecks checks, Executor executor, Observations observations) {
		this.observations = observations;
		this.executor = executor;
		this.checks = checks;
	}

	/**
	 * Return what a handler method returns.
	 */
	<E> ResponseEntity<SseEmitter> respond(SseSource<E> source, @Nullable String lastEventId, SseOptions<E> options) {
		this.boundConnections.warnIfHeld();
		return SseReply.find(source, lastEventId, options.isWaiting())
			.toResponse((feed) -> (feed != null) ? new SseResponse(this,
					new ObservedFeed(feed, this.observations, this.observations.current()), feed.begin())
					: new SseResponse(this, null, null));
	}

	/**
	 * Return where writes that block run.
	 */
	Executor executor() {
		return this.executor;
	}

	void add(SseConnection connection) {
		this.checks.add(connection);
	}

	void remove(SseConnection connection) {
		this.checks.remove(connection);
	}

	/**
	 * A client is given up.
	 */
	void giveUp() {
		this.checks.givenUp().increment();
	}

	/**
	 * Return how many responses are being written, without those of clients that were
	 * given up.
	 */
	int count() {
		return this.checks.count((response) -> !((SseConnection) response).hasLeft());
	}

}
