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
import java.util.concurrent.RejectedExecutionException;

import io.durablenotify.observation.Observations;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.ContextView;

import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;

/**
 * Makes responses for WebFlux.
 */
final class ReactiveSseResponses {

	/**
	 * Where Spring and Micrometer have the observation of a request in its context.
	 */
	private static final String OBSERVATION = "micrometer.observation";

	private final Executor executor;

	private final Scheduler scheduler;

	private final ResponseChecks checks;

	private final Observations observations;

	ReactiveSseResponses(ResponseChecks checks, Executor executor, Observations observations) {
		this.observations = observations;
		this.executor = executor;
		this.scheduler = Schedulers.fromExecutor(executor);
		this.checks = checks;
	}

	/**
	 * Return what a handler method returns.
	 */
	<E> Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> respond(SseSource<E> source, @Nullable String lastEventId,
			SseOptions<E> options) {
		// The database must not be asked on an event loop
		Mono<SseReply<E>> reply = Mono.fromCallable(() -> SseReply.find(source, lastEventId, options.isWaiting()))
			.subscribeOn(this.scheduler);
		return Mono.deferContextual((context) -> reply.map((found) -> found.toResponse((feed) -> body(feed, context))))
			.onErrorResume(RejectedExecutionException.class,
					(ex) -> Mono.just(SseReply.<E>again().toResponse((feed) -> Flux.empty())));
	}

	private Flux<ServerSentEvent<String>> body(@Nullable SseFeed<?> feed, ContextView context) {
		if (feed == null) {
			return Flux.empty();
		}
		SseExchange exchange = SseExchange.of(context);
		if (exchange != null) {
			if (exchange.isHead()) {
				// Spring would read all of the body, and send none of it
				return Flux.empty();
			}
			exchange.serve(this.checks);
		}
		return new SseFlux(new ObservedFeed(feed, this.observations, context.getOrDefault(OBSERVATION, null)),
				feed.begin(), this.checks, this.executor);
	}

	/**
	 * Return how many responses are being written, and how many are being read for.
	 */
	int count() {
		return this.checks.count();
	}

}
