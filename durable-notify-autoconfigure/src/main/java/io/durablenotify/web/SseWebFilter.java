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

import java.nio.file.Path;

import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;

import org.springframework.core.Ordered;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpMethod;
import org.springframework.http.ZeroCopyHttpOutputMessage;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.http.server.reactive.ServerHttpResponseDecorator;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;

/**
 * Writes the responses of {@link ReactiveSseStreams} and {@link ReactiveSseRuns} piece by
 * piece. Others are written as before.
 * <p>
 * The first of all filters: what others make of a body is paced too.
 */
final class SseWebFilter implements WebFilter, Ordered {

	@Override
	public int getOrder() {
		return HIGHEST_PRECEDENCE;
	}

	@Override
	public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
		SseExchange sse = new SseExchange(exchange.getRequest().getMethod() == HttpMethod.HEAD);
		return chain.filter(exchange.mutate().response(decorate(exchange.getResponse(), sse)).build())
			.contextWrite(sse::addTo);
	}

	private static ServerHttpResponse decorate(ServerHttpResponse response, SseExchange exchange) {
		return (response instanceof ZeroCopyHttpOutputMessage zeroCopy)
				? new ZeroCopyResponse(response, zeroCopy, exchange) : new Response(response, exchange);
	}

	private static class Response extends ServerHttpResponseDecorator {

		private final SseExchange exchange;

		Response(ServerHttpResponse response, SseExchange exchange) {
			super(response);
			this.exchange = exchange;
		}

		@Override
		public Mono<Void> writeAndFlushWith(Publisher<? extends Publisher<? extends DataBuffer>> body) {
			ResponseChecks checks = this.exchange.checks();
			return (checks != null) ? new PacedBody(getDelegate(), checks).write(body) : super.writeAndFlushWith(body);
		}

	}

	/**
	 * Files are sent by the system.
	 */
	private static final class ZeroCopyResponse extends Response implements ZeroCopyHttpOutputMessage {

		private final ZeroCopyHttpOutputMessage zeroCopy;

		ZeroCopyResponse(ServerHttpResponse response, ZeroCopyHttpOutputMessage zeroCopy, SseExchange exchange) {
			super(response, exchange);
			this.zeroCopy = zeroCopy;
		}

		@Override
		public Mono<Void> writeWith(Path file, long position, long count) {
			return this.zeroCopy.writeWith(file, position, count);
		}

	}

}
