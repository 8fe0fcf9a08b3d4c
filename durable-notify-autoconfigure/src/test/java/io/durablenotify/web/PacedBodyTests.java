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
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.core.io.buffer.NettyDataBufferFactory;
import org.springframework.http.ZeroCopyHttpOutputMessage;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.http.server.reactive.ServerHttpResponseDecorator;
import org.springframework.mock.http.server.reactive.MockServerHttpRequest;
import org.springframework.mock.http.server.reactive.MockServerHttpResponse;
import org.springframework.mock.web.server.MockServerWebExchange;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PacedBody} and {@link SseWebFilter}, with a server that takes one
 * piece at a time when the test says so.
 */
class PacedBodyTests {

	private static final long TIMEOUT = TimeUnit.SECONDS.toNanos(30);

	private final ByteBufAllocator allocator = new PooledByteBufAllocator(true);

	private final NettyDataBufferFactory buffers = new NettyDataBufferFactory(this.allocator);

	private final SseMeasures measures = new SseMeasures();

	private final ResponseChecks checks = new ResponseChecks(
			new SseProperties(Duration.ofHours(1), Duration.ofHours(1)), this.measures);

	private final Server server = new Server();

	private final PacedBody body = new PacedBody(this.server, this.checks);

	private final AtomicReference<Object> end = new AtomicReference<>();

	@AfterEach
	void close() {
		this.checks.close();
	}

	private Disposable write(Publisher<? extends Publisher<? extends DataBuffer>> body) {
		return this.body.write(body).subscribe(null, this.end::set, () -> this.end.set("complete"));
	}

	private DataBuffer buffer(int size) {
		return this.buffers.wrap(this.allocator.directBuffer(size).writeBytes(new byte[size]));
	}

	private static ByteBuf bytes(DataBuffer buffer) {
		return NettyDataBufferFactory.toByteBuf(buffer);
	}

	@Test
	void aLargeEventIsWrittenInPieces() {
		DataBuffer event = buffer(20_000);
		ByteBuf bytes = bytes(event);
		write(Flux.just(Flux.just(event)));
		assertThat(this.server.takeAll()).containsExactly(8192, 8192, 20_000 - 2 * 8192);
		assertThat(this.end).hasValue("complete");
		assertThat(bytes.refCnt()).isZero();
		assertThat(this.checks.count()).isZero();
	}

	@Test
	void ofAnEventThatIsCancelledNothingIsLeft() {
		DataBuffer event = buffer(50_000);
		ByteBuf bytes = bytes(event);
		Disposable response = write(Flux.just(Flux.just(event)).concatWith(Flux.never()));
		this.server.request();
		assertThat(this.server.taken()).containsExactly(8192);
		assertThat(bytes.refCnt()).isPositive();
		response.dispose();
		assertThat(bytes.refCnt()).isZero();
		assertThat(this.checks.count()).isZero();
	}

	@Test
	void anEventIsRequestedWhenTheOneBeforeWasTaken() {
		List<Long> requests = new ArrayList<>();
		Sinks.Many<Publisher<DataBuffer>> events = Sinks.many().unicast().onBackpressureBuffer();
		write(events.asFlux().doOnRequest(requests::add));
		for (int i = 0; i < 10; i++) {
			events.tryEmitNext(Mono.just(buffer(10)));
		}
		this.server.request();
		this.server.request();
		assertThat(this.server.taken()).containsExactly(10, 10);
		assertThat(requests).hasSizeLessThanOrEqualTo(3).containsOnly(1L);
	}

	@Test
	void aClientIsDisconnectedOnlyWhileItTakesNothing() {
		Sinks.Many<Publisher<DataBuffer>> events = Sinks.many().unicast().onBackpressureBuffer();
		write(events.asFlux());
		this.server.request();
		assertThatItIsNotDisconnected(TIMEOUT);
		events.tryEmitNext(Mono.just(buffer(10)));
		assertThat(this.server.taken()).containsExactly(10);
		assertThatItIsNotDisconnected(0);
		this.server.request();
		assertThatItIsNotDisconnected(TIMEOUT);
		events.tryEmitNext(Mono.just(buffer(10)));
		this.body.check(System.nanoTime() + TIMEOUT, TIMEOUT, TIMEOUT, false);
		assertThat(this.end.get()).isInstanceOf(EOFException.class);
		assertThat(this.checks.count()).isZero();
		assertThat(this.measures.givenUp().sum()).isOne();
	}

	private void assertThatItIsNotDisconnected(long after) {
		this.body.check(System.nanoTime() + after, TIMEOUT, TIMEOUT, false);
		assertThat(this.end.get()).isNull();
		assertThat(this.measures.givenUp().sum()).isZero();
	}

	@Test
	void theFilterLeavesFilesToTheSystem() {
		List<ServerHttpResponse> responses = new ArrayList<>();
		List<Path> files = new ArrayList<>();
		ServerHttpResponse plain = new MockServerHttpResponse();
		ServerHttpResponse zeroCopy = new ZeroCopyServer(files);
		for (ServerHttpResponse response : List.of(plain, zeroCopy)) {
			new SseWebFilter()
				.filter(MockServerWebExchange.from(MockServerHttpRequest.get("/")).mutate().response(response).build(),
						(exchange) -> {
							responses.add(exchange.getResponse());
							return Mono.empty();
						})
				.block();
		}
		assertThat(responses.get(0)).isNotInstanceOf(ZeroCopyHttpOutputMessage.class);
		assertThat(responses.get(1)).isInstanceOfSatisfying(ZeroCopyHttpOutputMessage.class,
				(response) -> response.writeWith(Path.of("a"), 0, 1).block());
		assertThat(files).containsExactly(Path.of("a"));
	}

	/**
	 * Requests a group when the test says so, which is when it has written the one
	 * before.
	 */
	private static final class Server extends ServerHttpResponseDecorator {

		private final List<Integer> taken = new ArrayList<>();

		private BaseSubscriber<Publisher<? extends DataBuffer>> subscriber;

		Server() {
			super(new MockServerHttpResponse());
		}

		@Override
		public Mono<Void> writeAndFlushWith(Publisher<? extends Publisher<? extends DataBuffer>> body) {
			return Mono.create((sink) -> {
				this.subscriber = new BaseSubscriber<>() {

					@Override
					protected void hookOnSubscribe(Subscription subscription) {
						sink.onCancel(this);
					}

					@Override
					protected void hookOnNext(Publisher<? extends DataBuffer> group) {
						Flux.from(group).subscribe((piece) -> {
							Server.this.taken.add(piece.readableByteCount());
							DataBufferUtils.release(piece);
						});
					}

					@Override
					protected void hookOnComplete() {
						sink.success();
					}

					@Override
					protected void hookOnError(Throwable failure) {
						sink.error(failure);
					}

				};
				body.subscribe(this.subscriber);
			});
		}

		void request() {
			this.subscriber.request(1);
		}

		List<Integer> taken() {
			return this.taken;
		}

		List<Integer> takeAll() {
			while (!this.subscriber.isDisposed()) {
				request();
			}
			return this.taken;
		}

	}

	private static final class ZeroCopyServer extends ServerHttpResponseDecorator implements ZeroCopyHttpOutputMessage {

		private final List<Path> files;

		ZeroCopyServer(List<Path> files) {
			super(new MockServerHttpResponse());
			this.files = files;
		}

		@Override
		public Mono<Void> writeWith(Path file, long position, long count) {
			return Mono.fromRunnable(() -> this.files.add(file));
		}

	}

}
