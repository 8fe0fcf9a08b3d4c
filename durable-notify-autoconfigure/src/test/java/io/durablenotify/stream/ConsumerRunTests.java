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

package io.durablenotify.stream;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;

import io.durablenotify.instance.Lease;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.loop.Delays;
import io.durablenotify.stream.ConsumerPositionSql.Stored;
import io.durablenotify.stream.ConsumerSql.Held;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.willAnswer;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.withSettings;

/**
 * Tests for {@link ConsumerRun} and {@link ConsumedStream}.
 */
class ConsumerRunTests {

	private static final Held HELD = new Held(1, 1);

	private final OpenConsumers consumers = mock();

	private final ConsumerSpec spec = mock();

	private final Lease lease = mock(withSettings().stubOnly());

	@BeforeEach
	void setUp() {
		given(this.consumers.isOpen()).willReturn(true);
		given(this.lease.isHeld()).willReturn(true);
	}

	private void own(ConsumerRun run, List<Stored> positions) {
		run.own(new ConsumerOwner(HELD, this.lease), positions);
	}

	@Test
	@SuppressWarnings("serial")
	void aMessageToATurnThatFailsComesToTheNext() {
		ConsumerRun run = new ConsumerRun(this.spec, mock(), this.consumers, mock(), Background::run, Delays.ofJvm());
		AtomicInteger opened = new AtomicInteger();
		List<Stored> positions = new ArrayList<>() {

			@Override
			public void forEach(Consumer<? super Stored> action) {
				if (opened.incrementAndGet() == 1) {
					throw new OutOfMemoryError("once");
				}
			}

		};
		own(run, positions);
		Eventually.await(() -> opened.get() == 2, opened::get);
	}

	@Test
	void streamsWithoutChunksLeaveTheThreadToOthersNowAndThen() {
		ExecutorService executor = Executors.newSingleThreadExecutor();
		AtomicBoolean ending = new AtomicBoolean(true);
		try {
			ConsumerRun run = new ConsumerRun(this.spec, mock(), this.consumers, mock(), executor, Delays.ofJvm());
			ConsumedStream stream = mock(withSettings().stubOnly());
			// As many that end one after the other
			given(stream.step()).willAnswer((call) -> {
				if (ending.get()) {
					run.ready(stream);
				}
				return 0;
			});
			own(run, List.of());
			run.ready(stream);
			assertThat(CompletableFuture.runAsync(() -> {
			}, executor)).succeedsWithin(Eventually.TIMEOUT);
		}
		finally {
			ending.set(false);
			executor.shutdown();
		}
	}

	@Test
	void aHandlerThatHasFailedIsCalledAgainAlsoWithoutATimer() {
		List<Chunk> chunks = new CopyOnWriteArrayList<>(List.of(new Chunk("stream", 0, new byte[0], Instant.EPOCH)));
		LogSubscription<Chunk> reader = mock();
		given(reader.peek(anyInt())).willAnswer((call) -> List.copyOf(chunks));
		willAnswer((call) -> chunks.remove(0)).given(reader).taken(1);
		LogSubscriptions<Chunk> readers = mock();
		given(readers.measures()).willReturn(new LogMeasures(List.of()));
		given(readers.openFor(any(), any(), any())).willAnswer((call) -> {
			Function<LogSubscription<Chunk>, ConsumedStream> connect = call.getArgument(2);
			ConsumedStream stream = connect.apply(reader);
			stream.signal();
			return stream;
		});
		given(this.consumers.readers()).willReturn(readers);
		given(this.spec.scope()).willReturn(mock());
		given(this.spec.batchSize()).willReturn(1);
		AtomicInteger calls = new AtomicInteger();
		ConsumerRun run = new ConsumerRun(this.spec, (chunk) -> {
			if (calls.incrementAndGet() == 1) {
				throw new IllegalStateException("once");
			}
		}, this.consumers, mock(), Background::run, (delay, task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		});
		own(run, List.of(new Stored(1, Instant.EPOCH, "stream", 0, false)));
		Eventually.await(chunks::isEmpty, calls::toString);
		assertThat(calls).hasValue(2);
	}

	@Test
	void aLeaseThatIsNotHeldIsAskedForAgainAfterATurnWithoutATimer() {
		given(this.lease.isHeld()).willReturn(false);
		AtomicInteger timers = new AtomicInteger();
		ConsumerRun run = new ConsumerRun(this.spec, mock(), this.consumers, mock(), Background::run, (delay, task) -> {
			if (timers.incrementAndGet() == 1) {
				throw new OutOfMemoryError("unable to create native thread");
			}
			return Delays.ofJvm().after(delay, task);
		});
		own(run, List.of());
		Eventually.await(() -> timers.get() > 2, timers::toString);
		run.cancel();
	}

}
