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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.OnDemandReader;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ParameterizedTypeReference;
import org.springframework.util.unit.DataSize;

/**
 * Live readers of a test in an instance that has no poll, on a store that records what
 * they fetched.
 */
final class ObservedReaders implements AutoCloseable {

	private final ObservedStore store;

	private final AtomicInteger deliveries = new AtomicInteger();

	private final LogSubscriptions<Chunk> readers;

	private final StreamScope scope;

	private ObservedReaders(Instance instance, int bufferSize, long bufferBytes, Poll poll) {
		StreamProperties defaults = instance.bean(StreamProperties.class);
		StreamProperties settings = new StreamProperties(defaults.maxChunkSize(), bufferSize,
				DataSize.ofBytes(bufferBytes), defaults.appendBuffer(), defaults.appendTimeout(), defaults.retention(),
				Map.of());
		this.scope = StreamScope.of(settings);
		Executor executor = (Executor) instance.context().getBean("durableNotifyTaskExecutor");
		this.store = new ObservedStore(instance.bean(StreamStore.class));
		this.readers = new LogSubscriptions<>(TailedStream.KIND, this.store, bufferBytes,
				instance.bean(ApplicationDatabase.class), (task) -> {
					this.deliveries.incrementAndGet();
					executor.execute(task);
				}, instance.bean(Wakeups.class), poll, new LogMeasures(List.of()));
	}

	/**
	 * Return an instance's own.
	 */
	static LogSubscriptions<Chunk> of(Instance instance) {
		return instance.context().getBeanProvider(new ParameterizedTypeReference<LogSubscriptions<Chunk>>() {
		}).getObject();
	}

	/**
	 * Create readers with buffers of the default size.
	 */
	static ObservedReaders in(Instance instance) {
		StreamProperties settings = instance.bean(StreamProperties.class);
		return new ObservedReaders(instance, settings.bufferSize(), settings.bufferBytes().toBytes(),
				instance.bean(Poll.class));
	}

	static ObservedReaders in(Instance instance, int bufferSize, long bufferBytes) {
		return new ObservedReaders(instance, bufferSize, bufferBytes, instance.bean(Poll.class));
	}

	static ObservedReaders in(Instance instance, Poll poll) {
		StreamProperties settings = instance.bean(StreamProperties.class);
		return new ObservedReaders(instance, settings.bufferSize(), settings.bufferBytes().toBytes(), poll);
	}

	/**
	 * Run a poll to its end.
	 * @return how many statements it took
	 */
	int statementsOf(HandPoll poll) {
		boolean reading = !ReaderStates.all(this.readers).isEmpty();
		int checks = this.store.checks();
		int statements = this.store.statements();
		poll.run();
		Eventually.await(() -> !reading || this.store.checks() > checks, this.store::toString);
		// One fetch after the poll, and one after all that the poll has woken
		awaitOther();
		awaitOther();
		return this.store.statements() - statements - 2;
	}

	private void awaitOther() {
		SequenceHandler handler = new SequenceHandler();
		LogSubscription<Chunk> reader = open("other", StreamPosition.last(1), handler);
		handler.awaitNext(1);
		awaitIdle(List.of(reader));
		reader.cancel();
	}

	ObservedStore store() {
		return this.store;
	}

	/**
	 * Return how many tasks handlers were given to.
	 */
	int deliveries() {
		return this.deliveries.get();
	}

	LogSubscriptions<Chunk> live() {
		return this.readers;
	}

	LogSubscription<Chunk> open(String stream, ChunkHandler handler) {
		return open(stream, StreamPosition.start(), handler);
	}

	LogSubscription<Chunk> open(String stream, StreamPosition from, ChunkHandler handler) {
		return this.readers.open(this.scope.tailed(stream), from.toStart(), new ChunkDelivery(handler));
	}

	/**
	 * Open a reader whose handler gets what is asked for.
	 */
	OnDemandReader<Chunk> openOnDemand(String stream, StreamPosition from, ChunkHandler handler) {
		return OnDemandReader.open(this.readers, this.scope.tailed(stream), from.toStart(), new ChunkDelivery(handler));
	}

	/**
	 * Hold the fetching thread back in a fetch for another stream, so that readers queue
	 * up after it.
	 */
	void hold(String otherStream) {
		this.store.hold();
		open(otherStream, new SequenceHandler());
		this.store.awaitHeld();
	}

	/**
	 * Wait until readers have taken all there is and wait for more.
	 */
	void awaitIdle(List<LogSubscription<Chunk>> readers) {
		for (LogSubscription<Chunk> reader : readers) {
			Eventually.await(() -> ReaderStates.isIdle(reader), reader::toString);
		}
	}

	/**
	 * Return which fetches brought something of a stream, by their numbers.
	 */
	List<Integer> turnsOf(long streamId) {
		List<Integer> turns = new ArrayList<>();
		List<List<ObservedStore.Share>> fetches = this.store.fetches();
		for (int i = 0; i < fetches.size(); i++) {
			boolean served = fetches.get(i)
				.stream()
				.anyMatch((share) -> share.target().id() == streamId && share.chunks() > 0);
			if (served) {
				turns.add(i);
			}
		}
		return turns;
	}

	@Override
	public void close() {
		ReaderStates.all(this.readers).forEach(Subscription::cancel);
		this.store.release();
		this.readers.close();
	}

	/**
	 * A poll that a test runs by hand.
	 */
	static final class HandPoll implements Poll {

		private final AtomicReference<@Nullable Runnable> check = new AtomicReference<>();

		void run() {
			Runnable check = this.check.get();
			if (check != null) {
				check.run();
			}
		}

		boolean isRegistered() {
			return this.check.get() != null;
		}

		@Override
		public Subscription register(Runnable check) {
			this.check.set(check);
			return new Subscription() {

				@Override
				public void cancel() {
					HandPoll.this.check.set(null);
				}

				@Override
				public boolean isActive() {
					return isRegistered();
				}

			};
		}

		@Override
		public Duration intervalInForce() {
			return Duration.ZERO;
		}

	}

}
