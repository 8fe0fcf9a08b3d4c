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

package io.durablenotify.log;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.log.LogStore.Head;
import io.durablenotify.log.LogStore.Tail;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

import org.springframework.context.Lifecycle;
import org.springframework.context.Phased;
import org.springframework.context.SmartLifecycle;

/**
 * Opens and ends the subscriptions that a feature has in this instance, and turns
 * wake-ups into fetches. Stops before the web server does, whose graceful shutdown would
 * otherwise wait for responses that stream.
 * <p>
 * A log that does not exist yet is waited for. A reader is bound to the log that it
 * finds: if that is deleted the reader ends, also where a new one takes the name.
 * <p>
 * Open from the beginning, so that it need not be a {@link SmartLifecycle}, which Spring
 * would create at start-up, PostgreSQL or not. A pause of the context ends no reader.
 *
 * @param <E> the entries' type
 */
public final class LogSubscriptions<E> implements Lifecycle, Phased, WakeupHandler, AutoCloseable {

	private static final long STOP_TIMEOUT_MILLIS = 1000;

	private static final int MAX_HANDED_OVER = 16;

	private final LogKind kind;

	private final LogStore<E> store;

	private final long bufferBytes;

	private final ApplicationDatabase database;

	private final Executor executor;

	private final Poll poll;

	private final LogRegistry<E> registry;

	private final LogFetcher<E> fetcher;

	private final Subscription wakeups;

	/**
	 * Guarded by {@code this}; there while readers read.
	 */
	private @Nullable Subscription polling;

	/**
	 * Create a new instance.
	 * @param kind what the feature's logs have in common
	 * @param store the feature's SQL
	 * @param bufferBytes how many bytes a reader holds at most, or one entry that has
	 * more
	 * @param database the database
	 * @param executor where handlers are called
	 * @param wakeups the wake-ups
	 * @param poll the shared poll
	 * @param measures what is timed and counted
	 */
	public LogSubscriptions(LogKind kind, LogStore<E> store, long bufferBytes, ApplicationDatabase database,
			Executor executor, Wakeups wakeups, Poll poll, LogMeasures measures) {
		this.kind = kind;
		this.store = store;
		this.bufferBytes = bufferBytes;
		this.database = database;
		this.executor = executor;
		this.poll = poll;
		this.registry = new LogRegistry<>(kind, measures, this::followPoll);
		this.fetcher = new LogFetcher<>(kind, database, store, this.registry);
		this.wakeups = wakeups.subscribe(kind.topic(), this);
		measures.subscriptions().add(this);
	}

	/**
	 * Open a reader that gives its handler all there is, one entry after the other. Asks
	 * the database before it returns only where the start counts from the end.
	 * @param log the log
	 * @param from where to begin
	 * @param handler the handler, called on the executor
	 * @return the reader
	 * @throws RuntimeException {@link TailedLog#stopped()} if the application context has
	 * closed
	 */
	public LogSubscription<E> open(TailedLog<E> log, Start from, EntryHandler<E> handler) {
		return openFor(log, from, (reader) -> delivery(reader, handler, Demand.unlimited())).reader();
	}

	/**
	 * Open a reader.
	 * @param <C> the consumer's type
	 * @param log the log
	 * @param from where to begin
	 * @param consumers makes what takes the reader's entries
	 * @return the consumer
	 * @throws RuntimeException {@link TailedLog#stopped()} if the application context has
	 * closed
	 */
	public <C extends EntryConsumer> C openFor(TailedLog<E> log, Start from,
			Function<LogSubscription<E>, C> consumers) {
		requireOpen(log);
		String name = log.name();
		Tail tail = (from.fromEnd()) ? findTail(name, from.value()) : null;
		LogSubscription<E> reader = new LogSubscription<>(log, cursor(log, from, tail), this.registry,
				this.fetcher::roomMade, this.bufferBytes);
		C consumer = consumers.apply(reader);
		reader.connect(consumer);
		try {
			register(reader, tail);
		}
		catch (Throwable ex) {
			// Its caller has nothing to cancel
			reader.close();
			throw ex;
		}
		// Where a stop has found it, its consumer may have been notified already
		if (!isRunning() && reader.close()) {
			throw log.stopped();
		}
		return consumer;
	}

	/**
	 * Register a reader before its first fetch: what is appended from here on wakes it.
	 */
	private void register(LogSubscription<E> reader, @Nullable Tail tail) {
		if (tail != null && tail.visible()) {
			this.registry.add(reader, tail.id());
			this.fetcher.wake(reader);
		}
		else {
			this.registry.addWaiting(reader);
			this.fetcher.resolve(reader.name());
		}
	}

	private LogCursor<E> cursor(TailedLog<E> log, Start from, @Nullable Tail tail) {
		long next = from.resolve((tail != null) ? tail.startIndex() : 0);
		LogCursor<E> cursor = new LogCursor<>(log, this.kind, next, from.identity());
		boolean known = (from.fromEnd()) ? tail != null && tail.visible() && next == tail.nextIndex()
				: cursor.expectsOneLog();
		if (known && next > log.firstIndex()) {
			cursor.beginAfterKnown();
		}
		else if (from.fromEnd() && from.value() > 0) {
			cursor.beginWithFirstLeft();
		}
		return cursor;
	}

	/**
	 * Return what opens a reader for each of its subscribers, who are given a
	 * {@link BufferedSubscription}.
	 * @param log the log
	 * @param from where to begin
	 * @return the publisher
	 */
	public Flow.Publisher<E> publisher(TailedLog<E> log, Start from) {
		return new LogPublisher<>(this, log, from);
	}

	/**
	 * Return what calls a handler with as many of a reader's entries as it is asked for.
	 * @param reader the reader
	 * @param handler the handler, called on the executor
	 * @return the delivery, asked for nothing yet
	 */
	HandlerDelivery<E> deliveryOnDemand(LogSubscription<E> reader, EntryHandler<E> handler) {
		return delivery(reader, handler, Demand.none());
	}

	private HandlerDelivery<E> delivery(LogSubscription<E> reader, EntryHandler<E> handler, Demand demand) {
		return new HandlerDelivery<>(reader, handler, demand, this.executor);
	}

	private void requireOpen(TailedLog<E> log) {
		if (!isRunning()) {
			throw log.stopped();
		}
	}

	private @Nullable Tail findTail(String name, long count) {
		return this.database
			.executeReading("find the end of a " + this.kind.log(),
					(connection, joined) -> this.store.tail(connection, joined, name, count))
			.orElse(null);
	}

	/**
	 * Be polled while there are readers, and only then. To be called after each change of
	 * the registrations: the last of several callers sees what all of them have changed.
	 */
	private synchronized void followPoll() {
		boolean needed = this.registry.isFetching();
		if (needed && this.polling == null) {
			this.polling = this.poll.register(this.fetcher::poll, measures().poll());
		}
		else if (!needed && this.polling != null) {
			this.polling.cancel();
			this.polling = null;
		}
	}

	/**
	 * Return the topic of the logs' wake-ups, which is the feature's name.
	 * @return the topic
	 */
	public String topic() {
		return this.kind.topic();
	}

	/**
	 * Return what is timed and counted of its readers.
	 * @return the measures
	 */
	public LogMeasures measures() {
		return this.registry.measures();
	}

	/**
	 * Return the states of all readers, also of child contexts, each taken now.
	 * @return those that have not received their end, in no order
	 */
	public List<ReaderState> states() {
		return measures().states();
	}

	Stream<ReaderState> ownStates() {
		return this.registry.all().stream().map(LogSubscription::state);
	}

	/**
	 * Return whether entries of a log should be handed over: it has readers, and few
	 * enough for an append's thread.
	 * @param logId the log's id
	 * @return whether there are
	 */
	public boolean awaitHandOver(long logId) {
		int readers = this.registry.of(logId).size();
		return readers > 0 && readers <= MAX_HANDED_OVER;
	}

	/**
	 * Hand an entry that was committed just now to the readers that wait for it. They
	 * then need no fetch.
	 * @param logId the log's id
	 * @param entry the entry
	 * @param server which run of the server stored it, as in {@link Head}: a reader that
	 * has read from another one fetches instead
	 */
	public void handOver(long logId, E entry, String server) {
		this.registry.of(logId).forEach((reader) -> this.fetcher.handOver(entry, server, reader));
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		this.registry.findings().announced(wakeup.id());
		this.registry.countWakeup();
		for (LogSubscription<E> reader : this.registry.of(wakeup.id())) {
			if (wakeup.isUnconditional() || reader.cursor().next() < wakeup.position()) {
				reader.announce(wakeup.position());
				this.fetcher.wake(reader);
			}
		}
		String created = wakeup.createdName();
		if (created != null && this.registry.names().contains(created)) {
			this.fetcher.resolve(created);
		}
	}

	@Override
	public void onResync() {
		this.registry.findings().announcedAll();
		this.fetcher.resync();
	}

	LogRegistry<E> registry() {
		return this.registry;
	}

	@Override
	public void start() {
		this.registry.open();
	}

	/**
	 * End all readers. Waits a moment for their handlers to be notified, not for handlers
	 * that block.
	 */
	@Override
	public void stop() {
		this.registry.stop();
		CompletableFuture<?>[] delivered = this.registry.all()
			.stream()
			.map(LogSubscription::stop)
			.toArray(CompletableFuture<?>[]::new);
		CompletableFuture.allOf(delivered).completeOnTimeout(null, STOP_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS).join();
	}

	@Override
	public boolean isRunning() {
		return this.registry.isOpen();
	}

	@Override
	public int getPhase() {
		return SmartLifecycle.DEFAULT_PHASE;
	}

	@Override
	public void close() {
		stop();
		measures().subscriptions().remove(this);
		this.registry.close();
		this.wakeups.cancel();
		this.fetcher.close();
	}

}
