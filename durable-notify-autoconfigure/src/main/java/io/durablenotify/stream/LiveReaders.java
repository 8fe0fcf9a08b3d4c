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

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import io.durablenotify.Subscription;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.stream.StreamStore.Head;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * All live readers of this instance, by the stream that they are bound to or by the name
 * that they wait for. Turns wake-ups into looks. Stops before the web server does, whose
 * graceful shutdown would otherwise wait for responses that stream.
 */
final class LiveReaders implements SmartLifecycle, WakeupHandler, AutoCloseable {

	static final String TOPIC = "streams";

	private static final long STOP_TIMEOUT_MILLIS = 1000;

	private static final int MAX_HANDED_OVER = 16;

	private final ApplicationDatabase database;

	private final StreamStore store;

	private final long bufferBytes;

	private final Executor executor;

	private final Poll poll;

	private final StreamFetcher fetcher;

	private final Subscription wakeups;

	private final Map<Long, Set<ReaderSubscription>> byStream = new ConcurrentHashMap<>();

	private final Map<String, Set<ReaderSubscription>> byName = new ConcurrentHashMap<>();

	/**
	 * Readers of which the end is known and not taken yet: nothing looks for them any
	 * more, but a stop must find them.
	 */
	private final Set<ReaderSubscription> ending = ConcurrentHashMap.newKeySet();

	/**
	 * Readers may come before the lifecycle starts: the web server is up earlier.
	 */
	private volatile boolean open = true;

	/**
	 * Guarded by {@code this}; there from the first reader on.
	 */
	private @Nullable Subscription polling;

	LiveReaders(ApplicationDatabase database, StreamStore store, StreamSettings settings, Executor executor,
			Wakeups wakeups, Poll poll) {
		this.database = database;
		this.store = store;
		this.bufferBytes = settings.bufferBytes();
		this.executor = executor;
		this.poll = poll;
		this.fetcher = new StreamFetcher(database, store, this);
		this.wakeups = wakeups.subscribe(TOPIC, this);
	}

	/**
	 * Open a reader that gives its handler all there is.
	 */
	ReaderSubscription open(ReaderTarget target, StreamPosition from, ChunkHandler handler) {
		return openFor(target, from, (reader) -> delivery(reader, handler, Demand.unlimited())).reader();
	}

	/**
	 * Return what calls a handler with a reader's chunks.
	 */
	HandlerDelivery delivery(ReaderSubscription reader, ChunkHandler handler, Demand demand) {
		return new HandlerDelivery(reader, handler, demand, this.executor);
	}

	/**
	 * Open a reader.
	 * @param consumers makes what takes the reader's chunks
	 * @return the consumer
	 */
	<C extends ChunkConsumer> C openFor(ReaderTarget target, StreamPosition from,
			Function<ReaderSubscription, C> consumers) {
		requireOpen(target);
		followPoll();
		String stream = target.stream();
		Head head = (from.isFromEnd()) ? findHead(stream) : null;
		ReaderSubscription reader = new ReaderSubscription(target, from.resolve((head != null) ? head.nextIndex() : 0),
				this, this.bufferBytes);
		C consumer = consumers.apply(reader);
		reader.connect(consumer);
		// Registered before the first look: what is appended from here on wakes it
		if (head != null) {
			bind(reader, head.streamId());
			this.fetcher.wake(reader);
		}
		else {
			this.byName.compute(stream, (name, readers) -> with(readers, reader));
			this.fetcher.resolve(stream);
		}
		if (!this.open) {
			reader.cancel();
			requireOpen(target);
		}
		return consumer;
	}

	private void requireOpen(ReaderTarget target) {
		if (!this.open) {
			throw new ReaderStoppedException(target);
		}
	}

	private @Nullable Head findHead(String stream) {
		return this.database
			.executeApart("find the end of a stream", (connection, joined) -> this.store.head(connection, stream))
			.orElse(null);
	}

	private synchronized void followPoll() {
		if (this.polling == null) {
			this.polling = this.poll.register(this.fetcher::poll);
		}
	}

	/**
	 * A name that readers wait for exists.
	 */
	void bindWaiting(String stream, long streamId) {
		Set<ReaderSubscription> waiting = this.byName.remove(stream);
		if (waiting != null) {
			for (ReaderSubscription reader : waiting) {
				bind(reader, streamId);
				this.fetcher.wake(reader);
			}
		}
	}

	/**
	 * A name that readers wait for cannot be looked up.
	 */
	void endWaiting(String stream, Throwable failure) {
		List.copyOf(this.byName.getOrDefault(stream, Set.of())).forEach((reader) -> reader.end(failure));
	}

	private void bind(ReaderSubscription reader, long streamId) {
		reader.bind(streamId);
		this.byStream.compute(streamId, (id, readers) -> with(readers, reader));
		// While it moved from one map to the other, nobody could find it
		if (!this.open) {
			reader.stop();
		}
		if (!reader.isReading()) {
			unregister(reader);
		}
	}

	private static Set<ReaderSubscription> with(@Nullable Set<ReaderSubscription> readers, ReaderSubscription reader) {
		Set<ReaderSubscription> result = (readers != null) ? readers : ConcurrentHashMap.newKeySet(1);
		result.add(reader);
		return result;
	}

	/**
	 * A reader has nothing more to look for.
	 */
	void ending(ReaderSubscription reader) {
		this.ending.add(reader);
		unregister(reader);
		// Its consumer may have been as fast
		if (!reader.isActive()) {
			remove(reader);
		}
	}

	void remove(ReaderSubscription reader) {
		unregister(reader);
		this.ending.remove(reader);
	}

	private void unregister(ReaderSubscription reader) {
		this.byName.computeIfPresent(reader.stream(), (name, readers) -> without(readers, reader));
		this.byStream.computeIfPresent(reader.streamId(), (id, readers) -> without(readers, reader));
	}

	private static @Nullable Set<ReaderSubscription> without(Set<ReaderSubscription> readers,
			ReaderSubscription reader) {
		readers.remove(reader);
		return (readers.isEmpty()) ? null : readers;
	}

	/**
	 * A reader's consumer has taken chunks.
	 */
	void roomMade(ReaderSubscription reader) {
		this.fetcher.roomMade(reader);
	}

	/**
	 * Return whether chunks of a stream should be handed over: there are readers, and few
	 * enough for the thread of an append.
	 */
	boolean awaitHandOver(long streamId) {
		int readers = of(streamId).size();
		return readers > 0 && readers <= MAX_HANDED_OVER;
	}

	/**
	 * Hand a chunk that was committed just now to the readers that wait for it.
	 */
	void handOver(long streamId, Chunk chunk) {
		of(streamId).forEach((reader) -> this.fetcher.handOver(chunk, reader));
	}

	Collection<ReaderSubscription> of(long streamId) {
		return this.byStream.getOrDefault(streamId, Set.of());
	}

	Set<Long> streamIds() {
		return this.byStream.keySet();
	}

	Set<String> waitedFor() {
		return this.byName.keySet();
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		for (ReaderSubscription reader : of(wakeup.id())) {
			if (wakeup.isUnconditional() || reader.next() < wakeup.position()) {
				this.fetcher.wake(reader);
			}
		}
		String created = wakeup.createdName();
		if (created != null && this.byName.containsKey(created)) {
			this.fetcher.resolve(created);
		}
	}

	@Override
	public void onResync() {
		this.fetcher.resync();
	}

	/**
	 * Return all readers that have not been told their end.
	 */
	Set<ReaderSubscription> all() {
		// Asked in the order in which readers move from one to the next
		Set<ReaderSubscription> all = new LinkedHashSet<>();
		this.byName.values().forEach(all::addAll);
		this.byStream.values().forEach(all::addAll);
		all.addAll(this.ending);
		return all;
	}

	@Override
	public void start() {
		this.open = true;
	}

	/**
	 * End all readers. Waits a moment for their handlers to hear of it, not for handlers
	 * that block.
	 */
	@Override
	public void stop() {
		this.open = false;
		CompletableFuture<?>[] told = all().stream().map(ReaderSubscription::stop).toArray(CompletableFuture<?>[]::new);
		CompletableFuture.allOf(told).completeOnTimeout(null, STOP_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS).join();
	}

	@Override
	public boolean isRunning() {
		return this.open;
	}

	@Override
	public void close() {
		stop();
		this.wakeups.cancel();
		synchronized (this) {
			if (this.polling != null) {
				this.polling.cancel();
			}
		}
		this.fetcher.close();
	}

}
