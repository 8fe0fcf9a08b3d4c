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

import java.io.EOFException;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableChannel;
import reactor.netty.http.server.HttpServerResponse;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.core.io.buffer.NettyDataBufferFactory;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.http.server.reactive.ServerHttpResponseDecorator;
import org.springframework.util.ClassUtils;

/**
 * The body of a response, which is written piece by piece. The next piece is requested
 * when the socket has taken the one before.
 */
final class PacedBody implements ResponseChecks.Checked {

	private static final Log logger = LogFactory.getLog(ReactiveSseStreams.class);

	private static final boolean REACTOR_NETTY_PRESENT = ClassUtils
		.isPresent("reactor.netty.http.server.HttpServerResponse", PacedBody.class.getClassLoader());

	/**
	 * A client that takes so little within the timeout is not disconnected.
	 */
	private static final int MAX_PIECE = 8 * 1024;

	private final ServerHttpResponse response;

	private final ResponseChecks checks;

	private final Sinks.Empty<Void> disconnected = Sinks.empty();

	/**
	 * Since when the socket does not take a piece, or {@code null}.
	 */
	private volatile @Nullable Long stalledSince;

	/**
	 * Create a new instance.
	 * @param response where to write the body
	 * @param checks finds clients that take nothing
	 */
	PacedBody(ServerHttpResponse response, ResponseChecks checks) {
		this.response = response;
		this.checks = checks;
	}

	/**
	 * Write the body.
	 * @return as {@link ServerHttpResponse#writeAndFlushWith}
	 */
	Mono<Void> write(Publisher<? extends Publisher<? extends DataBuffer>> body) {
		Flux<Publisher<DataBuffer>> groups = (REACTOR_NETTY_PRESENT) ? ReactorNetty.groups(this, body) : null;
		if (groups == null) {
			groups = groups(body);
		}
		return Mono.firstWithSignal(this.response.writeAndFlushWith(groups), this.disconnected.asMono())
			.doFirst(() -> this.checks.add(this))
			.doFinally((signal) -> this.checks.remove(this));
	}

	/**
	 * Other servers than Reactor Netty request a group when they have written the one
	 * before.
	 */
	private Flux<Publisher<DataBuffer>> groups(Publisher<? extends Publisher<? extends DataBuffer>> body) {
		AtomicLong demand = new AtomicLong();
		return Flux.from(body)
			.<Publisher<DataBuffer>>concatMap((group) -> pieces(group).map(Flux::just), 0)
			.doOnRequest((count) -> {
				demand.accumulateAndGet(count, Operators::addCap);
				this.stalledSince = null;
			})
			.doOnNext((piece) -> {
				if (demand.decrementAndGet() == 0) {
					this.stalledSince = System.nanoTime();
				}
			});
	}

	private static Flux<DataBuffer> pieces(Publisher<? extends DataBuffer> group) {
		return Flux.from(group).concatMap(PacedBody::pieces, 0);
	}

	private static Publisher<DataBuffer> pieces(DataBuffer buffer) {
		if (buffer.readableByteCount() <= MAX_PIECE) {
			return Mono.just(buffer);
		}
		return Flux.generate(() -> buffer, (rest, sink) -> {
			if (rest.readableByteCount() <= MAX_PIECE) {
				sink.next(DataBufferUtils.retain(rest));
				sink.complete();
			}
			else {
				sink.next(rest.split(rest.readPosition() + MAX_PIECE));
			}
			return rest;
		}, DataBufferUtils::release);
	}

	@Override
	public void check(long now, long heartbeatNanos, long timeoutNanos, boolean stopping) {
		Long stalledSince = this.stalledSince;
		if (stalledSince != null && now - stalledSince >= timeoutNanos) {
			logger.debug("A client has taken nothing for %d ms: it is disconnected"
				.formatted((now - stalledSince) / 1_000_000));
			this.checks.givenUp().increment();
			this.checks.remove(this);
			if (!REACTOR_NETTY_PRESENT || !ReactorNetty.disconnect(this.response)) {
				this.disconnected.tryEmitError(new EOFException("The client takes nothing"));
			}
		}
	}

	/**
	 * Touches Reactor Netty only where it is there.
	 */
	private static final class ReactorNetty {

		private static @Nullable HttpServerResponse find(ServerHttpResponse response) {
			try {
				return (ServerHttpResponseDecorator.getNativeResponse(response) instanceof HttpServerResponse netty)
						? netty : null;
			}
			catch (IllegalStateException ex) {
				// A mock has none
				return null;
			}
		}

		/**
		 * Reactor Netty requests 128 buffers of a body, and its channel keeps what the
		 * socket does not take. So it gets a body without buffers. While it waits for
		 * these, each piece is sent on its own, which ends when the socket has taken it.
		 * @return {@code null} if the server is another one
		 */
		static @Nullable Flux<Publisher<DataBuffer>> groups(PacedBody paced,
				Publisher<? extends Publisher<? extends DataBuffer>> body) {
			HttpServerResponse response = find(paced.response);
			if (response == null) {
				return null;
			}
			return Flux.just(Flux.from(body)
				.concatMap((group) -> pieces(group).concatMap((piece) -> write(paced, response, piece), 0), 0)
				.cast(DataBuffer.class));
		}

		private static Mono<Void> write(PacedBody paced, HttpServerResponse response, DataBuffer piece) {
			// Not subscribed to if the connection is closed: then this releases the piece
			return response.send(Flux.just(piece).map(DataBufferUtils::retain).map(NettyDataBufferFactory::toByteBuf))
				.then()
				.doFirst(() -> paced.stalledSince = System.nanoTime())
				.doOnSuccess((written) -> paced.stalledSince = null)
				.doFinally((signal) -> DataBufferUtils.release(piece));
		}

		/**
		 * Close the connection. An error would be written after what the client does not
		 * take.
		 * @return false if the server is another one
		 */
		static boolean disconnect(ServerHttpResponse response) {
			HttpServerResponse netty = find(response);
			if (netty == null) {
				return false;
			}
			netty.withConnection(DisposableChannel::dispose);
			return true;
		}

	}

}
